//! The promises of this module, under a paused clock: nobody sleeps here.

use super::{
    Elapsed, Instant, Interval, MissedTickBehavior, interval, interval_at, sleep, sleep_until,
    timeout, timeout_at,
};
use crate::{context, reactor::Reactor};
use futures_core::Stream;
use std::{
    collections::BTreeSet,
    future::{Future, pending, poll_fn, ready},
    panic::{AssertUnwindSafe, Location, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};
use sync::{
    coop,
    driver::{Driver, Seat},
    shim,
    wait_site::{self, Kind, Record},
};

const MS: Duration = Duration::from_millis(1);
const SEAT: Seat = Seat(0);

/// This thread on a seat of a reactor whose clock stands still.
struct Stage {
    reactor: Reactor,
}

impl Stage {
    fn enter() -> Self {
        let reactor = Reactor::builder().seats(2).paused().build().unwrap();
        context::push(reactor.clone(), SEAT);
        Self { reactor }
    }

    /// Moves the clock and fires what is due. Returns how many wakers it called.
    fn advance(&self, span: Duration) -> usize {
        self.reactor.clock().advance(span);
        self.fire()
    }

    fn fire(&self) -> usize {
        let mut wakers = Vec::new();
        let now = self.reactor.clock().now();
        let count = self.reactor.timers(SEAT).fire(now, &mut wakers);
        assert_eq!(count, wakers.len());
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    fn timers(&self) -> usize {
        self.reactor.timers(SEAT).counts().0
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        context::pop(&self.reactor, SEAT);
    }
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (count.clone(), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_sleep_ends_at_its_deadline_to_the_nanosecond() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut sleep = sleep(5 * MS);
    assert_eq!(stage.timers(), 0, "nothing happens until polled");
    assert_eq!(poll_with(&mut sleep, &waker), Poll::Pending);
    assert_eq!(stage.reactor.timers(SEAT).next_deadline(), Some(sleep.deadline().into_std()));
    assert_eq!(stage.advance(5 * MS - Duration::from_nanos(1)), 0);
    assert!(!sleep.is_elapsed());
    assert_eq!(poll_with(&mut sleep, &waker), Poll::Pending);
    assert_eq!(stage.advance(Duration::from_nanos(1)), 1);
    assert_eq!(count.get(), 1);
    assert!(sleep.is_elapsed());
    assert_eq!(poll(&mut sleep), Poll::Ready(()));
    assert_eq!(poll(&mut sleep), Poll::Ready(()), "it stays over");
    assert_eq!(stage.reactor.timers(SEAT).next_deadline(), None);
}

#[test]
fn a_deadline_in_the_past_is_ready_at_the_first_poll() {
    let stage = Stage::enter();
    assert_eq!(poll(&mut sleep(Duration::ZERO)), Poll::Ready(()));
    let start = Instant::now();
    stage.advance(MS);
    assert_eq!(poll(&mut sleep_until(start)), Poll::Ready(()));
    assert_eq!(poll(&mut sleep_until(start - Duration::MAX)), Poll::Ready(()));
    assert_eq!(stage.timers(), 0);
}

#[test]
fn what_is_ready_spends_budget_and_what_waits_does_not() {
    let stage = Stage::enter();
    let _budget = coop::enter(1);
    let mut waiting = sleep(MS);
    for _ in 0..3 {
        assert_eq!(poll(&mut waiting), Poll::Pending);
        assert!(coop::has_budget_remaining());
    }
    assert_eq!(poll(&mut sleep(Duration::ZERO)), Poll::Ready(()));
    assert!(!coop::has_budget_remaining());
    assert_eq!(poll(&mut sleep(Duration::ZERO)), Poll::Pending, "its turn is over");
    stage.advance(MS);
}

#[test]
fn a_sleep_of_for_ever_sets_no_timer() {
    let stage = Stage::enter();
    let mut for_ever = sleep(Duration::MAX);
    assert_eq!(poll(&mut for_ever), Poll::Pending);
    assert_eq!((stage.timers(), for_ever.is_elapsed()), (0, false));
    assert_eq!(stage.reactor.timers(SEAT).next_deadline(), None);
    stage.advance(Duration::MAX);
    assert_eq!(poll(&mut for_ever), Poll::Pending);
    let start = Instant::now();
    Pin::new(&mut for_ever).reset(start);
    assert_eq!(poll(&mut for_ever), Poll::Ready(()));
}

#[test]
fn durations_of_any_length_are_fine() {
    let stage = Stage::enter();
    let years = |years: u64| Duration::from_secs(years * 31_557_600);
    for span in [years(1), years(100), years(291), years(293), years(600), Duration::MAX / 2] {
        let mut sleep = sleep(span);
        assert_eq!(poll(&mut sleep), Poll::Pending, "{span:?}");
        Pin::new(&mut sleep).reset(Instant::now() + MS);
        assert_eq!(poll(&mut sleep), Poll::Pending);
        Pin::new(&mut sleep).reset(Instant::now() + span);
        assert_eq!(poll(&mut sleep), Poll::Pending);
    }
    assert_eq!(stage.timers(), 0);
}

#[test]
fn a_dropped_sleep_is_not_fired() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut one = sleep(MS);
    let mut two = sleep(2 * MS);
    assert!(poll_with(&mut one, &waker).is_pending() && poll_with(&mut two, &waker).is_pending());
    drop(one);
    assert_eq!(stage.timers(), 1, "at once, not at its deadline");
    assert_eq!(stage.reactor.timers(SEAT).next_deadline(), Some(two.deadline().into_std()));
    assert_eq!(stage.advance(MS), 0);
    assert_eq!(stage.advance(MS), 1);
    assert_eq!(count.get(), 1);
    drop(two);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1, "no waker is left behind");
}

#[test]
fn the_last_waker_wins() {
    let stage = Stage::enter();
    let ((one, first), (two, second)) = (Count::new(), Count::new());
    let mut sleep = sleep(MS);
    assert!(poll_with(&mut sleep, &first).is_pending());
    assert!(poll_with(&mut sleep, &second).is_pending());
    drop(first);
    assert_eq!(Arc::strong_count(&one), 1, "the one before is dropped");
    stage.advance(MS);
    assert_eq!((one.get(), two.get()), (0, 1));
}

#[test]
fn the_same_waker_is_not_cloned_again() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut sleep = sleep(MS);
    for _ in 0..3 {
        assert!(poll_with(&mut sleep, &waker).is_pending());
        assert_eq!(Arc::strong_count(&count), 3);
    }
    stage.advance(MS);
}

