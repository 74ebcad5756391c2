//! Does a task wait for what it was given already?
//!
//! A lock is handed to the one in front of its line, who must then be polled to take
//! it. If that is a future which its task keeps, but polls no more, and the task
//! waits for the same lock elsewhere, it waits for ever:
//!
//! ```text
//!     let mut first = pin!(mutex.lock());
//!     select! {
//!         _ = &mut first => …,             in line, and never polled again
//!         () = event => {
//!             mutex.lock().await;          behind it, in the same line
//!         }
//!     }
//! ```
//!
//! In debug mode a [`Watch`] knows every place in the lines of a runtime's locks and
//! semaphores: whose it is, when it was polled, and when it was woken because it was
//! granted. What it knows is judged when a task is about to idle.
//!
//! # When a place is reported
//!
//! In one poll of a task, after which it idles, two places in the same line:
//!
//! * one was polled and is still waiting;
//! * the other was granted, its wake-up was *over before the poll began*, and it has
//!   not been polled since.
//!
//! Combinators poll a child in the poll after its wake-up, or wake themselves and do
//! so in the next; so what they hold is never reported. "Granted" alone would not
//! do: the wake-up comes a moment later, and a poll between the two is innocent. Nor
//! does a poll count that ran out of budget: it wakes its task, which does not idle.
//!
//! # Who knows what
//!
//! | who                       | tells                                                |
//! |---------------------------|------------------------------------------------------|
//! | the executor              | that a poll [begins](Watch::begin_poll), and [ends](judge) |
//! | a leaf, when it must wait | its place, by a ticket kept with what it asked for   |
//! | the waker it leaves       | that the wake-up is over                             |
//!
//! A ticket is dropped when its place leaves the line, in whatever way, so an address
//! in the list is that of one place. Time is a counter under the lock of the list.
//!
//! Without debug mode a leaf that must wait asks one flag of its task; nothing else
//! happens anywhere.
//!
//! # Rejected
//!
//! * A report when a place was granted and not polled for some milliseconds: slow
//!   tasks are reported, and a test cannot say how many.
//! * Marking the grant instead of the wake-up, in the line: a poll that runs between
//!   the two would be blamed.
//! * A list per task: a future may be polled by another task than the one that put
//!   it in line.

use crate::{
    shim::Lock,
    site::Site,
    wait_site::{self, WaitSite},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    task::{Wake, Waker},
};

/// The places in the lines of one runtime in debug mode.
#[derive(Debug, Default)]
pub struct Watch {
    places: Lock<Places>,
}

/// Two places of one task in one line, of which one keeps the other waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Futurelock {
    /// The call that was granted what it asked for, and is not polled.
    pub granted: WaitSite,
    /// The call that waits.
    pub waiting: WaitSite,
}

#[derive(Debug, Default)]
struct Places {
    /// Counts whatever happens.
    now: u64,
    by_address: BTreeMap<usize, Place>,
    /// Task, line and address of each.
    by_task: BTreeSet<(usize, usize, usize)>,
}

#[derive(Debug)]
struct Place {
    /// When it came: no other place has the same.
    number: u64,
    task: usize,
    site: WaitSite,
    polled_at: u64,
    /// When its wake-up was over.
    woken_at: Option<u64>,
    /// Numbers of the places that it was reported with.
    reported: Vec<u64>,
}

impl Places {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn arrive(&mut self, address: usize, task: usize, site: WaitSite) -> u64 {
        let now = self.tick();
        let place =
            Place { number: now, task, site, polled_at: now, woken_at: None, reported: vec![] };
        self.by_task.insert((task, site.object, address));
        self.by_address.insert(address, place);
        now
    }

    /// A place is polled again, by `task`. Gives its number, if it is known.
    fn poll(&mut self, address: usize, task: usize) -> Option<u64> {
        let now = self.tick();
        let place = self.by_address.get_mut(&address)?;
        place.polled_at = now;
        self.by_task.remove(&(place.task, place.site.object, address));
        place.task = task;
        self.by_task.insert((task, place.site.object, address));
        Some(place.number)
    }

    fn leave(&mut self, address: usize) {
        if let Some(place) = self.by_address.remove(&address) {
            self.by_task.remove(&(place.task, place.site.object, address));
        }
    }

