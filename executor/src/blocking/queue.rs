//! Jobs in the order in which they came, each of which may be withdrawn at any time.
//!
//! A list through a slab: to push, to pop and to withdraw take a few writes each,
//! however long it is, and a withdrawn job leaves nothing behind.
//!
//! # Rejected
//!
//! * A ring with holes where jobs were withdrawn: behind one job that waits for long it
//!   grows with each that comes and goes.
//! * A search for the job to withdraw: a hundred thousand of them take a minute, under
//!   the lock.

use slab::Slab;

/// Where a job stands in the queue: good for as long as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) usize);

impl Ticket {
    /// That of a job which is not queued.
    pub(crate) const NONE: Self = Self(NOBODY);
}

/// Behind the last job, and before the first.
const NOBODY: usize = usize::MAX;

/// The jobs that wait for a thread.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Queue<J> {
    nodes: Slab<Node<J>>,
    first: usize,
    last: usize,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Node<J> {
    job: J,
    before: usize,
    after: usize,
}

impl<J> Queue<J> {
    pub(super) const fn new() -> Self {
        Self { nodes: Slab::new(), first: NOBODY, last: NOBODY }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// For how many jobs it has room.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    pub(super) fn push(&mut self, job: J) -> Ticket {
        let at = self.nodes.insert(Node { job, before: self.last, after: NOBODY });
        match self.nodes.get_mut(self.last) {
            Some(last) => last.after = at,
            None => self.first = at,
        }
        self.last = at;
        Ticket(at)
    }

    /// The oldest job.
    pub(super) fn pop(&mut self) -> Option<J> {
        self.nodes.contains(self.first).then(|| self.take(self.first))
    }

    /// Takes the job of this ticket out, if it is still there. Another one may have its
    /// place by now, so `is_it` looks.
    pub(super) fn withdraw(
        &mut self,
        Ticket(at): Ticket,
        is_it: impl FnOnce(&J) -> bool,
    ) -> Option<J> {
        let node = self.nodes.get(at)?;
        is_it(&node.job).then(|| self.take(at))
    }

    fn take(&mut self, at: usize) -> J {
        let Node { job, before, after } = self.nodes.remove(at);
        match self.nodes.get_mut(before) {
            Some(node) => node.after = after,
            None => self.first = after,
        }
        match self.nodes.get_mut(after) {
            Some(node) => node.before = before,
            None => self.last = before,
        }
        job
    }
}

/// Two queues are the same if they have the same jobs, wherever in the slab.
#[cfg(test)]
mod same {
    use super::{NOBODY, Queue};
    use std::hash::{Hash, Hasher};

    impl<J> Queue<J> {
        /// The jobs, oldest first.
        pub(in crate::blocking) fn jobs(&self) -> impl Iterator<Item = &J> {
            let mut at = self.first;
            std::iter::from_fn(move || {
                let node = (at != NOBODY).then(|| &self.nodes[at])?;
                at = node.after;
                Some(&node.job)
            })
        }
    }

    impl<J: PartialEq> PartialEq for Queue<J> {
        fn eq(&self, other: &Self) -> bool {
            self.jobs().eq(other.jobs())
        }
    }

    impl<J: Eq> Eq for Queue<J> {}

    impl<J: Hash> Hash for Queue<J> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.jobs().for_each(|it| it.hash(state));
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};
    use std::collections::VecDeque;

    #[test]
    fn a_ticket_is_good_once() {
        let mut queue = Queue::new();
        let ticket = queue.push('a');
        assert_eq!(queue.withdraw(ticket, |it| *it == 'a'), Some('a'));
        assert_eq!(queue.withdraw(ticket, |it| *it == 'a'), None);
        // Somebody else has the place now.
        assert_eq!(queue.push('b'), ticket);
        assert_eq!(queue.withdraw(ticket, |it| *it == 'a'), None);
        assert_eq!(queue.pop(), Some('b'));
        assert_eq!((queue.pop(), queue.len()), (None, 0));
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut queue = Queue::new();
            let mut expected = VecDeque::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step % 4 {
                    0 => assert_eq!(queue.pop(), expected.pop_front().map(|(it, _)| it)),
                    1 if !expected.is_empty() => {
                        let at = usize::from(step) % expected.len();
                        let (job, ticket) = expected.remove(at).unwrap();
                        assert_eq!(queue.withdraw(ticket, |it| *it == job), Some(job));
                    }
                    _ => expected.push_back((number, queue.push(number))),
                }
                assert!(queue.jobs().eq(expected.iter().map(|(it, _)| it)));
                assert_eq!(queue.len(), expected.len());
            }
        }
    }

    #[test]
    fn what_was_withdrawn_takes_no_room() {
        let mut queue = Queue::new();
        let first = queue.push(0);
        for job in 1..100_000 {
            let ticket = queue.push(job);
            assert_eq!(queue.withdraw(ticket, |it| *it == job), Some(job));
        }
        assert!(queue.capacity() < 10);
        assert_eq!(queue.withdraw(first, |_| true), Some(0));
    }
}