#[test]
fn a_reset_moves_the_timer_and_keeps_the_waker() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut sleep = sleep(10 * MS);
    let start = Instant::now();
    assert!(poll_with(&mut sleep, &waker).is_pending());
    for span in [20 * MS, 3 * MS, 5 * MS] {
        Pin::new(&mut sleep).reset(start + span);
        assert_eq!(stage.reactor.timers(SEAT).next_deadline(), Some((start + span).into_std()));
    }
    assert_eq!(stage.advance(4 * MS), 0);
    assert_eq!(stage.advance(MS), 1, "without another poll");
    assert_eq!(count.get(), 1);
    assert_eq!(poll(&mut sleep), Poll::Ready(()));
    Pin::new(&mut sleep).reset(start + 7 * MS);
    assert!(!sleep.is_elapsed(), "it starts again");
    assert!(poll_with(&mut sleep, &waker).is_pending());
    assert_eq!(stage.advance(2 * MS), 1);
    assert_eq!(poll(&mut sleep), Poll::Ready(()));
}

#[test]
fn a_reset_to_the_past_wakes_the_task() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut sleep = sleep(10 * MS);
    assert!(poll_with(&mut sleep, &waker).is_pending());
    Pin::new(&mut sleep).reset(Instant::now());
    stage.fire();
    assert_eq!(count.get(), 1);
    assert_eq!(poll(&mut sleep), Poll::Ready(()));
}

#[test]
fn a_reset_without_a_reactor_has_the_task_poll_again() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut sleep = sleep(10 * MS);
    assert!(poll_with(&mut sleep, &waker).is_pending());
    let later = sleep.deadline() + MS;
    let sleep = shim::thread::start("elsewhere".into(), None, move || {
        Pin::new(&mut sleep).reset(later);
        sleep
    });
    let mut sleep = sleep.unwrap().join().unwrap();
    assert_eq!(count.get(), 1);
    assert!(poll_with(&mut sleep, &waker).is_pending());
    assert_eq!(stage.advance(11 * MS), 1);
}

