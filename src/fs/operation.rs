//! One call of the file system, on the blocking pool.

use super::error::PathError;
use executor::{Handle, JoinError, JoinHandle};
use std::{
    fmt,
    future::Future,
    io, mem,
    panic::Location,
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
};
use sync::wait_site::{self, Kind};

type Call<T> = Box<dyn FnOnce() -> io::Result<T> + Send>;

/// The future of the functions of [`fs`](crate::fs).
///
/// # Cancel safety
///
/// **Lossy.** Before its first poll nothing has happened. After it the call has been
/// handed to the pool, and is completed whether or not anybody waits for it; if the
/// future is dropped, the result is thrown away.
///
/// # Panics
///
/// When it is first polled outside a runtime.
#[must_use = "futures do nothing unless polled"]
pub struct Operation<T> {
    state: State<T>,
    location: &'static Location<'static>,
}

enum State<T> {
    /// There is nothing to ask the system.
    Known(T),
    Fresh(Call<T>),
    Running(JoinHandle<io::Result<T>>),
    Done,
}

// Its result is moved, never pinned.
impl<T> Unpin for Operation<T> {}

impl<T: Send + 'static> Operation<T> {
    #[track_caller]
    pub(super) fn known(value: T) -> Self {
        Self { state: State::Known(value), location: Location::caller() }
    }

    #[track_caller]
    pub(super) fn new(call: impl FnOnce() -> io::Result<T> + Send + 'static) -> Self {
        Self { state: State::Fresh(Box::new(call)), location: Location::caller() }
    }

    /// A call about one path, which its errors name.
    #[track_caller]
    pub(super) fn on_path(
        attempt: &'static str,
        path: impl AsRef<Path>,
        call: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Self {
        let path = path.as_ref().to_owned();
        Self::new(move || call(&path).map_err(|cause| PathError::wrap(attempt, &path, cause)))
    }

    /// A call about two paths, which its errors name.
    #[track_caller]
    pub(super) fn on_two(
        attempt: &'static str,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        call: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
    ) -> Self {
        let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
        Self::new(move || {
            call(&from, &to).map_err(|cause| PathError::wrap_two(attempt, &from, &to, cause))
        })
    }
}

impl<T: Send + 'static> Future for Operation<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let location = self.location;
        loop {
            if let State::Running(job) = &mut self.state {
                let result = ready!(poll_job(job, cx, location));
                self.state = State::Done;
                return Poll::Ready(result.unwrap_or_else(|error| Err(lost(error))));
            }
            match mem::replace(&mut self.state, State::Done) {
                State::Known(value) => return Poll::Ready(Ok(value)),
                State::Fresh(call) => self.state = State::Running(start(location, call)),
                State::Running(_) | State::Done => {
                    panic!("an operation of `fs` was polled after it gave its result")
                }
            }
        }
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Known(_) | State::Fresh(_) => "fresh",
            State::Running(_) => "running",
            State::Done => "done",
        };
        f.debug_struct("Operation").field("state", &state).finish_non_exhaustive()
    }
}

/// Hands a call to the pool of this thread's runtime.
pub(super) fn start<T: Send + 'static>(
    location: &'static Location<'static>,
    call: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    match Handle::try_current() {
        Some(handle) => handle.spawn_blocking(call),
        None => panic!(
            "there is no runtime on this thread for the call of `fs` at {location}: await it \
             inside `bowerbird::run`, a runtime's task, or under `Handle::enter()`"
        ),
    }
}

/// Waits for a call, and says so.
pub(super) fn poll_job<T>(
    handle: &mut JoinHandle<T>,
    cx: &mut Context<'_>,
    location: &'static Location<'static>,
) -> Poll<Result<T, JoinError>> {
    let poll = Pin::new(handle).poll(cx);
    if poll.is_pending() {
        wait_site::waiting(Kind::File, 0, location);
    }
    poll
}

/// The pool did not make the call: the runtime ends, or has no thread.
pub(super) fn lost(error: JoinError) -> io::Error {
    io::Error::other(error)
}
