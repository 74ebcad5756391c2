//! Models [`crate::closing`].
//!
//! A plain cell stands for all futures: pollers write it while they poll, and
//! whoever finishes writes it last.

use super::{memory::Memory, outcomes};
use crate::{
    closing::{Closing, Duty, Sit},
    desk::Desk,
    inbox::{Inbox, Place},
    task::{Home, Tenant},
};
use std::{
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};
use sync::shim::{
    atomic::{AtomicU32, Ordering::Relaxed},
    thread,
};

struct Runtime {
    closing: Closing,
    /// The futures that each worker polls.
    futures: Vec<Memory>,
    finishes: AtomicU32,
    _homes: Vec<Home>,
}

impl Runtime {
    fn new(workers: usize) -> Arc<Self> {
        let count = u32::try_from(workers).unwrap();
        let homes: Vec<_> = (0..count).map(|i| Home::new(ptr::null(), i, count)).collect();
        let desks = homes.iter().enumerate().map(|(index, home)| {
            // SAFETY: 1: one for each home. 2: the vector is not touched any more.
            let tenant = unsafe { Tenant::new(NonNull::from(home)) };
            Box::new(Desk::new(index, tenant, 1))
        });
        Arc::new(Self {
            closing: Closing::new(desks.collect()),
            futures: (0..workers).map(|_| Memory::new()).collect(),
            finishes: AtomicU32::new(0),
            _homes: homes,
        })
    }

    fn sit(&self, index: usize) -> Option<Box<Desk>> {
        match self.closing.sit(index, &inbox()) {
            Sit::Down(desk) => Some(desk),
            Sit::Closed => None,
            Sit::Wait => panic!("nobody else sits there"),
        }
    }

    /// Sits at a desk and polls until the end. Says how often it polled.
    fn work(&self, index: usize) -> u32 {
        let Some(desk) = self.sit(index) else { return 0 };
        self.poll(index);
        let duty = self.closing.stand(desk);
        self.obey(duty);
        1
    }

    fn poll(&self, index: usize) {
        self.futures[index].add();
    }

    fn begin(&self) {
        let (duty, _) = self.closing.begin();
        self.obey(duty);
    }

    fn obey(&self, duty: Duty) {
        if let Duty::Finish(desks) = duty {
            self.futures.iter().for_each(|it| it.write(9));
            self.finishes.fetch_add(1, Relaxed);
            self.closing.finish(desks.len());
        }
    }
}

fn inbox() -> Arc<Inbox> {
    Arc::new(Inbox::new(Place::Parker))
}

/// C1: whoever finishes sees the last poll of every future, and is one alone.
#[test]
fn edge_c1() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(2);
        let actors: Vec<_> = (0..2)
            .map(|index| {
                let runtime = runtime.clone();
                thread::spawn(move || runtime.work(index))
            })
            .collect();
        let closer = runtime.clone();
        let closer = thread::spawn(move || closer.begin());
        let polls: u32 = actors.into_iter().map(|it| it.join().unwrap()).sum();
        closer.join().unwrap();
        (polls, runtime.finishes.load(Relaxed))
    });
    assert_eq!(seen, [(0, 1), (1, 1), (2, 1)].into());
}

/// C1 for a thread that lent its desk in the middle of a poll.
#[test]
fn edge_c1_of_a_lender() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        let desk = runtime.sit(0).unwrap();
        let (lender, substitute) = (runtime.clone(), runtime.clone());
        let closer = runtime.clone();
        let lent = Memory::new();
        let future = lent.clone();
        let lender = thread::spawn(move || {
            future.write(1);
            lender.closing.lend(desk);
            // Its poll goes on.
            future.write(2);
            match lender.closing.leave() {
                Duty::Finish(desks) => {
                    assert_eq!(future.read(), 2);
                    lender.obey(Duty::Finish(desks));
                }
                duty => lender.obey(duty),
            }
        });
        let substitute = thread::spawn(move || match substitute.closing.sit(0, &inbox()) {
            Sit::Down(desk) => {
                substitute.poll(0);
                let duty = substitute.closing.stand(desk);
                let finishes = matches!(duty, Duty::Finish(_));
                if finishes {
                    assert_eq!(lent.read(), 2, "the lender's poll is over");
                }
                substitute.obey(duty);
                Some(finishes)
            }
            Sit::Wait | Sit::Closed => None,
        });
        let closer = thread::spawn(move || closer.begin());
        lender.join().unwrap();
        closer.join().unwrap();
        (substitute.join().unwrap(), runtime.finishes.load(Relaxed))
    });
    assert_eq!(seen, [(None, 1), (Some(false), 1), (Some(true), 1)].into());
}

/// C2: whoever waited for the end sees all that was done.
#[test]
fn edge_c2() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        runtime.closing.thread_started();
        let (worker, closer) = (runtime.clone(), runtime);
        let last = Memory::new();
        let written = last.clone();
        let worker = thread::spawn(move || {
            worker.work(0);
            written.write(1);
            worker.closing.thread_ended();
        });
        let closer = thread::spawn(move || {
            closer.begin();
            let (desks, pollers) = closer.closing.wait(Duration::MAX);
            (desks, pollers, closer.futures[0].read(), last.read())
        });
        worker.join().unwrap();
        closer.join().unwrap()
    });
    assert_eq!(seen, [(1, 0, 9, 1)].into());
}

