//! What does a queue ask of the thing one waits for?

use super::line::{Locked, WaitQueue};

/// Something tasks wait for: it owns a [`WaitQueue`] and decides who is granted.
///
/// What it needs for that it does in [`WaitQueue::with`] and in the closure given
/// to [`Waiter::poll_with`](super::Waiter::poll_with). The two methods below are called for waiters who give
/// up.
pub trait Primitive {
    /// What the lock protects besides the line.
    type State;

    /// What a waiter asks for and gets: small, and sent to the granting thread.
    type Grant;

    /// The line in which to wait.
    fn queue(&self) -> &WaitQueue<Self::State, Self::Grant>;

    /// A waiter has left the line without a grant; the lock is held. If it stood in
    /// the way of others, grant them now.
    fn cancelled(&self, line: &mut Locked<'_, Self::State, Self::Grant>) {
        let _ = line;
    }

    /// A waiter ended with a grant it had not seen: take it back or pass it on. No
    /// lock is held.
    fn pass_on(&self, grant: Self::Grant);
}

/// What a [`Primitive`] decides about a newcomer, under the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<G> {
    /// It need not wait; here is what it gets.
    Pass(G),
    /// It goes to the end of the line; this is what it asks for.
    Wait(G),
}
