//! The children of an array and of a `Vec`.

use super::{
    child::{Child, Kept, Progress, Verdict},
    pinned,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use sync::ready_set::{Slot, Slots};

/// What a poller knows of its children.
#[doc(hidden)]
pub trait Children {
    /// Where their slots live.
    type Slots: Slots;
    /// All that is kept, in order.
    type Kept;
    /// What ends the wait early.
    type Stop;

    /// How many there are.
    fn len(&self) -> usize;

    /// A slot for each.
    fn slots(&self) -> Self::Slots;

    /// Polls child `index`.
    fn poll_child(
        self: Pin<&mut Self>,
        index: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress, Self::Stop>>;

    /// Takes what was kept; all are done.
    fn take(self: Pin<&mut Self>) -> Self::Kept;
}

pin_project! {
    /// The children of an array `A`, which is one of [`Child`].
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct Array<V, A> {
        #[pin]
        children: A,
        verdict: PhantomData<V>,
    }
}

/// The array of children made of an array of futures.
pub(crate) type ArrayOf<V, F, const N: usize> = Array<V, [Child<F, Kept<V, F>>; N]>;

impl<V: Verdict<F::Output>, F: Future, const N: usize> ArrayOf<V, F, N> {
    pub(crate) fn new(futures: [F; N]) -> Self {
        Self { children: futures.map(Child::new), verdict: PhantomData }
    }
}

impl<V: Verdict<F::Output>, F: Future, const N: usize> Children for ArrayOf<V, F, N> {
    type Slots = [Slot; N];
    type Kept = [V::Kept; N];
    type Stop = V::Stop;

    fn len(&self) -> usize {
        N
    }

    fn slots(&self) -> [Slot; N] {
        std::array::from_fn(|_| Slot::default())
    }

    fn poll_child(
        self: Pin<&mut Self>,
        index: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress, V::Stop>> {
        pinned::element(self.project().children, index).poll::<V>(cx)
    }

    fn take(self: Pin<&mut Self>) -> [V::Kept; N] {
        let mut children = self.project().children;
        std::array::from_fn(|index| pinned::element(children.as_mut(), index).take())
    }
}

/// The children of a `Vec`.
#[doc(hidden)]
#[derive(Debug)]
pub struct List<V: Verdict<F::Output>, F: Future> {
    children: Pinned<[Child<F, Kept<V, F>>]>,
}

type Pinned<T> = Pin<Box<T>>;

impl<V: Verdict<F::Output>, F: Future> List<V, F> {
    pub(crate) fn new(futures: Vec<F>) -> Self {
        let children: Box<[_]> = futures.into_iter().map(Child::new).collect();
        Self { children: Box::into_pin(children) }
    }
}

impl<V: Verdict<F::Output>, F: Future> Children for List<V, F> {
    type Slots = Box<[Slot]>;
    type Kept = Vec<V::Kept>;
    type Stop = V::Stop;

    fn len(&self) -> usize {
        self.children.len()
    }

    fn slots(&self) -> Box<[Slot]> {
        self.children.iter().map(|_| Slot::default()).collect()
    }

    fn poll_child(
        mut self: Pin<&mut Self>,
        index: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress, V::Stop>> {
        pinned::element(self.children.as_mut(), index).poll::<V>(cx)
    }

    fn take(mut self: Pin<&mut Self>) -> Vec<V::Kept> {
        let indices = 0..self.children.len();
        indices.map(|index| pinned::element(self.children.as_mut(), index).take()).collect()
    }
}
