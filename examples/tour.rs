//! A tour: a web server, a crawler, a database, a subprocess, Ctrl-C, in one
//! program.
//!
//! ```text
//! cargo run --release --example tour -- --quick
//! ```
//!
//! It serves a directory over HTTP on loopback, crawls its own server with bounded
//! concurrency, stores pages and word counts in SQLite, asks for every page again
//! at once to check the sizes, lets `sort` find the most frequent words, and says
//! how long each stage took. Ctrl-C at any moment ends it in order: requests that
//! were accepted are finished, the database is consistent, and the report says
//! what was cut short. A second Ctrl-C ends it at once.
//!
//! | file               | what                                                    |
//! |--------------------|---------------------------------------------------------|
//! | `tour/args.rs`     | the command line                                        |
//! | `tour/wire.rs`     | HTTP/1.1 on one connection, both sides                  |
//! | `tour/site.rs`     | what stands at a path: files, listings                  |
//! | `tour/server.rs`   | a task per connection, in a group that ends in order    |
//! | `tour/client.rs`   | connections kept, a deadline for each request           |
//! | `tour/crawl.rs`    | a task per page, in a group; a semaphore bounds them    |
//! | `tour/text.rs`     | words and links                                         |
//! | `tour/store.rs`    | SQLite on a thread of its own, behind a bounded channel |
//! | `tour/report.rs`   | stages, progress, metrics                               |

#[path = "tour/args.rs"]
mod args;
#[path = "tour/client.rs"]
mod client;
#[path = "tour/crawl.rs"]
mod crawl;
#[path = "tour/report.rs"]
mod report;
#[path = "tour/server.rs"]
mod server;
#[path = "tour/site.rs"]
mod site;
#[path = "tour/store.rs"]
mod store;
#[path = "tour/text.rs"]
mod text;
#[path = "tour/wire.rs"]
mod wire;

use args::{Args, Command, USAGE};
use bowerbird::{
    fs, gather,
    net::TcpListener,
    process,
    runtime::Handle,
    signal::{Signal, SignalKind, signal},
    sync::{CancellationToken, Semaphore},
    task::TaskGroup,
    task_group,
    time::every,
};
use client::Client;
use crawl::{Crawl, Plan};
use report::{Bytes, Progress, say, stage};
use server::Server;
use site::Site;
use std::{
    env, ffi::OsString, fmt::Write as _, io, path::PathBuf, process::ExitCode, sync::Arc,
    time::Duration,
};
use store::Store;

/// How often the line of progress is written.
const FRAME: Duration = Duration::from_millis(100);

/// How many of the most frequent words are shown.
const TOP: usize = 10;

fn main() -> ExitCode {
    ExitCode::from(run(env::args_os().skip(1)))
}

/// Runs the tour; returns its exit code.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match args::parse(args) {
        Ok(Command::Run(args)) => args,
        Ok(Command::Help) => {
            print!("{USAGE}");
            return 0;
        }
        Err(complaint) => {
            eprint!("tour: {complaint}\n\n{USAGE}");
            return 2;
        }
    };
    match bowerbird::run(tour(args)) {
        Ok(Ending::Done) => 0,
        Ok(Ending::Interrupted) => 130,
        Err(error) => {
            eprintln!("tour: {error}");
            1
        }
    }
}

/// How a tour ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    Interrupted,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn tour(args: Args) -> Result<Ending, Error> {
    // Before anything else: from here on Ctrl-C is ours.
    let interrupts = signal(SignalKind::interrupt())?;
    let database = Database::of(&args);
    let (store, thread) = Store::open(&database.file)?;
    let stop = CancellationToken::new();

    let result = task_group(async |group: TaskGroup<Error>| {
        let watch = group.spawn_named("ctrl-c", watch(interrupts, stop.clone()));
        let tour = Tour::start(&args, &database, store, stop.clone(), &group).await?;
        let ending = tour.rounds().await?;
        watch.abort();
        Ok(ending)
    })
    .await;

    // The last sender is gone with the group: the thread stores what it has, and ends.
    bowerbird::spawn_blocking(|| thread.join()).await??;
    database.close();
    say(&report::metrics(&Handle::current()));
    match result? {
        Ending::Done if stop.is_cancelled() => Ok(Ending::Interrupted),
        ending => Ok(ending),
    }
}

/// The first Ctrl-C ends the tour in order, the second at once.
async fn watch(mut interrupts: Signal, stop: CancellationToken) -> Result<(), Error> {
    let _first = interrupts.recv().await;
    stop.cancel_with("Ctrl-C");
    say("interrupted: what was begun is finished; Ctrl-C again ends at once");
    let _second = interrupts.recv().await;
    std::process::exit(130);
}

/// Where results are stored.
#[derive(Debug)]
struct Database {
    file: PathBuf,
    is_temporary: bool,
}

impl Database {
    fn of(args: &Args) -> Self {
        let name = format!("tour-{}.sqlite", std::process::id());
        let temporary = || env::temp_dir().join(name);
        let is_temporary = args.database.is_none();
        Self { file: args.database.clone().unwrap_or_else(temporary), is_temporary }
    }

    /// Where the word counts of a round go.
    fn words_file(&self) -> PathBuf {
        self.file.with_extension("words.tsv")
    }

    fn close(&self) {
        if self.is_temporary {
            // It may be gone, which is what is wanted.
            let _ = std::fs::remove_file(&self.file);
        }
        let _ = std::fs::remove_file(self.words_file());
    }
}

/// Everything that runs.
struct Tour<'a> {
    args: &'a Args,
    database: &'a Database,
    store: Store,
    stop: CancellationToken,
    progress: Arc<Progress>,
    client: Arc<Client>,
    /// Ends the server.
    close: CancellationToken,
    served: bowerbird::JoinHandle<server::Served>,
}

