//! One listener: its registration with a reactor, and what it has heard.

use super::{kind::SignalKind, line::Line};
use crate::{
    context,
    readiness::{Interest, Ready},
    registry::{Registration, Registry},
    source::{Direction, Place},
};
use std::{
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    panic::Location,
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::{
    coop,
    wait_site::{self, Kind},
};

#[derive(Debug)]
pub(crate) struct Ear {
    // The order matters: the registration ends before the descriptor is closed, and
    // the claim last.
    registration: Registration,
    _told_by: UnixStream,
    claim: Claim,
    /// The count at the last time it heard the signal.
    heard: usize,
}

/// The right to hear a signal.
#[derive(Debug)]
struct Claim {
    kind: SignalKind,
    line: &'static Line,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.line.leave(self.kind);
    }
}

impl Ear {
    /// Hears every signal from now on, with the reactor of this thread.
    pub(super) fn here(kind: SignalKind, location: &'static Location<'static>) -> io::Result<Self> {
        let registry = context::with_current_at(location, |reactor, _| reactor.registry().clone());
        Self::new(kind, &registry)
    }

    /// Hears every signal from now on.
    pub(crate) fn new(kind: SignalKind, registry: &Arc<Registry>) -> io::Result<Self> {
        let line = Line::of(kind)?;
        let heard = line.count();
        let told_by = line.join(kind).map_err(|cause| about(kind, &cause))?;
        let claim = Claim { kind, line };
        let (fd, interest) = (told_by.as_fd(), Interest::READABLE);
        let registration = Registration::new(registry, fd, interest, Ready::EMPTY)?;
        Ok(Self { registration, _told_by: told_by, claim, heard })
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Waits for the signal. However often it came since the last time, that is once.
    pub(crate) fn poll_hear(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            match self.registration.poll_place(Place::Slot(Direction::Read), cx) {
                // Cleared before the look at the count: what comes later tells again.
                Poll::Ready(seen) => self.registration.clear(seen?, Direction::Read.wanted()),
                Poll::Pending => {
                    let number = self.claim.kind.as_raw().unsigned_abs() as usize;
                    wait_site::waiting(Kind::Signal, number, location);
                    return Poll::Pending;
                }
            }
            let count = self.claim.line.count();
            if count != self.heard {
                self.heard = count;
                progress.made();
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cold]
fn about(kind: SignalKind, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("cannot listen for {kind}: {cause}"))
}
