//! Where do the memory of tasks and their records come from, and go back to?
//!
//! A [`Home`] belongs to one worker, or to all threads that are not workers. Its
//! [`Tenant`], held by one thread at a time, takes cells from free lists by size
//! class and puts them back without an atomic write. A cell that is freed
//! elsewhere goes to the home's return stack, which the tenant empties when a
//! free list is.
//!
//! ```text
//!     tenant                               any other thread
//!     ──────                               ────────────────
//!     free[class]: ● → ● → ●               cell over
//!       │ empty?                             │
//!       ▼                                    ▼
//!     swap the stack out ◀───── H1 ─────── push on the return stack
//!     still empty? a new chunk
//! ```
//!
//! Memory is never given back before the home ends, so a record can be read at
//! any time and a recycled cell is as warm as can be.
//!
//! # The end of a home
//!
//! Wakers outlive runtimes. When a runtime is over each tenant *closes* its home:
//! it swaps a mark into the return stack, counts what is still out, and, if that
//! is not nothing, leaves something in `keep` that keeps the scheduler alive.
//! From then on each returned cell counts down, and the last one lets go of
//! `keep`. Nothing is counted per task before that.
//!
//! # Who may touch what
//!
//! | what                         | who                                        |
//! |------------------------------|--------------------------------------------|
//! | free lists, `live`, `spawned` | the tenant: one value, held by one thread |
//! | `returns`, `out`             | anybody                                    |
//! | chunks                       | under their lock                           |
//!
//! # Synchronization edges
//!
//! | edge | released by         | acquired by       | what crosses               |
//! |------|---------------------|-------------------|----------------------------|
//! | H1   | [`Home::give_back`] | [`Tenant::drain`] | the last use of the cell   |
//! | H2   | [`Home::give_back`] | [`Home::give_back`], [`Tenant::close`] | the same, after the end |
//!
//! # Rejected
//!
//! * The global allocator per task: 35 ns more per spawn with 1000 tasks alive,
//!   and no memory that a dump may read.
//! * A reference count of the scheduler per task: one shared cache line written
//!   by every spawn on every core.

