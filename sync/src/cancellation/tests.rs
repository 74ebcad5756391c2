use super::*;
use crate::{
    coop,
    static_checks::{implements, is_not},
    wait_blocking::WaitBlocking,
};
use proptest::prelude::*;
use std::{
    future::{Future, pending, poll_fn, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn poll_with<F: Future>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Does something when it is woken.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn on_wake(act: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(OnWake(act)).into()
}

/// A waker that counts.
fn counting() -> (Waker, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let ours = count.clone();
    let add = move || {
        ours.fetch_add(1, Relaxed);
    };
    (on_wake(add), count)
}

/// How many slots the family of a token has, and how many of them are in use.
fn size(token: &CancellationToken) -> (usize, usize) {
    token.branch.tree.lock().size()
}

#[test]
fn who_waits_is_woken_once_and_who_comes_later_passes() {
    let (waker, wakes) = counting();
    let token = CancellationToken::default();
    let mut early = Box::pin(token.cancelled());
    let mut owned = Box::pin(token.clone().cancelled_owned());
    let mut unpolled = Box::pin(token.cancelled());
    assert!(poll_with(&mut early, &waker).is_pending());
    assert!(poll_with(&mut owned, &waker).is_pending());
    assert!(!token.is_cancelled());
    token.cancel();
    token.cancel();
    assert_eq!(wakes.load(Relaxed), 2);
    assert!(token.is_cancelled());
    assert!(poll(&mut early).is_ready() && poll(&mut owned).is_ready());
    assert!(poll(&mut unpolled).is_ready());
    assert!(poll(&mut early).is_ready(), "ready for ever");
}

#[test]
fn a_wait_may_outlive_every_token_or_be_dropped() {
    let mut owned = Box::pin(CancellationToken::new().cancelled_owned());
    assert!(poll(&mut owned).is_pending());
    drop(owned);
    let token = CancellationToken::new();
    let mut wait = Box::pin(token.cancelled());
    assert!(poll(&mut wait).is_pending());
    drop(wait);
    token.cancel();
}

#[test]
fn all_descendants_are_cancelled_and_nobody_else() {
    let (waker, wakes) = counting();
    let root = CancellationToken::new();
    let (token, sibling) = (root.child_token(), root.child_token());
    let children = [token.child_token(), token.child_token()];
    let grandchildren = [children[0].child_token(), children[0].child_token()];
    let last = grandchildren[0].child_token();
    let below: Vec<_> =
        [&token, &last].into_iter().chain(&children).chain(&grandchildren).collect();
    let others = [&root, &sibling];
    let wait = |token: &CancellationToken| Box::pin(token.clone().cancelled_owned());
    let mut waits: Vec<_> = below.iter().map(|it| wait(it)).collect();
    let mut other_waits = others.map(wait);
    for wait in waits.iter_mut().chain(&mut other_waits) {
        assert!(poll_with(wait, &waker).is_pending());
    }
    token.cancel_with("enough");
    assert_eq!(wakes.load(Relaxed), 6);
    assert!(below.iter().all(|it| it.reason().as_deref() == Some("enough")));
    assert!(waits.iter_mut().all(|it| poll(it).is_ready()));
    assert!(!others.iter().any(|it| it.is_cancelled()));
    assert!(other_waits.iter_mut().all(|it| poll(it).is_pending()));
}

#[test]
fn a_grandchild_is_cancelled_though_its_parent_is_gone() {
    let root = CancellationToken::new();
    let parent = root.child_token();
    let child = parent.child_token();
    drop(parent);
    assert!(!child.is_cancelled());
    let mut wait = Box::pin(child.cancelled());
    assert!(poll(&mut wait).is_pending());
    root.cancel();
    assert!(child.is_cancelled() && poll(&mut wait).is_ready());
}

#[test]
fn a_child_of_a_cancelled_token_is_born_cancelled() {
    for is_child_first in [true, false] {
        let root = CancellationToken::new();
        root.cancel_with("before");
        let child = root.child_token();
        assert_eq!(child.reason().as_deref(), Some("before"));
        assert!(poll(&mut Box::pin(child.cancelled())).is_ready());
        assert!(child.child_token().is_cancelled());
        match is_child_first {
            true => drop((child, root)),
            false => drop((root, child)),
        }
    }
}

#[test]
fn the_first_reason_counts() {
    let root = CancellationToken::new();
    let (loud, silent) = (root.child_token(), root.child_token());
    assert_eq!(root.reason(), None);
    loud.cancel_with(format!("reason {}", 1));
    silent.cancel();
    root.cancel_with("reason 2");
    root.cancel_with("reason 3");
    let reasons = [&root, &loud, &silent].map(CancellationToken::reason);
    assert_eq!(
        reasons.each_ref().map(Option::as_deref),
        [Some("reason 2"), Some("reason 1"), None]
    );
    assert_eq!(
        format!("{root:?} {silent:?}"),
        "CancellationToken { is_cancelled: true, reason: \"reason 2\" } \
         CancellationToken { is_cancelled: true }"
    );
}

#[test]
fn tokens_may_be_dropped_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let root = CancellationToken::new();
        let tree = Arc::downgrade(&root.branch.tree);
        let mut tokens = [root.child_token(), root.child_token(), root].map(Some);
        for index in order {
            tokens[index] = None;
            assert!(!tokens.iter().flatten().any(CancellationToken::is_cancelled));
        }
        assert!(tree.upgrade().is_none(), "nothing is left");
    }
}

