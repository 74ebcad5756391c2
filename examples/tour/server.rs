//! A web server: HTTP/1.1, static files, keep-alive, limits, an orderly end.
//!
//! Each connection is a task in the server's group. When the server is told to
//! stop it accepts no more; a connection that waits for a request ends at once, and
//! one that has begun a request has some time to finish it.

use super::{
    site::{Page, Site},
    wire::{Head, Refused, Request, Wire, reason},
};
use bowerbird::{
    fs::File,
    net::TcpListener,
    select,
    sync::{CancellationToken, Semaphore},
    task::{GroupError, TaskGroup},
    task_group,
    time::{sleep, timeout, timeout_scope},
};
use futures::AsyncReadExt;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Connections served at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 512;

/// Requests on one connection.
const REQUESTS_MAX: u32 = 1_000;

/// How long a connection may take to send a request, or be silent before one.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long requests that were begun may take when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// How long accepting pauses when the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How much of a file is in memory at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// What a server serves, until when, and what it has done.
#[derive(Debug)]
pub(crate) struct Server {
    site: Site,
    stop: CancellationToken,
    connections: AtomicU64,
    /// Connections that have ended.
    ended: AtomicU64,
    requests: AtomicU64,
    /// Answers other than 200.
    refused: AtomicU64,
}

/// What a server has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    pub(crate) refused: u64,
    /// Connections that took too long when the server was told to stop.
    pub(crate) cut: u64,
}

