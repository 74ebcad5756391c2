//! Waiting for the first of several things, and doing what goes with it.
//!
//! | file        | what                                                       |
//! |-------------|------------------------------------------------------------|
//! | `mod.rs`    | the macro, as the user sees it                             |
//! | `future.rs` | the wait: which branch is polled when, and which is chosen |
//!
//! `macros/src/select/` takes the input apart and writes the code.

#[doc(hidden)]
pub mod future;

/// Waits for the first of several futures whose output matches its pattern, drops
/// the others, and goes on with its handler.
///
/// ```text
/// select! {
///     biased;                                             // optional
///     pattern = future => handler,                        // up to 64 branches
///     pattern = future, if condition => handler,
///     else => handler,                                    // optional
/// }
/// ```
///
/// 1. All conditions are asked. A branch whose condition is false is disabled.
/// 2. All futures are made, also those of disabled branches, which are not polled.
/// 3. The enabled ones are polled, until one is ready with an output that matches
///    the branch's pattern. An output that does not match disables the branch.
/// 4. All futures are dropped.
/// 5. The handler of the branch is the value of `select!`, with the names that the
///    pattern binds; or that of `else`, once all branches are disabled.
///
/// A handler runs in the function around it: `?`, `return`, `break`, `continue` and
/// `.await` mean what they mean there. The comma after a handler that is a block is
/// optional. Handlers may use what the futures borrowed: those are gone.
///
/// # Which one is first
///
/// Each poll begins with a branch chosen by chance among those enabled, so that of
/// two futures that are always ready neither starves the other;
/// [`Builder::seed`](crate::runtime::Builder::seed) decides what chance does on the
/// runtime's workers. With `biased;` each poll goes from the first to the last: for
/// branches of which one shall win, such as a shutdown signal. A branch that is
/// always ready then starves those after it.
///
/// A `select!` that is done spends a unit of the task's budget, so that a loop over
/// futures that are always ready gives other tasks their turn.
///
/// # Futures are taken by value
///
/// A future that is made in its branch ends with the `select!`, and what it had done
/// by then is lost unless it is cancel safe. One that shall go on from one round of
/// a loop to the next is made before the loop, pinned, and given as `&mut future`.
///
/// Such a future is not polled while a handler runs. If it waits for a lock, it may
/// be given the lock meanwhile, and a handler that waits for the same lock waits for
/// ever. [Debug mode](crate::runtime::Builder::debug) reports this. Give the future
/// by value instead, or drop it before the handler locks.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Cancel safety
///
/// Of each branch that is not chosen, at the end of every `select!`: what the
/// future's documentation says about dropping it. **Strict** futures, such as
/// [`Receiver::recv`](crate::sync::mpsc::Receiver::recv),
/// [`sleep`](crate::time::sleep) or [`TcpListener::accept`](crate::net::TcpListener::accept),
/// lose nothing. Those that **lose their place**, such as
/// [`Mutex::lock`](crate::sync::Mutex::lock), stand at the end of the line in the next
/// round. **Lossy** ones are for `&mut`, or for a task of their own whose
/// [`JoinHandle`](crate::JoinHandle) is given as `&mut handle`.
///
/// # Examples
///
/// A loop that takes requests until it is told to stop, or nothing comes for a
/// minute:
///
/// ```
/// use bowerbird::{select, sync::{mpsc, oneshot}, time::sleep};
/// use std::{pin::pin, time::Duration};
///
/// async fn serve(mut requests: mpsc::Receiver<u32>, mut stop: oneshot::Receiver<()>) -> u32 {
///     let minute = Duration::from_secs(60);
///     let mut idle = pin!(sleep(minute));
///     let mut sum = 0;
///     loop {
///         select! {
///             biased;
///             _ = &mut stop => return sum,
///             Some(request) = requests.recv() => {
///                 sum += request;
///                 idle.set(sleep(minute));
///             }
///             () = &mut idle => return sum,
///             else => return sum, // nobody can send any more
///         }
///     }
/// }
///
/// # let runtime = bowerbird::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let ((requests, receiver), (stop, stopped)) = (mpsc::channel(8), oneshot::channel());
/// let server = bowerbird::spawn(serve(receiver, stopped));
/// for request in 1..=3 {
///     requests.send(request).await.unwrap();
/// }
/// while requests.capacity() < 8 {
///     bowerbird::yield_now().await;
/// }
/// stop.send(()).unwrap();
/// assert_eq!(server.await.unwrap(), 6);
/// # });
/// ```
///
/// Conditions keep futures that are done from being polled again:
///
/// ```
/// use bowerbird::select;
/// use std::{future::ready, pin::pin};
///
/// # futures::executor::block_on(async {
/// let (mut left, mut right) = (pin!(ready(1)), pin!(async { 2 }));
/// let (mut a, mut b) = (None, None);
/// loop {
///     select! {
///         it = &mut left, if a.is_none() => a = Some(it),
///         it = &mut right, if b.is_none() => b = Some(it),
///         else => break,
///     }
/// }
/// assert_eq!((a, b), (Some(1), Some(2)));
/// # });
/// ```
///
/// A pattern has no guard: a condition is asked before there is an output.
///
/// ```compile_fail
/// # async fn first() -> u32 {
/// bowerbird::select! {
///     n if n > 1 = async { 2 } => n,
/// }
/// # }
/// ```
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! select {
    ($($branches:tt)*) => {
        $crate::__private::select_branches! { ($crate) $($branches)* }
    };
}
