//! A process that was started, until somebody has waited for it.
//!
//! Its number belongs to us until it is *reaped*; from then on the system may give it
//! to another process. Both reaping and sending signals happen under one small lock,
//! so a signal never goes to a stranger.
//!
//! That it ended is told by its pidfd, which becomes readable; on systems without,
//! by the signal `SIGCHLD`, after which everybody looks whether it was theirs. Every
//! runtime that waits for it has a [`Watch`] of its own.
//!
//! # Rejected
//!
//! * One watch, of the runtime that started it: a child may be waited for in another,
//!   when the first has gone or is not running.

use super::pidfd::{self, PidFd};
use crate::{
    context,
    readiness::{Interest, Ready},
    registry::{Registration, Registry},
    signal::{Ear, SignalKind},
    source::{Direction, Place},
};
use std::{
    io, mem,
    os::fd::AsFd,
    panic::Location,
    process::{self, ExitStatus},
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::{
    coop,
    shim::Lock,
    wait_site::{self, Kind},
};

#[derive(Debug)]
pub(super) struct Started {
    pid: u32,
    pidfd: Option<Arc<PidFd>>,
    state: Lock<State>,
    watches: Lock<Vec<Arc<Watch>>>,
}

#[derive(Debug)]
enum State {
    Unreaped(process::Child),
    Ended(ExitStatus),
    /// Somebody else has waited for it.
    Lost,
}

impl Started {
    /// Takes over a child, and watches it from `registry`.
    pub(super) fn new(
        child: process::Child,
        registry: &Arc<Registry>,
    ) -> Result<Self, (Self, io::Error)> {
        let pid = child.id();
        let mut started = Self {
            pid,
            pidfd: None,
            state: Lock::new(State::Unreaped(child)),
            watches: Lock::default(),
        };
        let watched = PidFd::open(pid).and_then(|pidfd| {
            started.pidfd = pidfd.map(Arc::new);
            started.watch_from(registry)
        });
        match watched {
            Ok(_) => Ok(started),
            Err(error) => Err((started, error)),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Its number, while that is its own.
    pub(super) fn own_pid(&self) -> Option<u32> {
        matches!(&*self.state.lock(), State::Unreaped(_)).then_some(self.pid)
    }

    /// How it ended, if it has. Reaps it.
    pub(super) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        let mut state = self.state.lock();
        let next = match &mut *state {
            State::Ended(status) => return Ok(Some(*status)),
            State::Lost => return Err(self.lost()),
            State::Unreaped(child) => match child.try_wait() {
                Ok(None) => return Ok(None),
                Ok(Some(status)) => State::Ended(status),
                Err(_) => State::Lost,
            },
        };
        let result = match &next {
            State::Ended(status) => Ok(Some(*status)),
            State::Unreaped(_) | State::Lost => Err(self.lost()),
        };
        let before = mem::replace(&mut *state, next);
        drop(state);
        // It may close descriptors.
        drop(before);
        result
    }

    fn lost(&self) -> io::Error {
        let message = format!("cannot wait for process {}: somebody else has", self.pid);
        io::Error::other(message)
    }

    /// Sends it a signal, unless it has been reaped.
    pub(super) fn signal(&self, kind: SignalKind) -> io::Result<()> {
        let state = self.state.lock();
        if !matches!(*state, State::Unreaped(_)) {
            return Ok(());
        }
        let sent = match &self.pidfd {
            Some(pidfd) => pidfd.signal(kind.as_raw()),
            None => pidfd::kill(self.pid, kind.as_raw()),
        };
        drop(state);
        match sent {
            // Somebody else has waited for it.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            Err(error) => {
                let message = format!("cannot send {kind} to process {}: {error}", self.pid);
                Err(io::Error::new(error.kind(), message))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Blocks the thread until it has ended.
    pub(super) fn wait_blocking(&self) {
        let state = mem::replace(&mut *self.state.lock(), State::Lost);
        if let State::Unreaped(mut child) = state {
            // Fails if somebody else has waited for it.
            let _ = child.wait();
        }
    }

    /// The watch of this thread's reactor; where there is none, any.
    pub(super) fn watch(&self, location: &'static Location<'static>) -> io::Result<Arc<Watch>> {
        if let Some(registry) = context::try_with_current(|reactor, _| reactor.registry().clone()) {
            return self.watch_from(&registry);
        }
        let first = self.watches.lock().first().cloned();
        match first {
            Some(watch) => Ok(watch),
            None => context::with_current_at(location, |_, _| unreachable!("there is none")),
        }
    }

    fn watch_from(&self, registry: &Arc<Registry>) -> io::Result<Arc<Watch>> {
        let mut watches = self.watches.lock();
        let is_its = |watch: &&Arc<Watch>| Arc::ptr_eq(watch.registration().registry(), registry);
        if let Some(watch) = watches.iter().find(is_its) {
            return Ok(watch.clone());
        }
        let watch = Arc::new(match &self.pidfd {
            Some(pidfd) => Watch::of_pidfd(pidfd, registry)?,
            None => Watch::Children(Ear::new(SignalKind::child(), registry)?),
        });
        watches.push(watch.clone());
        Ok(watch)
    }
}

/// What tells a runtime that a process may have ended.
#[derive(Debug)]
pub(super) enum Watch {
    /// The registration ends before the descriptor is closed.
    Pidfd { registration: Registration, _pidfd: Arc<PidFd> },
    /// Some child has ended.
    Children(Ear),
}

impl Watch {
    fn of_pidfd(pidfd: &Arc<PidFd>, registry: &Arc<Registry>) -> io::Result<Self> {
        let (fd, interest) = (pidfd.as_fd(), Interest::READABLE);
        let registration = Registration::new(registry, fd, interest, Ready::EMPTY)?;
        Ok(Self::Pidfd { registration, _pidfd: pidfd.clone() })
    }

    pub(super) fn registration(&self) -> &Registration {
        match self {
            Self::Pidfd { registration, .. } => registration,
            Self::Children(ear) => ear.registration(),
        }
    }

    /// Waits until the process may have ended: look, and if it has not, wait again.
    /// What happens after the look tells again.
    pub(super) fn poll(&self, place: Place<'_>, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let seen = ready!(self.registration().poll_place(place, cx))?;
        self.registration().clear(seen, Direction::Read.wanted());
        Poll::Ready(Ok(()))
    }
}

/// Somebody's wait for the end of a process: undone by drop.
#[derive(Debug, Default)]
pub(super) struct Waiting(Option<(Arc<Watch>, Option<usize>)>);

impl Waiting {
    pub(super) fn poll(
        &mut self,
        started: &Started,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<ExitStatus>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            // Whoever comes late needs no reactor.
            if let Some(status) = started.try_wait()? {
                progress.made();
                self.leave();
                return Poll::Ready(Ok(status));
            }
            let Some((watch, key)) = &mut self.0 else {
                // Then the look above is made again: what came before tells nothing.
                self.0 = Some((started.watch(location)?, None));
                continue;
            };
            let place = Place::Own { key, wanted: Direction::Read.wanted() };
            if watch.poll(place, cx)?.is_pending() {
                wait_site::waiting(Kind::Process, started.pid() as usize, location);
                return Poll::Pending;
            }
        }
    }

    fn leave(&mut self) {
        if let Some((watch, Some(key))) = self.0.take() {
            watch.registration().leave(key);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}
