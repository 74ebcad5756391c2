//! Timers: short sleeps, and a ticker in a crowd.
//!
//! Before each of R3's sleeps the task computes for another part of a millisecond: one sleep
//! right after the other would begin at a tick always, for a timer that has ticks, and
//! be as late as can be.
//!
//! R8's crowd is ready whenever it is polled, so the gap shows how soon a runtime looks
//! at its timers while there is something to run. A gap also grows while another
//! program has the processor; the count of polls does not. A poll of the crowd ends
//! when its budget is spent, and in a runtime without budgets, such as smol, by a
//! yield: otherwise it would never end.

use super::{Answer, Question, Situation, Unit};
use crate::{Runtime, clock, spread::Spread, workloads::time::compute_between};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The file's part of the list.
pub(super) const SITUATIONS: &[Situation] = &[
    Situation {
        id: "R3",
        questions: &[
            late("`sleep(10 µs)`: goes on later by, median of 300"),
            late("… `sleep(100 µs)`"),
            late("… `sleep(500 µs)`"),
            late("… `sleep(1 ms)`"),
        ],
        observe: on_runtime!(short_sleeps),
    },
    Situation {
        id: "R8",
        questions: &[
            Question::new(
                "10,000 tasks always ready, a ticker of 1 ms: largest gap in 2 s",
                Unit::Millis,
            )
            .at_most(10.0),
            Question::new(
                "… most polls on its thread from when a tick was due to the tick",
                Unit::Count("polls"),
            ),
        ],
        observe: on_runtime!(ticker_in_a_crowd),
    },
];

const fn late(text: &'static str) -> Question {
    Question::new(text, Unit::Micros).at_most(80.0)
}

fn short_sleeps<R: Runtime>() -> Vec<Answer> {
    let late = |micros| Answer::micros(oversleep::<R>(Duration::from_micros(micros), 300));
    [10, 100, 500, 1_000].map(late).into()
}

/// How much later than asked a task goes on that sleeps: the median.
fn oversleep<R: Runtime>(duration: Duration, trials: u64) -> Duration {
    R::new(2).run(async move {
        let mut late = vec![];
        for trial in 0..trials {
            compute_between(trial);
            let start = clock::now();
            R::sleep(duration).await;
            let took = start.elapsed();
            assert!(took >= duration, "woken after {took:?} instead of {duration:?}");
            late.push((took - duration).as_secs_f64());
        }
        Duration::from_secs_f64(Spread::of(late).median)
    })
}

fn ticker_in_a_crowd<R: Runtime>() -> Vec<Answer> {
    let ticks = tick_among::<R>(10_000, Duration::from_secs(2));
    let gap = Answer::millis(ticks.largest_gap);
    let text = format!("{} in {} ticks", Unit::Millis.show(gap.value), ticks.count);
    vec![Answer::said(gap.value, text), Answer::of(ticks.polls_while_due as f64)]
}

/// What a ticker went through.
struct Ticks {
    count: u32,
    /// The longest time between two ticks.
    largest_gap: Duration,
    /// The most polls of other tasks that the thread of a tick began between the
    /// moment the tick was due and the tick.
    polls_while_due: u64,
}

/// A task ticks every millisecond while others are always ready.
fn tick_among<R: Runtime>(tasks: usize, long_enough: Duration) -> Ticks {
    R::new(2).run(async move {
        let crowd = Arc::new(Crowd::new());
        let others: Vec<_> = (0..tasks)
            .map(|_| R::spawn(counted(crowd.clone(), ready::<R>(crowd.clone()))))
            .collect();
        let ticks = R::join(R::spawn(tick::<R>(crowd, long_enough))).await;
        R::gather(others).await;
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
    /// Several budgets of those who have one.
    const YIELD_AFTER: u32 = 1_000;
    while !crowd.is_over.load(Relaxed) {
        for _ in 0..YIELD_AFTER {
            R::consume_budget().await;
        }
        R::yield_now().await;
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

async fn tick<R: Runtime>(crowd: Arc<Crowd>, long_enough: Duration) -> Ticks {
    const PERIOD: Duration = Duration::from_millis(1);
    let mut ticks = Ticks { count: 0, largest_gap: Duration::ZERO, polls_while_due: 0 };
    let start = clock::now();
    let mut last = start;
    while last - start < long_enough {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Smol, Tokio};

    fn ticks<R: Runtime>() {
        let late = oversleep::<R>(Duration::from_micros(100), 5);
        assert!(late < Duration::from_secs(1), "{late:?}");
        let ticks = tick_among::<R>(20, Duration::from_millis(30));
        assert!((1..=30).contains(&ticks.count), "{}", ticks.count);
        assert!(ticks.largest_gap >= Duration::from_millis(1), "{:?}", ticks.largest_gap);
    }

    #[test]
    fn each_runtime_serves_timers() {
        ticks::<Bowerbird>();
        ticks::<Tokio>();
        ticks::<Smol>();
    }

    #[test]
    fn polls_count_from_when_a_tick_is_due() {
        let crowd = Crowd::new();
        crowd.note_poll();
        assert_eq!(Crowd::polls_since(u64::MAX), 0);
        crowd.due.store(1, Relaxed);
        crowd.note_poll();
        crowd.note_poll();
        assert_eq!(Crowd::polls_since(1), 2);
        assert_eq!(Crowd::polls_since(2), 0);
    }
}
