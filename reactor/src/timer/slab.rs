//! Where do the nodes of timers lie?
//!
//! ```text
//!     ┌───────┬────────┬────────┬───┬─────────┐
//!     │ owner │ node 0 │ node 1 │ … │ node 63 │    a chunk
//!     └───────┴────────┴────────┴───┴─────────┘
//! ```
//!
//! A node does not move and is not given back before the slab is. It knows its id, so it
//! knows how far behind the head of its chunk it lies; there stands whose it is. That is
//! one word for 64 timers, where each registration had one.

use super::{entry::Node, places::IDS_MAX};
use std::{mem::offset_of, ptr::NonNull};

/// Nodes that are allocated together: 1.5 KiB.
pub(super) const CHUNK_LENGTH: usize = if cfg!(loom) { 2 } else { 64 };

/// Whatever the slab belongs to.
pub(super) type Owner = NonNull<()>;

struct Chunk {
    owner: Owner,
    nodes: [Node; CHUNK_LENGTH],
}

/// All nodes of one owner, by id.
#[derive(Debug)]
pub(super) struct Slab {
    /// Each a box of ours. Pointers, since others point into them.
    chunks: Vec<NonNull<Chunk>>,
}

// SAFETY: a box may move to another thread with what is in it: nodes are made for many
// threads, and the owner is an address which the slab does not follow.
unsafe impl Send for Slab {}

impl Slab {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Nodes there are.
    pub(super) fn len(&self) -> usize {
        self.chunks.len() * CHUNK_LENGTH
    }

    pub(super) fn node(&self, id: u32) -> &Node {
        // SAFETY: the chunk lives as long as the slab, and nobody has `&mut` to a node.
        unsafe { self.node_ptr(id).as_ref() }
    }

    /// The node with leave to go from it to its chunk.
    pub(super) fn node_ptr(&self, id: u32) -> NonNull<Node> {
        let index = id as usize;
        let chunk = self.chunks[index / CHUNK_LENGTH];
        // SAFETY: the chunk is there, and the nodes are in it.
        let first = unsafe { chunk.byte_add(offset_of!(Chunk, nodes)) }.cast::<Node>();
        // SAFETY: the index is less than there are nodes.
        unsafe { first.add(index % CHUNK_LENGTH) }
    }

    /// Adds a chunk of nodes at rest, a list: each lies on the one after it, and the last
    /// on `below`. Returns the first.
    #[cold]
    pub(super) fn grow(&mut self, owner: Owner, below: u32) -> u32 {
        let start = self.len();
        let end = start + CHUNK_LENGTH;
        assert!(end <= IDS_MAX, "a seat has room for a billion timers");
        let nodes = std::array::from_fn(|index| match start + index + 1 {
            next if next < end => Node::new(next as u32),
            _ => Node::new(below),
        });
        self.chunks.push(NonNull::from(Box::leak(Box::new(Chunk { owner, nodes }))));
        start as u32
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        for chunk in self.chunks.drain(..) {
            // SAFETY: it is a box of ours, and whoever pointed into it is gone with the
            // registrations, each of which keeps the owner.
            drop(unsafe { Box::from_raw(chunk.as_ptr()) });
        }
    }
}

/// Whose a node is.
///
/// # Safety
///
/// 1. It comes from [`Slab::node_ptr`] of a slab that lives.
/// 2. It has a registration, which has not begun to give it back.
pub(super) unsafe fn owner_of(node: NonNull<Node>) -> Owner {
    // SAFETY: by (1) it lives.
    let index = unsafe { node.as_ref() }.id() as usize % CHUNK_LENGTH;
    // SAFETY: by (2) that is its own id, so it is that far behind the first of its chunk.
    let first = unsafe { node.sub(index) };
    // SAFETY: the first lies there in the chunk, to all of which by (1) the pointer leads.
    let chunk = unsafe { first.byte_sub(offset_of!(Chunk, nodes)) }.cast::<Chunk>();
    // SAFETY: as above; the owner is never written again.
    unsafe { (*chunk.as_ptr()).owner }
}
