//! Models [`crate::oneshot`].

use super::outcomes;
use crate::{
    hostile::panicking_clone,
    oneshot::{self, Receiver, Sender, TryRecvError},
    shim::thread,
};
use std::{
    collections::BTreeSet,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A value that counts its drops. Not a loom atomic: nothing crosses here.
#[derive(Debug)]
struct Value(Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Count {
    fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }

    fn wakes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// What the sender's thread does.
#[derive(Clone, Copy)]
enum Sends {
    Send,
    Drop,
    WaitThenSend,
    WaitThenDrop,
}

/// What the receiver's thread does.
#[derive(Clone, Copy)]
enum Receives {
    Poll,
    PollTwice,
    PollThrice,
    PollThenClose,
    TryRecv,
    CloseThenTryRecv,
    Drop,
}

/// What became of it on either side, with a star if that side was woken.
fn outcome(sent: &str, got: &str, tasks: &[Arc<Count>; 2]) -> String {
    let star = |index: usize| if 0 < tasks[index].wakes() { "*" } else { "" };
    format!("{sent}{} {got}{}", star(0), star(1))
}

fn send(mut sender: Sender<Value>, act: Sends, value: Value, task: &Arc<Count>) -> &'static str {
    if matches!(act, Sends::WaitThenSend | Sends::WaitThenDrop) {
        let waker = task.waker();
        if sender.poll_closed(&mut Context::from_waker(&waker)).is_ready() {
            return "closed";
        }
    }
    match act {
        Sends::Drop | Sends::WaitThenDrop => "dropped",
        Sends::Send | Sends::WaitThenSend => match sender.send(value) {
            Ok(()) => "sent",
            Err(_) => "back",
        },
    }
}

fn receive(mut receiver: Receiver<Value>, act: Receives, task: &Arc<Count>) -> &'static str {
    let poll = |receiver: &mut Receiver<Value>, waker: Waker| match Pin::new(receiver)
        .poll(&mut Context::from_waker(&waker))
    {
        Poll::Ready(Ok(_)) => "value",
        Poll::Ready(Err(_)) => "none",
        Poll::Pending => "pending",
    };
    let try_recv = |receiver: &mut Receiver<Value>| match receiver.try_recv() {
        Ok(_) => "value",
        Err(TryRecvError::Closed) => "none",
        Err(TryRecvError::Empty) => "empty",
    };
    match act {
        Receives::TryRecv => try_recv(&mut receiver),
        Receives::CloseThenTryRecv => {
            receiver.close();
            try_recv(&mut receiver)
        }
        Receives::Drop => "dropped",
        Receives::Poll => poll(&mut receiver, task.waker()),
        Receives::PollTwice => match poll(&mut receiver, Waker::noop().clone()) {
            "pending" => poll(&mut receiver, task.waker()),
            ended => ended,
        },
        Receives::PollThrice => {
            let mut ended = poll(&mut receiver, Waker::noop().clone());
            for other in [Arc::new(Count::default()), task.clone()] {
                if ended == "pending" {
                    ended = poll(&mut receiver, other.waker());
                }
            }
            ended
        }
        Receives::PollThenClose => match poll(&mut receiver, task.waker()) {
            "pending" => {
                receiver.close();
                try_recv(&mut receiver)
            }
            ended => ended,
        },
    }
}

/// Runs both sides against one another. Whatever they do, the value is dropped
/// once, no waker stays behind, and who was left waiting has been woken.
fn race(sends: Sends, receives: Receives) -> BTreeSet<String> {
    outcomes(move || {
        let drops = Arc::new(AtomicUsize::new(0));
        let tasks = [0, 1].map(|_| Arc::new(Count::default()));
        let (sender, receiver) = oneshot::channel();
        let (value, task) = (Value(drops.clone()), tasks[0].clone());
        let sending = thread::spawn(move || send(sender, sends, value, &task));
        let task = tasks[1].clone();
        let receiving = thread::spawn(move || receive(receiver, receives, &task));
        let (sent, got) = (sending.join().unwrap(), receiving.join().unwrap());
        assert_eq!(drops.load(Relaxed), 1, "{sent} {got}");
        for task in &tasks {
            assert_eq!(Arc::strong_count(task), 1, "a waker stayed behind: {sent} {got}");
        }
        outcome(sent, got, &tasks)
    })
}

/// A future that keeps its receiver: what a task does.
fn wait(sends: Sends) -> BTreeSet<String> {
    outcomes(move || {
        let drops = Arc::new(AtomicUsize::new(0));
        let tasks = [0, 1].map(|_| Arc::new(Count::default()));
        let (sender, receiver) = oneshot::channel();
        let (value, task) = (Value(drops.clone()), tasks[0].clone());
        let sending = thread::spawn(move || send(sender, sends, value, &task));
        let task = tasks[1].clone();
        let receiving = thread::spawn(move || {
            let mut receiver = receiver;
            let waker = task.waker();
            let first = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker));
            (receiver, first.is_pending(), first)
        });
        let sent = sending.join().unwrap();
        let (mut receiver, waited, first) = receiving.join().unwrap();
        let woken = tasks[1].wakes();
        assert_eq!(woken, usize::from(waited), "who waits is woken, once");
        let last = match first {
            Poll::Ready(last) => last,
            Poll::Pending => receiver.try_recv().map_err(|_| oneshot::RecvError),
        };
        let got = if last.is_ok() { "value" } else { "none" };
        drop((last, receiver));
        assert_eq!(drops.load(Relaxed), 1);
        outcome(sent, got, &tasks)
    })
}

