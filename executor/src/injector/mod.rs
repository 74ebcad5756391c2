//! Where do tasks wait that threads other than workers queue?
//!
//! In a queue behind a lock, from which workers take batches. With many workers there
//! are many producers, so there are several such queues, *shards*, and each thread keeps
//! to one:
//!
//! ```text
//!     threads       shards                     workers
//!     ───────       ──────                     ───────
//!     A, C   ──▶  ┌─ 0 ─────────┐  ◀── own ──  0, 2, 4 …  (number mod shards)
//!     B      ──▶  ├─ 1 ─────────┤  ◀── own ──  1, 3, 5 …
//!                 └─────────────┘  ◀── in turn, at every look
//! ```
//!
//! So what one thread queues stays in order, and two threads meet at a lock only if they
//! share a shard. There is one shard up to [`WORKERS_PER_SHARD`] workers, and never more
//! than [`SHARDS_MAX`].
//!
//! # How long a task waits here
//!
//! A worker that has nothing takes from its own shard, then from the others. One that is
//! busy looks at a shard every [`LOOK_MAX`](crate::config::LOOK_MAX) turns or more often
//! ([`pace`](crate::pace)), begins with another one each time, and moves its share of the
//! first that has something, at most half as many as there were turns, to the end of its
//! own queue. So with S shards, and n tasks before it in its shard, a task is in the queue of a worker after
//! at most S × ⌈(n + 1) / share⌉ looks of any worker that goes on.
//!
//! # Rejected
//!
//! * crossbeam's `Injector`: 33–41 ns for a push and a pop where a `VecDeque`
//!   behind a lock takes 29–34, and the slowest of three in the whole runtime.
//! * A shard at random for each push: what one thread queues would be out of order, and
//!   its cache lines would go from shard to shard.
//! * One count of all shards: that is the line which every push would share again.

use crate::task::Task;
use std::collections::VecDeque;
use sync::shim::{
    Lock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// As many workers get along with one lock: tasks from outside are few beside their own.
const WORKERS_PER_SHARD: usize = 4;
/// Whoever looks for work looks at all of them.
const SHARDS_MAX: usize = 16;

sync::thread_local! {
    /// Its address is what tells threads apart.
    static HERE: u8 = const { 0 };
}

/// The queue of the runtime, for threads that are not its workers.
#[derive(Debug)]
pub(crate) struct Injector {
    /// A power of two of them.
    shards: Box<[Shard]>,
}

/// One queue, on lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    queue: Lock<Queue>,
    /// The queue's length, to look at without the lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct Queue {
    tasks: VecDeque<Task>,
    is_closed: bool,
}

impl Injector {
    /// For a runtime of so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        let shards = workers.div_ceil(WORKERS_PER_SHARD).next_power_of_two().min(SHARDS_MAX);
        Self::with_shards(shards)
    }

    /// With so many shards, a power of two.
    pub(crate) fn with_shards(shards: usize) -> Self {
        Self { shards: (0..shards).map(|_| Shard::new()).collect() }
    }

    /// Queues a task, in this thread's shard. `false`: the runtime is over, and the task
    /// was forgotten: whoever owns its home drops the future.
    pub(crate) fn push(&self, task: Task) -> bool {
        self.push_in(self.own_shard(), task)
    }

    /// As [`push`](Self::push), in the shard of that number.
    pub(crate) fn push_in(&self, shard: usize, task: Task) -> bool {
        self.shard(shard).push(task)
    }

    /// Takes the oldest task of a shard, and moves some more with `keep`: the fair share
    /// of one worker among `workers`, at most `limit`. The shards are asked in their
    /// order, beginning with number `first` (mod their count).
    pub(crate) fn take_batch(
        &self,
        first: usize,
        workers: usize,
        limit: usize,
        mut keep: impl FnMut(Task),
    ) -> Option<Task> {
        let mut oldest = None;
        self.move_batch(first, workers, limit, |task| match oldest {
            None => oldest = Some(task),
            Some(_) => keep(task),
        });
        oldest
    }

    /// As [`take_batch`](Self::take_batch), and moves them all, oldest first.
    pub(crate) fn move_batch(
        &self,
        first: usize,
        workers: usize,
        limit: usize,
        mut keep: impl FnMut(Task),
    ) {
        let takers = workers.div_ceil(self.shards.len());
        for shard in 0..self.shards.len() {
            if self.shard(first.wrapping_add(shard)).move_batch(takers, limit, &mut keep) {
                return;
            }
        }
    }

    /// A hint, exact for who has fenced (edge D1 of [`idle`](crate::idle)).
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|it| it.len() == 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    /// The runtime is over: forgets what is queued, and all that comes.
    pub(crate) fn close(&self) {
        self.shards.iter().for_each(Shard::close);
    }

    fn shard(&self, number: usize) -> &Shard {
        // Their count is a power of two.
        &self.shards[number & (self.shards.len() - 1)]
    }

    fn own_shard(&self) -> usize {
        if self.shards.len() == 1 {
            return 0;
        }
        // Where a thread's own data lie differs in the upper bits, and rests while it
        // lives. A thread that is about to be gone has none: any shard will do.
        let here = HERE.try_with(|it| std::ptr::from_ref(it).addr()).unwrap_or(0);
        (here as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize >> (usize::BITS / 2)
    }
}

impl Shard {
    fn new() -> Self {
        let queue = Queue { tasks: VecDeque::new(), is_closed: false };
        Self { queue: Lock::new(queue), len: AtomicUsize::new(0) }
    }

    fn push(&self, task: Task) -> bool {
        let mut queue = self.queue.lock();
        if !queue.is_closed {
            queue.tasks.push_back(task);
            // Relaxed: a hint; whom it must not deceive, edge D1 of `idle` tells.
            self.len.swap(queue.tasks.len(), Relaxed);
        }
        !queue.is_closed
    }

    /// Gives whether there was something to move.
    fn move_batch(&self, takers: usize, limit: usize, keep: impl FnMut(Task)) -> bool {
        if self.len() == 0 {
            return false;
        }
        let mut queue = self.queue.lock();
        let share = (queue.tasks.len() / takers + 1).min(limit).min(queue.tasks.len());
        queue.tasks.drain(..share).for_each(keep);
        // Relaxed: as in `push`.
        self.len.swap(queue.tasks.len(), Relaxed);
        share > 0
    }

    fn len(&self) -> usize {
        // Relaxed: a hint.
        self.len.load(Relaxed)
    }

    fn close(&self) {
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        queue.tasks.clear();
        // Relaxed: as in `push`.
        self.len.swap(0, Relaxed);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
#[expect(unsafe_code, reason = "a queue only carries tasks: here, pointers that nobody follows")]
mod tests;
