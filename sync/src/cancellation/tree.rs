//! Which token hangs below which?
//!
//! The tokens that descend from one are the nodes of a [`Tree`]: slots in one
//! row which name one another by number. It is plain data, changed under the one
//! lock around it.
//!
//! ```text
//!     grow                 cut                        release
//!       │                   │                            │
//!       ▼                   ▼                            ▼
//!     GROWING ──────▶ CUT, with the reason ────────▶ VACANT, for another
//!       │                                                ▲
//!       ╰── release ──▶ BARE, while it holds two ────────╯
//!                       children or more together
//! ```
//!
//! A slot belongs to its token, which releases it when its last handle is dropped.
//! What a release leaves behind: nothing, if there is no child; the child in its
//! place, if there is one; a bare node, if there are more. So a bare node has two
//! children at least, and there are fewer bare nodes than tokens, however long the
//! chains are of which tokens were the middle.
//!
//! Growing and releasing touch a handful of slots, cutting those that it cuts, once
//! each, without recursion.
//!
//! # Rejected
//!
//! * To give the children of a released node to its parent, as tokio-util does: a
//!   cost for each child, again and again in a deep tree.
//! * To leave a released node where it is: `token = token.child_token()` in a loop
//!   grows for ever.
//! * Nodes that point at one another, in the allocations of the tokens: unsafe code
//!   for what numbers do as well, and as fast.

use std::{mem, num::NonZeroU32, sync::Arc};

/// Why a token was cancelled.
pub(super) type Reason = Option<Arc<str>>;

/// Tokens `T`, each below the one it was made from.
#[derive(Debug)]
pub(super) struct Tree<T> {
    /// The first slot: many a tree has no other, and needs no memory for it.
    root: Slot<T>,
    others: Vec<Slot<T>>,
    /// The first of the vacant slots.
    vacant: Option<Index>,
}

/// The number of a slot: one more than its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index(NonZeroU32);

#[derive(Debug)]
enum Slot<T> {
    /// Nobody's. The next one that is.
    Vacant(Option<Index>),
    /// It is cut when one above it is.
    Growing(Node<T>),
    /// It has been: nothing is above or below it.
    Cut(Reason),
}

#[derive(Debug)]
struct Node<T> {
    /// `None`: bare, nobody's.
    token: Option<T>,
    links: Links,
}

/// The neighbors of a node. Siblings form a list.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    parent: Option<Index>,
    first_child: Option<Index>,
    prev: Option<Index>,
    next: Option<Index>,
}

/// What becomes of a token that is made.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// It is cut later, if ever.
    Growing,
    /// It is born cut: the caller cancels it.
    Cut,
}

impl<T> Tree<T> {
    /// A tree of one token, and where that is.
    pub(super) fn plant(token: T) -> (Self, Index) {
        let node = Node { token: Some(token), links: Links::default() };
        let tree = Self { root: Slot::Growing(node), others: vec![], vacant: None };
        (tree, Index::after(0))
    }

    /// Adds a token below `parent`, and cut if that is.
    pub(super) fn grow(&mut self, parent: Index, token: T) -> (Index, Birth) {
        if let Slot::Cut(reason) = self.slot(parent) {
            let reason = reason.clone();
            return (self.occupy(Slot::Cut(reason)), Birth::Cut);
        }
        let next = self.links(parent).first_child;
        let links = Links { parent: Some(parent), next, ..Links::default() };
        let index = self.occupy(Slot::Growing(Node { token: Some(token), links }));
        self.point_at(links, Some(index), Some(index));
        (index, Birth::Growing)
    }

    /// The token there has no handle left: its slot is vacant, or bare.
    pub(super) fn release(&mut self, index: Index) {
        match self.slot_mut(index) {
            Slot::Growing(node) => {
                node.token = None;
                self.prune(index);
            }
            Slot::Cut(_) => drop(self.vacate(index)),
            Slot::Vacant(_) => unreachable!("a token releases its slot once"),
        }
    }

    /// Cuts all from `index` downwards, children before their parents, and hands
    /// each token to `visit`. Does nothing if it is cut already.
    pub(super) fn cut(&mut self, index: Index, reason: &Reason, mut visit: impl FnMut(T)) {
        if let Slot::Cut(_) = self.slot(index) {
            return;
        }
        let parent = self.links(index).parent;
        self.unlink(index);
        if let Some(parent) = parent.filter(|it| self.is_bare(*it)) {
            self.prune(parent);
        }
        let mut at = Some(index);
        while let Some(index) = at {
            let links = self.links(index);
            // Down first. Who has no child left goes, and its parent comes again.
            at = links.first_child.or(links.parent);
            if links.first_child.is_none() {
                self.unlink(index);
                if let Some(token) = self.fell(index, reason) {
                    visit(token);
                }
            }
        }
    }