/// O1: the receiver sees the value, which lies in a cell that loom watches.
#[test]
fn edge_o1() {
    let seen = race(Sends::Send, Receives::TryRecv);
    assert_eq!(seen, ["sent empty", "sent value", "back empty"].map(String::from).into());
}

/// O2: the sender calls the waker that the receiver left.
#[test]
fn edge_o2() {
    let seen = wait(Sends::Send);
    assert_eq!(seen, ["sent value", "sent value*"].map(String::from).into());
    let seen = wait(Sends::Drop);
    assert_eq!(seen, ["dropped none", "dropped none*"].map(String::from).into());
}

/// O3: whoever frees the channel sees the other half's last access.
#[test]
fn edge_o3() {
    let seen = race(Sends::WaitThenDrop, Receives::Drop);
    let expected = ["closed dropped", "dropped dropped", "dropped* dropped"];
    assert_eq!(seen, expected.map(String::from).into());
}

macro_rules! races {
    ($($name:ident: $sends:ident, $receives:ident => $expected:expr;)*) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(race(Sends::$sends, Receives::$receives), $expected.map(String::from).into());
            }
        )*
    };
}

races! {
    send_and_poll: Send, Poll => ["back pending", "sent pending*", "sent value"];
    send_and_poll_twice: Send, PollTwice => ["back pending", "sent pending*", "sent value"];
    send_and_poll_thrice: Send, PollThrice => ["back pending", "sent pending*", "sent value"];
    send_and_poll_then_close: Send, PollThenClose => ["back none", "sent value", "sent value*"];
    send_and_close: Send, CloseThenTryRecv => ["back none", "sent value"];
    send_and_drop: Send, Drop => ["back dropped", "sent dropped"];
    drop_and_drop: Drop, Drop => ["dropped dropped"];
    drop_and_poll: Drop, Poll => ["dropped none", "dropped pending", "dropped pending*"];
    drop_and_poll_twice: Drop, PollTwice => [
        "dropped none", "dropped pending", "dropped pending*"
    ];
    drop_and_poll_then_close: Drop, PollThenClose => ["dropped none", "dropped none*"];
    drop_and_try_recv: Drop, TryRecv => ["dropped empty", "dropped none"];
    drop_and_close: Drop, CloseThenTryRecv => ["dropped none"];
    wait_then_send_and_poll: WaitThenSend, Poll => [
        "back pending", "back* pending", "closed pending", "sent pending*", "sent value"
    ];
    wait_then_send_and_poll_twice: WaitThenSend, PollTwice => [
        "back pending", "back* pending", "closed pending", "sent pending*", "sent value"
    ];
    wait_then_send_and_poll_then_close: WaitThenSend, PollThenClose => [
        "back none", "back* none", "closed none", "sent value", "sent value*"
    ];
    wait_then_send_and_try_recv: WaitThenSend, TryRecv => [
        "back empty", "back* empty", "closed empty", "sent empty", "sent value"
    ];
    wait_then_send_and_close: WaitThenSend, CloseThenTryRecv => [
        "back none", "back* none", "closed none", "sent value"
    ];
    wait_then_send_and_drop: WaitThenSend, Drop => [
        "back dropped", "back* dropped", "closed dropped", "sent dropped"
    ];
    wait_then_drop_and_poll: WaitThenDrop, Poll => [
        "closed pending", "dropped none", "dropped pending*", "dropped* pending"
    ];
    wait_then_drop_and_poll_twice: WaitThenDrop, PollTwice => [
        "closed pending", "dropped none", "dropped pending*", "dropped* pending"
    ];
    wait_then_drop_and_close: WaitThenDrop, CloseThenTryRecv => [
        "closed none", "dropped none", "dropped* none"
    ];
}

/// A waker of which the clone panics changes nothing: the value is not lost, and
/// the waker that was there before is called.
#[test]
fn panicky_waker() {
    let seen = outcomes(|| {
        let count = Arc::new(Count::default());
        let (sender, mut receiver) = oneshot::channel();
        let waker = count.waker();
        assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending());
        let sending = thread::spawn(move || sender.send(7).is_ok());
        let receiving = thread::spawn(move || {
            let waker = panicking_clone();
            let mut cx = Context::from_waker(&waker);
            let poll = AssertUnwindSafe(|| Pin::new(&mut receiver).poll(&mut cx).map(Result::ok));
            (catch_unwind(poll).ok(), receiver)
        });
        assert!(sending.join().unwrap());
        let (poll, mut receiver) = receiving.join().unwrap();
        assert_eq!(count.wakes(), 1);
        (poll, receiver.try_recv().ok())
    });
    assert_eq!(seen, [(None, Some(7)), (Some(Poll::Ready(Some(7))), None)].into());
}
