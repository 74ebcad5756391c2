//! Signals of the operating system.
//!
//! ```text
//!   the system ──▶ handler ──▶ line ──▶ every listener's source ──▶ wakers
//! ```
//!
//! * **Everybody hears**: each listener hears each signal, in whichever runtime of the
//!   process it lives.
//! * **Signals coalesce**: a listener that was not polled while a signal came several
//!   times hears it once. At least once: none is lost, whatever else comes.
//! * **The default comes back**: while somebody listens, the signal does nothing else.
//!   When the last listener is dropped, what was done before is done again: Ctrl-C
//!   ends a program that no longer listens for it. A handler of somebody else's is
//!   set aside for that time.
//!
//! To handle a signal again and again keep one [`Signal`], and do not make a
//! [`ctrl_c`] for each: between two of them the signal would do what it does by
//! default.
//!
//! A process keeps two descriptors for each signal that it ever listened to.

#[expect(unsafe_code, reason = "sigaction: std has no door to it")]
mod disposition;
mod ear;
mod kind;
mod line;
#[cfg(all(test, not(any(loom, shuttle))))]
#[expect(unsafe_code, reason = "raises signals and looks at dispositions")]
mod tests;

pub(crate) use ear::Ear;
pub use kind::SignalKind;

use futures_core::Stream;
use std::{
    future::Future,
    io,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

/// Waits for Ctrl-C, once: for `SIGINT`, which does nothing else as long as this
/// waits.
///
/// It listens from its first poll on; a signal before that does what it does by
/// default, and so does one after the future is dropped.
///
/// # Errors
///
/// That no descriptor is left; [`ShuttingDown`](crate::ShuttingDown) after the end of
/// the runtime.
///
/// # Panics
///
/// When it is first polled where there is no reactor on the thread.
///
/// # Cancel safety
///
/// **Lossy.** A signal that came and was not seen is gone. Keep a [`Signal`] to hear
/// of it later.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, signal::ctrl_c, time::timeout};
/// use std::time::Duration;
///
/// let reactor = Reactor::builder().paused().build()?;
/// let pressed = reactor.block_on(async { timeout(Duration::from_secs(1), ctrl_c()).await });
/// assert!(pressed.is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "add_signal_handler")]
#[track_caller]
pub fn ctrl_c() -> CtrlC {
    CtrlC { ear: None, location: Location::caller() }
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CtrlC {
    ear: Option<Ear>,
    location: &'static Location<'static>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { ear, location } = &mut *self;
        let listening = match ear {
            Some(ear) => ear,
            None => ear.insert(Ear::here(SignalKind::interrupt(), location)?),
        };
        listening.poll_hear(cx, location)
    }
}

/// Listens for a signal, from now on until the [`Signal`] is dropped.
///
/// # Errors
///
/// `InvalidInput` for signals that cannot be heard: those which the system keeps to
/// itself (`SIGKILL`, `SIGSTOP`), those of faults (`SIGSEGV`, `SIGBUS`, `SIGFPE`,
/// `SIGILL`), and numbers that are none. That no descriptor is left;
/// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
///
/// # Panics
///
/// When there is no reactor on this thread.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, process::Command, signal::{SignalKind, signal}};
/// # Reactor::builder().build()?.block_on(async {
///
/// let mut hangup = signal(SignalKind::hangup())?;
/// Command::new("sh").args(["-c", "kill -HUP $PPID"]).status().await?;
/// assert_eq!(hangup.recv().await, Some(()));
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "add_signal_handler")]
#[doc(alias = "open_signal_receiver")]
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    Ok(Signal { ear: Ear::here(kind, Location::caller())?, kind })
}

/// A listener for one signal, made by [`signal`]. Also a stream.
#[derive(Debug)]
#[must_use = "the signal does what it does by default when this is dropped"]
pub struct Signal {
    ear: Ear,
    kind: SignalKind,
}

impl Signal {
    /// What it listens for.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        self.kind
    }

    /// Waits until the signal has come since the last time. `None` after the end of
    /// the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A signal that came meanwhile is heard the next time.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::{Reactor, signal::{SignalKind, signal}, time::timeout};
    /// use std::time::Duration;
    /// # Reactor::builder().paused().build()?.block_on(async {
    ///
    /// let mut resized = signal(SignalKind::window_change())?;
    /// assert!(timeout(Duration::from_secs(1), resized.recv()).await.is_err());
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "next")]
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_> {
        Recv { signal: self, location: Location::caller() }
    }

    /// As [`recv`](Self::recv), by the name that streams have for it.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A signal that came meanwhile is heard the next time.
    #[expect(clippy::should_implement_trait, reason = "the name that streams have for it")]
    #[track_caller]
    pub fn next(&mut self) -> Recv<'_> {
        self.recv()
    }

    /// As [`recv`](Self::recv), for callers with a context.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        // The one error there is.
        self.ear.poll_hear(cx, Location::caller()).map(Result::ok)
    }
}

impl Stream for Signal {
    type Item = ();

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.get_mut().poll_recv(cx)
    }
}

/// The future of [`Signal::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a> {
    signal: &'a mut Signal,
    location: &'static Location<'static>,
}

impl Future for Recv<'_> {
    type Output = Option<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let location = self.location;
        self.signal.ear.poll_hear(cx, location).map(Result::ok)
    }
}