#[test]
fn a_reset_on_another_seat_takes_the_timer_there() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut sleep = sleep(10 * MS);
    assert!(poll_with(&mut sleep, &waker).is_pending());
    context::push(stage.reactor.clone(), Seat(1));
    let sooner = Instant::now() + MS;
    Pin::new(&mut sleep).reset(sooner);
    context::pop(&stage.reactor, Seat(1));
    let there = stage.reactor.timers(Seat(1));
    assert_eq!((stage.timers(), there.counts().0), (0, 1));
    assert_eq!(stage.advance(MS), 0);
    let mut wakers = Vec::new();
    there.fire(stage.reactor.clock().now(), &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!(count.get(), 1);
    assert_eq!(poll(&mut sleep), Poll::Ready(()));
}

#[test]
fn a_sleep_can_be_dropped_elsewhere_and_after_its_reactor() {
    let (count, waker) = Count::new();
    let stage = Stage::enter();
    let (mut one, mut two, mut three) = (sleep(MS), sleep(2 * MS), sleep(3 * MS));
    for sleep in [&mut one, &mut two, &mut three] {
        assert!(poll_with(sleep, &waker).is_pending());
    }
    let drop_elsewhere = |sleep| {
        shim::thread::start("elsewhere".into(), None, move || drop::<super::Sleep>(sleep))
            .unwrap()
            .join()
            .unwrap();
    };
    drop_elsewhere(one);
    assert_eq!(stage.advance(MS), 0, "it is cancelled");
    assert_eq!(stage.timers(), 2);
    drop(stage);
    assert_eq!(count.get(), 2, "the sleepers are told that nobody will wake them");
    drop_elsewhere(two);
    drop(three);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn a_sleep_whose_reactor_is_gone_finds_another() {
    let stage = Stage::enter();
    let mut sleep = sleep(MS);
    assert!(poll(&mut sleep).is_pending());
    drop(stage);
    let stage = Stage::enter();
    stage.reactor.clock().advance_to(sleep.deadline().into_std() - MS / 2);
    assert!(poll(&mut sleep).is_pending());
    assert_eq!(stage.timers(), 1);
    assert_eq!(stage.advance(MS), 1);
    assert_eq!(poll(&mut sleep), Poll::Ready(()));
}

#[test]
fn who_has_to_wait_without_a_reactor_panics_and_is_named() {
    let mut future = sleep(Duration::from_secs(3600));
    let line = line!() - 1;
    let panic = catch_unwind(AssertUnwindSafe(|| poll(&mut future))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
    let mut future = timeout(MS, pending::<()>());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut future))).is_err());
    assert_eq!(poll(&mut sleep(Duration::ZERO)), Poll::Ready(()), "nothing to wait for");
}

#[test]
fn a_sleep_says_what_it_waits_for_and_where() {
    let _stage = Stage::enter();
    let record = Record::new();
    let mut sleep = sleep(MS);
    let here = Location::caller();
    {
        let _entered = lend(&record);
        assert!(poll(&mut sleep).is_pending());
    }
    let site = record.read().unwrap();
    assert_eq!(site.kind, Kind::Timer);
    assert_eq!(site.location.unwrap().file(), here.file());
    assert_eq!(site.location.unwrap().line() + 1, here.line());
}

#[expect(unsafe_code, reason = "the obligations are those of a test's last statement")]
fn lend(record: &Record) -> wait_site::Entered<'_> {
    // SAFETY: the one caller drops the guard in the block in which it asks.
    unsafe { wait_site::enter(record) }
}

#[test]
fn ready_work_wins_over_a_timeout() {
    let stage = Stage::enter();
    assert_eq!(poll(&mut timeout(Duration::ZERO, ready(7))), Poll::Ready(Ok(7)));
    let past = Instant::now();
    assert_eq!(poll(&mut timeout_at(past, ready(7))), Poll::Ready(Ok(7)));
    // Both at once: the deadline passes, and the work is done.
    let mut polls = 0;
    let mut late = timeout(
        MS,
        poll_fn(|_| {
            polls += 1;
            if polls == 2 { Poll::Ready(7) } else { Poll::Pending }
        }),
    );
    assert!(poll(&mut late).is_pending());
    assert_eq!(stage.advance(MS), 1);
    assert_eq!(poll(&mut late), Poll::Ready(Ok(7)));
}