impl Server {
    pub(crate) fn new(site: Site, stop: CancellationToken) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        let (connections, ended, requests, refused) = (zero(), zero(), zero(), zero());
        Arc::new(Self { site, stop, connections, ended, requests, refused })
    }

    pub(crate) fn served(&self) -> Served {
        // Relaxed, all of them: statistics.
        let connections = self.connections.load(Relaxed);
        Served {
            connections,
            requests: self.requests.load(Relaxed),
            refused: self.refused.load(Relaxed),
            cut: connections - self.ended.load(Relaxed),
        }
    }

    /// Accepts until told to stop; requests that were begun have until [`DRAIN`] then.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<Served> {
        let accepted = timeout_scope(Duration::MAX, async |limit| {
            let connections = async |group| {
                self.accept(listener, group).await;
                limit.reset(DRAIN);
                Ok(())
            };
            task_group(connections).await
        });
        // Too late for some: they are cut, and counted.
        accepted.await.unwrap_or(Ok::<_, GroupError<io::Error>>(()))?;
        Ok(self.served())
    }

    /// Accepts connections until told to stop, each a task of the group.
    async fn accept(self: &Arc<Self>, listener: TcpListener, group: TaskGroup<io::Error>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let next = async || {
            let permit = room.clone().acquire_owned().await.expect("it is never closed");
            (permit, listener.accept().await)
        };
        while let Some((permit, accepted)) = self.stop.run_until_cancelled(next()).await {
            let Ok((stream, _)) = accepted else {
                // The client is gone again, or descriptors are short: not ours to end by.
                sleep(PAUSE).await;
                continue;
            };
            let server = self.clone();
            server.connections.fetch_add(1, Relaxed);
            group.spawn(async move {
                // A connection that breaks is its client's affair.
                let _broken = server.converse(Wire::new(stream)).await;
                server.ended.fetch_add(1, Relaxed);
                drop(permit);
                Ok(())
            });
        }
    }

    /// Serves one connection.
    async fn converse(&self, mut wire: Wire) -> io::Result<()> {
        for number in 1..=REQUESTS_MAX {
            let begun = select! {
                biased;
                begun = timeout(PATIENCE, wire.begun()) => begun,
                _ = self.stop.cancelled() => return Ok(()),
            };
            // The client said nothing for long, or that it is done.
            if !begun.unwrap_or(Ok(false))? {
                return Ok(());
            }
            self.requests.fetch_add(1, Relaxed);
            let request = timeout(PATIENCE, wire.request());
            let keep_alive = match request.await.unwrap_or(Err(Refused::Status(408))) {
                Ok(request) => {
                    let may_stay = number < REQUESTS_MAX && !self.stop.is_cancelled();
                    self.answer(&mut wire, request, may_stay).await?
                }
                Err(Refused::Status(status)) => {
                    self.refuse(&mut wire, status, Stay::No, Body::Sent).await?;
                    false
                }
                Err(Refused::Broken(error)) => return Err(error),
            };
            if !keep_alive {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers one request; returns whether the connection stays.
    async fn answer(&self, wire: &mut Wire, request: Request, may_stay: bool) -> io::Result<bool> {
        let keep_alive = request.keep_alive && may_stay;
        let body = match &*request.method {
            "GET" => Body::Sent,
            "HEAD" => Body::LeftOut,
            _ => {
                self.refuse(wire, 405, Stay::from(keep_alive), Body::Sent).await?;
                return Ok(keep_alive);
            }
        };
        let html = "text/html; charset=utf-8";
        match self.site.find(&request.target).await {
            Ok(Page::File { path, length, content_type }) => {
                let head = Head { status: 200, content_type, length, location: None, keep_alive };
                self.send_file(wire, &path, &head, body).await?;
            }
            Ok(Page::Listing { html: text }) => {
                let length = text.len() as u64;
                let head =
                    Head { status: 200, content_type: html, length, location: None, keep_alive };
                wire.respond(&head, body.of(text.as_bytes())).await?;
            }
            Ok(Page::Moved { to }) => {
                let location = Some(&*to);
                let head =
                    Head { status: 301, content_type: html, length: 0, location, keep_alive };
                wire.respond(&head, b"").await?;
            }
            Ok(Page::Nothing) => self.refuse(wire, 404, Stay::from(keep_alive), body).await?,
            Err(_) => self.refuse(wire, 500, Stay::from(keep_alive), body).await?,
        }
        Ok(keep_alive)
    }

    async fn send_file(
        &self,
        wire: &mut Wire,
        path: &std::path::Path,
        head: &Head<'_>,
        body: Body,
    ) -> io::Result<()> {
        if body == Body::LeftOut {
            return wire.respond(head, b"").await;
        }
        let mut file = match File::open(path).await {
            Ok(file) => file,
            Err(_) => return self.refuse(wire, 403, Stay::from(head.keep_alive), body).await,
        };
        let mut left = head.length;
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        let mut is_first = true;
        // At least once: an empty file has a head, too.
        while left > 0 || is_first {
            let room = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
            let count = file.read(&mut chunk[..room]).await?;
            if count == 0 && left > 0 {
                // It shrank: the head has promised more than there is.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match is_first {
                true => wire.respond(head, &chunk[..count]).await?,
                false => wire.send(&chunk[..count]).await?,
            }
            is_first = false;
            left -= count as u64;
        }
        Ok(())
    }

    async fn refuse(&self, wire: &mut Wire, status: u16, stay: Stay, body: Body) -> io::Result<()> {
        self.refused.fetch_add(1, Relaxed);
        let text = format!("{status} {}\n", reason(status));
        let head = Head {
            status,
            content_type: "text/plain; charset=utf-8",
            length: text.len() as u64,
            location: None,
            keep_alive: stay == Stay::Yes,
        };
        wire.respond(&head, body.of(text.as_bytes())).await
    }
}

/// Whether an answer has a body: one to HEAD has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Sent,
    LeftOut,
}

impl Body {
    fn of(self, bytes: &[u8]) -> &[u8] {
        if self == Self::Sent { bytes } else { b"" }
    }
}

/// Whether a connection is kept after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    Yes,
    No,
}

impl From<bool> for Stay {
    fn from(keep_alive: bool) -> Self {
        if keep_alive { Self::Yes } else { Self::No }
    }
}
