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
//! # What a task takes
//!
//! Memory comes in chunks of 16 KiB at multiples of 16 KiB, cut into blocks of one
//! size. A block is a [record](super::record) with the task's cell behind it; while no
//! task lives in it, what lies behind the record is the link to the next free one.
//!
//! ```text
//!     0 mod 16 KiB
//!     ┌────────────┬────────┬───────────────┬────────┬──────┬───┬────────┬──────┐
//!     │ home, size │ record │ cell          │ record │ next │ … │ record │ cell │
//!     └────────────┴────────┴───────────────┴────────┴──────┴───┴────────┴──────┘
//! ```
//!
//! So a cell need not say of which home it is, nor of which size: the head of its
//! chunk is where its address, rounded down, points. That is one more line of the
//! cache for a hundred and more tasks, and no word in each of them.
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
//! | what                          | who                                       |
//! |-------------------------------|-------------------------------------------|
//! | free lists, `live`, `spawned` | the tenant: one value, held by one thread |
//! | `returns`, `out`, other counts | anybody                                  |
//! | chunks                        | under their lock                          |
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
//! * Records in a table of their own, as it was: a pointer there and one back, a link,
//!   a size class, and one more line of the cache per poll. 161 bytes for a task that
//!   waits for nothing, where it is 89 now.

