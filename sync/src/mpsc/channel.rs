//! What is decided under the one lock of an mpsc channel.
//!
//! Each place of a channel is in one of three states, and their sum never
//! changes:
//!
//! ```text
//!     room ──────▶ promised ──────▶ message ──────▶ room
//!       ▲  granted    │     sent              received │
//!       ├─────────────┘ permit dropped                 │
//!       └──────────────────────────────────────────────┘
//! ```
//!
//! Whoever wants a place stands in the [`WaitQueue`] if there is too little room,
//! or somebody came first. Room that comes free goes to the one in front or to
//! nobody. The receiver's waker lies beside the messages and is taken out by the
//! one who makes it ready: so it is there only while the channel is empty and
//! open, or was polled and then looked at in another way.
//!
//! No value is dropped under the lock, and no waker is cloned, called or dropped.

use super::{
    closing::Closing,
    error::{TryRecvError, TrySendError},
};
use crate::{
    shim::{
        self,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    wait_queue::{Decision, Locked, Primitive, WaitQueue},
    wake_batch::drop_unneeded,
};
use std::{
    collections::VecDeque,
    fmt, mem,
    task::{Poll, Waker},
};

/// An empty queue keeps an allocation up to this size; one that was needed for a
/// burst is given back.
const BYTES_KEPT: usize = 64 * 1024;

/// The channel as all its handles share it.
pub(super) struct Channel<T> {
    queue: WaitQueue<State<T>, Request>,
    /// Where those stand who wait for the receiver to close.
    pub(super) closing: Closing,
    capacity: usize,
    /// How many handles may send.
    pub(super) senders: AtomicUsize,
    /// How many handles may become senders.
    pub(super) weak_senders: AtomicUsize,
}

pub(super) struct State<T> {
    messages: VecDeque<T>,
    /// Places that are neither filled nor promised.
    room: usize,
    capacity: usize,
    receiver: Option<Waker>,
    /// No place will be promised any more.
    closed: bool,
    /// No message will be looked at any more.
    receiver_gone: bool,
    senders_gone: bool,
}

/// What one who waits for room asks for, and what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Asks(usize),
    Gets(usize),
    /// The channel is closed, or could never hold so many.
    Refused,
}

/// Why no place is promised now.
enum Refusal {
    Full,
    Closed,
}

impl<T> State<T> {
    /// Places that have been promised to somebody and are not filled yet.
    fn promised(&self) -> usize {
        self.capacity - self.room - self.messages.len()
    }

    /// Whether no message can come any more.
    fn has_ended(&self) -> bool {
        self.messages.is_empty() && (self.senders_gone || (self.closed && self.promised() == 0))
    }

    /// The waker to be called if the receiver has something to see.
    fn ended(&mut self) -> Option<Waker> {
        match self.has_ended() {
            true => self.receiver.take(),
            false => None,
        }
    }

    /// Fills a place that was promised. Returns the waker to be called.
    fn fill(&mut self, message: T) -> Option<Waker> {
        debug_assert!(self.promised() > 0, "a message without a place");
        self.messages.push_back(message);
        self.receiver.take()
    }

    fn give_back_memory(&mut self) {
        if self.messages.is_empty() && BYTES_KEPT / size_of::<T>().max(1) < self.messages.capacity()
        {
            self.messages = VecDeque::new();
        }
    }
}

type Line<'a, T> = Locked<'a, State<T>, Request>;

/// Promises `wanted` places at once, or says why not.
fn promise<T>(line: &mut Line<'_, T>, wanted: usize) -> Result<(), Refusal> {
    let is_first = line.is_empty();
    let state = line.state();
    if state.closed || state.capacity < wanted {
        return Err(Refusal::Closed);
    }
    if wanted > 0 && !(is_first && wanted <= state.room) {
        return Err(Refusal::Full);
    }
    state.room -= wanted;
    Ok(())
}

/// Promises what room there is to those in front.
fn serve<T>(line: &mut Line<'_, T>) {
    loop {
        let room = line.state().room;
        let wanted = match line.front() {
            Some(request) => match *request {
                Request::Asks(wanted) if wanted <= room => {
                    *request = Request::Gets(wanted);
                    wanted
                }
                _ => return,
            },
            None => return,
        };
        line.state().room -= wanted;
        line.grant_front();
    }
}

