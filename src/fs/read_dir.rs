//! What is in a directory, in batches.
//!
//! A job of the pool reads many entries: a job for each would cost more than the
//! reading. The first batch comes with the opening.

use super::{
    error::PathError,
    operation::{Operation, lost, poll_job, start},
};
use executor::JoinHandle;
use futures_core::Stream;
use std::{
    collections::VecDeque,
    ffi::OsString,
    fmt,
    fs::{self, FileType, Metadata},
    future::Future,
    io, mem,
    os::unix::fs::DirEntryExt,
    panic::Location,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::coop;

/// How many entries one job reads: the handing over is then a tenth of it.
const BATCH: usize = 64;

/// What is in a directory: "." and ".." are left out, the order is the system's.
///
/// A stream; [`next`](Self::next) and [`next_entry`](Self::next_entry) need no trait
/// in scope.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
/// # let folder = std::env::temp_dir().join(format!("bowerbird-dir-{}", std::process::id()));
/// # std::fs::create_dir_all(folder.join("nest"))?;
///
/// # bowerbird::run(async {
/// let mut entries = fs::read_dir(&folder).await?;
/// let entry = entries.next_entry().await?.expect("it has a nest");
/// assert_eq!(entry.file_name(), "nest");
/// assert!(entry.file_type().await?.is_dir());
/// assert!(entries.next().await.is_none());
/// # std::io::Result::Ok(()) })?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a stream does nothing until it is asked"]
pub struct ReadDir {
    path: Arc<Path>,
    state: State,
}

enum State {
    Here(Batch),
    Reading(JoinHandle<Batch>),
}

/// Entries that were read, and where the next come from.
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None` at the end.
    rest: Option<fs::ReadDir>,
}

impl Batch {
    fn empty() -> Self {
        Self { entries: VecDeque::new(), rest: None }
    }

    /// Reads as many as there are, [`BATCH`] at most.
    fn fill(mut self, path: &Path) -> Self {
        while let Some(rest) = self.rest.as_mut().filter(|_| self.entries.len() < BATCH) {
            match rest.next() {
                Some(entry) => self.entries.push_back(match entry {
                    Ok(entry) => Ok(DirEntry::new(entry)),
                    Err(cause) => Err(PathError::wrap("read the directory", path, cause)),
                }),
                None => self.rest = None,
            }
        }
        self
    }
}

impl ReadDir {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let batch = Batch { rest: Some(fs::read_dir(path)?), ..Batch::empty() };
        Ok(Self { path: path.into(), state: State::Here(batch.fill(path)) })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Entries that were read meanwhile come next.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::fs;
    /// # bowerbird::run(async {
    ///
    /// let mut entries = fs::read_dir("/").await?;
    /// let mut count = 0;
    /// while let Some(entry) = entries.next_entry().await? {
    ///     assert!(entry.path().is_absolute());
    ///     count += 1;
    /// }
    /// assert!(count > 0);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn next_entry(&mut self) -> NextEntry<'_> {
        NextEntry { next: self.next() }
    }

    /// As [`next_entry`](Self::next_entry), as streams say it.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Entries that were read meanwhile come next.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::fs;
    /// # bowerbird::run(async {
    ///
    /// let mut entries = fs::read_dir("/").await?;
    /// assert!(entries.next().await.expect("the root is not empty").is_ok());
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "the name that streams have for it")]
    #[track_caller]
    pub fn next(&mut self) -> Next<'_> {
        Next { entries: self, location: Location::caller() }
    }

    /// As [`next_entry`](Self::next_entry), for callers with a context.
    ///
    /// # Errors
    ///
    /// As [`next_entry`](Self::next_entry).
    #[track_caller]
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        self.poll_one(cx, Location::caller()).map(Option::transpose)
    }

    fn poll_one(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<io::Result<DirEntry>>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            match &mut self.state {
                State::Here(batch) => {
                    if let Some(entry) = batch.entries.pop_front() {
                        progress.made();
                        return Poll::Ready(Some(entry));
                    }
                    if batch.rest.is_none() {
                        return Poll::Ready(None);
                    }
                    let (path, batch) = (self.path.clone(), mem::replace(batch, Batch::empty()));
                    let job = start(location, move || batch.fill(&path));
                    self.state = State::Reading(job);
                }
                State::Reading(job) => {
                    let (batch, error) = match ready!(poll_job(job, cx, location)) {
                        Ok(batch) => (batch, None),
                        Err(error) => (Batch::empty(), Some(error)),
                    };
                    self.state = State::Here(batch);
                    if let Some(error) = error {
                        let error = PathError::wrap("read the directory", &self.path, lost(error));
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_one(cx, Location::caller())
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The future of [`ReadDir::next_entry`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextEntry<'a> {
    next: Next<'a>,
}

impl Future for NextEntry<'_> {
    type Output = io::Result<Option<DirEntry>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.next).poll(cx).map(Option::transpose)
    }
}

/// The future of [`ReadDir::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Next<'a> {
    entries: &'a mut ReadDir,
    location: &'static Location<'static>,
}

impl Future for Next<'_> {
    type Output = Option<io::Result<DirEntry>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = self.location;
        self.entries.poll_one(cx, location)
    }
}

/// One entry of a directory.
#[derive(Debug)]
pub struct DirEntry {
    entry: Arc<fs::DirEntry>,
    /// What most file systems tell along with the name.
    file_type: Option<FileType>,
}

impl DirEntry {
    fn new(entry: fs::DirEntry) -> Self {
        let file_type = entry.file_type().ok();
        Self { entry: Arc::new(entry), file_type }
    }

    /// The directory's path and the name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name alone.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// The number of its inode.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.entry.ino()
    }

    /// What it is, symbolic links not followed. Known already on most file systems.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It changes nothing.
    #[track_caller]
    pub fn file_type(&self) -> Operation<FileType> {
        let entry = self.entry.clone();
        match self.file_type {
            Some(known) => Operation::known(known),
            None => Operation::new(move || entry.file_type().map_err(|it| about(&entry, it))),
        }
    }

    /// Size, times and so on, symbolic links not followed.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It changes nothing.
    #[track_caller]
    pub fn metadata(&self) -> Operation<Metadata> {
        let entry = self.entry.clone();
        Operation::new(move || entry.metadata().map_err(|it| about(&entry, it)))
    }
}

fn about(entry: &fs::DirEntry, cause: io::Error) -> io::Error {
    PathError::wrap("look at", &entry.path(), cause)
}