    fn woken(&mut self, address: usize, number: u64) {
        let now = self.tick();
        // Another place may be there by now.
        let place = self.by_address.get_mut(&address).filter(|it| it.number == number);
        if let Some(place) = place {
            place.woken_at = Some(now);
        }
    }

    /// Who keeps the place `number` at `address` waiting, in a poll that began at `began`.
    fn judge(&mut self, (address, number): (usize, u64), began: u64) -> Vec<Futurelock> {
        // Another place may be there by now, of a task that is polled elsewhere.
        let waiting = self.by_address.get(&address).filter(|it| it.number == number);
        let Some(waiting) = waiting.filter(|it| it.woken_at.is_none()) else { return vec![] };
        let (task, line) = (waiting.task, waiting.site.object);
        let blamed = self.by_task.range((task, line, 0)..=(task, line, usize::MAX));
        let blamed = blamed.filter_map(|(_, _, other)| {
            let granted = self.by_address.get(other)?;
            let woken_at = granted.woken_at.filter(|at| granted.polled_at < *at)?;
            let is_new = !waiting.reported.contains(&granted.number);
            (woken_at < began && is_new).then_some((granted.number, granted.site))
        });
        let blamed: Vec<_> = blamed.collect();
        let site = waiting.site;
        let place = self.by_address.get_mut(&address).expect("it was there a moment ago");
        place.reported.extend(blamed.iter().map(|(number, _)| number));
        blamed.into_iter().map(|(_, granted)| Futurelock { granted, waiting: site }).collect()
    }
}

/// The poll of a task that is watched.
struct Poll {
    watch: Arc<Watch>,
    /// When it began.
    began: u64,
    /// Address and number of the places that were polled and must wait.
    pending: Vec<(usize, u64)>,
}

crate::thread_local! {
    static CURRENT: RefCell<Option<Poll>> = const { RefCell::new(None) };
}

fn with_current<T>(look: impl FnOnce(&mut Poll) -> T) -> Option<T> {
    CURRENT.try_with(|current| current.borrow_mut().as_mut().map(look)).ok().flatten()
}

impl Watch {
    /// Says that this thread begins a poll, which lasts until the guard is dropped.
    #[must_use = "the poll lasts until the guard is dropped"]
    pub fn begin_poll(self: &Arc<Self>) -> Polling {
        let began = self.places.lock().tick();
        let poll = Poll { watch: self.clone(), began, pending: vec![] };
        Polling { before: CURRENT.try_with(|current| current.replace(Some(poll))).ok().flatten() }
    }
}

/// A poll under way.
pub struct Polling {
    /// The one around it, of an executor around this one.
    before: Option<Poll>,
}

impl Drop for Polling {
    fn drop(&mut self) {
        let before = self.before.take();
        let _ = CURRENT.try_with(|current| current.replace(before));
    }
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling").finish_non_exhaustive()
    }
}

/// What is wrong with the poll that ends, after which the task idles: it has not woken
/// itself.
#[cold]
#[must_use]
pub fn judge() -> Vec<Futurelock> {
    let found = with_current(|poll| {
        let mut places = poll.watch.places.lock();
        poll.pending.iter().flat_map(|at| places.judge(*at, poll.began)).collect()
    });
    found.unwrap_or_default()
}

/// A place in a line, of a task that is watched. Dropped when the place leaves it.
#[derive(Debug)]
pub(crate) struct Ticket {
    watch: Arc<Watch>,
    address: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.watch.places.lock().leave(self.address);
    }
}

/// Notes that the place at `address` comes to stand in line. Gives the waker to leave
/// there instead of `waker`, too.
#[cold]
pub(crate) fn arrive(address: usize, site: &Site, waker: &Waker) -> Option<(Box<Ticket>, Waker)> {
    let (watch, number) = with_current(|poll| {
        let number = poll.watch.places.lock().arrive(address, wait_site::task(), site.read());
        poll.pending.push((address, number));
        (poll.watch.clone(), number)
    })?;
    let ticket = Box::new(Ticket { watch: watch.clone(), address });
    Some((ticket, Told::waker(watch, address, number, waker)))
}

/// Notes that the place at `address`, which stands in line, is polled. Gives the
/// waker to leave there instead of `waker`.
#[cold]
pub(crate) fn poll(address: usize, waker: &Waker) -> Option<Waker> {
    let (watch, number) = with_current(|poll| {
        let number = poll.watch.places.lock().poll(address, wait_site::task())?;
        poll.pending.push((address, number));
        Some((poll.watch.clone(), number))
    })
    .flatten()?;
    Some(Told::waker(watch, address, number, waker))
}

