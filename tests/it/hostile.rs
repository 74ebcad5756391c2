//! Children that do their worst: wake whom they like whenever they like, hand their
//! wakers to threads, end and panic in polls and in destructors.

use crate::stage::limited;
use bowerbird::{
    AllCompleted, as_completed, gather, map_concurrent, race_ok, race_staggered,
    runtime::{Builder, Runtime},
    spawn,
    sync::coop,
    task::{JoinMap, JoinSet, scope},
    time::Duration,
    wait, yield_now,
};
use std::{
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Wakers that children left, called by threads until the pool is closed.
#[derive(Clone, Default)]
struct Pool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    wakers: Mutex<Vec<(Waker, Option<Arc<AtomicBool>>)>>,
    is_closed: AtomicBool,
    polls: AtomicUsize,
}

impl Pool {
    /// Leaves a waker. With a flag it is due: the flag is set before it is called.
    fn leave(&self, waker: &Waker, flag: Option<Arc<AtomicBool>>) {
        let waker = waker.clone();
        self.0.wakers.lock().unwrap().push((waker, flag));
    }

    /// Wakes everybody who left a waker here that is not due.
    fn wake_all(&self) {
        let mut wakers = self.0.wakers.lock().unwrap().clone();
        wakers.retain(|(_, flag)| flag.is_none());
        wakers.into_iter().for_each(|(waker, _)| waker.wake());
    }

    /// Calls wakers from two threads while `test` runs.
    fn run(test: impl FnOnce(&Self)) {
        let pool = Self::default();
        thread::scope(|threads| {
            for seed in 1..=2 {
                let pool = &pool;
                threads.spawn(move || pool.call(seed));
            }
            let result = catch_unwind(AssertUnwindSafe(|| test(&pool)));
            pool.0.is_closed.store(true, Relaxed);
            result.unwrap();
        });
        // Wakers that outlive everything they belong to.
        let left = std::mem::take(&mut *pool.0.wakers.lock().unwrap());
        left.into_iter().for_each(|(waker, _)| waker.wake());
    }

    fn call(&self, seed: usize) {
        let mut draw = seed;
        while !self.0.is_closed.load(Relaxed) {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let taken = {
                let mut wakers = self.0.wakers.lock().unwrap();
                match wakers.len() {
                    0 => None,
                    len => Some(wakers.swap_remove((draw >> 33) % len)),
                }
            };
            let Some((waker, flag)) = taken else {
                thread::yield_now();
                continue;
            };
            flag.inspect(|flag| flag.store(true, Relaxed));
            match (draw >> 20) % 3 {
                0 => waker.wake(),
                1 => {
                    let copy = waker.clone();
                    drop(waker);
                    copy.wake();
                }
                _ => {
                    waker.wake_by_ref();
                    // Again, when its child has long gone.
                    let mut wakers = self.0.wakers.lock().unwrap();
                    if wakers.len() < 64 {
                        wakers.push((waker, None));
                    }
                }
            }
        }
    }
}

/// A child that waits so many times until a thread has set its flag, wakes itself and
/// others in between, and everybody when it is dropped.
struct Hostile {
    pool: Pool,
    left: u32,
    flag: Option<Arc<AtomicBool>>,
}

impl Future for Hostile {
    type Output = Result<u32, u32>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polls = self.pool.0.polls.fetch_add(1, Relaxed);
        if self.flag.as_ref().is_none_or(|flag| flag.load(Relaxed)) {
            if self.left == 0 {
                // After its end, too.
                cx.waker().wake_by_ref();
                self.pool.leave(cx.waker(), None);
                return Poll::Ready(Err(0));
            }
            self.left -= 1;
            let flag = Arc::new(AtomicBool::new(false));
            self.flag = Some(flag.clone());
            self.pool.leave(cx.waker(), Some(flag));
        }
        if polls.is_multiple_of(7) {
            cx.waker().wake_by_ref();
        }
        if polls.is_multiple_of(11) {
            self.pool.wake_all();
        }
        Poll::Pending
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.pool.wake_all();
    }
}

fn hostile(pool: &Pool, count: u32) -> Vec<Hostile> {
    let new = |left| Hostile { pool: pool.clone(), left, flag: None };
    (0..count).map(|n| new(n % 5)).collect()
}

type Combined = Pin<Box<dyn Future<Output = usize> + Send>>;

