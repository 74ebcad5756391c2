use super::*;
use crate::static_checks::{implements, is_not};
use crate::wait_blocking::WaitBlocking;
use proptest::prelude::*;
use std::{collections::VecDeque, task::Waker, thread};

type Boxed<'a> = Pin<Box<Notified<'a>>>;

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_permit_meant_for_another_is_left_alone() {
    let notify = Notify::new();
    let mut early = Box::pin(notify.notified());
    notify.notify_waiters();
    notify.notify_one();
    assert!(poll(&mut early).is_ready());
    assert!(poll(&mut Box::pin(notify.notified())).is_ready(), "the permit is still there");
    assert!(poll(&mut Box::pin(notify.notified())).is_pending());
}

#[test]
fn a_notification_not_seen_goes_on_the_way_it_came() {
    let notify = Notify::new();
    let mut line: Vec<_> = (0..4).map(|_| Box::pin(notify.notified())).collect();
    assert!(line.iter_mut().all(|it| poll(it).is_pending()));
    notify.notify_one();
    drop(line.remove(0));
    assert!(poll(&mut line[0]).is_ready());
    notify.notify_last();
    drop(line.pop());
    assert!(poll(&mut line[1]).is_ready());
    drop(line);
    assert!(poll(&mut Box::pin(notify.notified())).is_pending());
    let mut last = Box::pin(notify.notified());
    assert!(poll(&mut last).is_pending());
    notify.notify_one();
    drop(last);
    assert!(poll(&mut Box::pin(notify.notified())).is_ready(), "kept: nobody else waits");
}

#[test]
fn one_who_is_done_stays_done() {
    let notify = Arc::new(Notify::default());
    let mut notified = Box::pin(notify.clone().notified_owned());
    assert!(!notified.as_mut().enable());
    notify.notify_one();
    assert!(notified.as_mut().enable() && notified.as_mut().enable());
    assert!(poll(&mut notified).is_ready() && poll(&mut notified).is_ready());
    drop(notified);
    assert!(poll(&mut Box::pin(notify.notified())).is_pending(), "it took what it saw");
}

#[test]
fn threads_notify_one_another() {
    let pair = Arc::new((Notify::new(), Notify::new()));
    let theirs = pair.clone();
    let thread = thread::spawn(move || {
        for _ in 0..100 {
            theirs.0.notified().wait_blocking();
            theirs.1.notify_one();
        }
    });
    for _ in 0..100 {
        pair.0.notify_one();
        pair.1.notified().wait_blocking();
    }
    thread.join().unwrap();
}

/// What a `Notify` should do, in the simplest words.
#[derive(Debug, Default)]
struct Reference {
    permit: bool,
    line: VecDeque<usize>,
    /// Told, and by what.
    told: Vec<(usize, Heard)>,
    /// Made, and neither in line nor told.
    fresh: Vec<usize>,
}

impl Reference {
    fn notify(&mut self, whom: Heard) {
        let next = match whom {
            Heard::Last => self.line.pop_back(),
            _ => self.line.pop_front(),
        };
        match next {
            Some(id) => self.told.push((id, whom)),
            None => self.permit = true,
        }
    }

    fn notify_waiters(&mut self) {
        let everybody = self.line.drain(..).chain(self.fresh.drain(..));
        self.told.extend(everybody.map(|id| (id, Heard::Mine)));
    }

    fn poll(&mut self, id: usize) -> bool {
        if let Some(at) = self.told.iter().position(|it| it.0 == id) {
            self.told[at].1 = Heard::Mine;
            return true;
        }
        if self.line.contains(&id) {
            return false;
        }
        self.fresh.retain(|&it| it != id);
        if std::mem::take(&mut self.permit) {
            self.told.push((id, Heard::Mine));
            return true;
        }
        self.line.push_back(id);
        false
    }

    fn end(&mut self, id: usize) {
        self.line.retain(|&it| it != id);
        self.fresh.retain(|&it| it != id);
        if let Some(at) = self.told.iter().position(|it| it.0 == id) {
            let (_, heard) = self.told.remove(at);
            if heard != Heard::Mine {
                self.notify(heard);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    One,
    Last,
    Waiters,
    Make,
    Poll(usize),
    Enable(usize),
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::One),
        2 => Just(Step::Last),
        2 => Just(Step::Waiters),
        5 => Just(Step::Make),
        6 => (0..6_usize).prop_map(Step::Poll),
        2 => (0..6_usize).prop_map(Step::Enable),
        4 => (0..6_usize).prop_map(Step::End),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_reference_does(steps in prop::collection::vec(step(), 0..80)) {
        let notify = Notify::new();
        let mut reference = Reference::default();
        let mut listeners: Vec<(usize, Boxed<'_>)> = Vec::new();
        for (next, step) in steps.into_iter().enumerate() {
            match step {
                Step::One => {
                    notify.notify_one();
                    reference.notify(Heard::First);
                }
                Step::Last => {
                    notify.notify_last();
                    reference.notify(Heard::Last);
                }
                Step::Waiters => {
                    notify.notify_waiters();
                    reference.notify_waiters();
                }
                Step::Make => {
                    listeners.push((next, Box::pin(notify.notified())));
                    reference.fresh.push(next);
                }
                Step::Poll(which) if which < listeners.len() => {
                    let (id, listener) = &mut listeners[which];
                    prop_assert_eq!(poll(listener).is_ready(), reference.poll(*id));
                }
                Step::Enable(which) if which < listeners.len() => {
                    let (id, listener) = &mut listeners[which];
                    prop_assert_eq!(listener.as_mut().enable(), reference.poll(*id));
                }
                Step::End(which) if which < listeners.len() => {
                    let (id, listener) = listeners.remove(which);
                    drop(listener);
                    reference.end(id);
                }
                _ => (),
            }
        }
        drop(listeners);
    }
}

#[test]
fn a_notify_goes_anywhere_and_futures_stay_pinned() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    implements!(Notify: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
    implements!(Notified<'static>: Send, Sync);
    implements!(OwnedNotified: Send, Sync);
    is_not!(Notified<'static>: Unpin);
    is_not!(OwnedNotified: Unpin);
}
