//! Who stands in line, without allocating for it?
//!
//! A doubly linked list whose nodes lie in the futures that wait. The list owns
//! nothing: it is two pointers, and the nodes point at one another.
//!
//! ```text
//!     head ──▶ node ⇄ node ⇄ node ◀── tail
//! ```
//!
//! # Who may touch what
//!
//! 1. A [`Node`] that is in a list stays where it is, alive, until it has been
//!    taken out. (Futures are pinned, and their destructors take the node out.)
//! 2. The links of the nodes of a list are touched only by who holds `&mut` to
//!    that list: in practice, by who holds the lock around it.
//! 3. A node is in one list at most.
//!
//! Rules 1 and 3 are obligations of [`List::push_back`], 2 follows from the
//! signatures; [`Linked`] is the pointer that carries them.
//!
//! # Rejected
//!
//! * Nodes in a slab under the lock: an allocation that grows with the waiters,
//!   and a generation check per access.
//! * A ring with a sentinel: the list could not be moved nor made in a `const`.

use crate::shim::cell::UnsafeCell;
use std::{fmt, marker::PhantomPinned, ptr::NonNull};

/// A place in a list, with what its owner keeps there.
pub(crate) struct Node<T> {
    links: UnsafeCell<Links<T>>,
    pub(crate) item: T,
    /// Others point here: an exclusive reference to a node is not exclusive.
    _pinned: PhantomPinned,
}

struct Links<T> {
    prev: Option<Linked<T>>,
    next: Option<Linked<T>>,
}

// SAFETY: the links are touched by rule 2 only, that is by whichever thread holds
// the list exclusively; a node sent elsewhere takes nothing along but its item.
unsafe impl<T: Send> Send for Node<T> {}
// SAFETY: as above; a shared node gives access to nothing but its item.
unsafe impl<T: Sync> Sync for Node<T> {}

impl<T> Node<T> {
    crate::const_fn! {
        /// A node in no list.
        pub(crate) const fn new(item: T) -> Self {
            let links = UnsafeCell::new(Links { prev: None, next: None });
            Self { links, item, _pinned: PhantomPinned }
        }
    }
}

/// A node that is in a list: rules 1 to 3 hold for it.
pub(crate) struct Linked<T>(NonNull<Node<T>>);

impl<T> Clone for Linked<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Linked<T> {}

impl<T> PartialEq for Linked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Linked<T> {
    fn node(&self) -> &Node<T> {
        // SAFETY: rule 1; and nobody has an exclusive reference, since all that
        // the list changes lies in cells.
        unsafe { self.0.as_ref() }
    }

    fn links(&self) -> Links<T> {
        // SAFETY: rule 2: only `List` calls this, and holds itself exclusively or
        // is itself shared, so that nobody writes.
        self.node().links.with(|links| unsafe { Links { ..*links } })
    }

    fn set_prev(self, prev: Option<Self>) {
        // SAFETY: rule 2: only `List` calls this, with itself held exclusively.
        self.node().links.with_mut(|links| unsafe { (*links).prev = prev });
    }

    fn set_next(self, next: Option<Self>) {
        // SAFETY: rule 2: only `List` calls this, with itself held exclusively.
        self.node().links.with_mut(|links| unsafe { (*links).next = next });
    }
}

impl<T> Clone for Links<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Links<T> {}

/// Nodes in the order of their coming.
pub(crate) struct List<T> {
    head: Option<Linked<T>>,
    tail: Option<Linked<T>>,
}

// SAFETY: a list gives access to the items of its nodes and to nothing else, so
// to send it is to send references to them.
unsafe impl<T: Sync> Send for List<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for List<T> {}

impl<T> List<T> {
    /// Nobody.
    pub(crate) const fn new() -> Self {
        Self { head: None, tail: None }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The item of the one who came first.
    pub(crate) fn front(&self) -> Option<&T> {
        self.head.as_ref().map(|it| &it.node().item)
    }

    /// The item of the one who came last.
    pub(crate) fn back(&self) -> Option<&T> {
        self.tail.as_ref().map(|it| &it.node().item)
    }

    /// Puts `node` behind all others.
    ///
    /// # Safety
    ///
    /// 1. `node` is alive and does not move until it is out of this list again.
    /// 2. `node` is in no list.
    pub(crate) unsafe fn push_back(&mut self, node: NonNull<Node<T>>) {
        let node = Linked(node);
        node.set_prev(self.tail);
        node.set_next(None);
        match self.tail {
            None => self.head = Some(node),
            Some(tail) => tail.set_next(Some(node)),
        }
        self.tail = Some(node);
    }

    /// Takes out the one who came first.
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<Node<T>>> {
        self.head.map(|node| self.unlink(node))
    }

    /// Takes out the one who came last.
    pub(crate) fn pop_back(&mut self) -> Option<NonNull<Node<T>>> {
        self.tail.map(|node| self.unlink(node))
    }

    /// Takes `node` out, wherever it stands.
    ///
    /// # Safety
    ///
    /// `node` is in this list.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<Node<T>>) {
        self.unlink(Linked(node));
    }

    fn unlink(&mut self, node: Linked<T>) -> NonNull<Node<T>> {
        let Links { prev, next } = node.links();
        match prev {
            None => {
                debug_assert!(self.head == Some(node), "a node without a predecessor is the head");
                self.head = next;
            }
            Some(prev) => prev.set_next(next),
        }
        match next {
            None => {
                debug_assert!(self.tail == Some(node), "a node without a successor is the tail");
                self.tail = prev;
            }
            Some(next) => next.set_prev(prev),
        }
        node.0
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn item(node: NonNull<Node<usize>>) -> usize {
        // SAFETY: the tests keep all nodes in a slice which outlives the list.
        unsafe { node.as_ref() }.item
    }

    proptest! {
        #[test]
        fn it_is_a_deque_from_whose_middle_one_can_leave(
            steps in prop::collection::vec((0..4_u8, 0..8_usize), 0..64)
        ) {
            let nodes: Vec<_> = (0..8).map(Node::new).collect();
            let mut list = List::new();
            let mut reference = VecDeque::new();
            for (what, which) in steps {
                match what {
                    0 if !reference.contains(&which) => {
                        // SAFETY: 1: `nodes` outlives `list`. 2: the reference says
                        // that it is not in the list.
                        unsafe { list.push_back(NonNull::from(&nodes[which])) };
                        reference.push_back(which);
                    }
                    1 => prop_assert_eq!(list.pop_front().map(item), reference.pop_front()),
                    2 => prop_assert_eq!(list.pop_back().map(item), reference.pop_back()),
                    _ if reference.contains(&which) => {
                        // SAFETY: the reference says that it is in the list.
                        unsafe { list.remove(NonNull::from(&nodes[which])) };
                        reference.retain(|&it| it != which);
                    }
                    _ => (),
                }
                prop_assert_eq!(list.front(), reference.front());
                prop_assert_eq!(list.back(), reference.back());
                prop_assert_eq!(list.is_empty(), reference.is_empty());
            }
        }
    }
}