/// Each combinator over `count` hostile children, giving how many ended.
fn combinators(pool: &Pool, count: u32) -> Vec<Combined> {
    let children = || hostile(pool, count);
    let (a, b, c, d, e) = (children(), children(), children(), children(), children());
    let (f, g, h, i) = (children(), children(), children(), children());
    vec![
        Box::pin(async move { gather(a).await.len() }),
        Box::pin(async move { race_ok(b).await.unwrap_err().into_vec().len() }),
        Box::pin(async move { wait(c, AllCompleted).await.done.len() }),
        Box::pin(async move {
            let mut completed = as_completed(d);
            let mut ended = 0;
            while completed.next().await.is_some() {
                ended += 1;
            }
            ended
        }),
        Box::pin(async move {
            let attempts = e.into_iter().map(|child| move || child);
            race_staggered(attempts, Duration::ZERO).await.unwrap_err().into_vec().len()
        }),
        Box::pin(async move {
            let ended = AtomicUsize::new(0);
            scope(async |s| {
                for child in f {
                    let (siblings, ended) = (s.clone(), &ended);
                    s.spawn(async move {
                        siblings.spawn(yield_now()).await.unwrap();
                        child.await.unwrap_err();
                        ended.fetch_add(1, Relaxed);
                    });
                }
            })
            .await;
            ended.into_inner()
        }),
        Box::pin(async move {
            let mut set: JoinSet<_> = g.into_iter().collect();
            let mut ended = 0;
            while let Some(result) = set.join_next().await {
                result.unwrap().unwrap_err();
                ended += 1;
            }
            ended
        }),
        Box::pin(async move {
            map_concurrent(h, 7, |child| child).unordered().collect::<Vec<_>>().await.len()
        }),
        Box::pin(async move {
            let halves: Vec<Combined> = i
                .into_iter()
                .map(|child| Box::pin(async { gather([child]).await.len() }) as Combined)
                .collect();
            gather(halves).await.into_iter().sum()
        }),
    ]
}

#[test]
fn no_wake_of_a_hostile_child_is_lost() {
    limited(|| {
        for builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let runtime = builder.build().unwrap();
            Pool::run(|pool| {
                runtime.block_on(async {
                    for _ in 0..5 {
                        let combined = combinators(pool, 40).into_iter();
                        let tasks: Vec<_> = combined.map(spawn).collect();
                        for ended in gather(tasks).await {
                            assert_eq!(ended.unwrap(), 40);
                        }
                    }
                });
            });
        }
    });
}

/// Polls what is inside with a budget of its own, small ones in turn.
async fn on_a_small_budget<F: Future + Unpin>(mut future: F) -> F::Output {
    let mut budget = 0;
    poll_fn(move |cx| {
        budget = (budget + 1) % 4;
        let _budget = coop::enter(budget);
        Pin::new(&mut future).poll(cx)
    })
    .await
}

#[test]
fn no_wake_is_lost_wherever_the_budget_ends() {
    limited(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        Pool::run(|pool| {
            runtime.block_on(async {
                let combined = combinators(pool, 30).into_iter();
                let tasks: Vec<_> = combined.map(|it| spawn(on_a_small_budget(it))).collect();
                for ended in gather(tasks).await {
                    assert_eq!(ended.unwrap(), 30);
                }
            });
        });
    });
}

/// Polls a future a few times and gives it back if it is not done.
async fn some_polls(mut future: Combined, polls: usize) -> Result<usize, Combined> {
    let mut left = polls;
    let end = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    });
    end.await.ok_or(future)
}

#[test]
fn what_moves_between_two_runtimes_is_woken_in_the_one_that_polled_last() {
    limited(|| {
        let runtimes: Vec<Runtime> = (0..2)
            .map(|_| Builder::new_multi_thread().worker_threads(1).build().unwrap())
            .collect();
        Pool::run(|pool| {
            // Without sleeps, whose timers belong to one runtime; the first poll is in
            // the first.
            for (number, mut combined) in combinators(pool, 20).into_iter().enumerate() {
                let mut turn = 0;
                loop {
                    let task = runtimes[turn % 2].spawn(some_polls(combined, 1 + turn % 3));
                    turn += 1;
                    match task.join_blocking(None).ok().unwrap().unwrap() {
                        Ok(ended) => break assert_eq!(ended, 20, "combinator {number}"),
                        Err(unfinished) => combined = unfinished,
                    }
                }
            }
        });
    });
}

/// Panics in its poll, in its drop, or in both.
struct Explosive {
    in_poll: bool,
    in_drop: bool,
    dropped: Arc<AtomicUsize>,
}

