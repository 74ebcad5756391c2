//! One child of a fixed number: its future, then what is kept of its output.

use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// What an output means for the whole: something to keep, or the end.
#[doc(hidden)]
pub trait Verdict<O> {
    /// What is kept until all are done.
    type Kept;
    /// What ends the wait at once.
    type Stop;

    /// Looks at one output.
    fn judge(output: O) -> Result<Self::Kept, Self::Stop>;
}

/// Every output is kept: `gather`.
#[doc(hidden)]
#[derive(Debug)]
pub enum All {}

impl<O> Verdict<O> for All {
    type Kept = O;
    type Stop = Infallible;

    fn judge(output: O) -> Result<O, Infallible> {
        Ok(output)
    }
}

/// The first error ends the wait: `try_gather`.
#[doc(hidden)]
#[derive(Debug)]
pub enum AllOk {}

impl<T, E> Verdict<Result<T, E>> for AllOk {
    type Kept = T;
    type Stop = E;

    fn judge(output: Result<T, E>) -> Result<T, E> {
        output
    }
}

/// The first output ends the wait: `race`.
#[doc(hidden)]
#[derive(Debug)]
pub enum First {}

impl<O> Verdict<O> for First {
    type Kept = Infallible;
    type Stop = O;

    fn judge(output: O) -> Result<Infallible, O> {
        Err(output)
    }
}

/// The first success ends the wait: `race_ok`.
#[doc(hidden)]
#[derive(Debug)]
pub enum FirstOk {}

impl<T, E> Verdict<Result<T, E>> for FirstOk {
    type Kept = E;
    type Stop = T;

    fn judge(output: Result<T, E>) -> Result<E, T> {
        match output {
            Ok(value) => Err(value),
            Err(error) => Ok(error),
        }
    }
}

/// What the verdict `V` keeps of the output of `F`.
pub(crate) type Kept<V, F> = <V as Verdict<<F as Future>::Output>>::Kept;

pin_project! {
    /// A future, then what is kept of its output, then nothing.
    #[doc(hidden)]
    #[project = ChildProjection]
    #[project_replace = ChildOwned]
    pub enum Child<F, K> {
        /// Not done.
        Running {
            #[pin]
            future: F,
        },
        /// Done.
        Done {
            kept: K,
        },
        /// Done, and what was kept is with the caller.
        Taken,
    }
}

impl<F: Future, K> Child<F, K> {
    pub(crate) fn new(future: F) -> Self {
        Self::Running { future }
    }

    /// Polls the future. `Ready(Ok)`: there is nothing left to poll, now or
    /// since long.
    pub(crate) fn poll<V>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress, V::Stop>>
    where
        V: Verdict<F::Output, Kept = K>,
    {
        let ChildProjection::Running { future } = self.as_mut().project() else {
            return Poll::Ready(Ok(Progress::WasDone));
        };
        let Poll::Ready(output) = future.poll(cx) else {
            return Poll::Pending;
        };
        let kept = match V::judge(output) {
            Ok(kept) => kept,
            Err(stop) => return Poll::Ready(Err(stop)),
        };
        // If the future's destructor panics, the value is in its place all the same.
        self.set(Self::Done { kept });
        Poll::Ready(Ok(Progress::Done))
    }

    /// Takes what was kept.
    pub(crate) fn take(self: Pin<&mut Self>) -> K {
        match self.project_replace(Self::Taken) {
            ChildOwned::Done { kept } => kept,
            _ => unreachable!("outputs are taken once, when all children are done"),
        }
    }
}

impl<F, K> fmt::Debug for Child<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running { .. } => "Running",
            Self::Done { .. } => "Done",
            Self::Taken => "Taken",
        })
    }
}

/// What became of a child that has nothing left to poll.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It ended in this poll.
    Done,
    /// It had ended before: a late wake-up.
    WasDone,
}