use super::{
    info::{Id, Nature, TaskInfo},
    record::Record,
};
use crate::metrics::Counter;
use slab::Slab;
use std::{
    alloc::{self, Layout},
    any::Any,
    array,
    cell::Cell,
    collections::BTreeMap,
    ptr::{self, NonNull},
    sync::Arc,
};
use sync::shim::{
    Lock,
    atomic::{
        AtomicI64, AtomicPtr, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

/// Sizes of cells, in bytes. The class is the index plus one; class 0 are cells
/// larger or more aligned than any of these, whose memory comes from the
/// allocator each time.
const SIZES: [usize; 20] = [
    64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024, 1280, 1536,
    2048,
];
const CLASSES: usize = SIZES.len() + 1;
const ALIGN: usize = 16;
/// A chunk is about this large: a few pages, and few enough cells per rare size.
const CHUNK_BYTES: usize = 16 * 1024;
const CHUNK_CELLS_MAX: usize = if cfg!(loom) { 2 } else { 64 };
/// Fewer would go to the allocator too often. A model pays for each record.
const CHUNK_CELLS_MIN: usize = if cfg!(loom) { 2 } else { 8 };

/// The size class for a layout.
pub(super) const fn class_of(layout: Layout) -> u8 {
    if layout.align() > ALIGN {
        return 0;
    }
    let mut index = 0;
    while index < SIZES.len() {
        if layout.size() <= SIZES[index] {
            return index as u8 + 1;
        }
        index += 1;
    }
    0
}

/// What keeps the scheduler alive while cells of a closed home are out.
pub(crate) type Keep = Arc<dyn Any + Send + Sync>;

/// The memory of one worker's tasks.
#[derive(Debug)]
pub(crate) struct Home {
    /// The scheduler, for whoever knows its type.
    pub(crate) owner: *const (),
    index: u32,
    /// How many homes the runtime has: ids of this one are `index + 1` modulo it.
    stride: u32,
    returns: AtomicPtr<Record>,
    /// `OPEN` while the tenant counts; after the close, how many cells are out.
    out: AtomicI64,
    keep: Lock<Option<Keep>>,
    /// Tasks made: the tenant's.
    spawned: Counter,
    cancelled: AtomicU64,
    panicked: AtomicU64,
    chunks: Lock<Vec<Chunk>>,
    /// The names of the tasks that have one.
    names: Lock<Slab<Arc<str>>>,
    /// Why tasks were aborted, where somebody said so, until their cells are freed.
    reasons: Lock<BTreeMap<Id, Arc<str>>>,
}

// SAFETY: `owner` is an address which only the scheduler's own code follows; all
// else is atomics and locks.
unsafe impl Send for Home {}
// SAFETY: as above.
unsafe impl Sync for Home {}

/// More than can ever be out.
const OPEN: i64 = 1 << 48;

/// Stands in the return stack of a closed home.
fn closed() -> *mut Record {
    ptr::without_provenance_mut(1)
}

impl Home {
    /// Home number `index` of `stride`, of the scheduler at `owner`.
    pub(crate) fn new(owner: *const (), index: u32, stride: u32) -> Self {
        Self {
            owner,
            index,
            stride,
            returns: AtomicPtr::new(ptr::null_mut()),
            out: AtomicI64::new(OPEN),
            keep: Lock::new(None),
            spawned: Counter::default(),
            cancelled: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            chunks: Lock::new(vec![]),
            names: Lock::new(Slab::new()),
            reasons: Lock::new(BTreeMap::new()),
        }
    }

    /// Takes the memory of a task that is over, from a thread that is not the
    /// tenant. The home may end with this call.
    ///
    /// # Safety
    ///
    /// 1. `home` is alive, and `record` is one of its own.
    /// 2. The caller owns the record's cell, and does not use it afterwards.
    pub(crate) unsafe fn give_back(home: NonNull<Self>, record: NonNull<Record>) {
        // SAFETY: alive by 1; the last use is the countdown below, before which
        // the cell that is being returned keeps it alive.
        let this = unsafe { home.as_ref() };
        if this.push(record) {
            return;
        }
        // H2: publishes this cell's last use, and sees that of all others.
        if this.out.fetch_sub(1, AcqRel) == 1 {
            let keep = this.keep.lock().take();
            // The home may be gone with this, so it is the last statement.
            drop(keep);
        }
    }

    /// `false`: the home is closed.
    fn push(&self, record: NonNull<Record>) -> bool {
        // Relaxed: a guess, which the exchange checks.
        let mut head = self.returns.load(Relaxed);
        loop {
            if head == closed() {
                return false;
            }
            // SAFETY: records live as long as the home.
            let node = unsafe { record.as_ref() };
            // Relaxed: published by the exchange below.
            node.next.store(head, Relaxed);
            // H1: publishes the last use of the cell.
            match self.returns.compare_exchange_weak(head, record.as_ptr(), Release, Relaxed) {
                Ok(_) => return true,
                Err(actual) => head = actual,
            }
        }
    }

    /// Keeps a name for a task of this home that is about to be made.
    pub(crate) fn add_name(&self, name: Arc<str>) -> u32 {
        let index = self.names.lock().insert(name);
        u32::try_from(index + 1).expect("fewer than four billion named tasks")
    }

    fn name(&self, number: u32) -> Option<Arc<str>> {
        let index = (number as usize).checked_sub(1)?;
        self.names.lock().get(index).cloned()
    }

    /// Keeps the reason why a task of this home is aborted, if it is the first.
    pub(super) fn add_reason(&self, record: &Record, reason: Arc<str>) {
        self.reasons.lock().entry(record.id()).or_insert(reason);
    }

    /// Why a task of this home was aborted.
    pub(super) fn reason(&self, record: &Record) -> Option<Arc<str>> {
        self.reasons.lock().get(&record.id()).cloned()
    }

    /// The cell of an aborted task is being freed: nobody asks for the reason again.
    pub(super) fn forget_reason(&self, record: &Record) {
        let reason = self.reasons.lock().remove(&record.id());
        drop(reason);
    }

    /// How many reasons it keeps.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn reasons_count(&self) -> usize {
        self.reasons.lock().len()
    }

    /// What `record` says, to somebody who owns its task.
    pub(super) fn info(&self, record: &Record) -> TaskInfo {
        record.fields(|number| self.name(number))
    }

    /// A look from any thread at the task that lives in `record`, if one does.
    pub(crate) fn look(&self, record: &Record) -> Option<TaskInfo> {
        record.read(|number| self.name(number))
    }

    /// The task of `record` is over: others do not see it any more.
    pub(super) fn bury(&self, record: &Record) {
        record.die();
        if let Some(index) = (record.name() as usize).checked_sub(1) {
            self.names.lock().remove(index);
        }
    }

    /// How many tasks were made.
    pub(crate) fn spawned(&self) -> u64 {
        self.spawned.get()
    }

    /// One was cancelled.
    pub(super) fn count_cancelled(&self) {
        // Relaxed, here and below: a statistic.
        self.cancelled.fetch_add(1, Relaxed);
    }

    pub(crate) fn cancelled(&self) -> u64 {
        self.cancelled.load(Relaxed)
    }

    /// One has panicked.
    pub(super) fn count_panicked(&self) {
        self.panicked.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&self) -> u64 {
        self.panicked.load(Relaxed)
    }

    /// How many tasks live here, by a look at each record.
    pub(crate) fn alive(&self) -> usize {
        let mut alive = 0;
        for index in 0.. {
            // One chunk at a time: the tenant may need another one now.
            let chunks = self.chunks.lock();
            let Some(chunk) = chunks.get(index) else { break };
            alive += chunk.records.iter().filter(|it| it.living().is_some()).count();
        }
        alive
    }

    /// Every task that lives here at this moment.
    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        let records = self.records();
        // SAFETY: records live as long as the home.
        records.into_iter().filter_map(|it| self.look(unsafe { it.as_ref() })).collect()
    }

    /// The records of stealable tasks that live here, for the thread that drops
    /// them when the runtime is over.
    pub(crate) fn stealable(&self) -> Vec<NonNull<Record>> {
        let mut records = self.records();
        // SAFETY: records live as long as the home.
        records.retain(|it| unsafe { it.as_ref() }.living() == Some(Nature::Stealable));
        records
    }

    fn records(&self) -> Vec<NonNull<Record>> {
        let chunks = self.chunks.lock();
        chunks.iter().flat_map(|chunk| &chunk.records).map(NonNull::from).collect()
    }
}

