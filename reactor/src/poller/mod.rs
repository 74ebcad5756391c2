//! Where does a thread sleep until the outside world has something to say?
//!
//! [`Poller`] is the one door to the operating system's readiness queue. Two
//! implementations, chosen when the reactor is built: [`system`], over mio, and
//! [`scripted`], whose events a test or a simulation makes up.

pub(crate) mod scripted;
pub(crate) mod system;
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "timerfd: std and mio have no door to it")]
mod timerfd;

use crate::readiness::{Interest, Ready};
use std::{
    fmt, io,
    os::fd::{BorrowedFd, RawFd},
    time::Duration,
};

/// A registration's name: an index and a generation, see
/// [`registry`](crate::registry). Never a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token(pub(crate) usize);

impl Token {
    /// The first of the tokens which belong to the pollers themselves.
    const RESERVED: usize = usize::MAX - 1;
    /// Ends a sleep.
    const WAKE: Self = Self(usize::MAX);
    /// The kernel's timer.
    const TIMER: Self = Self(usize::MAX - 1);

    fn is_reserved(self) -> bool {
        Self::RESERVED <= self.0
    }
}

/// How long a turn may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    /// Not at all.
    No,
    /// About so long; perhaps shorter, never more than a little longer.
    For(Duration),
    /// Until something happens.
    Forever,
}

/// A queue of readiness events in which one thread at a time may sleep.
pub(crate) trait Poller: Send + Sync + fmt::Debug {
    /// From now on events of `fd` are delivered under `token`: edges, each saying
    /// all that the source is ready for. What is ready already counts as an edge.
    fn register(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()>;

    /// No event of `fd` is gathered any more; one gathered before may still be
    /// delivered.
    fn deregister(&self, fd: RawFd) -> io::Result<()>;

    /// Ends the current or the next sleep. From any thread.
    fn wake(&self);

    /// What becomes readable with the next event, if anything does.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Hands at most `max` events to `deliver`, after sleeping for the first of
    /// them as long as `sleep` allows. Returns their number; may find none.
    ///
    /// With [`Nap::No`] it does nothing while another thread is inside.
    /// `may_sleep` is asked when no other thread is inside any more, which might
    /// have taken a wake that was meant for this one: if not, it only looks.
    /// `deliver` runs under a lock of the poller, so it must not call user code.
    fn turn(
        &self,
        sleep: Nap,
        may_sleep: &dyn Fn() -> bool,
        max: usize,
        deliver: &mut dyn FnMut(Token, Ready),
    ) -> io::Result<usize>;
}
