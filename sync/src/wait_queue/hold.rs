//! How does a waiter keep alive what it waits for?
//!
//! Rule 5 of the [parent module](super) rests on this file.

use super::primitive::Primitive;
use std::sync::Arc;

/// A way to hold on to a [`Primitive`] while waiting: a reference, or an `Arc`.
///
/// # Safety
///
/// Until it is dropped, however often it is moved, [`target`](Self::target) gives
/// the same object, shared and in the same place.
pub unsafe trait Hold {
    /// What is held.
    type Target: ?Sized;

    /// What is held.
    fn target(&self) -> &Self::Target;
}

// SAFETY: a reference points to one object, shared and in its place for 'a.
unsafe impl<P: ?Sized> Hold for &P {
    type Target = P;

    #[inline]
    fn target(&self) -> &P {
        self
    }
}

// SAFETY: an `Arc` keeps one object alive in one place; `Arc::get_mut` fails for
// others while this one is there, and we give nobody access to it.
unsafe impl<P: ?Sized> Hold for Arc<P> {
    type Target = P;

    #[inline]
    fn target(&self) -> &P {
        self
    }
}

/// Something public with a primitive inside, whose line stays private.
pub(crate) trait Hides {
    type Primitive: Primitive;

    fn primitive(&self) -> &Self::Primitive;
}

/// Holds the primitive inside a shared `T`.
#[derive(Debug)]
pub(crate) struct OwnerOf<T>(pub(crate) Arc<T>);

// SAFETY: as for `Arc`. `Hides` is ours: each implementation returns a field.
unsafe impl<T: Hides> Hold for OwnerOf<T> {
    type Target = T::Primitive;

    #[inline]
    fn target(&self) -> &T::Primitive {
        self.0.primitive()
    }
}