/// Makes `count` places room again.
fn free<T>(line: &mut Line<'_, T>, count: usize) {
    line.state().room += count;
    if !line.is_empty() {
        serve(line);
    }
}

impl<T> Primitive for Channel<T> {
    type State = State<T>;
    type Grant = Request;

    fn queue(&self) -> &WaitQueue<State<T>, Request> {
        &self.queue
    }

    fn cancelled(&self, line: &mut Line<'_, T>) {
        serve(line);
    }

    fn pass_on(&self, grant: Request) {
        if let Request::Gets(count) = grant {
            self.give_back(count);
        }
    }
}

impl<T> Channel<T> {
    /// An empty channel with `capacity` places and one sender.
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            messages: VecDeque::new(),
            room: capacity,
            capacity,
            receiver: None,
            closed: false,
            receiver_gone: false,
            senders_gone: false,
        };
        Self {
            queue: WaitQueue::new(state),
            closing: Closing::new(),
            capacity,
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
        }
    }
}

/// Sending.
impl<T> Channel<T> {
    /// Asks for `wanted` places: for [`Waiter::poll_with`](crate::wait_queue::Waiter).
    pub(super) fn ask(line: &mut Line<'_, T>, wanted: usize) -> Decision<Request> {
        match promise(line, wanted) {
            Ok(()) => Decision::Pass(Request::Gets(wanted)),
            Err(Refusal::Closed) => Decision::Pass(Request::Refused),
            Err(Refusal::Full) => Decision::Wait(Request::Asks(wanted)),
        }
    }

    /// Promises `wanted` places at once.
    pub(super) fn try_promise(&self, wanted: usize) -> Result<(), TrySendError<()>> {
        match self.queue.with(|line| promise(line, wanted)) {
            Ok(()) => Ok(()),
            // Not closed: it could never hold so many.
            Err(Refusal::Closed) if self.capacity < wanted => Err(TrySendError::Full(())),
            Err(Refusal::Closed) => Err(TrySendError::Closed(())),
            Err(Refusal::Full) => Err(TrySendError::Full(())),
        }
    }

    /// Sends at once.
    #[inline]
    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let waker = self.queue.with(|line| match promise(line, 1) {
            Ok(()) => Ok(line.state().fill(message)),
            Err(Refusal::Full) => Err(TrySendError::Full(message)),
            Err(Refusal::Closed) => Err(TrySendError::Closed(message)),
        })?;
        wake(waker);
        Ok(())
    }

    /// Sends into a place that was promised.
    pub(super) fn send_promised(&self, message: T) {
        let sent = self.queue.with(|line| {
            let state = line.state();
            match state.receiver_gone {
                true => {
                    state.room += 1;
                    Err(message)
                }
                false => Ok(state.fill(message)),
            }
        });
        match sent {
            Ok(waker) => wake(waker),
            // Nobody will look at it.
            Err(message) => drop(message),
        }
    }

    /// Gives back places that were promised.
    pub(super) fn give_back(&self, count: usize) {
        if count == 0 {
            return;
        }
        wake(self.queue.with(|line| {
            free(line, count);
            line.state().ended()
        }));
    }

    /// The last sender is gone.
    pub(super) fn end_senders(&self) {
        wake(self.queue.with(|line| {
            line.state().senders_gone = true;
            line.state().ended()
        }));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.with(|line| line.state().closed)
    }

    pub(super) fn room(&self) -> usize {
        self.queue.with(|line| line.state().room)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn strong_count(&self) -> usize {
        // Relaxed: a statistic.
        self.senders.load(Relaxed)
    }

    pub(super) fn weak_count(&self) -> usize {
        // Relaxed: a statistic.
        self.weak_senders.load(Relaxed)
    }
}