use super::{
    info::{Id, Nature, TaskInfo},
    record::Record,
};
use crate::metrics::Counts;
use std::{
    alloc::{self, Layout},
    any::Any,
    array,
    cell::Cell,
    collections::BTreeMap,
    mem,
    ptr::{self, NonNull},
    sync::Arc,
};
use sync::shim::{
    Lock,
    atomic::{
        AtomicI64, AtomicPtr,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

/// A model's atomics take more room than a program's.
const LARGEST: usize = if cfg!(any(loom, shuttle)) { 8 * 1024 } else { 2 * 1024 };
/// Sizes of blocks, in bytes. The class is the index.
const SIZES: [usize; 28] = [
    80, 88, 96, 104, 112, 120, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384,
    448, 512, 640, 768, 896, 1024, 1280, 1536, LARGEST,
];
const CLASSES: usize = SIZES.len();
/// What is larger, or more aligned, does not fit into a block.
pub(super) const SIZE_MAX: usize = SIZES[CLASSES - 1];
pub(super) const ALIGN_MAX: usize = 16;
/// The multiples at which chunks lie.
const CHUNK: usize = if cfg!(any(loom, shuttle)) { 32 * 1024 } else { 16 * 1024 };
/// What the allocator may need for itself, so that chunks lie side by side.
const CHUNK_SPARE: usize = 64;
/// A model pays for each record.
const CHUNK_BLOCKS_MAX: usize = if cfg!(loom) { 2 } else { CHUNK };

/// A size of blocks: an index of [`SIZES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u8);

impl Class {
    /// The smallest that fits, if one does.
    pub(crate) const fn of(layout: Layout) -> Self {
        let mut class = 0;
        while SIZES[class] < layout.size() || !SIZES[class].is_multiple_of(layout.align()) {
            class += 1;
        }
        Self(class as u8)
    }

    fn size(self) -> usize {
        SIZES[self.index()]
    }

    #[inline]
    fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The home of a block.
///
/// # Safety
///
/// 1. `record` is one of a home's that is alive, with the provenance that
///    [`Tenant::take`] or [`Home::stealable`] gave it.
#[inline]
pub(super) unsafe fn home_of(record: NonNull<Record>) -> NonNull<Home> {
    // SAFETY: 1 is the caller's.
    unsafe { Chunk::of(record) }.home
}

/// The link of a block that is free.
fn link(record: NonNull<Record>) -> NonNull<*mut Record> {
    const {
        assert!(
            size_of::<Record>() + size_of::<*mut Record>() <= SIZES[0] || cfg!(any(loom, shuttle))
        )
    };
    // SAFETY: a block is larger than its record.
    unsafe { record.add(1) }.cast()
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
    pub(crate) counts: Counts,
    chunks: Lock<Vec<NonNull<Chunk>>>,
    /// The names of the tasks that have one.
    names: Lock<BTreeMap<Id, Arc<str>>>,
    /// Why tasks were aborted, where somebody said so, until their cells are freed.
    reasons: Lock<BTreeMap<Id, Arc<str>>>,
}

// SAFETY: `owner` is an address which only the scheduler's own code follows; a chunk is
// the home's own, and who uses which block is the tenant's business; all else is
// atomics and locks.
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
            counts: Counts::default(),
            chunks: Lock::new(vec![]),
            names: Lock::new(BTreeMap::new()),
            reasons: Lock::new(BTreeMap::new()),
        }
    }

    /// Takes the memory of a task that is over, from a thread that is not the
    /// tenant. The home may end with this call.
    ///
    /// # Safety
    ///
    /// 1. `home` is alive, and `record` is one of its own, as `take` gave it.
    /// 2. The caller owns the record's cell, and does not use it afterwards.
    pub(crate) unsafe fn give_back(home: NonNull<Self>, record: NonNull<Record>) {
        // SAFETY: alive by 1; the last use is the countdown below, before which
        // the cell that is being returned keeps it alive.
        let this = unsafe { home.as_ref() };
        // SAFETY: 1 and 2 are the caller's.
        if unsafe { this.push(record) } {
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
    ///
    /// # Safety
    ///
    /// As of [`give_back`](Self::give_back).
    unsafe fn push(&self, record: NonNull<Record>) -> bool {
        // Relaxed: a guess, which the exchange checks.
        let mut head = self.returns.load(Relaxed);
        loop {
            if head == closed() {
                return false;
            }
            // SAFETY: the block is the caller's, and its cell is over.
            unsafe { link(record).write(head) };
            // H1: publishes the last use of the cell, and the link.
            match self.returns.compare_exchange_weak(head, record.as_ptr(), Release, Relaxed) {
                Ok(_) => return true,
                Err(actual) => head = actual,
            }
        }
    }

    /// Keeps the name of a task of this home that is about to be made.
    #[cold]
    pub(crate) fn add_name(&self, task: Id, name: Arc<str>) {
        self.names.lock().insert(task, name);
    }

    fn name(&self, task: Id) -> Option<Arc<str>> {
        self.names.lock().get(&task).cloned()
    }

    #[cold]
    fn forget_name(&self, task: Id) {
        let name = self.names.lock().remove(&task);
        drop(name);
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
        record.fields(|task| self.name(task))
    }

    /// A look from any thread at the task that lives in `record`, if one does.
    pub(crate) fn look(&self, record: &Record) -> Option<TaskInfo> {
        record.read(|task| self.name(task))
    }

    /// The task of `record` is over: others do not see it any more.
    #[inline]
    pub(super) fn bury(&self, record: &Record) {
        record.die();
        if record.is_named() {
            self.forget_name(record.id());
        }
    }

    /// How many tasks live here, by a look at each record.
    pub(crate) fn alive(&self) -> usize {
        let mut alive = 0;
        for index in 0.. {
            // One chunk at a time: the tenant may need another one now.
            let chunk = self.chunks.lock().get(index).copied();
            let Some(chunk) = chunk else { break };
            // SAFETY: records live as long as the home.
            let records = Chunk::records(chunk).map(|it| unsafe { it.as_ref() });
            alive += records.filter(|it| it.living().is_some()).count();
        }
        alive
    }

    /// Every task that lives here at this moment.
    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        let records = self.records();
        // SAFETY: records live as long as the home.
        records.into_iter().filter_map(|it| self.look(unsafe { it.as_ref() })).collect()
    }

    /// The task with this id, if it lives here.
    pub(crate) fn task(&self, id: Id) -> Option<TaskInfo> {
        // SAFETY: records live as long as the home.
        let mut records = self.records().into_iter().map(|it| unsafe { it.as_ref() });
        records.find(|it| it.id() == id).and_then(|it| self.look(it)).filter(|it| it.id == id)
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
        chunks.iter().flat_map(|&chunk| Chunk::records(chunk)).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for &chunk in &*self.chunks.get_mut() {
            // SAFETY: the home's own, let go of once, and after the last of its cells.
            unsafe { Chunk::free(chunk) };
        }
    }
}

/// Blocks of one class, which lie behind it.
#[derive(Debug)]
#[repr(C, align(16))]
struct Chunk {
    home: NonNull<Home>,
    class: Class,
}

impl Chunk {
    const LAYOUT: Layout = match Layout::from_size_align(CHUNK - CHUNK_SPARE, CHUNK) {
        Ok(layout) => layout,
        Err(_) => panic!("a chunk is large"),
    };

    /// A new one, with a record in each block.
    fn make(home: NonNull<Home>, class: Class) -> NonNull<Self> {
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc::alloc(Self::LAYOUT) });
        let Some(memory) = memory else { alloc::handle_alloc_error(Self::LAYOUT) };
        let chunk = memory.cast::<Self>();
        // SAFETY: our own memory, large and aligned enough.
        unsafe { chunk.write(Self { home, class }) };
        for record in Self::blocks(chunk, class) {
            // SAFETY: likewise, and a record is at the head of each block.
            unsafe { record.write(Record::new()) };
        }
        chunk
    }

    fn blocks(chunk: NonNull<Self>, class: Class) -> impl Iterator<Item = NonNull<Record>> {
        let size = class.size();
        let count = ((Self::LAYOUT.size() - size_of::<Self>()) / size).min(CHUNK_BLOCKS_MAX);
        // SAFETY: the blocks of a chunk begin behind its head.
        let first = unsafe { chunk.add(1) }.cast::<u8>();
        // SAFETY: `count` of them fit.
        (0..count).map(move |i| unsafe { first.add(i * size) }.cast())
    }

    fn records(chunk: NonNull<Self>) -> impl Iterator<Item = NonNull<Record>> {
        // SAFETY: chunks live as long as their home.
        Self::blocks(chunk, unsafe { chunk.as_ref() }.class)
    }

    /// The chunk in which a block lies.
    ///
    /// # Safety
    ///
    /// 1. As of [`home_of`].
    #[inline]
    unsafe fn of<'a>(record: NonNull<Record>) -> &'a Self {
        let chunk = record.as_ptr().map_addr(|it| it & !(CHUNK - 1)).cast::<Self>();
        // SAFETY: `make` put one where the block's address, rounded down, points; it is
        // never written again, and alive by 1.
        unsafe { &*chunk }
    }

    /// # Safety
    ///
    /// 1. Nobody uses the chunk, or ever will.
    unsafe fn free(chunk: NonNull<Self>) {
        if mem::needs_drop::<Record>() {
            // SAFETY: `make` wrote each, and by 1.
            Self::records(chunk).for_each(|it| unsafe { it.drop_in_place() });
        }
        // SAFETY: `make` allocated it with this layout.
        unsafe { alloc::dealloc(chunk.as_ptr().cast(), Self::LAYOUT) };
    }
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
        let serial = home.counts.spawned.add(1) - 1;
        Id::new(serial * u64::from(home.stride) + u64::from(home.index) + 1)
    }

    /// A block of that size, whose head is a record.
    #[inline]
    pub(crate) fn take(&self, class: Class) -> NonNull<Record> {
        let record = self.pop(class).unwrap_or_else(|| self.refill(class));
        self.live.set(self.live.get() + 1);
        record
    }

    /// Takes the memory of a task that is over back.
    ///
    /// # Safety
    ///
    /// 1. `record` is one of this home's, as `take` gave it.
    /// 2. The caller owns its cell, and does not use it afterwards.
    #[inline]
    pub(crate) unsafe fn put_back(&self, record: NonNull<Record>) {
        self.live.set(self.live.get() - 1);
        // SAFETY: 1 is the caller's, and the home outlives its tenant.
        let class = unsafe { Chunk::of(record) }.class;
        // SAFETY: by 1 and 2.
        unsafe { self.keep(class, record) };
    }

    /// Puts a block on its free list.
    ///
    /// # Safety
    ///
    /// 1. As of [`put_back`](Self::put_back), and it is of that class.
    #[inline]
    unsafe fn keep(&self, class: Class, record: NonNull<Record>) {
        let list = &self.free[class.index()];
        // SAFETY: the block is ours, and no cell is in it.
        unsafe { link(record).write(list.get()) };
        list.set(record.as_ptr());
    }

    #[inline]
    fn pop(&self, class: Class) -> Option<NonNull<Record>> {
        let list = &self.free[class.index()];
        let record = NonNull::new(list.get())?;
        // SAFETY: what lies in our free list is ours, with a link in it.
        list.set(unsafe { link(record).read() });
        Some(record)
    }

    #[cold]
    fn refill(&self, class: Class) -> NonNull<Record> {
        self.drain();
        if let Some(record) = self.pop(class) {
            return record;
        }
        let chunk = Chunk::make(self.home, class);
        for record in Chunk::records(chunk) {
            // SAFETY: nobody else knows of it yet.
            unsafe { self.keep(class, record) };
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
            // SAFETY: the swap brought the block, with a link in it.
            head = NonNull::new(unsafe { link(record).read() });
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
        for size in 1..=SIZE_MAX {
            for align in [8, ALIGN_MAX] {
                let class = Class::of(Layout::from_size_align(size, align).unwrap()).index();
                let fits = |it: usize| it >= size && it.is_multiple_of(align);
                assert_eq!(SIZES.iter().position(|it| fits(*it)), Some(class));
            }
        }
    }

    #[test]
    fn blocks_lie_apart_aligned_and_inside_their_chunk() {
        let home = home();
        let home = NonNull::from(&*home);
        for class in (0..CLASSES as u8).map(Class) {
            let chunk = Chunk::make(home, class);
            let starts: Vec<_> = Chunk::records(chunk).map(|it| it.addr().get()).collect();
            let size = class.size();
            assert!(starts.len() >= 7 && starts.is_sorted_by(|a, b| b - a == size));
            assert!(
                starts
                    .iter()
                    .all(|it| it.is_multiple_of(ALIGN_MAX.min(size & size.wrapping_neg())))
            );
            let end = starts.last().unwrap() + size;
            assert!(end - chunk.addr().get() <= Chunk::LAYOUT.size());
            for record in Chunk::records(chunk) {
                // SAFETY: a record of that chunk.
                assert_eq!(unsafe { home_of(record) }, home);
            }
            // SAFETY: nobody else knows of it.
            unsafe { Chunk::free(chunk) };
        }
    }

    #[test]
    fn memory_is_used_again() {
        let home = home();
        // SAFETY: the only tenant, and the home outlives it.
        let tenant = unsafe { Tenant::new(NonNull::from(&*home)) };
        let size = Class::of(Layout::from_size_align(100, 8).unwrap());
        let first = tenant.take(size);
        // SAFETY: taken above, not used.
        unsafe { tenant.put_back(first) };
        assert_eq!(tenant.take(size), first);
        // SAFETY: taken above, not used.
        unsafe { Home::give_back(NonNull::from(&*home), first) };
        let others: Vec<_> = (0..CHUNK / 100).map(|_| tenant.take(size)).collect();
        assert!(others.contains(&first), "what came back is used before a new chunk is full");
    }

    #[test]
    fn a_closed_home_is_kept_until_the_last_cell_is_back() {
        let home = home();
        let keep: Keep = Arc::new(());
        // SAFETY: the only tenant, and the home outlives it.
        let tenant = unsafe { Tenant::new(NonNull::from(&*home)) };
        let size = Class::of(Layout::from_size_align(500, 8).unwrap());
        let (one, two) = (tenant.take(size), tenant.take(size));
        tenant.close(keep.clone());
        assert_eq!(Arc::strong_count(&keep), 2);
        for record in [one, two] {
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