impl Future for Explosive {
    type Output = Result<u32, u32>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.in_poll, "asked to, in a poll");
        Poll::Ready(Err(0))
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
        assert!(!self.in_drop || thread::panicking(), "asked to, in a drop");
    }
}

#[test]
fn a_child_that_panics_in_poll_and_drop_costs_nobody_a_drop() {
    /// Catches what the poll and the drop of a future panic with.
    fn exhaust(mut future: Combined) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut polls = 0..100;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            polls.by_ref().find(|_| future.as_mut().poll(&mut cx).is_ready())
        }));
        drop(polled);
        drop(catch_unwind(AssertUnwindSafe(|| drop(future))));
    }

    limited(|| {
        for (in_poll, in_drop) in [(true, false), (false, true), (true, true)] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let children = || {
                let new = |n| {
                    let (in_poll, in_drop) = (in_poll && n == 2, in_drop && n == 2);
                    Explosive { in_poll, in_drop, dropped: dropped.clone() }
                };
                (0..5).map(new).collect::<Vec<_>>()
            };
            let runtime = Builder::new_current_thread().build().unwrap();
            let _inside = runtime.enter();
            let (a, b, c, d, e, f) =
                (children(), children(), children(), children(), children(), children());
            let all: Vec<Combined> = vec![
                Box::pin(async { gather(a).await.len() }),
                Box::pin(async { race_ok(b).await.unwrap_err().into_vec().len() }),
                Box::pin(async { wait(c, AllCompleted).await.done.len() }),
                Box::pin(async {
                    let mut completed = as_completed(d);
                    while completed.next().await.is_some() {}
                    5
                }),
                Box::pin(async {
                    let attempts = e.into_iter().map(|child| move || child);
                    race_staggered(attempts, Duration::ZERO).await.unwrap_err().into_vec().len()
                }),
                Box::pin(scope(async |s| {
                    f.into_iter().for_each(|child| {
                        s.spawn(async { assert!(child.await.is_err()) });
                    });
                    5
                })),
            ];
            let count = all.len();
            all.into_iter().for_each(exhaust);
            assert_eq!(dropped.load(Relaxed), 5 * count, "in_poll {in_poll}, in_drop {in_drop}");
        }
    });
}

/// A waker that polls the future it belongs to, and drops it after some polls.
struct Reentrant {
    future: Mutex<Option<Combined>>,
    wakes: AtomicUsize,
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        let before = self.wakes.fetch_add(1, Relaxed);
        // While it is polled the one who polls it goes on.
        let Ok(mut future) = self.future.try_lock() else { return };
        let waker = Waker::from(self.clone());
        let mut seen = before;
        while seen != self.wakes.load(Relaxed) {
            seen = self.wakes.load(Relaxed);
            let Some(unfinished) = &mut *future else { return };
            let polled = unfinished.as_mut().poll(&mut Context::from_waker(&waker));
            if seen > 20 || polled.is_ready() {
                *future = None;
            }
        }
    }
}

#[test]
fn a_waker_may_poll_and_drop_what_it_wakes() {
    limited(|| {
        let pool = Pool::default();
        let runtime = Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        // Without tasks: those are not polled from wakers.
        for combined in combinators(&pool, 10).drain(..6) {
            let reentrant = Arc::new(Reentrant {
                future: Mutex::new(Some(combined)),
                wakes: AtomicUsize::new(0),
            });
            Waker::from(reentrant.clone()).wake();
            for _ in 0..2_000 {
                let taken = pool.0.wakers.lock().unwrap().pop();
                let Some((waker, flag)) = taken else { break };
                flag.inspect(|flag| flag.store(true, Relaxed));
                waker.wake();
            }
            assert!(reentrant.future.lock().unwrap().is_none(), "a wake was lost");
        }
    });
}

#[test]
fn a_key_that_is_spawned_over_and_over_keeps_its_last_task_only() {
    limited(|| {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let (mut map, token) = (JoinMap::new(), Arc::new(()));
            for _ in 0..10_000 {
                let held = token.clone();
                map.spawn("key", async move { drop(held) });
                yield_now().await;
            }
            assert_eq!((map.len(), Arc::strong_count(&token)), (1, 1));
            assert!(map.join_next().await.unwrap().1.is_ok());
            map.spawn("key", pending());
            assert!(map.try_join_next().is_none());
        });
    });
}
