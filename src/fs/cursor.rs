//! How a file is read, written and sought.
//!
//! One job at a time moves the position. It takes the buffer along and brings it
//! back; what it did is kept as the *order* and told to whoever asks for the same.
//!
//! ```text
//!              order                     job
//!   idle ────────────────▶ under way ──────────▶ outcome
//!    ▲                                              │
//!    ├── the same is asked for: it is told ◀────────┤
//!    └── something else is: abandoned ◀─────────────┘
//! ```
//!
//! Bytes that a read brought and nobody has taken stay in `unread`. The system's
//! position is then ahead of ours by as many, and the next write or relative seek
//! makes up for that.

use super::{
    error::PathError,
    operation::{self, lost},
};
use executor::JoinHandle;
use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    panic::Location,
    path::{Path, PathBuf},
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::Event;

/// The most that one job reads or writes: what is copied at once, and the most
/// memory that a file's buffer takes.
const CHUNK: usize = 2 * 1024 * 1024;

/// What jobs of the pool share with the cursor.
pub(super) struct Opened {
    pub(super) file: fs::File,
    path: Option<PathBuf>,
    /// Set while no job moves the position.
    pub(super) settled: Event,
}

impl Opened {
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Says which file it was, if that is known.
    pub(super) fn explain(&self, attempt: &'static str, cause: io::Error) -> io::Error {
        match &self.path {
            Some(path) => PathError::wrap(attempt, path, cause),
            None => cause,
        }
    }
}

/// Where an open file stands.
pub(super) struct Cursor {
    opened: Arc<Opened>,
    /// Read and not taken: `buffer[taken..filled]`.
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    /// What is being written, or was last.
    outgoing: Vec<u8>,
    job: Option<(Order, JoinHandle<Report>)>,
    /// Of a write that nobody waits for any more.
    abandoned: Option<io::Error>,
}

/// What a job is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Read,
    Write,
    Seek(SeekFrom),
}

/// What a job did.
struct Report {
    /// The buffer it was given.
    bytes: Vec<u8>,
    /// Bytes moved, or the new position.
    outcome: io::Result<u64>,
    /// Whether the position is where the caller thinks: what was unread is not
    /// needed any more.
    is_rewound: bool,
}

impl Cursor {
    pub(super) fn new(file: fs::File, path: Option<&Path>) -> Self {
        let settled = Event::new();
        settled.set();
        let opened = Opened { file, path: path.map(Path::to_owned), settled };
        Self {
            opened: Arc::new(opened),
            buffer: vec![],
            taken: 0,
            filled: 0,
            outgoing: vec![],
            job: None,
            abandoned: None,
        }
    }

    pub(super) fn opened(&self) -> &Arc<Opened> {
        &self.opened
    }

    pub(super) fn into_opened(self) -> Arc<Opened> {
        self.opened
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.taken..self.filled]
    }

    fn forget_unread(&mut self) {
        (self.taken, self.filled) = (0, 0);
    }

    /// Takes what was read, as much as fits.
    fn take(&mut self, into: &mut [u8]) -> usize {
        let count = self.unread().len().min(into.len());
        into[..count].copy_from_slice(&self.unread()[..count]);
        self.taken += count;
        count
    }

    /// Nobody asks for the outcome of this order any more.
    fn abandon(&mut self, order: Order, outcome: io::Result<u64>) {
        if let (Order::Write, Err(error)) = (order, outcome) {
            self.abandoned = Some(error);
        }
    }

    /// The outcome of the job that is under way, if there is one.
    fn poll_outcome(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<(Order, io::Result<u64>)>> {
        let Some((order, job)) = &mut self.job else { return Poll::Ready(None) };
        let order = *order;
        let report = ready!(operation::poll_job(job, cx, location)).unwrap_or_else(Report::lost);
        self.job = None;
        if report.is_rewound {
            self.forget_unread();
        }
        match order {
            Order::Read => {
                // At most as many as were asked for: fits.
                let filled = *report.outcome.as_ref().unwrap_or(&0) as usize;
                (self.buffer, self.taken, self.filled) = (report.bytes, 0, filled);
            }
            Order::Write => self.outgoing = report.bytes,
            Order::Seek(_) => (),
        }
        Poll::Ready(Some((order, report.outcome)))
    }
}

impl Report {
    fn lost(error: executor::JoinError) -> Self {
        Self { bytes: vec![], outcome: Err(lost(error)), is_rewound: false }
    }
}

/// Says that the position rests, also if the job was never run.
struct Settles(Arc<Opened>);

impl Drop for Settles {
    fn drop(&mut self) {
        self.0.settled.set();
    }
}

/// Jobs.
impl Cursor {
    fn start(
        &mut self,
        order: Order,
        location: &'static Location<'static>,
        job: impl FnOnce(&Opened) -> Report + Send + 'static,
    ) {
        let settles = Settles(self.opened.clone());
        self.opened.settled.clear();
        let job = operation::start(location, move || job(&settles.0));
        self.job = Some((order, job));
    }

