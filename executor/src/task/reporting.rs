//! A handle that is given up, but not the error behind it.
//!
//! The join waker of the cell becomes a [`Reporter`], which holds the other end of the
//! join word: whoever completes the task wakes it, and thereby hands the output to it
//! on the spot. Until then cell and reporter hold each other; completion, which comes
//! to every task by the end of its runtime, parts them.
//!
//! # Rejected
//!
//! * A task that awaits the handle: a cell and two wakes for each task that may fail.
//! * A hook in the cell: four bytes and a look in every task, for few of them.

use super::{
    holders::Joiner,
    info::TaskInfo,
    join::JoinHandle,
    join_state::Join,
    stray::{Stray, StrayPanic},
};
use crate::contain::caught;
use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Wake, Waker},
};
use sync::shim::{Lock, thread};

impl<T, E> JoinHandle<Result<T, E>>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    /// Lets the task run on, as dropping the handle does, and reports the error if it
    /// gives one: [`Builder::on_unhandled`](crate::Builder::on_unhandled) hears of
    /// [`Unhandled::Failed`](crate::Unhandled::Failed).
    ///
    /// A panic is heard of as usual, and that the task was cancelled is no failure.
    /// The error may be whatever `?` makes a `Box<dyn Error>` of.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver};
    /// use std::sync::mpsc;
    ///
    /// let (heard, hears) = mpsc::channel();
    /// let executor = Builder::new_current_thread()
    ///     .on_unhandled(move |what| heard.send(what.to_string()).unwrap())
    ///     .build_with(ThreadDriver::new)?;
    /// let backup = executor.handle().spawn(async { Err::<(), _>("the disk is full") });
    /// backup.detach_reporting();
    /// executor.block_on(executor.handle().spawn(async {})).unwrap();
    /// assert!(hears.recv()?.ends_with("failed, and nobody awaits it: the disk is full"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn detach_reporting(self) {
        let Some(joiner) = self.into_joiner() else { return };
        let reporter =
            Arc::new(Reporter { task: joiner.identity(), held: Lock::new(Held::NotYet) });
        loop {
            match joiner.register(Waker::from(reporter.clone())) {
                Join::Done => return reporter.report(joiner),
                Join::Pending | Join::Registered => break,
                // The completer is taking out what lay there: a few instructions.
                Join::Locked => thread::yield_now(),
            }
        }
        if let Some(joiner) = reporter.hold(joiner) {
            reporter.report(joiner);
        }
    }
}

/// Wakes up to a result, and reports what it says.
struct Reporter<T, E> {
    task: TaskInfo,
    held: Lock<Held<Result<T, E>>>,
}

/// What a reporter has.
enum Held<T> {
    /// Nothing yet: it is only being set up.
    NotYet,
    /// The right to the output.
    Joiner(Joiner<T>),
    /// Nothing any more: the task is over.
    Over,
}

impl<T, E> Reporter<T, E>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    /// Keeps the joiner until the task is over. Gives it back if it is already.
    fn hold(&self, joiner: Joiner<Result<T, E>>) -> Option<Joiner<Result<T, E>>> {
        let mut held = self.held.lock();
        match &*held {
            Held::Over => Some(joiner),
            Held::NotYet | Held::Joiner(_) => {
                *held = Held::Joiner(joiner);
                None
            }
        }
    }

    /// Tells what came of a finished task. Contains what the values' owner panics
    /// with: nobody here is concerned.
    fn report(&self, joiner: Joiner<Result<T, E>>) {
        let task = joiner.reference();
        let told = caught(|| match joiner.take() {
            Ok(Ok(_value)) => None,
            Ok(Err(error)) => Some(Stray::Failed(self.task.clone(), error.into())),
            Err(error) if error.is_panic() => Some(Stray::Detached(error)),
            Err(_cancelled) => None,
        });
        let stray = told.unwrap_or_else(|it| Some(Stray::Panicked(StrayPanic::OutputDrop, it)));
        stray.into_iter().for_each(|it| task.report(it));
    }
}

impl<T, E> Wake for Reporter<T, E>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let held = mem::replace(&mut *self.held.lock(), Held::Over);
        if let Held::Joiner(joiner) = held {
            self.report(joiner);
        }
    }
}