impl<'a> Tour<'a> {
    async fn start(
        args: &'a Args,
        database: &'a Database,
        store: Store,
        stop: CancellationToken,
        group: &TaskGroup<Error>,
    ) -> Result<Self, Error> {
        let close = CancellationToken::new();
        let start = async {
            let server = Server::new(Site::new(&args.directory).await?, close.clone());
            let started = group.start_named("server", async |started| {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                started.set(listener.local_addr()?);
                Ok(server.serve(listener).await?)
            });
            let (address, served) = started.await?;
            let result = format!("{} at http://{address}/", args.directory.display());
            Ok::<_, Error>(((address, served), result))
        };
        let (address, served) = stage("serve", start).await?;
        let client = Arc::new(Client::new(address));
        let progress = Arc::new(Progress::default());
        Ok(Self { args, database, store, stop, progress, client, close, served })
    }

    /// Goes round as often as asked, or until interrupted; then ends the server.
    async fn rounds(self) -> Result<Ending, Error> {
        let mut cut = vec![];
        for round in 1..=self.args.rounds {
            if self.stop.is_cancelled() {
                cut.push(format!("rounds {round} to {}", self.args.rounds));
                break;
            }
            self.store.begin(round).await?;
            let missed = self.round(round).await?;
            let state = if missed.is_empty() { "complete" } else { "interrupted" };
            self.store.end(round, state).await?;
            cut.extend(missed);
        }
        let close = async {
            self.close.cancel();
            let served = self.served.await?;
            if served.cut > 0 {
                cut.push(format!("{} connections in a request", served.cut));
            }
            let result = format!(
                "{} requests on {} connections, {} not answered with a page",
                served.requests, served.connections, served.refused
            );
            Ok::<_, Error>(((), result))
        };
        stage("close", close).await?;
        let Some(reason) = self.stop.reason() else { return Ok(Ending::Done) };
        let cut = if cut.is_empty() { "nothing".to_owned() } else { cut.join(", ") };
        say(&format!("cut short by {reason}: {cut}"));
        Ok(Ending::Interrupted)
    }

    /// One round; returns what was left out.
    async fn round(&self, round: u32) -> Result<Vec<String>, Error> {
        let mut cut = vec![];
        stage(format!("crawl {round}"), self.crawl(round)).await?;
        if let left_out @ 1.. = self.progress.take_left_out() {
            cut.push(format!("crawl {round} ({left_out} pages known and not fetched)"));
        }
        match self.stop.is_cancelled() {
            true => cut.push(format!("check {round}")),
            false => stage(format!("check {round}"), self.check(round)).await?,
        }
        match self.stop.is_cancelled() {
            true => cut.push(format!("sort {round}")),
            false => stage(format!("sort {round}"), self.sort(round)).await?,
        }
        Ok(cut)
    }

    /// Follows every link, with a line of progress.
    async fn crawl(&self, round: u32) -> Result<((), String), Error> {
        let (progress, mut tick) = (self.progress.clone(), 0);
        let frames = every(FRAME).spawn(move || {
            tick += 1;
            progress.show(tick);
            async {}
        });
        let plan = Plan {
            round,
            clients: self.args.clients,
            client: self.client.clone(),
            store: self.store.clone(),
            stop: self.stop.clone(),
            progress: self.progress.clone(),
        };
        let crawled = Crawl::run(plan).await;
        frames.abort();
        self.progress.hide();
        crawled?;
        let totals = self.store.totals(round).await?;
        let result = format!(
            "{} files, {} listings, {} dead links, {}, {} words, {} of them distinct",
            totals.files,
            totals.listings,
            totals.missing,
            Bytes(totals.bytes),
            totals.words,
            totals.distinct
        );
        Ok(((), result))
    }

    /// Asks for the size of every file, all at once, and compares.
    async fn check(&self, round: u32) -> Result<((), String), Error> {
        let sizes = self.store.sizes(round).await?;
        let room = Semaphore::new(self.args.clients);
        let checks = sizes.iter().map(async |(path, size)| {
            let _room = room.acquire().await.expect("it is never closed");
            let answer = self.client.head(path).await?;
            Ok::<_, io::Error>(answer.status == 200 && answer.length as u64 == *size)
        });
        let answers = gather(checks.collect::<Vec<_>>()).await;
        let equal = answers.iter().filter(|it| matches!(it, Ok(true))).count();
        let failed = answers.iter().filter(|it| it.is_err()).count();
        let changed = answers.len() - equal - failed;
        let result = format!("{equal} sizes equal, {changed} changed, {failed} not answered");
        Ok(((), result))
    }

    /// Lets `sort` find the most frequent words.
    async fn sort(&self, round: u32) -> Result<((), String), Error> {
        let mut lines = String::new();
        for (word, count) in self.store.words(round).await? {
            writeln!(lines, "{count}\t{word}")?;
        }
        let file = self.database.words_file();
        fs::write(&file, lines).await?;
        let mut sort = process::Command::new("sort");
        // In a group of its own: a Ctrl-C on the terminal is for us.
        sort.args(["-k1,1nr", "-k2,2"]).arg(&file).env("LC_ALL", "C").process_group(0);
        let sorted = sort.kill_on_drop(true).output().await?;
        if !sorted.status.success() {
            let complaint = String::from_utf8_lossy(&sorted.stderr);
            return Err(format!("sort: {}: {complaint}", sorted.status).into());
        }
        let text = String::from_utf8(sorted.stdout)?;
        let top = text.lines().take(TOP).filter_map(|line| line.split_once('\t'));
        let top: Vec<_> = top.map(|(count, word)| format!("{word} {count}")).collect();
        Ok(((), top.join(", ")))
    }
}
