//! Which source does an event belong to?
//!
//! Sources lie in a table. The kernel is given a [`Token`]: the index in the table
//! and the generation of that place. An event whose generation is not that of the
//! place was gathered before its source went away, and is dropped: it cannot wake
//! the next source, even if that has the same place and the same descriptor.
//!
//! ```text
//!   token   │ generation (upper half) │ index (lower half) │
//!   place   generation, source or none          free list of indices
//! ```
//!
//! The place is filled before the kernel hears of the descriptor, since an event
//! may come before the call returns, and is emptied before the kernel forgets it.
//!
//! # Synchronization edges
//!
//! | edge | released by            | acquired by              | what crosses           |
//! |------|------------------------|--------------------------|------------------------|
//! | K1   | lock in `fill`         | lock in `dispatch`       | the source             |
//! | K2   | lock in `fill`/`close` | lock in `close`/`fill`   | the source / the end   |
//!
//! K2 is why nobody waits for ever in a race with the end of the runtime: either
//! `close` finds the source in the table, or `fill` finds the table closed.
//!
//! # Rejected
//!
//! * A pointer as the token: mio may deliver an event after `deregister`, which
//!   was a use after free in a runtime that did so (RUSTSEC-2024-0019).
//! * Lookups without a lock: 10 ns saved of several microseconds per event.

use crate::{
    poller::{Poller, Token},
    readiness::{Interest, Ready, Snapshot},
    source::{Direction, Place, Source},
    wakers::Wakers,
};
use std::{
    error::Error,
    fmt, io,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    panic::Location,
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::{
    coop,
    shim::Lock,
    wait_site::{self, Kind},
};

/// Bits of a token that are the index.
const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;

/// The last index would make tokens that belong to the poller.
const SOURCES_MAX: usize = INDEX_MASK;

/// Generations start here: in debug builds the third wraps around.
const GENERATION_START: usize = if cfg!(debug_assertions) { INDEX_MASK - 1 } else { 0 };

/// The table of sources, and the poller that tells of their events.
#[derive(Debug)]
pub(crate) struct Registry {
    poller: Arc<dyn Poller>,
    table: Lock<Table>,
}

#[derive(Debug)]
struct Table {
    entries: Vec<Entry>,
    free: Vec<usize>,
    is_closed: bool,
}

#[derive(Debug)]
struct Entry {
    generation: usize,
    source: Option<Arc<Source>>,
}

impl Table {
    /// Gives `source` a place. `None`: there is none left.
    fn fill(&mut self, source: Arc<Source>) -> Option<Token> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.entries.len() == SOURCES_MAX => return None,
            None => {
                self.entries.push(Entry { generation: GENERATION_START, source: None });
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[index];
        debug_assert!(entry.source.is_none(), "place {index} was free");
        entry.source = Some(source);
        Some(Token(entry.generation << INDEX_BITS | index))
    }

    /// Empties the place of `token`; later events for it are out of date.
    fn empty(&mut self, token: Token) -> Option<Arc<Source>> {
        let index = token.0 & INDEX_MASK;
        let entry = self.entries.get_mut(index)?;
        if entry.generation != token.0 >> INDEX_BITS {
            return None;
        }
        let source = entry.source.take()?;
        entry.generation = (entry.generation + 1) & INDEX_MASK;
        self.free.push(index);
        Some(source)
    }

    fn find(&self, token: Token) -> Option<&Arc<Source>> {
        let entry = self.entries.get(token.0 & INDEX_MASK)?;
        match entry.generation == token.0 >> INDEX_BITS {
            true => entry.source.as_ref(),
            false => None,
        }
    }
}

impl Registry {
    pub(crate) fn new(poller: Arc<dyn Poller>) -> Self {
        let table = Table { entries: vec![], free: vec![], is_closed: false };
        Self { poller, table: Lock::new(table) }
    }

    /// An event came: gathers those who waited for it. One out of date is
    /// dropped. Returns whether it belonged to somebody.
    pub(crate) fn dispatch(&self, token: Token, ready: Ready, wakers: &mut Wakers) -> bool {
        // K1: the source was put here before the kernel heard of its token.
        match self.table.lock().find(token) {
            Some(source) => {
                source.deliver(ready, wakers);
                true
            }
            None => false,
        }
    }

    /// The runtime ends: every source, and every later one, fails.
    pub(crate) fn close(&self, wakers: &mut Wakers) {
        let sources: Vec<_> = {
            let mut table = self.table.lock();
            // K2: who comes later finds this; who came before is found here.
            table.is_closed = true;
            table.entries.iter().filter_map(|entry| entry.source.clone()).collect()
        };
        for source in sources {
            source.shut_down(wakers);
        }
    }

    /// How many sources there are.
    pub(crate) fn sources_count(&self) -> usize {
        let table = self.table.lock();
        table.entries.len() - table.free.len()
    }

    fn fill(&self, source: &Arc<Source>) -> io::Result<Token> {
        let mut table = self.table.lock();
        // K2: see `close`.
        if table.is_closed {
            return Err(shutting_down());
        }
        // K1: published before `register` makes events for it.
        table
            .fill(source.clone())
            .ok_or_else(|| io::Error::new(io::ErrorKind::OutOfMemory, "too many sources of events"))
    }

    fn empty(&self, token: Token) {
        let source = self.table.lock().empty(token);
        // With the lock free again: it may hold wakers.
        drop(source);
    }
}

/// A descriptor's stay with a reactor: its source, its place in the table and the
/// kernel's subscription, given up on drop.
///
/// To be dropped before the descriptor is closed.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    source: Arc<Source>,
    token: Token,
    fd: RawFd,
}

