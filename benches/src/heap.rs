//! The system's allocator, and a count for those who ask for one.
//!
//! A program that counts makes it its global allocator:
//!
//! ```
//! # use bowerbird_bench::heap::Counting;
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//! ```
//!
//! While nobody counts, an allocation costs one load and one branch more, for all
//! runtimes alike.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

// Relaxed, all of it: numbers that no memory comes with. Whoever reads them has heard
// from the tasks that allocate in some other way.
static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Counts from now on. What was allocated before may be freed afterwards, so a count
/// by itself says nothing; the difference of two does.
pub fn start_counting() {
    IS_COUNTING.store(true, Relaxed);
}

/// What is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that are allocated, as they were asked for.
    pub bytes: i64,
    /// How often the allocator was asked for memory.
    pub allocations: u64,
}

impl Usage {
    /// What is in use now.
    #[must_use]
    pub fn now() -> Self {
        Self { bytes: LIVE.load(Relaxed), allocations: CALLS.load(Relaxed) }
    }

    /// What is in use now and was not then.
    #[must_use]
    pub fn since(then: Self) -> Self {
        let now = Self::now();
        Self { bytes: now.bytes - then.bytes, allocations: now.allocations - then.allocations }
    }
}

/// The system's allocator, and a count.
#[derive(Debug)]
pub struct Counting;

fn note(bytes: usize) {
    if IS_COUNTING.load(Relaxed) {
        LIVE.fetch_add(bytes as i64, Relaxed);
        CALLS.fetch_add(1, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if IS_COUNTING.load(Relaxed) {
            LIVE.fetch_add(new_size as i64 - layout.size() as i64, Relaxed);
            CALLS.fetch_add(1, Relaxed);
        }
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if IS_COUNTING.load(Relaxed) {
            LIVE.fetch_sub(layout.size() as i64, Relaxed);
        }
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.dealloc(ptr, layout) }
    }
}