/// C2 for a poller that is no thread of the runtime's own: a caller of `block_on`.
#[test]
fn edge_c2_of_a_caller() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        let (caller, closer) = (runtime.clone(), runtime);
        let caller = thread::spawn(move || caller.work(0));
        let closer = thread::spawn(move || {
            closer.begin();
            let (desks, pollers) = closer.closing.wait(Duration::MAX);
            (desks, pollers, closer.futures[0].read())
        });
        (caller.join().unwrap(), closer.join().unwrap())
    });
    assert_eq!(seen, [(0, (1, 0, 9)), (1, (1, 0, 9))].into());
}

/// The end comes once, however often it is begun, and whoever leaves after it.
#[test]
fn the_end_comes_once() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        let desk = runtime.sit(0).unwrap();
        let waiting = inbox();
        assert!(matches!(runtime.closing.sit(0, &waiting), Sit::Wait));
        let mut actors: Vec<_> = (0..2)
            .map(|_| {
                let closer = runtime.clone();
                thread::spawn(move || closer.begin())
            })
            .collect();
        let (leaver, quitter) = (runtime.clone(), runtime.clone());
        actors.push(thread::spawn(move || {
            let duty = leaver.closing.stand(desk);
            leaver.obey(duty);
            let duty = quitter.closing.forget(&waiting);
            quitter.obey(duty);
        }));
        actors.into_iter().for_each(|it| it.join().unwrap());
        runtime.finishes.load(Relaxed)
    });
    assert_eq!(seen, [1].into());
}

/// Two threads take turns at one desk: who waits is woken by who leaves, also by
/// one that gives up. A thread that nobody wakes ends the model as a deadlock.
#[test]
fn a_free_desk_is_offered_to_who_waits() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        let actors: Vec<_> = (0..2)
            .map(|_| {
                let runtime = runtime.clone();
                thread::spawn(move || {
                    let inbox = inbox();
                    let desk = loop {
                        match runtime.closing.sit(0, &inbox) {
                            Sit::Down(desk) => break desk,
                            Sit::Wait => inbox.parker.park(),
                            Sit::Closed => unreachable!("nobody closes"),
                        }
                    };
                    runtime.poll(0);
                    if let Duty::Wake(next) = runtime.closing.stand(desk) {
                        wake_all(&next);
                    }
                })
            })
            .collect();
        actors.into_iter().for_each(|it| it.join().unwrap());
        runtime.futures[0].read()
    });
    assert_eq!(seen, [2].into());
}

fn wake_all(next: &[Arc<Inbox>]) {
    next.iter().for_each(|it| it.parker.unpark());
}

/// One that gives up its place in the queue passes the offer on.
#[test]
fn who_gives_up_waiting_passes_the_desk_on() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        let desk = runtime.sit(0).unwrap();
        let (first, second) = (inbox(), inbox());
        for it in [&first, &second] {
            assert!(matches!(runtime.closing.sit(0, it), Sit::Wait));
            assert!(it.fall_asleep(), "only the first that sleeps is woken");
        }
        let (leaver, quitter, waiter) = (runtime.clone(), runtime.clone(), runtime);
        let wake = |duty: Duty| match duty {
            Duty::Wake(next) => wake_all(&next),
            Duty::Go => {}
            Duty::Finish(_) => unreachable!("nobody closes"),
        };
        let leaver = thread::spawn(move || wake(leaver.closing.stand(desk)));
        let quitter = thread::spawn(move || wake(quitter.closing.forget(&first)));
        let waiter = thread::spawn(move || {
            second.parker.park();
            matches!(waiter.closing.sit(0, &second), Sit::Down(_))
        });
        leaver.join().unwrap();
        quitter.join().unwrap();
        waiter.join().unwrap()
    });
    assert_eq!(seen, [true].into());
}

/// The end races a thread that waits for a desk: it is told, one way or another.
#[test]
fn the_end_wakes_who_waits_for_a_desk() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1);
        let desk = runtime.sit(0).unwrap();
        let (closer, waiter, leaver) = (runtime.clone(), runtime.clone(), runtime.clone());
        let closer = thread::spawn(move || {
            let (duty, waiting) = closer.closing.begin();
            waiting.iter().for_each(|it| it.parker.unpark());
            closer.obey(duty);
        });
        let leaver = thread::spawn(move || match leaver.closing.stand(desk) {
            Duty::Wake(next) => wake_all(&next),
            duty => leaver.obey(duty),
        });
        let waiter = thread::spawn(move || {
            let inbox = inbox();
            loop {
                match waiter.closing.sit(0, &inbox) {
                    Sit::Down(desk) => {
                        waiter.poll(0);
                        let duty = waiter.closing.stand(desk);
                        waiter.obey(duty);
                        return true;
                    }
                    Sit::Wait => inbox.parker.park(),
                    Sit::Closed => return false,
                }
            }
        });
        closer.join().unwrap();
        leaver.join().unwrap();
        let sat = waiter.join().unwrap();
        (sat, runtime.finishes.load(Relaxed))
    });
    assert_eq!(seen, [(false, 1), (true, 1)].into());
}