impl Registration {
    /// Registers `fd`, which starts out `ready` as far as anybody knows. A
    /// registration that fails leaves nothing behind.
    pub(crate) fn new(
        registry: &Arc<Registry>,
        fd: BorrowedFd<'_>,
        interest: Interest,
        ready: Ready,
    ) -> io::Result<Self> {
        let source = Arc::new(Source::new(ready));
        let token = registry.fill(&source)?;
        let fd = fd.as_raw_fd();
        if let Err(error) = registry.poller.register(fd, token, interest) {
            registry.empty(token);
            return Err(error);
        }
        Ok(Self { registry: registry.clone(), source, token, fd })
    }

    /// Where a socket that comes out of this one registers.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Calls `operation` when the source looks ready and as long as it meets
    /// `WouldBlock`; leaves the waker in the slot of `direction` otherwise.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            let seen = ready!(self.poll_seen(Place::Slot(direction), cx, location))?;
            if let Some(result) = self.attempt(seen, direction.wanted(), &mut operation) {
                progress.made();
                return Poll::Ready(result);
            }
        }
    }

    /// As [`poll_io`](Self::poll_io), for operations that move bytes: one that
    /// moves fewer than `wanted` has emptied or filled the kernel's buffer, so
    /// the next waits without asking the kernel first.
    pub(crate) fn poll_transfer(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
        wanted: usize,
        mut operation: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            let seen = ready!(self.poll_seen(Place::Slot(direction), cx, location))?;
            if let Some(result) = self.attempt(seen, direction.wanted(), &mut operation) {
                if matches!(result, Ok(moved) if 0 < moved && moved < wanted) {
                    self.source.drain(seen, direction.wanted());
                }
                progress.made();
                return Poll::Ready(result);
            }
        }
    }

    /// Waits in the slot of `direction` until the source looks ready.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<Snapshot>> {
        let progress = ready!(coop::poll_proceed(cx));
        let seen = ready!(self.poll_seen(Place::Slot(direction), cx, location));
        progress.made();
        Poll::Ready(seen)
    }

    /// Calls `operation` if the source looks ready for anything in `wanted`.
    /// Leaves registered wakers alone.
    pub(crate) fn try_io<R>(
        &self,
        wanted: Ready,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let seen = self.source.read();
        if seen.is_shut_down() {
            return Err(shutting_down());
        }
        if !seen.ready().intersects(wanted) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = operation();
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.source.clear(seen, wanted);
        }
        result
    }

    /// What was seen was not so.
    pub(crate) fn clear(&self, seen: Snapshot, cleared: Ready) {
        self.source.clear(seen, cleared);
    }

    /// What was seen is used up.
    pub(crate) fn drain(&self, seen: Snapshot, drained: Ready) {
        self.source.drain(seen, drained);
    }

    /// The snapshot to go by, or `Pending` with the waker left at `place`. Spends no
    /// budget and says nothing of the wait: for those who wait for something that a
    /// descriptor only tells of.
    pub(crate) fn poll_place(
        &self,
        place: Place<'_>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<Snapshot>> {
        match self.source.wait(place, cx) {
            Some(seen) if seen.is_shut_down() => Poll::Ready(Err(shutting_down())),
            Some(seen) => Poll::Ready(Ok(seen)),
            None => Poll::Pending,
        }
    }

    /// Gives up the place under `key`.
    pub(crate) fn leave(&self, key: usize) {
        self.source.leave(key);
    }

    /// As [`poll_place`](Self::poll_place), and says who waits for what.
    fn poll_seen(
        &self,
        place: Place<'_>,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<Snapshot>> {
        let kind = match &place {
            Place::Slot(Direction::Write) => Kind::Writable,
            Place::Own { wanted, .. } if !wanted.intersects(Direction::Read.wanted()) => {
                Kind::Writable
            }
            Place::Slot(Direction::Read) | Place::Own { .. } => Kind::Readable,
        };
        let poll = self.poll_place(place, cx);
        if poll.is_pending() {
            wait_site::waiting(kind, Arc::as_ptr(&self.source).addr(), location);
        }
        poll
    }

    /// `None`: not ready after all, look again.
    fn attempt<R>(
        &self,
        seen: Snapshot,
        wanted: Ready,
        operation: &mut impl FnMut() -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.clear(seen, wanted);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            result => Some(result),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.empty(self.token);
        // Fails if somebody has closed the descriptor behind our back; then the
        // kernel has ended the subscription already.
        let _ = self.registry.poller.deregister(self.fd);
    }
}