/// Cells of one class, and their records.
#[derive(Debug)]
struct Chunk {
    memory: *mut u8,
    layout: Layout,
    /// A `Vec` that never grows: a `Box` would claim on each move that nobody points
    /// into it.
    records: Vec<Record>,
}

// SAFETY: a chunk owns its memory; who uses which cell is the tenant's business.
unsafe impl Send for Chunk {}

impl Chunk {
    fn new(class: u8) -> Self {
        let Some(&size) = usize::from(class).checked_sub(1).and_then(|it| SIZES.get(it)) else {
            let records = (0..CHUNK_CELLS_MAX).map(|_| Record::new(0, ptr::null_mut()));
            let layout = Layout::new::<()>();
            return Self { memory: ptr::null_mut(), layout, records: records.collect() };
        };
        let count = (CHUNK_BYTES / size).clamp(CHUNK_CELLS_MIN, CHUNK_CELLS_MAX);
        let layout = Layout::from_size_align(size * count, ALIGN).expect("some kilobytes");
        let memory = allocate(layout).as_ptr();
        let records = (0..count).map(|i| Record::new(class, memory.wrapping_add(i * size)));
        Self { memory, layout, records: records.collect() }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if !self.memory.is_null() {
            // SAFETY: `new` allocated it with this layout, and nothing lives in
            // it: a chunk ends with its home, and that after its last cell.
            unsafe { alloc::dealloc(self.memory, self.layout) };
        }
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0, "a cell has a header");
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc::alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}

/// The right to take memory from a home.
#[derive(Debug)]
pub(crate) struct Tenant {
    home: NonNull<Home>,
    free: [Cell<*mut Record>; CLASSES],
    /// Cells taken and, as far as we know, not returned.
    live: Cell<i64>,
}