#[test]
fn a_parent_does_not_grow_with_the_children_it_had() {
    let root = CancellationToken::new();
    for _ in 0..100_000 {
        drop(root.child_token());
    }
    assert_eq!(size(&root), (2, 1));
    root.cancel();
    for _ in 0..1_000 {
        drop(root.child_token());
    }
    assert_eq!(size(&root), (2, 1));
}

#[test]
fn a_chain_does_not_grow_with_the_links_it_had() {
    let root = CancellationToken::new();
    let mut token = root.child_token();
    for _ in 0..100_000 {
        token = token.child_token();
    }
    assert_eq!(size(&root), (3, 2));
    drop(root);
    assert_eq!(size(&token).1, 1);
}

/// A chain of children, the root first.
fn chain(length: usize) -> Vec<CancellationToken> {
    let root = CancellationToken::new();
    std::iter::successors(Some(root), |it| Some(it.child_token())).take(length).collect()
}

/// A thread with a small stack: what recurses dies.
fn with_small_stack(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(128 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_deep_chain_is_cancelled_without_recursion() {
    with_small_stack(|| {
        let tokens = chain(100_000);
        let mut wait = Box::pin(tokens.last().unwrap().cancelled());
        assert!(poll(&mut wait).is_pending());
        tokens[0].cancel_with("all");
        assert!(poll(&mut wait).is_ready());
        assert!(tokens.iter().all(|it| it.reason().as_deref() == Some("all")));
    });
}

#[test]
fn a_deep_chain_is_dropped_without_recursion() {
    with_small_stack(|| {
        let forwards = chain(100_000);
        drop(forwards);
        let mut backwards = chain(100_000);
        backwards.reverse();
        drop(backwards);
        let mut tokens = chain(100_000);
        let ends = (tokens.remove(0), tokens.pop().unwrap());
        drop(tokens);
        assert_eq!(size(&ends.0).1, 2);
        ends.0.cancel();
        assert!(ends.1.is_cancelled());
    });
}

#[test]
fn every_waiter_of_every_descendant_is_woken_though_some_wakers_panic() {
    let root = CancellationToken::new();
    let tokens = [root.clone(), root.child_token(), root.child_token().child_token()];
    let (waker, wakes) = counting();
    let hostile = on_wake(|| panic!("a hostile waker"));
    let mut waits = vec![];
    for token in &tokens {
        for number in 0..100 {
            let mut wait = Box::pin(token.cancelled());
            let waker = if number % 10 == 5 { &hostile } else { &waker };
            assert!(poll_with(&mut wait, waker).is_pending());
            waits.push(wait);
        }
    }
    let panic = catch_unwind(AssertUnwindSafe(|| root.cancel())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a hostile waker"));
    assert_eq!(wakes.load(Relaxed), 3 * 90);
    assert!(waits.iter_mut().all(|it| poll(it).is_ready()));
}

#[test]
fn a_guard_that_unwinds_survives_a_waker_that_panics() {
    let token = CancellationToken::new();
    let mut wait = Box::pin(token.cancelled());
    assert!(poll_with(&mut wait, &on_wake(|| panic!("a hostile waker"))).is_pending());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = token.drop_guard_ref();
        panic!("the caller's own");
    }));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"the caller's own"));
    assert!(poll(&mut wait).is_ready());
}