/// A wait for readiness with a place of its own, so that any number of tasks can
/// wait for one source. Undone by drop.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    registration: &'a Registration,
    wanted: Ready,
    key: Option<usize>,
    location: &'static Location<'static>,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(
        registration: &'a Registration,
        interest: Interest,
        location: &'static Location<'static>,
    ) -> Self {
        Self { registration, wanted: interest.wanted(), key: None, location }
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    pub(crate) fn wanted(&self) -> Ready {
        self.wanted
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Snapshot>> {
        let progress = ready!(coop::poll_proceed(cx));
        let place = Place::Own { key: &mut self.key, wanted: self.wanted };
        let seen = ready!(self.registration.poll_seen(place, cx, self.location));
        progress.made();
        self.leave();
        Poll::Ready(seen)
    }

    /// Waits, then calls `operation`, until it no longer meets `WouldBlock`.
    pub(crate) fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            let place = Place::Own { key: &mut self.key, wanted: self.wanted };
            let seen = ready!(self.registration.poll_seen(place, cx, self.location))?;
            if let Some(result) = self.registration.attempt(seen, self.wanted, &mut operation) {
                progress.made();
                self.leave();
                return Poll::Ready(result);
            }
        }
    }

    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            self.registration.leave(key);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The runtime of a socket or timer has ended, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShuttingDown;

impl fmt::Display for ShuttingDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime is shutting down")
    }
}

impl Error for ShuttingDown {}

impl ShuttingDown {
    /// Whether `error` came from the end of the runtime: its kind is
    /// [`Other`](io::ErrorKind::Other) and it wraps this type.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::{AsyncFd, Reactor, ShuttingDown};
    /// use std::os::unix::net::UnixStream;
    /// use sync::driver::Driver;
    ///
    /// let reactor = Reactor::builder().build()?;
    /// let _here = reactor.enter();
    /// reactor.close();
    /// let error = AsyncFd::new(UnixStream::pair()?.0).unwrap_err();
    /// assert!(ShuttingDown::is_cause_of(&error));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

#[cold]
fn shutting_down() -> io::Error {
    io::Error::other(ShuttingDown)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
