//! Tasks of a runtime on this thread; a step lets it run until nobody can go on.

use super::{Case, Flag, Subject, gated};
use bowerbird::{
    runtime::{Builder, Runtime},
    yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    sync::Arc,
};
use sync::Event;

pub(super) const ALL: &[Case] = &[
    Case { future: "executor::spawn::YieldNow", make: || gated(|_| yield_now()) },
    Case { future: "executor::task::join::JoinHandle", make: || join(End::Returns) },
    Case { future: "executor::task::join::JoinHandle", make: || join(End::Panics) },
    Case { future: "executor::task::join::JoinHandle", make: || join(End::IsAborted) },
];

/// How the task ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Returns,
    Panics,
    IsAborted,
}

/// A runtime on this thread.
pub(super) struct Stage {
    pub(super) runtime: Runtime,
    is_running: Cell<bool>,
}

impl Stage {
    pub(super) fn new() -> Rc<Self> {
        // Panics of tasks are part of the play.
        let runtime = Builder::new_current_thread().on_unhandled(|_| ()).build().unwrap();
        Rc::new(Self { runtime, is_running: Cell::new(false) })
    }

    /// Gives everybody who can go on some turns. Does nothing if it does already.
    pub(super) fn run(&self) {
        struct Running<'a>(&'a Cell<bool>);
        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }

        if self.is_running.replace(true) {
            return;
        }
        let _running = Running(&self.is_running);
        self.runtime.block_on(async {
            // More than the turns after which a thread looks for what was spawned
            // outside, however busy it is.
            for _ in 0..64 {
                yield_now().await;
            }
        });
    }
}

fn join(end: End) -> Subject {
    let (stage, gate, output) = (Stage::new(), Arc::new(Event::new()), Arc::new(()));
    let (its_gate, its_output) = (gate.clone(), output.clone());
    let task = stage.runtime.spawn(async move {
        its_gate.wait().await;
        assert!(end != End::Panics, "on purpose");
        its_output
    });
    let (abort, done) = (task.abort_handle(), Flag::default());
    let handle = Rc::new(RefCell::new(task));
    let (polled, is_done) = (handle.clone(), done.clone());
    let future = Box::pin(async move {
        let result = poll_fn(|cx| Pin::new(&mut *polled.borrow_mut()).poll(cx)).await;
        is_done.set();
        assert_eq!(result.is_ok(), end == End::Returns);
    });
    let theirs = stage.clone();
    let open = Rc::new(move || {
        match end {
            End::Returns | End::Panics => gate.set(),
            End::IsAborted => abort.abort(),
        }
        theirs.run();
    });
    let step = open.clone();
    let check = Box::new(move || {
        open();
        if !done.get() {
            let mut handle = handle.borrow_mut();
            let result = stage.runtime.block_on(&mut *handle);
            assert_eq!(result.is_ok(), end == End::Returns);
        }
        drop((handle, open));
        let Ok(stage) = Rc::try_unwrap(stage).map_err(drop) else { panic!("it is held") };
        drop(stage.runtime);
        assert_eq!(Arc::strong_count(&output), 1, "outputs left behind");
    });
    Subject { future, step, check }
}
