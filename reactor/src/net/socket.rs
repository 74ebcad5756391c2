//! A non-blocking socket and its registration: what all sockets share.

use crate::{
    context,
    readiness::{Interest, Ready, Snapshot},
    registry::{Registration, Registry, Wait},
    source::Direction,
};
use std::{
    future::Future,
    io,
    os::fd::AsFd,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

#[derive(Debug)]
pub(super) struct Socket<T> {
    // The order matters: the registration ends before the socket is closed.
    registration: Registration,
    io: T,
}

impl<T: AsFd> Socket<T> {
    /// Registers `io`, which must not block, with the reactor of this thread. As
    /// far as anybody knows it is `ready`; to be wrong costs one system call.
    pub(super) fn new(
        io: T,
        ready: Ready,
        location: &'static Location<'static>,
    ) -> io::Result<Self> {
        let registry = context::with_current_at(location, |reactor, _| reactor.registry().clone());
        Self::in_registry(&registry, io, ready)
    }

    pub(super) fn in_registry(registry: &Arc<Registry>, io: T, ready: Ready) -> io::Result<Self> {
        let registration = Registration::new(registry, io.as_fd(), Interest::BOTH, ready)?;
        Ok(Self { registration, io })
    }

    pub(super) fn registry(&self) -> &Arc<Registry> {
        self.registration.registry()
    }
}

impl<T> Socket<T> {
    pub(super) fn io(&self) -> &T {
        &self.io
    }

    /// Ends the registration and gives the std socket back.
    pub(super) fn into_io(self) -> T {
        let Self { registration, io } = self;
        drop(registration);
        io
    }

    /// See [`Registration::poll_io`].
    pub(super) fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(direction, cx, location, || operation(&self.io))
    }

    /// See [`Registration::poll_transfer`].
    pub(super) fn poll_transfer(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
        wanted: usize,
        mut operation: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_transfer(direction, cx, location, wanted, || operation(&self.io))
    }

    pub(super) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        self.registration.poll_ready(direction, cx, location).map_ok(|_: Snapshot| ())
    }

    pub(super) fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest.wanted(), || operation(&self.io))
    }

    pub(super) fn wait(
        &self,
        interest: Interest,
        location: &'static Location<'static>,
    ) -> Wait<'_> {
        Wait::new(&self.registration, interest, location)
    }

    pub(super) fn ready(
        &self,
        interest: Interest,
        location: &'static Location<'static>,
    ) -> WaitReady<'_> {
        WaitReady { wait: self.wait(interest, location) }
    }
}

/// The future of `readable`, `writable` and `ready` of all sockets: what the
/// socket looks ready for.
///
/// # Cancel safety
///
/// **Strict.** Readiness is not used up by waiting for it.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WaitReady<'a> {
    wait: Wait<'a>,
}

impl Future for WaitReady<'_> {
    type Output = io::Result<Ready>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let seen = ready!(self.wait.poll(cx))?;
        Poll::Ready(Ok(seen.ready()))
    }
}
