//! A future in the scope of a plain key.

use super::key::LocalKey;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A future for which a task-local has a value. See [`LocalKey::scope`].
    ///
    /// # Panics
    ///
    /// If it is polled after it gave its output, or after its value was taken.
    ///
    /// # Cancel safety
    ///
    /// That of the future inside, which is also dropped in the scope.
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(value) = this.value
                && this.future.is_some()
            {
                this.key.within(value, || this.future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    pub(super) fn new(key: &'static LocalKey<T>, value: T, future: F) -> Self {
        Self { key, value: Some(value), future: Some(future) }
    }

    /// Takes the value out; the future cannot be polled any more. `None`: it was
    /// taken already.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowerbird_executor::{Builder, ThreadDriver, task_local};
    /// use std::{cell::Cell, pin::pin};
    ///
    /// task_local! {
    ///     static COUNT: Cell<u32>;
    /// }
    ///
    /// # let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// executor.block_on(async {
    ///     let mut counting = pin!(COUNT.scope(Cell::new(0), async {
    ///         COUNT.with(|it| it.set(it.get() + 1));
    ///     }));
    ///     counting.as_mut().await;
    ///     assert_eq!(counting.as_mut().take_value(), Some(Cell::new(1)));
    ///     assert_eq!(counting.take_value(), None);
    /// });
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(value) = this.value else {
            panic!("a TaskLocalFuture was polled after its value was taken");
        };
        this.key.within(value, || {
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                panic!("a TaskLocalFuture was polled after it gave its output");
            };
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

impl<T: 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("key", self.key).finish_non_exhaustive()
    }
}
