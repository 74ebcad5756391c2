//! Events, notifications, conditions: who is told, and who else is if nobody was.

use super::{Case, Company, Count, Flag, Other, Subject};
use std::{
    cell::RefCell,
    future::{Future, pending},
    rc::Rc,
    sync::Arc,
};
use sync::{Condition, Event, Notify};

pub(super) const ALL: &[Case] = &[
    Case { future: "sync::event::Wait", make: || event(|event| async move { event.wait().await }) },
    Case { future: "sync::event::WaitOwned", make: || event(Event::wait_owned) },
    Case {
        future: "sync::notify::Notified",
        make: || notify(Company::Other, Notify::notify_one, notified),
    },
    Case {
        future: "sync::notify::Notified",
        make: || notify(Company::Other, Notify::notify_last, notified),
    },
    Case {
        future: "sync::notify::Notified",
        make: || notify(Company::None, Notify::notify_one, notified),
    },
    Case {
        future: "sync::notify::OwnedNotified",
        make: || notify(Company::Other, Notify::notify_one, Notify::notified_owned),
    },
    Case {
        future: "sync::notify::OwnedNotified",
        make: || notify(Company::None, Notify::notify_one, Notify::notified_owned),
    },
    Case { future: "sync::condition::Lock", make: condition_lock },
    Case { future: "sync::condition::Wait", make: condition_wait },
    Case { future: "sync::condition::WaitWhile", make: condition_wait_while },
];

async fn notified(notify: Arc<Notify>) {
    notify.notified().await;
}

/// A step sets it.
fn event<F: Future<Output = ()> + 'static>(make: impl FnOnce(Arc<Event>) -> F) -> Subject {
    let event = Arc::new(Event::new());
    let other = Other::new(event.clone().wait_owned());
    let step = {
        let (event, other) = (event.clone(), other.clone());
        move || {
            other.is_served();
            event.set();
        }
    };
    let future = Box::pin(make(event.clone()));
    let check = move || assert_eq!(other.is_served(), event.is_set());
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}

/// A step notifies one: the subject, the other, or whoever comes.
fn notify<F: Future<Output = ()> + 'static>(
    company: Company,
    tell: fn(&Notify),
    make: fn(Arc<Notify>) -> F,
) -> Subject {
    let (notify, told, done) = (Arc::new(Notify::new()), Count::default(), Flag::default());
    let other_done = Flag::default();
    let other = match company {
        Company::None => Other::nobody(),
        Company::Other => {
            let (notified, done) = (notify.clone().notified_owned(), other_done.clone());
            Other::new(async move {
                notified.await;
                done.set();
            })
        }
    };
    let step = {
        let (notify, told, other) = (notify.clone(), told.clone(), other.clone());
        move || {
            other.is_served();
            told.add(1);
            tell(&notify);
        }
    };
    let (notified, is_done) = (make(notify.clone()), done.clone());
    let future = Box::pin(async move {
        notified.await;
        is_done.set();
    });
    let check = move || {
        other.is_served();
        let others = usize::from(other_done.get());
        other.leave();
        let kept = usize::from(Other::new(notify.notified_owned()).is_served());
        let heard = usize::from(done.get()) + others + kept;
        assert!(heard <= told.get(), "a notification was heard twice");
        // Permits do not add up: of several, one may be all that is left.
        assert!(heard == told.get().min(1) || heard > 1, "a notification is lost");
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}

/// It is locked until the first step.
fn condition_lock() -> Subject {
    let condition = Arc::new(Condition::new(0));
    let lock = |condition: Arc<Condition<u32>>| async move { *condition.lock().await += 1 };
    let theirs = condition.clone();
    let holder = Other::new(async move {
        let _guard = theirs.lock().await;
        pending().await
    });
    assert!(!holder.is_served());
    let other = Other::new(lock(condition.clone()));
    let step = {
        let (holder, other) = (holder.clone(), other.clone());
        move || {
            other.is_served();
            holder.leave();
        }
    };
    let future = Box::pin(lock(condition.clone()));
    let check = move || {
        holder.leave();
        assert!(other.is_served(), "the next in line is not served");
        assert!(condition.try_lock().is_ok());
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}

/// A step rings once, if it gets the lock, and keeps it until the next.
fn condition_wait() -> Subject {
    let condition = Arc::new(Condition::new(()));
    let (rings, done) = (Count::default(), Flag::default());
    let wait = |condition: Arc<Condition<()>>, done: Flag| async move {
        let guard = condition.lock().await;
        let _guard = guard.wait().await;
        done.set();
    };
    let other_done = Flag::default();
    let other = Other::new(wait(condition.clone(), other_done.clone()));
    let holder = Rc::new(RefCell::new(Other::nobody()));
    let step = {
        let (condition, rings, other) = (condition.clone(), rings.clone(), other.clone());
        let holder = holder.clone();
        move || {
            other.is_served();
            let last = holder.replace(Other::nobody());
            if !last.is_served() {
                return last.leave();
            }
            let (condition, rings) = (condition.clone(), rings.clone());
            let rings = Other::new(async move {
                if let Ok(guard) = condition.try_lock() {
                    rings.add(1);
                    guard.notify_one();
                    pending().await
                }
            });
            if !rings.is_served() {
                holder.replace(rings);
            }
        }
    };
    let future = Box::pin(wait(condition.clone(), done.clone()));
    let check = move || {
        holder.take().leave();
        other.is_served();
        let heard = usize::from(done.get()) + usize::from(other_done.get());
        assert!(heard <= rings.get(), "a ring was heard twice");
        // The other was in line before the first ring, so that two reach both of
        // them, or the one that is left.
        let is_lost = rings.get() > 0 && heard == 0 || rings.get() > 1 && !other_done.get();
        assert!(!is_lost, "a ring is lost: {} of {}", heard, rings.get());
        other.leave();
        assert!(condition.try_lock().is_ok(), "it stays locked");
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}

/// A step adds one, if it gets the lock; the subject waits for two.
fn condition_wait_while() -> Subject {
    let (condition, steps) = (Arc::new(Condition::new(0)), Count::default());
    let step = {
        let (condition, steps) = (condition.clone(), steps.clone());
        move || {
            if let Ok(mut guard) = condition.try_lock() {
                steps.add(1);
                *guard += 1;
                guard.notify_one();
            }
        }
    };
    let theirs = condition.clone();
    let future = Box::pin(async move {
        let guard = theirs.lock().await.wait_while(|it| *it < 2).await;
        assert!(*guard >= 2);
    });
    let check = move || {
        let guard = condition.try_lock().expect("it stays locked");
        assert_eq!(*guard, steps.get());
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}