// SAFETY: it is the only one of its home, and moves as a whole; what it points to
// lives as long as the home (obligation 2 of `new`).
unsafe impl Send for Tenant {}

impl Tenant {
    /// Moves in.
    ///
    /// # Safety
    ///
    /// 1. `home` has no other tenant.
    /// 2. It outlives this one, and does not move.
    pub(crate) unsafe fn new(home: NonNull<Home>) -> Self {
        Self { home, free: array::from_fn(|_| Cell::new(ptr::null_mut())), live: Cell::new(0) }
    }

    pub(crate) fn home(&self) -> NonNull<Home> {
        self.home
    }

    fn home_ref(&self) -> &Home {
        // SAFETY: alive by obligation 2 of `new`.
        unsafe { self.home.as_ref() }
    }

    /// An id that no other task of the runtime has.
    pub(crate) fn next_id(&self) -> Id {
        let home = self.home_ref();
        let serial = home.spawned.add(1) - 1;
        Id::new(serial * u64::from(home.stride) + u64::from(home.index) + 1)
    }

    /// Memory for a cell of `layout`, with its record.
    pub(crate) fn take(&self, layout: Layout) -> NonNull<Record> {
        let class = class_of(layout);
        let record = self.pop(class).unwrap_or_else(|| self.refill(class));
        self.live.set(self.live.get() + 1);
        if class == 0 {
            // SAFETY: records live as long as the home.
            let record = unsafe { record.as_ref() };
            // Relaxed: the record is ours.
            record.memory.store(allocate(layout).as_ptr(), Relaxed);
        }
        record
    }

    /// Takes the memory of a task that is over back.
    ///
    /// # Safety
    ///
    /// 1. `record` is one of this home's.
    /// 2. The caller owns its cell, and does not use it afterwards.
    pub(crate) unsafe fn put_back(&self, record: NonNull<Record>) {
        self.live.set(self.live.get() - 1);
        // SAFETY: records live as long as the home.
        let node = unsafe { record.as_ref() };
        let list = &self.free[usize::from(node.class)];
        // Relaxed: the record is ours.
        node.next.store(list.get(), Relaxed);
        list.set(record.as_ptr());
    }

    /// Takes memory back in which no cell was made.
    ///
    /// # Safety
    ///
    /// 1. `record` was taken from here for `layout`, and is not used.
    pub(crate) unsafe fn put_back_unused(&self, record: NonNull<Record>, layout: Layout) {
        if class_of(layout) == 0 {
            // SAFETY: records live as long as the home.
            let memory = unsafe { record.as_ref() }.memory.load(Relaxed);
            // SAFETY: `take` allocated it with this layout.
            unsafe { alloc::dealloc(memory, layout) };
        }
        // SAFETY: by 1.
        unsafe { self.put_back(record) };
    }

    fn pop(&self, class: u8) -> Option<NonNull<Record>> {
        let list = &self.free[usize::from(class)];
        let record = NonNull::new(list.get())?;
        // SAFETY: records live as long as the home.
        let node = unsafe { record.as_ref() };
        // Relaxed: what lies in our free list is ours.
        list.set(node.next.load(Relaxed));
        Some(record)
    }

    #[cold]
    fn refill(&self, class: u8) -> NonNull<Record> {
        self.drain();
        if let Some(record) = self.pop(class) {
            return record;
        }
        let chunk = Chunk::new(class);
        for record in &chunk.records {
            let list = &self.free[usize::from(class)];
            // Relaxed: nobody else knows of it yet.
            record.next.store(list.get(), Relaxed);
            list.set(ptr::from_ref(record).cast_mut());
        }
        self.home_ref().chunks.lock().push(chunk);
        self.pop(class).expect("a new chunk is not empty")
    }

    /// Takes in what other threads returned. H1: sees the last use of each.
    fn drain(&self) {
        let head = self.home_ref().returns.swap(ptr::null_mut(), Acquire);
        self.sort(head);
    }

