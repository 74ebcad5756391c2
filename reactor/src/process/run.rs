//! Starting a command and waiting for it, in one.

use super::{
    capture::Capture,
    child::Child,
    command::{Command, Streams},
    started::Waiting,
};
use std::{
    future::Future,
    io,
    panic::Location,
    pin::Pin,
    process::{ExitStatus, Output},
    task::{Context, Poll},
};

impl Command {
    /// Starts it, and waits until it ends. Its pipes, if there are any, are closed at
    /// once.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    ///
    /// When it is first polled where there is no reactor on the thread.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** It is started by the first poll; then the child is dropped: see
    /// [`Child`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::process::Command;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// assert!(Command::new("true").status().await?.success());
    /// assert_eq!(Command::new("false").status().await?.code(), Some(1));
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn status(&mut self) -> CommandStatus<'_> {
        let location = Location::caller();
        CommandStatus { command: self, waiting: Waiting::default(), child: None, location }
    }

    /// Starts it, and gathers what it writes until it ends. What it reads is empty,
    /// unless it was chosen.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait_with_output`]. That the command
    /// fails is no error: see [`Output::status`].
    ///
    /// # Panics
    ///
    /// When it is first polled where there is no reactor on the thread.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** It is started by the first poll; then what was read is lost and the
    /// child is dropped: see [`Child`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::process::Command;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let output = Command::new("echo").arg("hello").output().await?;
    /// assert!(output.status.success());
    /// assert_eq!(output.stdout, b"hello\n");
    /// let error = Command::new("yes").output().limit(1000).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::QuotaExceeded);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "run")]
    #[doc(alias = "check_output")]
    #[track_caller]
    pub fn output(&mut self) -> CommandOutput<'_> {
        CommandOutput { command: self, capture: None, limit: None, location: Location::caller() }
    }
}

/// The future of [`Command::status`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CommandStatus<'a> {
    command: &'a mut Command,
    waiting: Waiting,
    child: Option<Child>,
    location: &'static Location<'static>,
}

impl Future for CommandStatus<'_> {
    type Output = io::Result<ExitStatus>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { command, waiting, child, location } = &mut *self;
        let child = match child {
            Some(child) => child,
            None => {
                let started = child.insert(command.spawn_with(Streams::Inherited, location)?);
                drop((started.stdin.take(), started.stdout.take(), started.stderr.take()));
                started
            }
        };
        child.poll_wait(waiting, cx, location)
    }
}

/// The future of [`Command::output`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CommandOutput<'a> {
    command: &'a mut Command,
    capture: Option<Capture>,
    limit: Option<usize>,
    location: &'static Location<'static>,
}

impl CommandOutput<'_> {
    /// How many bytes there may be, standard output and error together. If there are
    /// more the child is killed, and the error is an
    /// [`OutputTooLong`](super::OutputTooLong).
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }
}

impl Future for CommandOutput<'_> {
    type Output = io::Result<Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Output>> {
        let Self { command, capture, limit, location } = &mut *self;
        let capture = match capture {
            Some(capture) => capture,
            None => {
                let child = command.spawn_with(Streams::Captured, location)?;
                capture.insert(Capture::new(child, *limit))
            }
        };
        capture.poll(cx, location)
    }
}
