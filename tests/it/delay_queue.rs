//! Values that are kept until their time.

use crate::stage::{Count, Witness};
use bowerbird::time::{DelayQueue, Duration, Instant, sleep};
use futures::StreamExt;
use std::{
    pin::pin,
    task::{Context, Poll},
};

const SECOND: Duration = Duration::from_secs(1);

#[bowerbird::test(clock = "virtual")]
async fn values_come_in_the_order_of_their_deadlines() {
    let (start, mut queue) = (Instant::now(), DelayQueue::new());
    for n in [5, 1, 3, 3, 0, 4] {
        queue.insert(n, n * SECOND);
    }
    let mut seen = vec![];
    while let Some(expired) = queue.next().await {
        assert_eq!(Instant::now(), expired.deadline());
        seen.push((expired.into_inner(), start.elapsed().as_secs()));
    }
    assert_eq!(seen, [(0, 0), (1, 1), (3, 3), (3, 3), (4, 4), (5, 5)]);
}

#[bowerbird::test(clock = "virtual")]
async fn equal_deadlines_keep_the_order_of_insertion() {
    let (deadline, mut queue) = (Instant::now() + SECOND, DelayQueue::new());
    for n in 0..100 {
        queue.insert_at(n, deadline);
    }
    let seen: Vec<_> = queue.map(|it| it.into_inner()).collect().await;
    assert!(seen.iter().copied().eq(0..100), "{seen:?}");
}

#[bowerbird::test(clock = "virtual")]
async fn removed_and_reset_values_are_where_they_were_put() {
    let (start, mut queue) = (Instant::now(), DelayQueue::new());
    let keys = ["a", "b", "c"].map(|it| queue.insert(it, SECOND));
    assert_eq!(queue.remove(keys[0]), Some("a"));
    assert_eq!((queue.remove(keys[0]), queue.reset(keys[0], SECOND)), (None, false));
    assert!(queue.reset(keys[1], 3 * SECOND));
    assert_eq!(queue.deadline(keys[1]), Some(start + 3 * SECOND));
    assert_eq!(queue.peek(), Some((keys[2], &"c")));
    assert!(queue.reset_at(keys[2], start + 2 * SECOND));
    let first = queue.next().await.unwrap();
    assert_eq!((first.key(), *first.get_ref(), start.elapsed()), (keys[2], "c", 2 * SECOND));
    assert_eq!(queue.deadline(keys[2]), None);
    assert_eq!((queue.len(), queue.is_empty()), (1, false));
    assert_eq!(queue.next().await.unwrap().into_inner(), "b");
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert!(queue.next().await.is_none());
}

#[bowerbird::test(clock = "virtual")]
async fn who_waits_hears_of_an_earlier_value() {
    let (count, waker) = Count::waker();
    let mut queue = DelayQueue::new();
    let late = queue.insert("late", 10 * SECOND);
    assert!(queue.poll_expired(&mut Context::from_waker(&waker)).is_pending());
    queue.insert("early", SECOND);
    sleep(2 * SECOND).await;
    assert_eq!(count.get(), 1, "without another poll");
    let polled = queue.poll_expired(&mut Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Ready(Some(it)) if *it.get_ref() == "early"));
    assert!(queue.poll_expired(&mut Context::from_waker(&waker)).is_pending());
    queue.remove(late);
    assert_eq!(count.get(), 2, "there is nothing to wait for any more");
    assert!(matches!(queue.poll_expired(&mut Context::from_waker(&waker)), Poll::Ready(None)));
}

#[bowerbird::test(clock = "virtual")]
async fn an_empty_queue_ends_and_goes_on() {
    let mut queue = DelayQueue::default();
    assert!(queue.next().await.is_none());
    queue.insert(1, Duration::MAX);
    queue.insert(2, SECOND);
    assert_eq!(queue.size_hint_of(), (2, Some(2)));
    assert_eq!(queue.next().await.unwrap().into_inner(), 2);
    let mut next = pin!(queue.next());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(next.as_mut().poll(&mut cx).is_pending(), "one that never comes");
    let start = Instant::now();
    sleep(SECOND).await;
    assert_eq!(start.elapsed(), SECOND);
}

/// Who waits for values that never come hears of one that does, and of the end.
#[bowerbird::test(clock = "virtual")]
async fn one_that_never_comes_keeps_nobody_from_those_that_do() {
    let (count, waker) = Count::waker();
    let mut queue = DelayQueue::new();
    let never = queue.insert("never", Duration::MAX);
    assert!(queue.poll_expired(&mut Context::from_waker(&waker)).is_pending());
    queue.insert("soon", SECOND);
    sleep(2 * SECOND).await;
    assert_eq!(count.get(), 1, "without another poll");
    let polled = queue.poll_expired(&mut Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Ready(Some(it)) if *it.get_ref() == "soon"));
    assert!(queue.poll_expired(&mut Context::from_waker(&waker)).is_pending());
    queue.reset(never, SECOND);
    queue.reset(never, Duration::MAX);
    while queue.poll_expired(&mut Context::from_waker(&waker)).is_ready() {}
    let before = count.get();
    queue.remove(never);
    assert_eq!(count.get(), before + 1, "there is nothing to wait for any more");
}

trait SizeHint {
    fn size_hint_of(&self) -> (usize, Option<usize>);
}

impl<T> SizeHint for DelayQueue<T> {
    fn size_hint_of(&self) -> (usize, Option<usize>) {
        futures::Stream::size_hint(self)
    }
}

#[bowerbird::test(clock = "virtual")]
async fn what_is_cleared_is_dropped_and_leaves_no_timer() {
    let (witness, mut queue) = (Witness::default(), DelayQueue::new());
    for _ in 0..10 {
        queue.insert(witness.token(), SECOND);
    }
    let key = queue.insert(witness.token(), SECOND);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(queue.poll_expired(&mut cx).is_pending());
    queue.clear();
    assert_eq!((witness.count(), queue.len()), (11, 0));
    assert!(queue.remove(key).is_none());
    let again = queue.insert(witness.token(), 5 * SECOND);
    assert_ne!(key, again, "a key is not used again");
    drop(queue);
    assert_eq!(witness.count(), 12);
}
