//! Models [`crate::cancellation`].

use super::outcomes;
use crate::{CancellationToken, shim::thread, wait_blocking::WaitBlocking};

/// A child is made while its parent is cancelled: it is cancelled later, or born so.
#[test]
fn no_child_escapes() {
    let seen = outcomes(|| {
        let parent = CancellationToken::new();
        let theirs = parent.clone();
        let maker = thread::spawn(move || {
            let child = theirs.child_token();
            (child.is_cancelled(), child)
        });
        let canceller = thread::spawn(move || parent.cancel_with("enough"));
        let (at_birth, child) = maker.join().unwrap();
        canceller.join().unwrap();
        (at_birth, child.is_cancelled(), child.reason().as_deref() == Some("enough"))
    });
    assert_eq!(seen, [(false, true, true), (true, true, true)].into());
}

/// Who sees a token cancelled sees its descendants cancelled, without a lock: the
/// flags are raised from below.
#[test]
fn who_sees_a_parent_cancelled_sees_its_child_cancelled() {
    let seen = outcomes(|| {
        let parent = CancellationToken::new();
        let child = parent.child_token();
        let theirs = parent.clone();
        let canceller = thread::spawn(move || theirs.cancel());
        let looker = thread::spawn(move || (parent.is_cancelled(), child.is_cancelled()));
        canceller.join().unwrap();
        looker.join().unwrap()
    });
    assert_eq!(seen, [(false, false), (false, true), (true, true)].into());
}

/// A thread waits for a grandchild whose parent is dropped while the root is
/// cancelled: it is woken.
#[test]
fn a_wait_is_not_lost_in_a_tree_that_changes() {
    let seen = outcomes(|| {
        let root = CancellationToken::new();
        let middle = root.child_token();
        let leaf = middle.child_token();
        let waiter = thread::spawn(move || {
            leaf.cancelled().wait_blocking();
            leaf.is_cancelled()
        });
        let dropper = thread::spawn(move || drop(middle));
        let canceller = thread::spawn(move || root.cancel());
        dropper.join().unwrap();
        canceller.join().unwrap();
        waiter.join().unwrap()
    });
    assert_eq!(seen, [true].into());
}

/// The last handle of one child goes, another is cloned, while the parent is
/// cancelled: the slots that change hands are nobody else's.
#[test]
fn handles_come_and_go_while_they_are_cancelled() {
    let seen = outcomes(|| {
        let root = CancellationToken::new();
        let (first, second) = (root.child_token(), root.child_token());
        let theirs = root.clone();
        let dropper = thread::spawn(move || {
            drop(first);
            // In the slot that was the first one's, if that is vacant.
            theirs.child_token()
        });
        let cloner = thread::spawn(move || second.clone());
        let canceller = thread::spawn(move || root.cancel());
        let (third, second) = (dropper.join().unwrap(), cloner.join().unwrap());
        canceller.join().unwrap();
        (third.is_cancelled(), second.is_cancelled())
    });
    assert_eq!(seen, [(true, true)].into());
}

/// Two cancel, one from above: each finds all below it cancelled when its call
/// returns, and the child has the reason of whoever came first.
#[test]
fn of_two_who_cancel_each_finds_it_done() {
    let seen = outcomes(|| {
        let parent = CancellationToken::new();
        let child = parent.child_token();
        let below = child.child_token();
        let (theirs, watched) = (child.clone(), below.clone());
        let one = thread::spawn(move || {
            theirs.cancel_with("below");
            watched.is_cancelled()
        });
        let other = thread::spawn(move || {
            parent.cancel_with("above");
            below.is_cancelled() && parent.reason().as_deref() == Some("above")
        });
        let found = (one.join().unwrap(), other.join().unwrap());
        (found, child.reason().as_deref().map(str::to_owned))
    });
    let expected = ["above", "below"].map(|it| ((true, true), Some(it.to_owned())));
    assert_eq!(seen, expected.into());
}
