//! A crawler: follows every link of a server, a bounded number at a time.
//!
//! Each page is a task in the crawl's group; a page that has links spawns their
//! tasks beside itself, and the crawl is over when the group is. A semaphore
//! bounds the requests in flight, and the database's queue what is found and not
//! yet stored. When the tour is interrupted, requests in flight are finished and
//! stored, and no new one is begun.

use super::{
    client::Client,
    report::Progress,
    store::{PageRow, Store},
    text,
    wire::Response,
};
use bowerbird::{
    sync::{CancellationToken, Semaphore},
    task::{GroupError, TaskGroup},
    task_group,
};
use std::{
    collections::{BTreeMap, HashSet},
    io,
    sync::{Arc, Mutex},
};

/// One crawl of a server.
#[derive(Debug)]
pub(crate) struct Crawl {
    round: u32,
    client: Arc<Client>,
    store: Store,
    stop: CancellationToken,
    progress: Arc<Progress>,
    room: Semaphore,
    /// Paths that have, or had, a task. Locked for an insertion, never over an await.
    seen: Mutex<HashSet<String>>,
}

/// What a crawl needs.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) round: u32,
    pub(crate) clients: usize,
    pub(crate) client: Arc<Client>,
    pub(crate) store: Store,
    pub(crate) stop: CancellationToken,
    pub(crate) progress: Arc<Progress>,
}

impl Crawl {
    /// Crawls from `/` until no link is left, or the tour is interrupted.
    pub(crate) async fn run(plan: Plan) -> Result<(), GroupError<io::Error>> {
        let crawl = Arc::new(Self {
            round: plan.round,
            client: plan.client,
            store: plan.store,
            stop: plan.stop,
            progress: plan.progress,
            room: Semaphore::new(plan.clients),
            seen: Mutex::new(HashSet::from(["/".to_owned()])),
        });
        task_group(async |group: TaskGroup<io::Error>| {
            crawl.visit(&group, "/".to_owned());
            Ok(())
        })
        .await
    }

    /// Starts a task that fetches one page, stores it, and starts one for each new link.
    fn visit(self: &Arc<Self>, group: &TaskGroup<io::Error>, path: String) {
        let (crawl, siblings) = (self.clone(), group.clone());
        group.spawn(async move {
            let room = crawl.room.acquire().await.expect("it is never closed");
            if crawl.stop.is_cancelled() {
                crawl.progress.left_out();
                return Ok(());
            }
            let response = crawl.client.get(&path).await;
            drop(room);
            let (page, links) = crawl.read(path, response);
            crawl.progress.fetched(page.bytes);
            crawl.store.page(page).await?;
            for link in links.into_iter().filter(|link| crawl.is_new(link)) {
                crawl.visit(&siblings, link);
            }
            Ok(())
        });
    }

    fn is_new(&self, link: &str) -> bool {
        self.seen.lock().expect("nobody panics under it").insert(link.to_owned())
    }

    /// What a response says, and where it leads.
    fn read(&self, path: String, response: io::Result<Response>) -> (PageRow, Vec<String>) {
        let nothing = |status| PageRow {
            round: self.round,
            path: path.clone(),
            status,
            kind: "none",
            bytes: 0,
            words: BTreeMap::new(),
            links: 0,
        };
        // A page that cannot be had is a finding, too: 0 means there was no answer.
        let Ok(response) = response else { return (nothing(0), vec![]) };
        if response.status != 200 {
            return (nothing(response.status), response.location.into_iter().collect());
        }
        let is_listing = path.ends_with('/');
        let is_text = response.content_type.starts_with("text/");
        let text = String::from_utf8_lossy(&response.body);
        let links = match is_text {
            true => text::links(&path, &response.content_type, &text),
            false => vec![],
        };
        let words = match is_text && !is_listing {
            true => text::words(&text),
            false => BTreeMap::new(),
        };
        let kind = if is_listing { "listing" } else { "file" };
        let (bytes, count) = (response.body.len() as u64, links.len() as u64);
        (PageRow { status: 200, kind, bytes, words, links: count, ..nothing(200) }, links)
    }
}
