//! Every public future, by its path. `tests/tidy` compares the paths with the code.

use super::{Case, Subject};
use bowerbird::gather::{gather, try_gather};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};
use sync::coop;

pub(crate) const ALL: &[Case] = &[
    Case { future: "sync::coop::ConsumeBudget", make: || without_budget(coop::consume_budget()) },
    Case {
        future: "sync::coop::Unconstrained",
        make: || gated(|gate| async move { coop::unconstrained(gate.pass()).await }),
    },
    Case {
        future: "bowerbird::gather::Gathering",
        make: || {
            gated(|gate| async move {
                let both = gather((gate.pass(), gather(vec![gate.pass(), gate.pass()])));
                assert_eq!(both.await, ((), vec![(), ()]));
            })
        },
    },
    Case {
        future: "bowerbird::gather::TryGathering",
        make: || {
            gated(|gate| async move {
                let fails = async {
                    gate.pass().await;
                    Err::<(), &str>("no")
                };
                let never = async {
                    std::future::pending::<()>().await;
                    Ok(())
                };
                assert_eq!(try_gather((fails, never)).await, Err("no"));
            })
        },
    },
];

/// A future in a task that has spent its budget; a step fills it up.
fn without_budget(future: impl Future<Output = ()> + 'static) -> Subject {
    let budget = Rc::new(Cell::new(0));
    let (mine, mut future) = (budget.clone(), Box::pin(future));
    let polled = poll_fn(move |cx| {
        let _budget = coop::enter(mine.get());
        future.as_mut().poll(cx)
    });
    Subject {
        future: Box::pin(polled),
        step: Rc::new(move || budget.set(1)),
        check: Box::new(|| ()),
    }
}

/// A future of others, over children that wait at a gate. A step lets one of
/// them through; at the end none may be left standing there.
fn gated<F: Future<Output = ()> + 'static>(make: impl FnOnce(Gate) -> F) -> Subject {
    let gate = Gate::default();
    let (mine, theirs) = (gate.clone(), gate.clone());
    Subject {
        future: Box::pin(make(gate)),
        step: Rc::new(move || theirs.open()),
        check: Box::new(move || assert_eq!(mine.0.waiting.get(), 0, "children left behind")),
    }
}

/// Where children wait.
#[derive(Clone, Default)]
struct Gate(Rc<GateState>);

#[derive(Default)]
struct GateState {
    waiting: Cell<usize>,
    open: Cell<usize>,
    wakers: RefCell<Vec<Waker>>,
}

impl Gate {
    /// Lets one child through. Any of those who wait may be the one.
    fn open(&self) {
        self.0.open.set(self.0.open.get() + 1);
        let wakers = self.0.wakers.take();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn pass(&self) -> impl Future<Output = ()> + use<> {
        let gate = self.clone();
        let mut standing = None;
        poll_fn(move |cx| {
            standing.get_or_insert_with(|| Standing::at(gate.clone()));
            match gate.0.open.get().checked_sub(1) {
                Some(rest) => {
                    gate.0.open.set(rest);
                    standing = None;
                    Poll::Ready(())
                }
                None => {
                    let waker = cx.waker().clone();
                    gate.0.wakers.borrow_mut().push(waker);
                    Poll::Pending
                }
            }
        })
    }
}

/// One child that waits.
struct Standing(Gate);

impl Standing {
    fn at(gate: Gate) -> Self {
        gate.0.waiting.set(gate.0.waiting.get() + 1);
        Self(gate)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.0.waiting.set(self.0.0.waiting.get() - 1);
    }
}