/// Receiving.
impl<T> Channel<T> {
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.queue.with(|line| match take(line) {
            Some(message) => Ok(message),
            None if line.state().has_ended() => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        })
    }

    /// Takes something with `take`, or leaves `waker` for when there is something.
    /// `None`: there never will be.
    ///
    /// If the guess is that there is nothing, the waker is cloned first, which saves
    /// to take the lock twice.
    #[inline]
    pub(super) fn poll_take<R>(
        &self,
        waker: &Waker,
        guess: &mut Guess,
        mut take: impl FnMut(&mut Line<'_, T>) -> Option<R>,
    ) -> Poll<Option<R>> {
        // What is in here when we return is dropped outside the lock.
        let mut fresh = guess.nothing().then(|| waker.clone());
        loop {
            let step = self.queue.with(|line| match take(line) {
                Some(taken) => {
                    guess.found(line.state().messages.is_empty());
                    Step::Return(Poll::Ready(Some(taken)))
                }
                None => {
                    guess.found_nothing();
                    wait(line.state(), waker, &mut fresh)
                }
            });
            match step {
                Step::Return(poll) => {
                    // An old one, or one not needed. What was taken is not lost if
                    // its destructor panics.
                    drop_unneeded(fresh);
                    return poll;
                }
                Step::Clone => fresh = Some(waker.clone()),
            }
        }
    }

    /// Takes back the waker that [`poll_take`](Self::poll_take) left.
    pub(super) fn forget_waker(&self) {
        let waker = self.queue.with(|line| line.state().receiver.take());
        drop(waker);
    }

    /// Promises no more places.
    pub(super) fn close(&self) {
        // Whatever the wakers of those in line do.
        let _then = self.closing.close_later();
        self.queue.with(refuse_all);
    }

    /// The receiver is gone: drops what it has not received.
    pub(super) fn end_receiver(&self) {
        let _then = self.closing.close_later();
        let leftover = self.queue.with(|line| {
            refuse_all(line);
            let state = line.state();
            state.receiver_gone = true;
            state.room += state.messages.len();
            (mem::take(&mut state.messages), state.receiver.take())
        });
        drop(leftover);
    }

    pub(super) fn has_lost_senders(&self) -> bool {
        self.queue.with(|line| line.state().senders_gone)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.with(|line| line.state().messages.len())
    }
}

/// What a receiver will find, going by the last time.
///
/// Once it has taken all there was, either it comes back before the next message,
/// every time, or the messages come first, every time.
#[derive(Debug)]
pub(super) struct Guess {
    /// Whether all there was has been taken.
    emptied: bool,
    /// Whether the last time that was followed by a wait.
    waited: bool,
}

impl Guess {
    pub(super) fn new() -> Self {
        Self { emptied: true, waited: true }
    }

    pub(super) fn nothing(&self) -> bool {
        self.emptied && self.waited
    }

    pub(super) fn found(&mut self, all: bool) {
        self.waited &= !self.emptied;
        self.emptied = all;
    }

    pub(super) fn found_nothing(&mut self) {
        self.waited |= self.emptied;
        // Who waits is polled again when there is something.
        self.emptied = false;
    }
}

/// The next message.
pub(super) fn take<T>(line: &mut Line<'_, T>) -> Option<T> {
    let message = line.state().messages.pop_front()?;
    line.state().give_back_memory();
    free(line, 1);
    Some(message)
}

/// Up to `limit` messages, moved to the end of `buffer`. `None`: there are none.
pub(super) fn take_many<T>(
    line: &mut Line<'_, T>,
    buffer: &mut Vec<T>,
    limit: usize,
) -> Option<usize> {
    let messages = &mut line.state().messages;
    let count = limit.min(messages.len());
    if count == 0 {
        return None;
    }
    buffer.extend(messages.drain(..count));
    line.state().give_back_memory();
    free(line, count);
    Some(count)
}

fn refuse_all<T>(line: &mut Line<'_, T>) {
    line.state().closed = true;
    line.grant_all(|request| *request = Request::Refused);
}

/// What [`Channel::poll_take`] does next, outside the lock.
enum Step<R> {
    Return(Poll<Option<R>>),
    /// Clone the waker and come again.
    Clone,
}

/// There is nothing to take. Leaves in `fresh` what is to be dropped.
fn wait<T, R>(state: &mut State<T>, waker: &Waker, fresh: &mut Option<Waker>) -> Step<R> {
    if state.has_ended() {
        return Step::Return(Poll::Ready(None));
    }
    if !state.receiver.as_ref().is_some_and(|it| it.will_wake(waker)) {
        if fresh.is_none() {
            return Step::Clone;
        }
        mem::swap(&mut state.receiver, fresh);
    }
    Step::Return(Poll::Pending)
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        shim::assert_unlocked("a waker");
        waker.wake();
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, closed) =
            self.queue.with(|line| (line.state().messages.len(), line.state().closed));
        f.debug_struct("Channel")
            .field("len", &len)
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}
