//! A readiness queue whose events a test makes up, and whose sleeps it watches.

use super::{Nap, Poller, Token};
use crate::readiness::{Interest, Ready};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    os::fd::{BorrowedFd, RawFd},
    sync::Arc,
};
use sync::shim::{Condvar, Lock};

/// The script of a reactor that was built with
/// [`Config::scripted`](crate::Config::scripted): a cheap handle.
///
/// Nothing of the operating system takes part: descriptors are only numbers, and
/// they become ready when [`inject`](Self::inject) says so. Sleeps are real (they
/// end by an event, a wake or the timeout) unless the clock is paused.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{AsyncFd, Reactor, Ready, Scripted};
/// use futures::FutureExt;
/// use std::os::{fd::AsRawFd, unix::net::UnixStream};
/// use sync::driver::{Driver, Seat};
///
/// let script = Scripted::new();
/// let reactor = Reactor::builder().seats(1).scripted(&script).build()?;
/// let _here = reactor.enter();
///
/// let (mine, _theirs) = UnixStream::pair()?;
/// let fd = AsyncFd::new(mine)?;
/// assert!(fd.readable().now_or_never().is_none());
/// script.inject(fd.as_raw_fd(), Ready::READABLE);
/// assert_eq!(reactor.poll(Seat(0), 8), 1);
/// assert!(fd.readable().now_or_never().is_some());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    script: Arc<Script>,
}

#[derive(Debug, Default)]
struct Script {
    state: Lock<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    registered: BTreeMap<RawFd, (Token, Interest)>,
    events: VecDeque<(Token, Ready)>,
    sleeps: Vec<Nap>,
    is_woken: bool,
    is_occupied: bool,
    fault: Option<io::ErrorKind>,
}

impl Scripted {
    /// An empty script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `fd` becomes ready. Does nothing if it is not registered.
    pub fn inject(&self, fd: RawFd, ready: Ready) {
        let mut state = self.script.state.lock();
        if let Some((token, _)) = state.registered.get(&fd) {
            let token = *token;
            state.events.push_back((token, ready));
        }
        drop(state);
        self.script.changed.notify_all();
    }

    /// The sleeps asked for since the last call.
    #[must_use]
    pub fn take_sleeps(&self) -> Vec<Nap> {
        std::mem::take(&mut self.script.state.lock().sleeps)
    }

    /// The descriptors that are registered now, in order.
    #[must_use]
    pub fn registered(&self) -> Vec<RawFd> {
        self.script.state.lock().registered.keys().copied().collect()
    }

    /// Lets the next registration fail.
    pub fn fail_registration(&self, kind: io::ErrorKind) {
        self.script.state.lock().fault = Some(kind);
    }

    /// Puts an event into the queue under any token, also one out of date.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn inject_token(&self, token: Token, ready: Ready) {
        self.script.state.lock().events.push_back((token, ready));
        self.script.changed.notify_all();
    }

    /// The token of a registered descriptor.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn token(&self, fd: RawFd) -> Option<Token> {
        self.script.state.lock().registered.get(&fd).map(|(token, _)| *token)
    }

    fn sleep_for_event(&self, sleep: Nap) {
        let mut state = self.script.state.lock();
        state.sleeps.push(sleep);
        match sleep {
            Nap::No => {}
            // Once, as a wake-up for no reason is allowed to every sleep.
            Nap::For(left) if state.is_quiet() => {
                drop(self.script.changed.wait_timeout(state, left));
            }
            Nap::For(_) => {}
            Nap::Forever => {
                while state.is_quiet() {
                    state = self.script.changed.wait(state);
                }
            }
        }
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.events.is_empty() && !self.is_woken
    }
}

impl Poller for Scripted {
    fn register(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        let mut state = self.script.state.lock();
        if let Some(kind) = state.fault.take() {
            return Err(io::Error::new(kind, "registration failed (injected)"));
        }
        if state.registered.contains_key(&fd) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.registered.insert(fd, (token, interest));
        Ok(())
    }

    fn deregister(&self, fd: RawFd) -> io::Result<()> {
        match self.script.state.lock().registered.remove(&fd) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn wake(&self) {
        self.script.state.lock().is_woken = true;
        self.script.changed.notify_all();
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn turn(
        &self,
        sleep: Nap,
        may_sleep: &dyn Fn() -> bool,
        max: usize,
        deliver: &mut dyn FnMut(Token, Ready),
    ) -> io::Result<usize> {
        let sleep = if may_sleep() { sleep } else { Nap::No };
        if sleep == Nap::No && self.script.state.lock().is_occupied {
            return Ok(0);
        }
        if sleep != Nap::No {
            self.script.state.lock().is_occupied = true;
            self.sleep_for_event(sleep);
        }
        let mut state = self.script.state.lock();
        if sleep != Nap::No {
            state.is_occupied = false;
            state.is_woken = false;
        }
        let count = state.events.len().min(max.max(1));
        for (token, ready) in state.events.drain(..count) {
            deliver(token, ready);
        }
        Ok(count)
    }
}
