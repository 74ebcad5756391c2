//! In which scopes is this thread?
//!
//! A scope is entered by a function that keeps it on its stack and leaves it before it
//! returns, also when it unwinds. So all scopes that can be reached from the
//! thread-local lie on the stack below whoever looks, and are alive.

use super::inherited::{Inherited, Key, Value};
use pin_project_lite::pin_project;
use std::{
    any::Any,
    cell::Cell,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    ptr,
    sync::Arc,
    task::{Context, Poll},
};

sync::thread_local! {
    static SCOPE: Cell<*const Scope<'static>> = const { Cell::new(ptr::null()) };
}

/// Where certain values are seen.
pub(crate) struct Scope<'a> {
    /// A value that is not inherited.
    value: Option<(Key, &'a dyn Any)>,
    inherited: Option<&'a Arc<Inherited>>,
    /// The scope around this one.
    outer: *const Scope<'static>,
}

impl<'a> Scope<'a> {
    /// That of a task to which `inherited` was handed on.
    pub(crate) fn of_task(inherited: &'a Arc<Inherited>) -> Self {
        Self { value: None, inherited: Some(inherited), outer: ptr::null() }
    }
}

/// This thread is in `scope`, or outside of all, until the guard is dropped.
///
/// # Safety
///
/// 1. The guard is dropped before the scope ends or moves.
/// 2. Guards of one thread are dropped in the reverse order of their making.
#[inline]
pub(crate) unsafe fn enter(scope: Option<&Scope<'_>>) -> Entered {
    swap(scope.map_or(ptr::null(), |it| ptr::from_ref(it).cast()))
}

/// This thread is outside of all scopes until the guard is dropped, which the same
/// function does.
pub(crate) fn outside() -> Entered {
    swap(ptr::null())
}

#[inline]
fn swap(scope: *const Scope<'static>) -> Entered {
    // Most often both are null, and there is nothing to write, now or later.
    let change = |it: &Cell<_>| (it.get() != scope).then(|| it.replace(scope));
    Entered { before: SCOPE.try_with(change).ok().flatten(), not_send: PhantomData }
}

/// A thread in a scope.
#[derive(Debug)]
pub(crate) struct Entered {
    /// `None`: it is where it was.
    before: Option<*const Scope<'static>>,
    not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.before {
            let _ = SCOPE.try_with(|it| it.set(before));
        }
    }
}

fn innermost() -> *const Scope<'static> {
    SCOPE.try_with(Cell::get).unwrap_or(ptr::null())
}

/// Follows a pointer that [`innermost`] or a scope in its chain gave.
fn follow<'a>(scope: *const Scope<'static>) -> Option<&'a Scope<'a>> {
    // SAFETY: it lies on this thread's stack, below our caller, by obligation 1 of
    // `enter` or of `carry`; no caller lets the reference outlive its own call.
    unsafe { scope.cast::<Scope<'a>>().as_ref() }
}

/// What a task inherits that is spawned here.
#[inline]
pub(crate) fn inherited() -> Option<Arc<Inherited>> {
    let scope = innermost();
    (!scope.is_null()).then(|| inherited_in(scope)).flatten()
}

/// Not on the way of a spawn outside all scopes.
#[cold]
fn inherited_in(scope: *const Scope<'static>) -> Option<Arc<Inherited>> {
    follow(scope)?.inherited.cloned()
}

/// Runs `body` where `value` is seen under `key`.
pub(super) fn with_value<R>(key: Key, value: &dyn Any, body: impl FnOnce() -> R) -> R {
    let outer = innermost();
    let inherited = follow(outer).and_then(|it| it.inherited);
    let scope = Scope { value: Some((key, value)), inherited, outer };
    // SAFETY: the guard is dropped at the end of this function, before the scope.
    let _entered = unsafe { enter(Some(&scope)) };
    body()
}

/// Runs `body` where `inherited` is inherited.
pub(super) fn with_inherited<R>(inherited: &Arc<Inherited>, body: impl FnOnce() -> R) -> R {
    let scope = Scope { value: None, inherited: Some(inherited), outer: innermost() };
    // SAFETY: the guard is dropped at the end of this function, before the scope.
    let _entered = unsafe { enter(Some(&scope)) };
    body()
}

/// Calls `look` with the value that is seen here under the key of a plain local.
pub(super) fn find<R>(key: Key, look: impl FnOnce(Option<&dyn Any>) -> R) -> R {
    let scopes = std::iter::successors(follow(innermost()), |it| follow(it.outer));
    let mut values = scopes.filter_map(|it| it.value);
    look(values.find(|(it, _)| *it == key).map(|(_, value)| value))
}

/// Calls `look` with the value that is inherited here under `key`.
pub(super) fn find_inherited<R>(key: Key, look: impl FnOnce(Option<&Value>) -> R) -> R {
    look(follow(innermost()).and_then(|it| it.inherited).and_then(|it| it.get(key)))
}

pin_project! {
    /// A future that is polled and dropped in the scopes of its maker.
    #[derive(Debug)]
    pub(crate) struct Carried<F> {
        scope: *const Scope<'static>,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Carried<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = swap(*this.scope);
                this.future.set(None);
            }
        }
    }
}

/// Carries the scopes of the caller into a future for which it waits.
///
/// # Safety
///
/// 1. The future is polled and dropped on this thread, by the end of the function that
///    calls this one.
pub(crate) unsafe fn carry<F>(future: F) -> Carried<F> {
    Carried { scope: innermost(), future: Some(future) }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        // The scopes are there, by obligation 1 of `carry`.
        let _entered = swap(*this.scope);
        let future = this.future.as_mut().as_pin_mut();
        let polled = future.expect("a task is polled until it completes").poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}