#[test]
fn a_waker_may_do_anything_with_the_family() {
    let root = CancellationToken::new();
    let parent = root.child_token();
    let child = parent.child_token();
    let bystander = root.child_token();
    let seen = Arc::new(Mutex::new(vec![]));
    let waker = {
        let (root, parent, seen) = (root.clone(), parent.clone(), seen.clone());
        // The last handle of a token that is dropped by the wake.
        let last = Mutex::new(Some(parent.child_token()));
        let bystander = Mutex::new(Some(bystander));
        on_wake(move || {
            // All of them are cancelled before anybody hears of it.
            let young = root.child_token();
            root.cancel_with("again");
            let all = [&root, &parent, &young].map(CancellationToken::is_cancelled);
            drop((last.lock().unwrap().take(), bystander.lock().unwrap().take()));
            let mut wait = Box::pin(parent.cancelled());
            assert!(poll(&mut wait).is_ready());
            seen.lock().unwrap().push((all, root.reason()));
        })
    };
    let tokens = [&root, &parent, &child];
    let mut waits = tokens.map(|it| Box::pin(it.cancelled()));
    assert!(waits.iter_mut().all(|it| poll_with(it, &waker).is_pending()));
    root.cancel_with("once");
    let expected = ([true; 3], Some(Arc::from("once")));
    assert_eq!(*seen.lock().unwrap(), vec![expected; 3]);
}

#[test]
fn a_value_that_is_there_is_not_lost_to_the_cancellation() {
    let token = CancellationToken::new();
    let theirs = token.clone();
    let mut polls = 0;
    let mut work = Box::pin(token.run_until_cancelled(poll_fn(move |_| {
        polls += 1;
        match polls {
            1 => Poll::Pending,
            _ => {
                theirs.cancel();
                Poll::Ready(7)
            }
        }
    })));
    assert!(poll(&mut work).is_pending());
    // Cancelled before and during the poll in which it is done.
    token.cancel();
    assert_eq!(poll(&mut work), Poll::Ready(Some(7)));
}

#[test]
fn what_has_not_begun_does_not_begin() {
    let token = CancellationToken::new();
    let never = || async { panic!("polled after the cancellation") };
    let mut work = Box::pin(token.run_until_cancelled(never()));
    let mut owned = Box::pin(token.clone().run_until_cancelled_owned(never()));
    token.cancel();
    assert_eq!((poll(&mut work), poll(&mut owned)), (Poll::Ready(None), Poll::Ready(None)));
    let again = catch_unwind(AssertUnwindSafe(|| poll(&mut work)));
    assert!(again.is_err(), "polled after it has ended");
}

#[test]
fn cancelled_work_is_gone_when_it_is_told() {
    let token = CancellationToken::new();
    let held = Arc::new(());
    let theirs = held.clone();
    let (waker, wakes) = counting();
    let mut work = Box::pin(token.clone().run_until_cancelled_owned(async move {
        let _held = theirs;
        pending::<()>().await;
    }));
    assert!(poll_with(&mut work, &waker).is_pending());
    token.cancel();
    assert_eq!((wakes.load(Relaxed), Arc::strong_count(&held)), (1, 2));
    assert_eq!(poll(&mut work), Poll::Ready(None));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn work_that_spends_the_whole_budget_is_cancelled_all_the_same() {
    let token = CancellationToken::new();
    let mut work = Box::pin(token.run_until_cancelled(async {
        loop {
            coop::consume_budget().await;
        }
    }));
    for is_cancelled in [false, true] {
        let _budget = coop::enter(3);
        if is_cancelled {
            token.cancel();
        }
        assert_eq!(poll(&mut work).is_ready(), is_cancelled);
    }
}

#[test]
fn a_wait_spends_budget() {
    let token = CancellationToken::new();
    token.cancel();
    let _budget = coop::enter(1);
    assert!(poll(&mut Box::pin(token.cancelled())).is_ready());
    assert!(poll(&mut Box::pin(token.cancelled())).is_pending(), "nothing is left");
}

#[test]
fn what_runs_until_cancelled_may_be_anything_awaited() {
    let token = CancellationToken::new();
    assert_eq!(token.run_until_cancelled(ready(1)).wait_blocking(), Some(1));
    assert_eq!(token.run_until_cancelled_owned(async { 2 }).wait_blocking(), Some(2));
}

#[test]
fn a_guard_cancels_unless_it_is_disarmed() {
    let token = CancellationToken::new();
    assert!(!token.clone().drop_guard().disarm().is_cancelled());
    assert!(!token.drop_guard_ref().disarm().is_cancelled());
    drop(token.clone().drop_guard());
    assert!(token.is_cancelled());
    let token = CancellationToken::new();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = token.drop_guard_ref();
        panic!("on the way");
    }));
    assert!(unwound.is_err() && token.is_cancelled());
}