#[test]
fn a_timeout_polls_once_and_ends_at_its_deadline() {
    let stage = Stage::enter();
    let mut polls = 0;
    let work = poll_fn(|_| {
        polls += 1;
        Poll::<()>::Pending
    });
    assert!(matches!(poll(&mut timeout(Duration::ZERO, work)), Poll::Ready(Err(_))));
    assert_eq!(polls, 1);

    let (count, waker) = Count::new();
    let mut limited = timeout(5 * MS, pending::<()>());
    assert!(poll_with(&mut limited, &waker).is_pending());
    assert_eq!(stage.timers(), 1);
    assert_eq!(stage.advance(5 * MS), 1);
    assert_eq!(count.get(), 1);
    let elapsed = match poll(&mut limited) {
        Poll::Ready(Err(elapsed)) => elapsed,
        other => panic!("{other:?}"),
    };
    assert_eq!(elapsed.to_string(), "the deadline has elapsed");
    assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn a_timeout_without_end_is_the_future_alone() {
    let stage = Stage::enter();
    let mut limited = timeout(Duration::MAX, pending::<()>());
    assert!(poll(&mut limited).is_pending());
    assert_eq!(stage.timers(), 0);
    stage.advance(Duration::MAX);
    assert!(poll(&mut limited).is_pending());
}

#[test]
fn a_budget_eater_cannot_dodge_its_timeout() {
    let stage = Stage::enter();
    let eater = poll_fn(|cx: &mut Context<'_>| {
        while let Poll::Ready(progress) = coop::poll_proceed(cx) {
            progress.made();
        }
        Poll::<()>::Pending
    });
    let mut limited = pin!(timeout(10 * MS, eater));
    let (_, waker) = Count::new();
    let mut polls = 0;
    let result = loop {
        polls += 1;
        let _budget = coop::enter(coop::BUDGET_DEFAULT);
        match limited.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => break result,
            Poll::Pending => stage.advance(MS),
        };
    };
    assert_eq!((result.is_err(), polls), (true, 11));
}

/// Polls for a tick; when it was due, counted from `start`.
fn tick(interval: &mut Interval, start: Instant) -> Option<Duration> {
    match poll(&mut interval.tick()) {
        Poll::Ready(tick) => Some(tick - start),
        Poll::Pending => None,
    }
}

#[test]
fn an_interval_keeps_to_its_period() {
    let stage = Stage::enter();
    let start = Instant::now();
    let mut interval = interval(10 * MS);
    assert_eq!(tick(&mut interval, start), Some(Duration::ZERO));
    for n in 1..5 {
        stage.reactor.clock().advance_to((start + n * 10 * MS - MS).into_std());
        // A tick that is dropped takes nothing along.
        assert_eq!(tick(&mut interval, start), None);
        // However late in its period a tick is taken, the next one is in time.
        assert_eq!(stage.advance(n * MS), 1);
        assert_eq!(tick(&mut interval, start), Some(n * 10 * MS));
    }
}

#[test]
fn a_missed_tick_is_made_up_for_delayed_or_skipped() {
    let expected = [
        (MissedTickBehavior::Burst, [20, 30, 40, 50]),
        (MissedTickBehavior::Delay, [20, 55, 65, 75]),
        (MissedTickBehavior::Skip, [20, 50, 60, 70]),
    ];
    for (behavior, ticks) in expected {
        let stage = Stage::enter();
        let start = Instant::now();
        let mut interval = interval_at(start, 10 * MS);
        interval.set_missed_tick_behavior(behavior);
        assert_eq!(interval.missed_tick_behavior(), behavior);
        assert_eq!(tick(&mut interval, start), Some(Duration::ZERO));
        stage.advance(10 * MS);
        assert_eq!(tick(&mut interval, start), Some(10 * MS));
        stage.advance(35 * MS);
        let mut seen = Vec::new();
        while seen.len() < ticks.len() {
            match tick(&mut interval, start) {
                Some(tick) => seen.push(tick),
                None => drop(stage.advance(MS)),
            }
        }
        assert_eq!(seen, ticks.map(|ms| ms * MS), "{behavior:?}");
    }
}

#[test]
fn an_interval_can_be_reset() {
    let stage = Stage::enter();
    let start = Instant::now();
    let mut interval = interval(10 * MS);
    assert_eq!(tick(&mut interval, start), Some(Duration::ZERO));
    assert_eq!(tick(&mut interval, start), None);
    stage.advance(7 * MS);
    interval.reset();
    stage.advance(9 * MS);
    assert_eq!(tick(&mut interval, start), None);
    stage.advance(MS);
    assert_eq!(tick(&mut interval, start), Some(17 * MS));
    interval.reset_immediately();
    assert_eq!(tick(&mut interval, start), Some(17 * MS));
    interval.reset_after(MS);
    stage.advance(MS);
    assert_eq!(tick(&mut interval, start), Some(18 * MS));
}

