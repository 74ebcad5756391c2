//! Wakers gathered under a lock, to be woken outside it.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    task::Waker,
};
use sync::shim;

/// Wakers in the order in which they were gathered.
#[derive(Debug, Default)]
#[must_use = "those who wait are still asleep"]
pub(crate) struct Wakers(Vec<Waker>);

impl Wakers {
    /// None yet: allocates nothing.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a waker that was taken from its place.
    pub(crate) fn extend(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    /// The list itself, for [`Timers::fire`](crate::timer::Timers::fire).
    pub(crate) fn as_mut_vec(&mut self) -> &mut Vec<Waker> {
        &mut self.0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Wakes everybody. One that panics keeps nobody else asleep: the first panic
    /// goes on when all are woken.
    pub(crate) fn wake(mut self) {
        if let Some(payload) = self.wake_each() {
            panic::resume_unwind(payload);
        }
    }

    fn wake_each(&mut self) -> Option<Box<dyn Any + Send>> {
        if self.0.is_empty() {
            return None;
        }
        shim::assert_unlocked("a waker");
        let mut first = None;
        for waker in self.0.drain(..) {
            // A waker is opaque to us, and we touch nothing it may have broken.
            if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                match first {
                    None => first = Some(payload),
                    Some(_) => discard(payload),
                }
            }
        }
        first
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        // Gathered, then forgotten in an unwind: nobody stays asleep for that.
        if let Some(payload) = self.wake_each() {
            discard(payload);
        }
    }
}

/// Drops what a waker panicked with, whose destructor is the user's too.
#[cold]
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A destructor that panics with something whose destructor panics: to
        // leak is the only end of this.
        std::mem::forget(second);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, Mutex},
        task::Wake,
    };

    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("hostile");
        }
    }

    #[derive(Default)]
    struct Flag(Mutex<bool>);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = true;
        }
    }

    #[test]
    fn a_panicking_waker_keeps_nobody_asleep() {
        let flag = Arc::new(Flag::default());
        let mut wakers = Wakers::new();
        wakers.extend(Some(Arc::new(Panics).into()));
        wakers.extend(Some(flag.clone().into()));
        assert!(panic::catch_unwind(AssertUnwindSafe(|| wakers.wake())).is_err());
        assert!(*flag.0.lock().unwrap());
    }
}