#[test]
fn threads_wait_cancel_and_drop() {
    let root = CancellationToken::new();
    let start = Arc::new(Barrier::new(5));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (root, start) = (root.clone(), start.clone());
            thread::spawn(move || {
                let mut token = root.child_token();
                for round in 0..1_000 {
                    let child = token.child_token();
                    if (round + number) % 3 == 0 {
                        token = child;
                    }
                }
                start.wait();
                token.cancelled().wait_blocking();
                token.reason()
            })
        })
        .collect();
    start.wait();
    root.cancel_with("done");
    for thread in threads {
        assert_eq!(thread.join().unwrap().as_deref(), Some("done"));
    }
    assert_eq!(size(&root).1, 1, "only the root is left");
}

/// A child in the tree is alive before anybody who cancels finds it there: what models
/// cannot see, since the standard library's `Weak` is none of theirs.
#[test]
fn no_child_escapes_while_it_is_made() {
    const ROUNDS: usize = 2_000;
    let parents: Vec<_> = (0..ROUNDS).map(|_| CancellationToken::new()).collect();
    let (round, parents) = (AtomicUsize::new(0), &parents);
    let mut escaped = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            for (number, parent) in parents.iter().enumerate() {
                while round.load(Relaxed) <= number {
                    std::hint::spin_loop();
                }
                parent.cancel();
            }
        });
        for parent in parents {
            round.fetch_add(1, Relaxed);
            let children = std::iter::repeat_with(|| parent.child_token());
            let is_over =
                |child: &CancellationToken| !parent.is_cancelled() || !child.is_cancelled();
            let children: Vec<_> = children.take_while(is_over).take(10_000).collect();
            while !parent.is_cancelled() {
                thread::yield_now();
            }
            // The flag of a parent is raised after those of its children.
            escaped += children.iter().filter(|it| !it.is_cancelled()).count();
        }
    });
    assert_eq!(escaped, 0);
}

