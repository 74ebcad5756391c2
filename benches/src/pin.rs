//! A processor for each thread.
//!
//! A kernel likes to start a woken thread where its waker runs. Left alone, two
//! workers on a small machine share a processor in some runs and not in others, and
//! the benchmark measures that. So workers are pinned, those of all runtimes alike.
//!
//! One worker is not alone either: whoever calls `block_on`, a blocking closure or a plain
//! thread wakes it and is woken by it, and that takes ten times as long across processors
//! as on one. Left alone, one runtime's worker finds itself beside its caller for a whole
//! run, another's does not, and the benchmark measures that. So with one worker all
//! threads are on one processor, the caller among them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A hook for starting threads: pins each to the next of the processors which the
/// calling thread may use now. For one worker it does nothing, since [`together`] has
/// done it already; and elsewhere than on Linux neither.
pub fn in_turn(workers: usize) -> impl Fn() + Send + Sync + 'static {
    let cpus = match workers {
        1 => vec![],
        _ => system::cpus(),
    };
    let next = AtomicUsize::new(0);
    move || {
        if !cpus.is_empty() {
            // Relaxed: a number, and nothing comes with it.
            system::pin_to(&[cpus[next.fetch_add(1, Relaxed) % cpus.len()]]);
        }
    }
}

/// The processors that the calling thread may use; none where that cannot be told.
#[must_use]
pub fn processors() -> Vec<usize> {
    system::cpus()
}

/// Does `work` on one processor. A thread or process that it starts stays there.
pub fn on<T>(cpu: usize, work: impl FnOnce() -> T) -> T {
    let before = system::cpus();
    system::pin_to(&[cpu]);
    let done = work();
    system::pin_to(&before);
    done
}

/// Does `work` where so many workers are measured. One is on one processor with all threads
/// that `work` starts, and with the calling one; several choose for themselves.
pub fn together<T>(workers: usize, work: impl FnOnce() -> T) -> T {
    match processors().last() {
        Some(&cpu) if workers == 1 => on(cpu, work),
        _ => work(),
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::mem::size_of_val;

    const WORD_BITS: usize = u64::BITS as usize;

    /// A bit per processor, as the kernel has it on 64-bit systems.
    type Mask = [u64; 1024 / WORD_BITS];

    /// The processors that this thread may use; none if that cannot be told.
    pub(super) fn cpus() -> Vec<usize> {
        let mut mask: Mask = [0; 1024 / WORD_BITS];
        let size = size_of_val(&mask);
        // SAFETY: the call writes at most `size` bytes, as many as `mask` has.
        let status = unsafe { libc::sched_getaffinity(0, size, (&raw mut mask).cast()) };
        let has = |cpu: &usize| mask[cpu / WORD_BITS] >> (cpu % WORD_BITS) & 1 == 1;
        match status {
            0 => (0..mask.len() * WORD_BITS).filter(has).collect(),
            _ => vec![],
        }
    }

    /// Keeps this thread on these processors.
    pub(super) fn pin_to(cpus: &[usize]) {
        let mut mask: Mask = [0; 1024 / WORD_BITS];
        cpus.iter().for_each(|cpu| mask[cpu / WORD_BITS] |= 1 << (cpu % WORD_BITS));
        let size = size_of_val(&mask);
        // SAFETY: the call reads at most `size` bytes, as many as `mask` has.
        let status = unsafe { libc::sched_setaffinity(0, size, (&raw const mask).cast()) };
        assert_eq!(status, 0, "a processor which this process may use is refused");
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn cpus() -> Vec<usize> {
        vec![]
    }

    pub(super) fn pin_to(_cpus: &[usize]) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::thread;

    fn left_after(hook: impl Fn() + Send + Sync) -> Vec<usize> {
        thread::scope(|scope| {
            let hooked = scope.spawn(|| {
                hook();
                system::cpus()
            });
            hooked.join().expect("pinning works here")
        })
    }

    #[test]
    fn what_is_started_on_a_processor_stays_there() {
        let all = processors();
        for &cpu in &all {
            assert_eq!(on(cpu, || thread::spawn(processors).join().expect("it ends")), [cpu]);
        }
        assert_eq!(processors(), all, "the caller does not");
    }

    #[test]
    fn one_worker_is_where_its_caller_is_and_several_are_not() {
        let all = processors();
        let seen = || (processors(), thread::spawn(processors).join().expect("it ends"));
        let (caller, worker) = together(1, seen);
        assert_eq!((caller.len(), &caller), (1, &worker));
        assert_eq!(together(2, seen), (all.clone(), all));
    }

    #[test]
    fn threads_get_the_processors_in_turn() {
        let all = system::cpus();
        let hook = in_turn(2);
        for cpu in all.iter().chain(&all) {
            assert_eq!(left_after(&hook), [*cpu]);
        }
        assert_eq!(left_after(in_turn(1)), all);
    }
}
