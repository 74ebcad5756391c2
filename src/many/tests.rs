//! What tests of combinators share: futures that are steered by hand, and a bench to
//! poll what is made of them.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    ptr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Count(pub(crate) AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, SeqCst)
    }
}

/// What a test sees of a [`Probe`], and how it steers it.
#[derive(Default)]
pub(crate) struct Steering {
    pub(crate) polls: Cell<usize>,
    pub(crate) drops: Cell<usize>,
    pub(crate) waker: RefCell<Option<Waker>>,
    pub(crate) ready: Cell<bool>,
    pub(crate) panics_in_poll: Cell<bool>,
    pub(crate) panics_in_drop: Cell<bool>,
}

impl Steering {
    pub(crate) fn wake(&self) {
        let waker = self.waker.borrow().clone();
        waker.expect("polled before").wake();
    }

    pub(crate) fn finish(&self) {
        self.ready.set(true);
        self.wake();
    }
}

/// A future that does what its [`Steering`] says, and must not move.
pub(crate) struct Probe<T> {
    steering: Rc<Steering>,
    output: Option<T>,
    address: Cell<*const Self>,
    _pinned: PhantomPinned,
}

pub(crate) fn probe<T>(output: T) -> (Rc<Steering>, Probe<T>) {
    let steering = Rc::new(Steering::default());
    let (address, _pinned) = (Cell::new(ptr::null()), PhantomPinned);
    (steering.clone(), Probe { steering, output: Some(output), address, _pinned })
}

pub(crate) fn probes(count: usize) -> (Vec<Rc<Steering>>, Vec<Probe<usize>>) {
    (0..count).map(probe).unzip()
}

impl<T> Future for Probe<T> {
    type Output = T;

    #[expect(unsafe_code, reason = "the probe takes its output and stays where it is")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let here: *const Self = &*self;
        let before = self.address.replace(here);
        assert!(before.is_null() || before == here, "a child moved");
        // SAFETY: nothing is moved out of the probe but its output, which is not
        // pinned.
        let this = unsafe { self.get_unchecked_mut() };
        this.steering.polls.update(|polls| polls + 1);
        *this.steering.waker.borrow_mut() = Some(cx.waker().clone());
        assert!(!this.steering.panics_in_poll.get(), "asked to");
        match this.steering.ready.get() {
            true => Poll::Ready(this.output.take().expect("polled after its end")),
            false => Poll::Pending,
        }
    }
}

impl<T> Drop for Probe<T> {
    fn drop(&mut self) {
        self.steering.drops.update(|drops| drops + 1);
        assert!(!self.steering.panics_in_drop.get(), "asked to");
    }
}

/// A future on a thread of its own, polled by hand.
pub(crate) struct Bench<F: Future> {
    future: Pin<Box<F>>,
    pub(crate) count: Arc<Count>,
}

pub(crate) fn bench<F: Future>(future: F) -> Bench<F> {
    Bench { future: Box::pin(future), count: Arc::default() }
}

impl<F: Future> Bench<F> {
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.count.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken since the last time.
    pub(crate) fn woken(&self) -> usize {
        self.count.take()
    }
}

pub(crate) fn polls(steerings: &[Rc<Steering>]) -> usize {
    steerings.iter().map(|it| it.polls.get()).sum()
}

pub(crate) fn ready_now<F: Future>(future: F) -> F::Output {
    match bench(future).poll() {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}
