//! Children that run inside one task, polled without any runtime.

use crate::Contender;
use bowerbird::{gather, task::local_scope};
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Polls `future` until it is done; between polls `wake` wakes some of what it
/// waits for.
fn drive<T>(future: impl Future<Output = T>, mut wake: impl FnMut()) -> T {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        wake();
    }
}

/// Children that are woken when somebody says so.
#[derive(Clone, Default)]
struct Asleep(Rc<RefCell<Vec<Waker>>>);

impl Asleep {
    /// Is pending once.
    fn child(&self) -> impl Future<Output = ()> + use<> {
        let (asleep, mut is_woken) = (self.clone(), false);
        poll_fn(move |cx| {
            if std::mem::replace(&mut is_woken, true) {
                return Poll::Ready(());
            }
            asleep.0.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
    }

    fn wake_all(&self) {
        self.0.take().into_iter().for_each(Waker::wake);
    }

    fn wake_one(&self) {
        let one = self.0.borrow_mut().pop();
        one.expect("a child is asleep").wake();
    }
}

/// The contenders, given how wakes come.
fn contenders(wake: fn(&Asleep)) -> Vec<Contender> {
    vec![
        Contender::repeated("gather", move |children| {
            let asleep = Asleep::default();
            let futures: Vec<_> = (0..children).map(|_| asleep.child()).collect();
            drive(gather(futures), || wake(&asleep));
        }),
        Contender::repeated("task::scope", move |children| {
            let asleep = Asleep::default();
            let all = local_scope(async |scope| {
                (0..children).for_each(|_| drop(scope.spawn(asleep.child())));
            });
            drive(all, || wake(&asleep));
        }),
        Contender::repeated("futures join_all", move |children| {
            let asleep = Asleep::default();
            drive(join_all((0..children).map(|_| asleep.child())), || wake(&asleep));
        }),
        Contender::repeated("FuturesUnordered", move |children| {
            let asleep = Asleep::default();
            let mut all: FuturesUnordered<_> = (0..children).map(|_| asleep.child()).collect();
            drive(async { while all.next().await.is_some() {} }, || wake(&asleep));
        }),
    ]
}

/// All children are woken, then the parent is polled.
pub(crate) fn burst() -> Vec<Contender> {
    contenders(Asleep::wake_all)
}

/// One child is woken, then the parent is polled.
pub(crate) fn one_by_one() -> Vec<Contender> {
    contenders(Asleep::wake_one)
}

/// A select of two branches, one of which is ready, by reference in a loop.
pub(crate) fn select() -> Vec<Contender> {
    vec![
        Contender::repeated("select!", |turns| {
            let asleep = Asleep::default();
            drive(
                async {
                    for turn in 0..turns {
                        let mut never = pin!(std::future::pending::<usize>());
                        let got = bowerbird::select! {
                            got = std::future::ready(turn) => got,
                            got = &mut never => got,
                        };
                        assert_eq!(got, turn);
                    }
                },
                || asleep.wake_all(),
            );
        }),
        Contender::repeated("tokio select!", |turns| {
            let asleep = Asleep::default();
            drive(
                async {
                    for turn in 0..turns {
                        let mut never = pin!(std::future::pending::<usize>());
                        let got = tokio::select! {
                            got = std::future::ready(turn) => got,
                            got = &mut never => got,
                        };
                        assert_eq!(got, turn);
                    }
                },
                || asleep.wake_all(),
            );
        }),
    ]
}