#[test]
fn an_interval_of_for_ever_ticks_once() {
    let stage = Stage::enter();
    let mut interval = pin!(interval(Duration::MAX));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(interval.as_mut().poll_next(&mut cx).is_ready());
    assert!(interval.as_mut().poll_next(&mut cx).is_pending());
    stage.advance(Duration::MAX);
    assert!(interval.as_mut().poll_next(&mut cx).is_pending());
    assert_eq!(interval.size_hint(), (usize::MAX, None));
}

#[test]
fn an_interval_without_a_period_is_refused() {
    let panic = catch_unwind(|| interval(Duration::ZERO)).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert_eq!(*text, "the period of an interval must not be zero");
}

#[test]
fn a_clock_that_jumps_keeps_the_policy_of_missed_ticks() {
    // A suspended machine, a stopped process: an hour is gone in between.
    let stage = Stage::enter();
    let start = Instant::now();
    let hour = Duration::from_secs(3600);
    let mut interval = interval(10 * MS);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    assert!(tick(&mut interval, start).is_some());
    stage.advance(hour + MS);
    assert_eq!(tick(&mut interval, start), Some(10 * MS));
    assert_eq!(tick(&mut interval, start), None);
    stage.advance(9 * MS);
    assert_eq!(tick(&mut interval, start), Some(hour + 10 * MS));
}

#[test]
fn an_instant_never_overflows() {
    let now = Instant::now();
    assert_eq!(now + Duration::MAX + Duration::MAX, now + Duration::MAX);
    assert_eq!(now - Duration::MAX - Duration::MAX, now - Duration::MAX);
    assert!(now - Duration::MAX < now && now < now + Duration::MAX);
    assert_eq!(now - (now + MS), Duration::ZERO);
    assert_eq!(now.checked_add(Duration::MAX), None);
    assert_eq!(now.checked_duration_since(now + MS), None);
    assert_eq!(Instant::from(std::time::Instant::from(now)), now);
    assert_eq!((now + MS).elapsed(), Duration::ZERO);
}

#[test]
fn the_types_can_go_where_they_should() {
    fn assert<T: Send + Sync + Unpin>() {}
    assert::<super::Sleep>();
    assert::<Interval>();
    assert::<super::Tick<'_>>();
    assert::<super::Timeout<std::future::Ready<()>>>();
    assert::<Elapsed>();
}

mod hostile {
    //! Wakers that misbehave.

    use super::{Count, MS, Stage, poll_with};
    use crate::time::{Sleep, sleep};
    use std::{
        pin::Pin,
        sync::{Arc, Mutex},
        task::{Wake, Waker},
    };

    /// Drops, and resets, another sleep of the same seat when it is woken or
    /// dropped.
    #[derive(Default)]
    struct Meddler(Mutex<Vec<Sleep>>);

    impl Meddler {
        fn meddle(&self) {
            let sleep = self.0.lock().unwrap().pop();
            if let Some(mut sleep) = sleep {
                let sooner = sleep.deadline() - MS;
                Pin::new(&mut sleep).reset(sooner);
                drop(sleep);
            }
        }
    }

    impl Wake for Meddler {
        fn wake(self: Arc<Self>) {
            self.meddle();
        }
    }

    impl Drop for Meddler {
        fn drop(&mut self) {
            self.meddle();
        }
    }

    #[test]
    fn a_waker_may_meddle_with_the_timers_that_call_it() {
        let stage = Stage::enter();
        for by_drop in [false, true] {
            let (count, plain) = Count::new();
            let meddler = Arc::new(Meddler::default());
            let waker = Waker::from(meddler.clone());
            let mut victims: Vec<_> = (0..2).map(|_| sleep(5 * MS)).collect();
            for victim in &mut victims {
                assert!(poll_with(victim, &plain).is_pending());
            }
            meddler.0.lock().unwrap().extend(victims);
            drop(meddler);
            let mut sleep = sleep(MS);
            assert!(poll_with(&mut sleep, &waker).is_pending());
            drop(waker);
            match by_drop {
                // The last one to know the meddler is the timer.
                true => drop(sleep),
                false => assert_eq!(stage.advance(MS), 1),
            }
            assert_eq!(stage.advance(10 * MS), 0, "the meddler took its victims along");
            assert_eq!((stage.timers(), count.get()), (0, 0));
        }
    }
}

// ── slack ───────────────────────────────────────────────────────────────────────