    /// Why the token there was cut.
    pub(super) fn reason(&self, index: Index) -> Reason {
        match self.slot(index) {
            Slot::Cut(reason) => reason.clone(),
            _ => None,
        }
    }

    /// Takes out a node without a token, unless it holds several together.
    fn prune(&mut self, index: Index) {
        let links = self.links(index);
        match links.first_child {
            None => {
                self.unlink(index);
                drop(self.vacate(index));
                // It had two children at least, so this goes one level deep.
                if let Some(parent) = links.parent.filter(|it| self.is_bare(*it)) {
                    self.prune(parent);
                }
            }
            Some(child) if self.links(child).next.is_none() => {
                let first_child = self.links(child).first_child;
                self.node_mut(child).links = Links { first_child, ..links };
                self.point_at(links, Some(child), Some(child));
                drop(self.vacate(index));
            }
            Some(_) => (),
        }
    }

    /// Marks a node without children as cut, or vacates it if it is bare.
    fn fell(&mut self, index: Index, reason: &Reason) -> Option<T> {
        let slot = match self.is_bare(index) {
            true => self.vacate(index),
            false => mem::replace(self.slot_mut(index), Slot::Cut(reason.clone())),
        };
        match slot {
            Slot::Growing(node) => node.token,
            _ => unreachable!("what grows is felled"),
        }
    }

    /// Takes a node out of the list of its siblings.
    fn unlink(&mut self, index: Index) {
        let links = self.links(index);
        self.point_at(links, links.next, links.prev);
        let first_child = links.first_child;
        self.node_mut(index).links = Links { first_child, ..Links::default() };
    }

    /// Lets the neighbors of a place among siblings name others in it: `first` from
    /// before, `last` from behind.
    fn point_at(&mut self, place: Links, first: Option<Index>, last: Option<Index>) {
        match (place.prev, place.parent) {
            (Some(prev), _) => self.node_mut(prev).links.next = first,
            (None, Some(parent)) => self.node_mut(parent).links.first_child = first,
            (None, None) => (),
        }
        if let Some(next) = place.next {
            self.node_mut(next).links.prev = last;
        }
    }

    fn occupy(&mut self, slot: Slot<T>) -> Index {
        match self.vacant {
            Some(index) => {
                match mem::replace(self.slot_mut(index), slot) {
                    Slot::Vacant(next) => self.vacant = next,
                    _ => unreachable!("the list of vacant slots has no others"),
                }
                index
            }
            None => {
                let index = Index::after(1 + self.others.len());
                self.others.push(slot);
                index
            }
        }
    }

    fn vacate(&mut self, index: Index) -> Slot<T> {
        let next = self.vacant.replace(index);
        mem::replace(self.slot_mut(index), Slot::Vacant(next))
    }

    fn is_bare(&self, index: Index) -> bool {
        self.node(index).token.is_none()
    }

    fn links(&self, index: Index) -> Links {
        self.node(index).links
    }

    fn node(&self, index: Index) -> &Node<T> {
        match self.slot(index) {
            Slot::Growing(node) => node,
            _ => unreachable!("links name what grows"),
        }
    }

    fn node_mut(&mut self, index: Index) -> &mut Node<T> {
        match self.slot_mut(index) {
            Slot::Growing(node) => node,
            _ => unreachable!("links name what grows"),
        }
    }

    fn slot(&self, index: Index) -> &Slot<T> {
        match index.at() {
            0 => &self.root,
            at => &self.others[at - 1],
        }
    }

    fn slot_mut(&mut self, index: Index) -> &mut Slot<T> {
        match index.at() {
            0 => &mut self.root,
            at => &mut self.others[at - 1],
        }
    }
}

impl Index {
    /// The one after `count` others.
    fn after(count: usize) -> Self {
        let number = u32::try_from(count + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("a tree has less than four billion tokens"))
    }

    fn at(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
impl<T> Tree<T> {
    fn slots(&self) -> impl Iterator<Item = &Slot<T>> {
        std::iter::once(&self.root).chain(&self.others)
    }

    /// How many slots there are, and how many of them are in use.
    pub(super) fn size(&self) -> (usize, usize) {
        let used = self.slots().filter(|it| !matches!(it, Slot::Vacant(_))).count();
        (self.slots().count(), used)
    }

    /// How many nodes are bare. Each of them holds several together.
    pub(super) fn bare(&self) -> usize {
        let nodes = self.slots().filter_map(|slot| match slot {
            Slot::Growing(node) if node.token.is_none() => Some(node),
            _ => None,
        });
        let holds_two = |node: &Node<T>| {
            let second = node.links.first_child.and_then(|it| self.links(it).next);
            assert!(second.is_some(), "a bare node with less than two children");
        };
        nodes.inspect(|node| holds_two(node)).count()
    }
}
