//! What happens in a situation that a program gets into. One function each, generic
//! over the runtime.

use bowerbird_bench::{Runtime, clock, spread::Spread, work};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How much later than asked a task goes on that sleeps: the median of 300.
pub(crate) fn oversleep<R: Runtime>(duration: Duration) -> Duration {
    let runtime = R::new(2);
    runtime.run(async move {
        let mut late = vec![];
        for _ in 0..300 {
            let start = clock::now();
            R::sleep(duration).await;
            let took = start.elapsed();
            assert!(took >= duration, "woken after {took:?} instead of {duration:?}");
            late.push((took - duration).as_secs_f64());
        }
        Duration::from_secs_f64(Spread::of(late).median)
    })
}

/// How a drop went.
pub(crate) struct Dropped {
    pub(crate) took: Duration,
    /// Blocking closures that it said it left running.
    pub(crate) reported: usize,
}

/// Drops the runtime while a closure on its blocking pool sleeps.
pub(crate) fn drop_while_blocked<R: Runtime>(blocked: Duration) -> Dropped {
    let reported = Arc::new(AtomicUsize::new(0));
    let report = reported.clone();
    let runtime = R::with_hooks(2, || (), move |left| report.store(left, Relaxed));
    let (started, has_started) = mpsc::channel();
    runtime.run(async move {
        drop(R::spawn_blocking(move || {
            started.send(()).expect("the main thread waits for it");
            thread::sleep(blocked);
        }));
    });
    has_started.recv().expect("the closure is started");
    let start = clock::now();
    drop(runtime);
    // Relaxed: the drop called the hook on this thread.
    Dropped { took: start.elapsed(), reported: reported.load(Relaxed) }
}

/// How many times longer a round trip takes between the main future and a task than
/// between two tasks.
pub(crate) fn main_over_tasks<R: Runtime>(workers: usize) -> Spread {
    const ROUNDS: u64 = 1_000;
    // A thread of its own: a program pins the thread that runs it.
    let program = || {
        R::run_program(workers, async {
            let mut ratios = vec![];
            for _ in 0..21 {
                let with_main = work::round_trips::<R>(ROUNDS).await;
                let among_tasks = R::spawn(work::round_trips::<R>(ROUNDS)).await;
                ratios.push(with_main.as_secs_f64() / among_tasks.as_secs_f64());
            }
            Spread::of(ratios)
        })
    };
    thread::scope(|scope| scope.spawn(program).join().expect("the program ends"))
}

/// What a ticker went through.
pub(crate) struct Ticks {
    pub(crate) count: u32,
    /// The longest time between two ticks.
    pub(crate) largest_gap: Duration,
    /// The most polls of other tasks that the thread of a tick began between the
    /// moment the tick was due and the tick. Unlike the gap, it does not grow while
    /// another program has the processor.
    pub(crate) polls_while_due: u64,
}

/// A task ticks every millisecond while 10,000 others are always ready, so that
/// only their budget ends their polls.
pub(crate) fn ticker_among_ready<R: Runtime>() -> Ticks {
    const TASKS: usize = 10_000;
    let runtime = R::new(2);
    runtime.run(async {
        let crowd = Arc::new(Crowd::new());
        let others: Vec<_> = (0..TASKS)
            .map(|_| R::spawn(counted(crowd.clone(), ready::<R>(crowd.clone()))))
            .collect();
        let ticks = R::spawn(tick::<R>(crowd)).await;
        for other in others {
            other.await;
        }
        ticks
    })
}

/// What the ticker and the others tell each other. Relaxed, all of it: a number and
/// a flag that are seen in time.
struct Crowd {
    start: Instant,
    /// When the next tick is due, in nanoseconds after `start`.
    due: AtomicU64,
    is_over: AtomicBool,
}

thread_local! {
    /// A moment when a tick was due, and the polls that began here since then.
    static POLLS_SINCE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl Crowd {
    fn new() -> Self {
        let (due, is_over) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        Self { start: clock::now(), due, is_over }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).expect("this takes seconds, not centuries")
    }

    fn note_poll(&self) {
        let due = self.due.load(Relaxed);
        if self.nanos() >= due {
            POLLS_SINCE.set((due, Self::polls_since(due) + 1));
        }
    }

    /// The polls that began on this thread since a tick was due.
    fn polls_since(due: u64) -> u64 {
        let (moment, polls) = POLLS_SINCE.get();
        if moment == due { polls } else { 0 }
    }
}

async fn ready<R: Runtime>(crowd: Arc<Crowd>) {
    while !crowd.is_over.load(Relaxed) {
        R::consume_budget().await;
    }
}

async fn counted(crowd: Arc<Crowd>, task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    poll_fn(|cx| {
        crowd.note_poll();
        task.as_mut().poll(cx)
    })
    .await;
}

async fn tick<R: Runtime>(crowd: Arc<Crowd>) -> Ticks {
    const PERIOD: Duration = Duration::from_millis(1);
    const LONG_ENOUGH: Duration = Duration::from_secs(2);
    let mut ticks = Ticks { count: 0, largest_gap: Duration::ZERO, polls_while_due: 0 };
    let start = clock::now();
    let mut last = start;
    while last - start < LONG_ENOUGH {
        let due = crowd.nanos() + PERIOD.as_nanos() as u64;
        crowd.due.store(due, Relaxed);
        R::sleep(PERIOD).await;
        let now = clock::now();
        ticks.count += 1;
        ticks.largest_gap = ticks.largest_gap.max(now - last);
        ticks.polls_while_due = ticks.polls_while_due.max(Crowd::polls_since(due));
        last = now;
    }
    crowd.is_over.store(true, Relaxed);
    ticks
}
