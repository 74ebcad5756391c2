//! Every public future, by its path. `tests/tidy` compares the paths with the code.

#[expect(clippy::await_holding_refcell_ref, reason = "lent to the future, which ends first")]
mod channels;
mod combining;
mod conditions;
mod files;
mod gathering;
mod groups;
mod limits;
mod locals;
mod locks;
#[expect(clippy::await_holding_refcell_ref, reason = "lent to the future, which ends first")]
mod sets;
mod sockets;
#[expect(clippy::await_holding_refcell_ref, reason = "lent to the future, which ends first")]
mod system;
mod tasks;
#[expect(clippy::await_holding_refcell_ref, reason = "lent to the future, which ends first")]
mod timers;
mod tokens;

use super::{Case, Subject};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use sync::coop;

pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        channels::ALL,
        combining::ALL,
        conditions::ALL,
        files::ALL,
        gathering::ALL,
        locals::ALL,
        limits::ALL,
        groups::ALL,
        locks::ALL,
        sets::ALL,
        sockets::ALL,
        system::ALL,
        tasks::ALL,
        timers::ALL,
        tokens::ALL,
    ]
    .into_iter()
    .flatten()
}

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

/// A flag that several look at.
#[derive(Clone, Default)]
struct Flag(Rc<Cell<bool>>);

impl Flag {
    fn set(&self) {
        self.0.set(true);
    }

    fn get(&self) -> bool {
        self.0.get()
    }
}

/// A number that several look at.
#[derive(Clone, Default)]
struct Count(Rc<Cell<usize>>);

impl Count {
    fn add(&self, more: usize) {
        self.0.set(self.0.get() + more);
    }

    fn get(&self) -> usize {
        self.0.get()
    }
}

/// Whether somebody else waits for the same as the subject.
#[derive(Clone, Copy)]
enum Company {
    /// It passes whenever there is something.
    None,
    /// It stands in line.
    Other,
}

/// Somebody else who waits for the same: what the subject does not need, or gives
/// up, must reach it.
#[derive(Clone, Default)]
struct Other(Rc<RefCell<Option<Waiting>>>);

type Waiting = Pin<Box<dyn Future<Output = ()>>>;

impl Other {
    fn new(future: impl Future<Output = ()> + 'static) -> Self {
        Self(Rc::new(RefCell::new(Some(Box::pin(future)))))
    }

    /// Nobody waits.
    fn nobody() -> Self {
        Self(Rc::default())
    }

    /// Whether it has come to its end, after a poll with a waker that does nothing.
    fn is_served(&self) -> bool {
        // Taken out: a poll may wake somebody who calls this.
        let Some(mut future) = self.0.take() else { return true };
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => true,
            Poll::Pending => {
                self.0.replace(Some(future));
                false
            }
        }
    }

    /// It is dropped where it stands.
    fn leave(&self) {
        let future = self.0.take();
        drop(future);
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
    next: Cell<usize>,
    /// The last waker of each child.
    wakers: RefCell<BTreeMap<usize, Waker>>,
}

impl Gate {
    /// Lets one child through. Any of those who wait may be the one.
    fn open(&self) {
        self.0.open.set(self.0.open.get() + 1);
        let wakers = self.0.wakers.take();
        wakers.into_values().for_each(Waker::wake);
    }

    fn pass(&self) -> impl Future<Output = ()> + use<> {
        let gate = self.clone();
        let mut standing = None;
        poll_fn(move |cx| {
            let child = standing.get_or_insert_with(|| Standing::at(gate.clone())).number;
            match gate.0.open.get().checked_sub(1) {
                Some(rest) => {
                    gate.0.open.set(rest);
                    standing = None;
                    Poll::Ready(())
                }
                None => {
                    let waker = cx.waker().clone();
                    let old = gate.0.wakers.borrow_mut().insert(child, waker);
                    drop(old);
                    // The clone may have opened it.
                    if gate.0.open.get() > 0 {
                        cx.waker().wake_by_ref();
                    }
                    Poll::Pending
                }
            }
        })
    }
}

/// One child that waits.
struct Standing {
    gate: Gate,
    number: usize,
}

impl Standing {
    fn at(gate: Gate) -> Self {
        gate.0.waiting.set(gate.0.waiting.get() + 1);
        let number = gate.0.next.replace(gate.0.next.get() + 1);
        Self { gate, number }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.gate.0.waiting.set(self.gate.0.waiting.get() - 1);
        let waker = self.gate.0.wakers.borrow_mut().remove(&self.number);
        drop(waker);
    }
}