    fn start_read(&mut self, count: usize, location: &'static Location<'static>) {
        let mut bytes = mem::take(&mut self.buffer);
        self.forget_unread();
        self.start(Order::Read, location, move |opened| {
            // Only what was never used before is filled with zeros.
            if bytes.len() < count {
                bytes.resize(count, 0);
            }
            let outcome = uninterrupted(|| (&opened.file).read(&mut bytes[..count]));
            let outcome = outcome.map(|it| it as u64).map_err(|it| opened.explain("read", it));
            Report { bytes, outcome, is_rewound: false }
        });
    }

    fn start_write(&mut self, bytes: &[u8], location: &'static Location<'static>) {
        let mut outgoing = mem::take(&mut self.outgoing);
        outgoing.clear();
        outgoing.extend_from_slice(&bytes[..bytes.len().min(CHUNK)]);
        let ahead = self.unread().len();
        self.start(Order::Write, location, move |opened| {
            let rewound = rewind(opened, ahead);
            // Whatever becomes of the write: what was unread is read again.
            let is_rewound = matches!(rewound, Ok(true));
            let outcome = rewound.and_then(|_| uninterrupted(|| (&opened.file).write(&outgoing)));
            let outcome = outcome.map(|it| it as u64).map_err(|it| opened.explain("write", it));
            Report { bytes: outgoing, outcome, is_rewound }
        });
    }

    fn start_seek(&mut self, to: SeekFrom, location: &'static Location<'static>) -> io::Result<()> {
        // At most a chunk: fits.
        let ahead = self.unread().len() as i64;
        let target = match to {
            SeekFrom::Current(offset) => {
                let offset = offset.checked_sub(ahead).ok_or(io::ErrorKind::InvalidInput)?;
                SeekFrom::Current(offset)
            }
            to => to,
        };
        self.start(Order::Seek(to), location, move |opened| {
            let outcome = (&opened.file).seek(target).map_err(|it| opened.explain("seek in", it));
            let is_rewound = outcome.is_ok();
            Report { bytes: vec![], outcome, is_rewound }
        });
        Ok(())
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match ready!(self.poll_outcome(cx, location)) {
                Some((Order::Read, Ok(1..))) => {}
                Some((Order::Read, outcome)) => return Poll::Ready(outcome.map(|_| 0)),
                Some((order, outcome)) => self.abandon(order, outcome),
                None if self.unread().is_empty() => {
                    self.start_read(into.len().min(CHUNK), location);
                }
                None => {}
            }
            if self.job.is_none() && !self.unread().is_empty() {
                return Poll::Ready(Ok(self.take(into)));
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match ready!(self.poll_outcome(cx, location)) {
                Some((Order::Write, outcome)) if bytes.starts_with(&self.outgoing) => {
                    // At most as many as were handed over: fits.
                    return Poll::Ready(outcome.map(|count| count as usize));
                }
                Some((order, outcome)) => self.abandon(order, outcome),
                None => match self.abandoned.take() {
                    Some(error) => return Poll::Ready(Err(error)),
                    None => self.start_write(bytes, location),
                },
            }
        }
    }

    pub(super) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        to: SeekFrom,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_outcome(cx, location)) {
                Some((Order::Seek(done), outcome)) if done == to => return Poll::Ready(outcome),
                Some((order, outcome)) => self.abandon(order, outcome),
                None => self.start_seek(to, location)?,
            }
        }
    }

    /// Waits until nothing is under way; gives the error that nobody has heard of.
    pub(super) fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        while let Some((order, outcome)) = ready!(self.poll_outcome(cx, location)) {
            self.abandon(order, outcome);
        }
        Poll::Ready(self.abandoned.take().map_or(Ok(()), Err))
    }

    /// As [`poll_rest`](Self::poll_rest), and puts back what was read and not taken,
    /// unless the file has no position.
    pub(super) fn poll_settle(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_rest(cx, location))?;
            if self.unread().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let result = ready!(self.poll_seek(cx, SeekFrom::Current(0), location));
            self.forget_unread();
            match result {
                Err(error) if error.kind() != io::ErrorKind::NotSeekable => {
                    return Poll::Ready(Err(error));
                }
                _ => {}
            }
        }
    }
}

/// Goes back by what was read and not taken. What has no position (a pipe, a
/// terminal) reads and writes independently, and stays as it is.
fn rewind(opened: &Opened, ahead: usize) -> io::Result<bool> {
    if ahead == 0 {
        return Ok(true);
    }
    // At most a chunk: fits.
    match (&opened.file).seek(SeekFrom::Current(-(ahead as i64))) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(false),
        Err(error) => Err(error),
    }
}

fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