#[test]
fn tokens_go_anywhere_and_futures_stay_pinned() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    implements!(CancellationToken: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
    implements!(DropGuard: Send, Sync, Unpin);
    implements!(DropGuardRef<'static>: Send, Sync, Unpin);
    implements!(Cancelled<'static>: Send, Sync);
    implements!(CancelledOwned: Send, Sync);
    implements!(RunUntilCancelled<'static, std::future::Ready<()>>: Send, Sync);
    implements!(RunUntilCancelledOwned<std::future::Ready<()>>: Send, Sync);
    is_not!(Cancelled<'static>: Unpin);
    is_not!(CancelledOwned: Unpin);
    is_not!(RunUntilCancelled<'static, std::future::Ready<()>>: Unpin);
    is_not!(CancellationToken: PartialEq);
}

/// What a token ought to be: nothing but who made it, and whether it is cancelled.
#[derive(Default)]
struct Ideal {
    parent: Option<usize>,
    /// The reason, if it is cancelled.
    cancelled: Option<Option<Arc<str>>>,
}

/// A handle of the token with that number.
enum Held {
    Token(usize, CancellationToken),
    Wait(usize, Pin<Box<CancelledOwned>>, Arc<AtomicUsize>),
}

#[derive(Clone, Debug)]
enum Step {
    Child(usize),
    Clone(usize),
    Wait(usize),
    Drop(usize),
    Cancel(usize, Option<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<usize>().prop_map(Step::Child),
        2 => any::<usize>().prop_map(Step::Clone),
        2 => any::<usize>().prop_map(Step::Wait),
        6 => any::<usize>().prop_map(Step::Drop),
        1 => any::<(usize, Option<u8>)>().prop_map(|(at, reason)| Step::Cancel(at, reason)),
    ];
    prop::collection::vec(step, 1..120)
}

struct Family {
    ideals: Vec<Ideal>,
    held: Vec<Held>,
    tree: Weak<Lock<Tree<Weak<Branch>>>>,
}

impl Family {
    fn new() -> Self {
        let root = CancellationToken::new();
        let tree = Arc::downgrade(&root.branch.tree);
        Self { ideals: vec![Ideal::default()], held: vec![Held::Token(0, root)], tree }
    }

    fn step(&mut self, step: &Step) {
        let (Step::Child(at)
        | Step::Clone(at)
        | Step::Wait(at)
        | Step::Drop(at)
        | Step::Cancel(at, _)) = *step;
        let at = at % self.held.len().max(1);
        if let (Step::Drop(_), true) = (step, at < self.held.len()) {
            self.held.swap_remove(at);
        }
        let Some(Held::Token(number, token)) = self.held.get(at) else { return };
        let (number, token) = (*number, token.clone());
        match step {
            Step::Child(_) => {
                let cancelled = self.ideals[number].cancelled.clone();
                self.ideals.push(Ideal { parent: Some(number), cancelled });
                self.held.push(Held::Token(self.ideals.len() - 1, token.child_token()));
            }
            Step::Clone(_) => self.held.push(Held::Token(number, token)),
            Step::Wait(_) => {
                let (waker, wakes) = counting();
                let mut wait = Box::pin(token.cancelled_owned());
                if poll_with(&mut wait, &waker).is_pending() {
                    self.held.push(Held::Wait(number, wait, wakes));
                }
            }
            Step::Cancel(_, reason) => {
                let reason = reason.map(|it| Arc::from(it.to_string()));
                match &reason {
                    Some(reason) => token.cancel_with(Arc::clone(reason)),
                    None => token.cancel(),
                }
                for other in 0..self.ideals.len() {
                    let mut above =
                        std::iter::successors(Some(other), |it| self.ideals[*it].parent);
                    if above.any(|it| it == number) {
                        self.ideals[other].cancelled.get_or_insert(reason.clone());
                    }
                }
            }
            Step::Drop(_) => (),
        }
    }

    fn check(&self) {
        for held in &self.held {
            match held {
                Held::Token(number, token) => {
                    let ideal = &self.ideals[*number].cancelled;
                    assert_eq!(token.is_cancelled(), ideal.is_some());
                    assert_eq!(token.reason(), ideal.clone().flatten());
                }
                Held::Wait(number, _, wakes) => {
                    let woken = usize::from(self.ideals[*number].cancelled.is_some());
                    assert_eq!(wakes.load(Relaxed), woken);
                }
            }
        }
        let Some(tree) = self.tree.upgrade() else { return assert!(self.held.is_empty()) };
        let mut alive: Vec<_> = self.held.iter().map(Held::number).collect();
        alive.sort_unstable();
        alive.dedup();
        let tree = tree.lock();
        assert_eq!(tree.size().1, alive.len() + tree.bare());
        assert!(tree.bare() < alive.len());
    }
}

impl Held {
    fn number(&self) -> usize {
        match self {
            Self::Token(number, _) | Self::Wait(number, ..) => *number,
        }
    }
}

proptest! {
    #[test]
    fn a_family_does_what_its_members_ought_to(steps in steps()) {
        let mut family = Family::new();
        for step in &steps {
            family.step(step);
            family.check();
        }
        for held in &mut family.held {
            if let Held::Wait(number, wait, _) = held {
                let is_cancelled = family.ideals[*number].cancelled.is_some();
                prop_assert_eq!(poll(wait).is_ready(), is_cancelled);
            }
        }
        family.held.clear();
        prop_assert!(family.tree.upgrade().is_none(), "nothing is left");
    }
}