/// A waker that tells when it has woken.
struct Told {
    watch: Arc<Watch>,
    address: usize,
    number: u64,
    waker: Waker,
}

impl Told {
    fn waker(watch: Arc<Watch>, address: usize, number: u64, waker: &Waker) -> Waker {
        Waker::from(Arc::new(Self { watch, address, number, waker: waker.clone() }))
    }
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.waker.wake_by_ref();
        // After the wake-up: whoever is polled from now on was told.
        self.watch.places.lock().woken(self.address, self.number);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::wait_site::Kind;

    const LINE: WaitSite = WaitSite { kind: Kind::Mutex, object: 1, location: None };
    const TASK: usize = 7;

    /// Places 10 and 20 of one task in one line, in this order.
    fn two() -> (Places, u64, (usize, u64)) {
        let mut places = Places::default();
        let first = places.arrive(10, TASK, LINE);
        let second = places.arrive(20, TASK, LINE);
        (places, first, (20, second))
    }

    #[test]
    fn a_grant_that_is_not_polled_is_reported_once() {
        let (mut places, first, second) = two();
        places.woken(10, first);
        let began = places.tick();
        places.poll(20, TASK);
        let found = places.judge(second, began);
        assert_eq!(found, [Futurelock { granted: LINE, waiting: LINE }]);
        assert_eq!(places.judge(second, began), []);
    }

    #[test]
    fn a_grant_during_the_poll_is_innocent() {
        let (mut places, first, second) = two();
        let began = places.tick();
        places.poll(20, TASK);
        places.woken(10, first);
        assert_eq!(places.judge(second, began), []);
    }

    #[test]
    fn so_is_one_that_was_polled_or_taken_or_is_elsewhere() {
        let (mut places, first, second) = two();
        places.woken(10, first);
        let began = places.tick();
        places.poll(20, TASK);
        places.poll(10, TASK);
        assert_eq!(places.judge(second, began), []);

        let (mut places, first, second) = two();
        places.woken(10, first);
        places.leave(10);
        let began = places.tick();
        assert_eq!(places.judge(second, began), []);

        let (mut places, first, second) = two();
        places.woken(10, first);
        places.poll(20, TASK + 1);
        let began = places.tick();
        assert_eq!(places.judge(second, began), []);

        let other = WaitSite { object: 2, ..LINE };
        let mut places = Places::default();
        let first = places.arrive(10, TASK, LINE);
        let second = (20, places.arrive(20, TASK, other));
        places.woken(10, first);
        let began = places.tick();
        assert_eq!(places.judge(second, began), []);
    }

    #[test]
    fn a_late_wake_up_does_not_count_for_the_next_place_there() {
        let (mut places, first, second) = two();
        places.leave(10);
        places.arrive(10, TASK, LINE);
        places.woken(10, first);
        let began = places.tick();
        assert_eq!(places.judge(second, began), []);
    }

    #[test]
    fn whoever_comes_to_stand_where_one_left_is_not_judged_in_its_stead() {
        let (mut places, first, second) = two();
        places.leave(20);
        places.arrive(20, TASK, LINE);
        places.woken(10, first);
        let began = places.tick();
        assert_eq!(places.judge(second, began), []);
    }

    /// Looks, when it is woken, whether the place counts as woken.
    struct Looks(Arc<Watch>, Lock<Option<bool>>);

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let is_woken = self.0.places.lock().by_address[&10].woken_at.is_some();
            *self.1.lock() = Some(is_woken);
        }
    }

    #[test]
    fn a_place_counts_as_woken_when_the_wake_up_is_over() {
        let watch = Arc::new(Watch::default());
        let number = watch.places.lock().arrive(10, TASK, LINE);
        let looks = Arc::new(Looks(watch.clone(), Lock::new(None)));
        Told::waker(watch.clone(), 10, number, &looks.clone().into()).wake();
        assert_eq!(*looks.1.lock(), Some(false));
        assert!(watch.places.lock().by_address[&10].woken_at.is_some());
    }

    #[test]
    fn nothing_is_left_of_a_place_that_left() {
        let (mut places, ..) = two();
        places.poll(10, TASK + 1);
        places.leave(10);
        places.leave(20);
        assert!(places.by_address.is_empty() && places.by_task.is_empty());
    }
}