/// The times at which so many sleeps end, after those at which they were due.
fn ends(slack: Duration) -> Vec<(Duration, Duration)> {
    const SLEEPS: u32 = 1_000;
    let reactor = Reactor::builder().paused().build().unwrap();
    reactor.block_on(async {
        let start = Instant::now();
        let sleeps = (0..SLEEPS).map(|number| async move {
            // 10 s of them, in disorder.
            let due = 10 * MS * (number * 619 % SLEEPS);
            sleep(due).slack(slack).await;
            (due, start.elapsed())
        });
        futures::future::join_all(sleeps).await
    })
}

#[test]
fn sleeps_with_slack_share_their_ends() {
    let slack = 250 * MS;
    let ends_by_one = ends(slack);
    for &(due, end) in &ends_by_one {
        assert!(due <= end && end <= due + slack, "{due:?}: {end:?}");
    }
    let times: BTreeSet<_> = ends_by_one.iter().map(|it| it.1).collect();
    // 10 s are 40 times 250 ms; one is ready at once.
    assert!(times.len() <= 2 * 40 + 2, "{}", times.len());
    let exact = ends(Duration::ZERO);
    assert!(exact.iter().all(|(due, end)| due == end));
}

#[test]
fn a_slack_stays_through_a_reset() {
    let stage = Stage::enter();
    let (_, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let mut sleep = sleep(MS).slack(Duration::from_secs(10));
    assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
    for _ in 0..2 {
        let next = stage.reactor.timers(SEAT).next_deadline().unwrap();
        let slack = Instant::from_std(next) - sleep.deadline();
        assert!(MS < slack && slack <= Duration::from_secs(10), "{slack:?}");
        // Its time may come and pass: it is over when it fires.
        stage.advance(MS);
        assert!(!sleep.is_elapsed());
        Pin::new(&mut sleep).reset(Instant::now() + MS);
    }
    assert_eq!(stage.timers(), 1);
}

#[test]
fn a_timeout_with_slack_ends_within_it() {
    let reactor = Reactor::builder().paused().build().unwrap();
    let (second, slack) = (Duration::from_secs(1), 100 * MS);
    let ends = |limit: fn(Duration) -> super::Timeout<std::future::Pending<()>>| {
        reactor.block_on(async {
            let start = Instant::now();
            assert!(limit(second).slack(slack).await.is_err());
            start.elapsed()
        })
    };
    let after = ends(|it| timeout(it, pending()));
    let at = ends(|it| timeout_at(Instant::now() + it, pending()));
    for passed in [after, at] {
        assert!(second <= passed && passed <= second + slack, "{passed:?}");
    }
}

#[test]
fn a_slack_beyond_measure_is_an_hour_or_so() {
    let stage = Stage::enter();
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let mut sleep = sleep(MS).slack(Duration::MAX);
    assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
    stage.advance(Duration::from_secs(72 * 60));
    assert_eq!(count.get(), 1);
    // One that never comes does not come by its slack either.
    let mut never = super::sleep(Duration::MAX).slack(Duration::MAX);
    assert!(Pin::new(&mut never).poll(&mut cx).is_pending());
    assert_eq!(stage.timers(), 0);
}

// ── the clock ───────────────────────────────────────────────────────────────────

#[test]
fn a_sleep_awaited_in_its_turn_looks_at_the_clock_once() {
    let reactor = Reactor::builder().build().unwrap();
    reactor.attach(SEAT);
    let (_, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let made = || (sleep(Duration::from_nanos(1)), sleep(Duration::ZERO));
    let (mut short, mut zero) = made();
    while !short.is_elapsed() {}
    assert!(Pin::new(&mut zero).poll(&mut cx).is_ready(), "zero is ready at the first poll");
    assert!(Pin::new(&mut short).poll(&mut cx).is_pending(), "it was ahead in this turn");
    reactor.poll(SEAT, 1);
    assert!(Pin::new(&mut short).poll(&mut cx).is_ready(), "and fires at its end");
    // In a later turn, and on another seat of which this is no turn, the clock counts.
    let (mut later, _) = made();
    reactor.poll(SEAT, 1);
    assert!(Pin::new(&mut later).poll(&mut cx).is_ready());
    reactor.detach(SEAT);
}

#[test]
fn a_sleep_takes_three_words() {
    assert_eq!(size_of::<super::Sleep>(), 3 * size_of::<u64>());
    let timeout = timeout(MS, ready(()));
    assert!(size_of_val(&timeout) <= 6 * size_of::<u64>(), "{}", size_of_val(&timeout));
}
