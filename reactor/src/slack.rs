//! Threads that sleep on a parker want to wake when they asked to.
//!
//! The kernel lets a sleep overshoot by the thread's *timer slack*, 50 µs unless
//! told otherwise. A thread on a seat asks for the least; when it leaves its last
//! seat it gets back what it had, since it may be the user's.
//!
//! A thread that is started by one with little slack inherits it: it wakes as
//! precisely, and costs the kernel a chance to batch.

use std::cell::Cell;

sync::thread_local! {
    /// How many seats this thread sits on, and the slack it had before the first.
    static BEFORE: Cell<(u32, Option<Slack>)> = const { Cell::new((0, None)) };
}

/// The thread sits down.
pub(crate) fn minimize() {
    let _ = BEFORE.try_with(|before| match before.get() {
        (0, _) => before.set((1, Slack::replace(Slack::LEAST))),
        (seats, slack) => before.set((seats.saturating_add(1), slack)),
    });
}

/// The thread gets up.
pub(crate) fn restore() {
    let _ = BEFORE.try_with(|before| match before.get() {
        (1, slack) => {
            before.set((0, None));
            slack.and_then(Slack::replace);
        }
        (seats, slack) => before.set((seats.saturating_sub(1), slack)),
    });
}

/// A slack in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slack(libc::c_ulong);

impl Slack {
    /// Zero would mean "the default".
    const LEAST: Self = Self(1);

    /// Sets the slack of this thread and returns the one before. `None`: the
    /// system has no such thing, or does not let us.
    #[cfg(target_os = "linux")]
    fn replace(self) -> Option<Self> {
        // SAFETY: the call reads and writes no memory of ours.
        let before = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
        let before = libc::c_ulong::try_from(before).ok()?;
        // SAFETY: as above; the one argument is a number of the type it takes.
        let result = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, self.0) };
        (result == 0).then_some(Self(before))
    }

    #[cfg(not(target_os = "linux"))]
    fn replace(self) -> Option<Self> {
        None
    }
}

#[cfg(all(test, not(any(loom, shuttle)), target_os = "linux"))]
mod tests {
    use super::*;

    fn slack() -> Slack {
        let read = Slack::LEAST.replace().unwrap();
        read.replace();
        read
    }

    #[test]
    fn the_thread_gets_back_what_it_had() {
        Slack(12_345).replace();
        minimize();
        minimize();
        restore();
        assert_eq!(slack(), Slack::LEAST);
        restore();
        assert_eq!(slack(), Slack(12_345));
    }
}
