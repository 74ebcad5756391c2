//! A child process, and waiting for it.

use super::{
    orphan,
    pipe::{ChildStderr, ChildStdin, ChildStdout},
    started::{Started, Waiting},
};
use crate::{registry::Registry, signal::SignalKind};
use std::{
    future::Future,
    io,
    panic::Location,
    pin::Pin,
    process::{self, ExitStatus},
    sync::Arc,
    task::{Context, Poll},
};
use sync::wait_site::{self, Kind};

/// What becomes of a process whose [`Child`] is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDrop {
    /// It runs on, and is reaped when it ends.
    LetRun,
    /// It is killed, and reaped.
    Kill,
}

/// A child process, made by [`Command::spawn`](super::Command::spawn).
///
/// Dropped before it was waited for, it runs on, or is killed if
/// [`kill_on_drop`](super::Command::kill_on_drop) said so. Either way the runtime
/// waits for it, so that it does not stay in the system's table as a *zombie*.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::process::{Command, Stdio};
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
///
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let mut stdin = child.stdin.take().expect("it is piped");
/// stdin.write_all(b"meow").await?;
/// drop(stdin);
/// let mut text = String::new();
/// child.stdout.as_mut().expect("it is piped").read_to_string(&mut text).await?;
/// assert_eq!(text, "meow");
/// assert!(child.wait().await?.success());
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "Process")]
pub struct Child {
    /// What it reads, if that is piped and was not taken.
    pub stdin: Option<ChildStdin>,
    /// What it writes, if that is piped and was not taken.
    pub stdout: Option<ChildStdout>,
    /// What it complains, if that is piped and was not taken.
    pub stderr: Option<ChildStderr>,
    life: Life,
}

/// The process, and what becomes of it.
#[derive(Debug)]
struct Life {
    /// `None` only while it is dropped.
    started: Option<Started>,
    on_drop: OnDrop,
}

impl Life {
    fn started(&self) -> &Started {
        self.started.as_ref().expect("it is here until it is dropped")
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let Some(started) = self.started.take() else { return };
        if self.on_drop == OnDrop::Kill {
            // Fails if the child has become another user: then it runs on.
            let _ = started.signal(SignalKind::kill());
        }
        orphan::adopt(started);
    }
}

impl Child {
    /// Takes over what std has started. What it cannot be watched it does not live.
    pub(super) fn new(
        mut child: process::Child,
        on_drop: OnDrop,
        registry: &Arc<Registry>,
    ) -> io::Result<Self> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (started, watched) = match Started::new(child, registry) {
            Ok(started) => (started, Ok(())),
            Err((started, error)) => (started, Err(error)),
        };
        // Killed unless all goes well.
        let mut life = Life { started: Some(started), on_drop: OnDrop::Kill };
        watched?;
        let stdin = stdin.map(|it| ChildStdin::new(it, registry)).transpose()?;
        let stdout = stdout.map(|it| ChildStdout::new(it, registry)).transpose()?;
        let stderr = stderr.map(|it| ChildStderr::new(it, registry)).transpose()?;
        life.on_drop = on_drop;
        Ok(Self { stdin, stdout, stderr, life })
    }

    /// Its number. `None` once it has been waited for: then the number may be that of
    /// another process.
    #[must_use]
    #[doc(alias = "pid")]
    pub fn id(&self) -> Option<u32> {
        self.life.started().own_pid()
    }

    /// Waits until it ends. Any number of tasks may wait, also afterwards, and in
    /// another runtime than that which started it; where there is none, that one
    /// has to run.
    ///
    /// Closes [`stdin`](Self::stdin) first, if that was not taken: a child that reads
    /// to the end of its input would wait for us. One that writes more to a pipe than
    /// fits in waits until somebody reads it.
    ///
    /// # Errors
    ///
    /// When somebody else has waited for the process, by its number or for any;
    /// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict**, but for the standard input, which stays closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::process::Command;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
    /// let (one, two) = futures::join!(child.wait(), child.wait());
    /// assert_eq!((one?.code(), two?.code()), (Some(3), Some(3)));
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait(&self) -> Wait<'_> {
        Wait { child: self, waiting: Waiting::default(), location: Location::caller() }
    }

    /// How it ended, if it has. Never waits.
    ///
    /// # Errors
    ///
    /// When somebody else has waited for the process.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.life.started().try_wait()
    }

    /// Sends it a signal. One that has ended is sent nothing, and that is no error:
    /// it may end at any time.
    ///
    /// The signal never reaches another process, though numbers of processes are used
    /// again.
    ///
    /// # Errors
    ///
    /// What the operating system says: the child may have become another user.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::{process::Command, signal::SignalKind};
    /// use std::os::unix::process::ExitStatusExt;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let child = Command::new("sleep").arg("60").spawn()?;
    /// child.signal(SignalKind::terminate())?;
    /// let status = child.wait().await?;
    /// assert_eq!(status.signal(), Some(SignalKind::terminate().as_raw()));
    /// child.signal(SignalKind::terminate())?;
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "send_signal")]
    pub fn signal(&self, kind: SignalKind) -> io::Result<()> {
        self.life.started().signal(kind)
    }

    /// Asks the system to end it now, and does not wait until it has.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    pub fn start_kill(&self) -> io::Result<()> {
        self.signal(SignalKind::kill())
    }

    /// Ends it now, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** It is killed from the first poll on.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::process::Command;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let child = Command::new("sleep").arg("60").spawn()?;
    /// child.kill().await?;
    /// assert!(child.try_wait()?.is_some());
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn kill(&self) -> Kill<'_> {
        Kill { wait: self.wait(), is_sent: false }
    }

    pub(super) fn poll_wait(
        &self,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<ExitStatus>> {
        if let Some(stdin) = &self.stdin {
            stdin.shut();
        }
        waiting.poll(self.life.started(), cx, location)
    }

    /// Says that the current task waits for this child.
    pub(super) fn note_wait(&self, location: &'static Location<'static>) {
        wait_site::waiting(Kind::Process, self.life.started().pid() as usize, location);
    }
}

/// The future of [`Child::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Wait<'a> {
    child: &'a Child,
    waiting: Waiting,
    location: &'static Location<'static>,
}

impl Future for Wait<'_> {
    type Output = io::Result<ExitStatus>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { child, waiting, location } = &mut *self;
        child.poll_wait(waiting, cx, location)
    }
}

/// The future of [`Child::kill`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Kill<'a> {
    wait: Wait<'a>,
    is_sent: bool,
}

impl Future for Kill<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_sent {
            self.wait.child.start_kill()?;
            self.is_sent = true;
        }
        Pin::new(&mut self.wait).poll(cx).map_ok(|_: ExitStatus| ())
    }
}
