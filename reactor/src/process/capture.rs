//! All that a child writes, and how it ended.
//!
//! Both pipes are read at the same time: a child that fills one while we wait for the
//! other would wait for us for ever.

use super::{
    child::Child,
    pipe::{ChildStderr, ChildStdout},
    started::Waiting,
};
use futures_io::AsyncRead;
use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    panic::Location,
    pin::Pin,
    process::Output,
    task::{Context, Poll, ready},
};

/// As much as a pipe holds on Linux.
const CHUNK: usize = 64 * 1024;

/// A child whose output is being gathered.
#[derive(Debug)]
pub(super) struct Capture {
    waiting: Waiting,
    child: Child,
    stdout: Gathered<ChildStdout>,
    stderr: Gathered<ChildStderr>,
    /// Where a read goes first.
    chunk: Vec<u8>,
    limit: Option<usize>,
}

/// What came out of a pipe, and the pipe until it ends.
#[derive(Debug)]
struct Gathered<P> {
    pipe: Option<P>,
    bytes: Vec<u8>,
}

impl<P: AsyncRead + Unpin> Gathered<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { pipe, bytes: vec![] }
    }

    /// Reads until the end, for as many bytes as there is `room` and one more.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        chunk: &mut [u8],
        room: usize,
    ) -> Poll<io::Result<()>> {
        while let Some(pipe) = self.pipe.as_mut().filter(|_| self.bytes.len() <= room) {
            match ready!(Pin::new(pipe).poll_read(cx, chunk))? {
                0 => self.pipe = None,
                count => self.bytes.extend_from_slice(&chunk[..count]),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Capture {
    pub(super) fn new(mut child: Child, limit: Option<usize>) -> Self {
        // The end of its input.
        drop(child.stdin.take());
        Self {
            waiting: Waiting::default(),
            stdout: Gathered::new(child.stdout.take()),
            stderr: Gathered::new(child.stderr.take()),
            child,
            chunk: vec![],
            limit,
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<Output>> {
        self.chunk.resize(CHUNK, 0);
        let Self { stdout, stderr, chunk, .. } = self;
        let limit = self.limit.unwrap_or(usize::MAX);
        let one = stdout.poll(cx, chunk, limit.saturating_sub(stderr.bytes.len()))?;
        let two = stderr.poll(cx, chunk, limit.saturating_sub(stdout.bytes.len()))?;
        if stdout.bytes.len().saturating_add(stderr.bytes.len()) > limit {
            self.child.start_kill()?;
            return Poll::Ready(Err(OutputTooLong::of(limit)));
        }
        if one.is_pending() || two.is_pending() {
            self.child.note_wait(location);
            return Poll::Pending;
        }
        let status = ready!(self.child.poll_wait(&mut self.waiting, cx, location))?;
        let (stdout, stderr) = (&mut self.stdout.bytes, &mut self.stderr.bytes);
        let (stdout, stderr) = (std::mem::take(stdout), std::mem::take(stderr));
        Poll::Ready(Ok(Output { status, stdout, stderr }))
    }
}

/// A child wrote more than the limit: the inside of an [`io::Error`] of the kind
/// `QuotaExceeded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputTooLong {
    /// How many bytes there may be.
    pub limit: usize,
}

impl OutputTooLong {
    #[cold]
    fn of(limit: usize) -> io::Error {
        io::Error::new(io::ErrorKind::QuotaExceeded, Self { limit })
    }
}

impl fmt::Display for OutputTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a child process wrote more than {} bytes, and was killed", self.limit)
    }
}

impl Error for OutputTooLong {}

impl Child {
    /// Reads all that it writes, to the end, and waits until it ends. Its standard
    /// input is closed, if it was not taken. What is not piped stays empty.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait); when a pipe cannot be read.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** What was read is lost, and the child is dropped: see [`Child`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::process::{Command, Stdio};
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let output = child.wait_with_output().limit(100).await?;
    /// assert_eq!(output.stdout, b"hello\n");
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "communicate")]
    #[track_caller]
    pub fn wait_with_output(self) -> WaitWithOutput {
        WaitWithOutput { capture: Capture::new(self, None), location: Location::caller() }
    }
}

/// The future of [`Child::wait_with_output`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WaitWithOutput {
    capture: Capture,
    location: &'static Location<'static>,
}

impl WaitWithOutput {
    /// How many bytes there may be, standard output and error together. If there are
    /// more the child is killed, and the error is an [`OutputTooLong`].
    pub fn limit(mut self, bytes: usize) -> Self {
        self.capture.limit = Some(bytes);
        self
    }
}

impl Future for WaitWithOutput {
    type Output = io::Result<Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Output>> {
        let Self { capture, location } = &mut *self;
        capture.poll(cx, location)
    }
}
