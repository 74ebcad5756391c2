//! An open file.
//!
//! What is asked by `&File` (metadata, sync, length) first waits until an operation
//! is over that was handed to the pool and whose future was dropped, so that
//! `sync_all` covers every write that began before it.

use super::{cursor::Cursor, operation::Operation};
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;
use std::{
    fmt,
    fs::{self, Metadata, Permissions},
    future::Future,
    io::{self, SeekFrom},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::Location,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::event;

/// An open file, as [`std::fs::File`].
///
/// It reads, writes and seeks by the traits of `futures-io`, one operation at a time.
/// Each is one call of the system, for 2 MiB at most, on the blocking pool: wrap it
/// in a `BufReader` or a `BufWriter` for many small ones.
///
/// A write is over when it says so: it waits in no buffer here, so there is nothing
/// to flush, and no error comes later than the write it belongs to. What can be lost
/// is in the system's memory until [`sync_all`](Self::sync_all).
///
/// # Cancel safety
///
/// An operation that has begun completes, also if nobody waits any more. What such a
/// read has read comes with the next. Such a write may have been made; if the next
/// write starts with the same bytes it *is* that write, and they are not written
/// twice; otherwise they stay in the file, and an error of theirs comes with the next
/// write, flush or close. A seek is treated the same.
///
/// # Examples
///
/// ```
/// use bowerbird::fs::File;
/// use futures::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
/// use std::io::SeekFrom;
/// # let path = std::env::temp_dir().join(format!("bowerbird-file-{}", std::process::id()));
///
/// # bowerbird::run(async {
/// let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
/// file.write_all(b"hello world").await?;
/// file.seek(SeekFrom::Start(6)).await?;
/// let mut word = String::new();
/// file.read_to_string(&mut word).await?;
/// assert_eq!(word, "world");
/// # std::fs::remove_file(&path)
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct File {
    cursor: Cursor,
}

impl File {
    pub(super) fn new(file: fs::File, path: Option<&Path>) -> Self {
        Self { cursor: Cursor::new(file, path) }
    }

    /// Takes over a std file. Its path is not known, so errors do not name it.
    #[must_use]
    pub fn from_std(file: fs::File) -> Self {
        Self::new(file, None)
    }

    /// Gives the std file back, once what was begun is over. What was read and not
    /// taken is there to be read again.
    ///
    /// # Errors
    ///
    /// Of a write that was begun and abandoned. What the operating system says, if the
    /// descriptor must be duplicated, since another abandoned operation still uses it.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** The file is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::fs::File;
    ///
    /// # bowerbird::run(async {
    /// let file = File::open("/dev/null").await?.into_std().await?;
    /// assert!(!file.metadata()?.is_dir());
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn into_std(self) -> IntoStd {
        IntoStd { file: Some(self), location: Location::caller() }
    }

    /// Waits until all that was written has reached the disk, metadata included.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It may be done for nobody.
    #[doc(alias = "fsync")]
    #[track_caller]
    pub fn sync_all(&self) -> FileOperation<'_, ()> {
        self.operation("sync", |file| file.sync_all())
    }

    /// As [`sync_all`](Self::sync_all), without the metadata that is not needed to
    /// read the contents.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It may be done for nobody.
    #[doc(alias = "fdatasync")]
    #[track_caller]
    pub fn sync_data(&self) -> FileOperation<'_, ()> {
        self.operation("sync", |file| file.sync_data())
    }

    /// Cuts the file off, or extends it with zeros. The position stays.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Once polled it goes on by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::fs::{self, File};
    /// # let path = std::env::temp_dir().join(format!("bowerbird-len-{}", std::process::id()));
    ///
    /// # bowerbird::run(async {
    /// let file = File::create(&path).await?;
    /// file.set_len(3).await?;
    /// file.sync_all().await?;
    /// assert_eq!(file.metadata().await?.len(), 3);
    /// assert_eq!(fs::read(&path).await?, [0, 0, 0]);
    /// # std::fs::remove_file(&path)
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "truncate")]
    #[track_caller]
    pub fn set_len(&self, bytes: u64) -> FileOperation<'_, ()> {
        self.operation("set the length of", move |file| file.set_len(bytes))
    }

    /// Size, times, permissions and so on.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It changes nothing.
    #[track_caller]
    pub fn metadata(&self) -> FileOperation<'_, Metadata> {
        self.operation("look at", fs::File::metadata)
    }

    /// Sets the permissions.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Once polled it goes on by itself.
    #[track_caller]
    pub fn set_permissions(&self, permissions: Permissions) -> FileOperation<'_, ()> {
        self.operation("set the permissions of", |file| file.set_permissions(permissions))
    }

    /// A second handle to the same open file: both share one position.
    ///
    /// # Errors
    ///
    /// What the operating system says: it may have no descriptor left.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A handle that was made for nobody is closed.
    #[track_caller]
    pub fn try_clone(&self) -> FileOperation<'_, Self> {
        let opened = self.cursor.opened().clone();
        self.operation("clone the handle of", move |file| {
            Ok(Self::new(file.try_clone()?, opened.path()))
        })
    }

    #[track_caller]
    fn operation<T: Send + 'static>(
        &self,
        attempt: &'static str,
        call: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> FileOperation<'_, T> {
        let opened = self.cursor.opened().clone();
        let operation = Operation::new(move || {
            call(&opened.file).map_err(|cause| opened.explain(attempt, cause))
        });
        FileOperation { settled: self.cursor.opened().settled.wait(), is_settled: false, operation }
    }
}

impl AsyncRead for File {
    #[track_caller]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().cursor.poll_read(cx, buffer, Location::caller())
    }
}

impl AsyncWrite for File {
    #[track_caller]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().cursor.poll_write(cx, bytes, Location::caller())
    }

    #[track_caller]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().cursor.poll_rest(cx, Location::caller())
    }

    #[track_caller]
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().cursor.poll_rest(cx, Location::caller())
    }
}

impl AsyncSeek for File {
    #[track_caller]
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.get_mut().cursor.poll_seek(cx, to, Location::caller())
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.cursor.opened().file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.cursor.opened().file.as_raw_fd()
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> Self {
        Self::from_std(file)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.cursor.opened().path())
            .field("fd", &self.as_raw_fd())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of the methods of [`File`].
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Once it has been handed to the pool it is completed for nobody.
    #[must_use = "futures do nothing unless polled"]
    pub struct FileOperation<'a, T> {
        #[pin]
        settled: event::Wait<'a>,
        is_settled: bool,
        operation: Operation<T>,
    }
}

impl<T: Send + 'static> Future for FileOperation<'_, T> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = self.project();
        if !*this.is_settled {
            ready!(this.settled.poll(cx));
            *this.is_settled = true;
        }
        Pin::new(this.operation).poll(cx)
    }
}

impl<T> fmt::Debug for FileOperation<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOperation").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// The future of [`File::into_std`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct IntoStd {
    file: Option<File>,
    location: &'static Location<'static>,
}

impl Future for IntoStd {
    type Output = io::Result<fs::File>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<fs::File>> {
        let location = self.location;
        let file = self.file.as_mut().expect("polled after it gave its result");
        ready!(file.cursor.poll_settle(cx, location))?;
        let opened =
            self.file.take().map(|file| file.cursor.into_opened()).expect("looked at just now");
        Poll::Ready(match Arc::try_unwrap(opened) {
            Ok(opened) => Ok(opened.file),
            Err(opened) => opened.file.try_clone().map_err(|it| opened.explain("give back", it)),
        })
    }
}