    /// Puts a chain of returned records on the free lists.
    fn sort(&self, head: *mut Record) {
        let mut head = NonNull::new(head);
        while let Some(record) = head {
            // SAFETY: records live as long as the home.
            let node = unsafe { record.as_ref() };
            // Relaxed: the swap brought it.
            head = NonNull::new(node.next.load(Relaxed));
            // SAFETY: 1 and 2: whoever pushed it gave it away, and it is of this
            // home, by the obligations of `give_back`.
            unsafe { self.put_back(record) };
        }
    }

    /// The runtime is over and no task of this home will be polled again: from
    /// now on returned cells count down, and the last one drops `keep`.
    pub(crate) fn close(self, keep: Keep) {
        let home = self.home_ref();
        let head = home.returns.swap(closed(), Acquire);
        self.sort(head);
        let live = self.live.get();
        debug_assert!(live >= 0, "more cells came back than went out: {live}");
        *home.keep.lock() = Some(keep);
        // H2: sees the last use of cells returned since the swap.
        let before = home.out.fetch_sub(OPEN - live, AcqRel);
        if before - (OPEN - live) == 0 {
            let keep = home.keep.lock().take();
            drop(keep);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn home() -> Box<Home> {
        Box::new(Home::new(ptr::null(), 0, 1))
    }

    #[test]
    fn every_size_has_the_smallest_class_that_fits() {
        for size in 1..=3000 {
            let layout = Layout::from_size_align(size, 8).unwrap();
            match class_of(layout) {
                0 => assert!(size > SIZES[SIZES.len() - 1]),
                class => {
                    let index = usize::from(class) - 1;
                    assert!(size <= SIZES[index]);
                    assert!(index == 0 || size > SIZES[index - 1]);
                }
            }
        }
        assert_eq!(class_of(Layout::from_size_align(64, 32).unwrap()), 0);
    }

    #[test]
    fn memory_is_used_again() {
        let home = home();
        // SAFETY: the only tenant, and the home outlives it.
        let tenant = unsafe { Tenant::new(NonNull::from(&*home)) };
        let layout = Layout::from_size_align(100, 8).unwrap();
        let first = tenant.take(layout);
        // SAFETY: taken above, not used.
        unsafe { tenant.put_back(first) };
        assert_eq!(tenant.take(layout), first);
        // SAFETY: taken above, not used.
        unsafe { Home::give_back(NonNull::from(&*home), first) };
        let others: Vec<_> = (0..200).map(|_| tenant.take(layout)).collect();
        assert!(others.contains(&first), "what came back is used before a new chunk is full");
    }

    #[test]
    fn a_closed_home_is_kept_until_the_last_cell_is_back() {
        let home = home();
        let keep: Keep = Arc::new(());
        // SAFETY: the only tenant, and the home outlives it.
        let tenant = unsafe { Tenant::new(NonNull::from(&*home)) };
        let layout = Layout::from_size_align(5000, 8).unwrap();
        let (one, two) = (tenant.take(layout), tenant.take(layout));
        tenant.close(keep.clone());
        assert_eq!(Arc::strong_count(&keep), 2);
        for record in [one, two] {
            // SAFETY: the record's memory is the oversized cell taken above.
            let memory = unsafe { record.as_ref() }.memory.load(Relaxed);
            // SAFETY: allocated by `take` with this layout, and not used.
            unsafe { alloc::dealloc(memory, layout) };
            // SAFETY: taken above, not used any more.
            unsafe { Home::give_back(NonNull::from(&*home), record) };
        }
        assert_eq!(Arc::strong_count(&keep), 1);
    }

    #[test]
    fn an_empty_home_keeps_nothing() {
        let home = home();
        let keep: Keep = Arc::new(());
        // SAFETY: the only tenant, and the home outlives it.
        unsafe { Tenant::new(NonNull::from(&*home)) }.close(keep.clone());
        assert_eq!(Arc::strong_count(&keep), 1);
    }

    #[test]
    fn ids_of_different_homes_differ() {
        let homes: Vec<_> = (0..3).map(|i| Box::new(Home::new(ptr::null(), i, 3))).collect();
        let mut ids = vec![];
        for home in &homes {
            // SAFETY: the only tenant, and the home outlives it.
            let tenant = unsafe { Tenant::new(NonNull::from(&**home)) };
            ids.extend((0..10).map(|_| tenant.next_id()));
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 30);
    }
}
