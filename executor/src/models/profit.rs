//! Models [`crate::profit`], alone and beside [`crate::idle`].

use super::{outcomes, outcomes_within};
use crate::{
    idle::{Awake, Idle},
    profit::Profit,
};
use std::sync::Arc;
use sync::{
    parker::Parker,
    shim::{
        atomic::{AtomicU32, Ordering::Relaxed},
        thread,
    },
};

/// Of two workers that were woken in vain at once, one says that it will look; a
/// doze that nobody sleeps does not count.
#[test]
fn one_worker_vouches() {
    let seen = outcomes(|| {
        let profit = Arc::new(Profit::new());
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let profit = profit.clone();
                thread::spawn(move || profit.vouch().is_some())
            })
            .collect();
        let vouchers = workers.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count();
        let is_vouched = profit.is_vouched();
        profit.redeem();
        (vouchers, is_vouched, profit.vouch().map(|it| it.as_micros()))
    });
    assert_eq!(seen, [(1, true, Some(40))].into());
}

/// Somebody's profit takes nothing from another one's word, which is set as often as
/// it is cleared.
#[test]
fn profit_beside_a_wake_in_vain() {
    let seen = outcomes(|| {
        let profit = Arc::new(Profit::new());
        let (busy, idle) = (profit.clone(), profit.clone());
        let busy = thread::spawn(move || busy.was_worth_it());
        let idle = thread::spawn(move || {
            let has_vouched = idle.vouch().is_some() && idle.is_vouched();
            idle.redeem();
            has_vouched
        });
        busy.join().unwrap();
        let has_vouched = idle.join().unwrap();
        (has_vouched, profit.is_vouched(), profit.is_likely())
    });
    assert_eq!(seen, [(true, false, false), (true, false, true)].into());
}

/// A worker that dozes is woken by a push from outside as any other: here its doze
/// never ends by itself, and a task that is left is a deadlock. Bound 2: a parker.
#[test]
fn a_push_from_outside_asks_for_nobodys_word() {
    struct Runtime {
        idle: Idle,
        profit: Profit,
        queued: AtomicU32,
        bed: Parker,
    }

    let seen = outcomes_within(2, || {
        let runtime = Arc::new(Runtime {
            idle: Idle::new(2),
            profit: Profit::new(),
            queued: AtomicU32::new(0),
            bed: Parker::new(),
        });
        let dozer = runtime.clone();
        // Worker 0 woke worker 1 in vain, and works.
        let dozer = thread::spawn(move || {
            let _ = dozer.idle.fall_asleep(1, false);
            if dozer.queued.load(Relaxed) == 0 {
                assert!(dozer.profit.vouch().is_some());
                dozer.bed.park();
                dozer.profit.redeem();
            }
            let awake = dozer.idle.wake_up(1);
            (awake, dozer.queued.load(Relaxed))
        });
        let pusher = thread::spawn(move || {
            runtime.queued.fetch_add(1, Relaxed);
            let woken = runtime.idle.work_pushed();
            woken.into_iter().for_each(|_| runtime.bed.unpark());
        });
        pusher.join().unwrap();
        dozer.join().unwrap()
    });
    // Woken, or it saw the task itself.
    assert_eq!(seen, [(Awake::ForWork, 1), (Awake::ByItself, 1)].into());
}

/// A worker that retires disregards what lies in the queue of another one, which is in one
/// poll here for as long as it takes, and nothing else: its doze never ends by itself, and
/// a task from outside that is left is a deadlock. Bound 2: a parker.
#[test]
fn who_retires_sees_what_comes_from_outside() {
    struct Runtime {
        idle: Idle,
        injected: AtomicU32,
        bed: Parker,
    }

    let seen = outcomes_within(2, || {
        let (idle, injected) = (Idle::new(2), AtomicU32::new(0));
        let runtime = Arc::new(Runtime { idle, injected, bed: Parker::new() });
        let retired = runtime.clone();
        let retired = thread::spawn(move || {
            let _ = retired.idle.fall_asleep(1, false);
            let has_to_stay = retired.injected.load(Relaxed) > 0;
            if !has_to_stay {
                retired.bed.park();
            }
            (has_to_stay, retired.idle.wake_up(1), retired.injected.load(Relaxed))
        });
        let pusher = thread::spawn(move || {
            runtime.injected.fetch_add(1, Relaxed);
            let woken = runtime.idle.work_pushed();
            woken.into_iter().for_each(|_| runtime.bed.unpark());
        });
        pusher.join().unwrap();
        retired.join().unwrap()
    });
    // It stays, and may have been woken besides; or it sleeps, and is woken.
    let (stays, woken) = ((true, Awake::ByItself, 1), (true, Awake::ForWork, 1));
    assert_eq!(seen, [stays, woken, (false, Awake::ForWork, 1)].into());
}
