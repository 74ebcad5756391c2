//! One element of a pinned slice.

use std::pin::Pin;

/// The element at `index`, pinned as the slice is.
pub(super) fn element<T>(slice: Pin<&mut [T]>, index: usize) -> Pin<&mut T> {
    // SAFETY: an element of a slice is stored inside it, so it stays where it is for
    // as long as the slice does; what is returned is pinned again; and nothing in
    // this module moves out of the slice or gives `&mut T` away.
    unsafe { slice.map_unchecked_mut(|slice| &mut slice[index]) }
}
