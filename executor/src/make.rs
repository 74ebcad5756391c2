//! How is a task made?
//!
//! At a desk, from that desk's memory, without a lock; elsewhere from the memory that
//! all other threads share, under one. Once the end of the runtime has begun there
//! is no such memory any more, and the task is refused: its future is dropped, its
//! handle says cancelled.

use crate::{
    blocking::{self, Refused, Ticket},
    context::{self, Context},
    desk::Desk,
    inbox::Inbox,
    kinds::{OnPool, Pinned, Stealable},
    locals::{self, Inherited},
    scheduler::{BlockingJob, Scheduler},
    task::{
        Birth, Nature, Once, Record, Schedule, Task, Tenant, Why, cell, holders, join::JoinHandle,
    },
    unhandled::Unhandled,
};
use std::{future::Future, panic::Location, ptr::NonNull, sync::Arc};
use sync::wait_site::Watched;

/// How a new task is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) location: &'static Location<'static>,
    /// What the task inherits.
    pub(crate) locals: Option<Arc<Inherited>>,
}

impl Options {
    /// Nameless, from the caller's call, with what is inherited there.
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self { name: None, location: Location::caller(), locals: locals::inherited() }
    }
}

impl Scheduler {
    /// Makes a task that any worker may run, and queues it.
    pub(crate) fn spawn<F>(&self, future: F, options: Options) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        context::with(|cx| {
            let cx = cx.filter(|cx| cx.is_of(self.address()));
            match cx.and_then(Context::desk) {
                Some(desk) => self.spawn_at(desk, future, options),
                None => self.spawn_elsewhere(future, options),
            }
        })
    }

    /// At a desk of this runtime, which is this thread's.
    #[inline]
    pub(crate) fn spawn_at<F>(
        &self,
        desk: &Desk,
        future: F,
        options: Options,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let record = desk.tenant.take(cell::class::<F, Stealable>(options.locals.as_ref()));
        let (nature, schedule) = (Nature::Stealable, Stealable);
        // SAFETY: taken just now.
        let (task, handle) =
            unsafe { self.make_at(&desk.tenant, record, options, nature, 0, future, schedule) };
        // No user code ran since the desk was looked up.
        self.queue_spawned(desk, task);
        handle
    }

    #[inline(never)]
    fn spawn_elsewhere<F>(&self, future: F, options: Options) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = options.location;
        match self.make(options, Nature::Stealable, 0, future, |_| Some(Stealable)) {
            Ok((task, handle)) => {
                self.queue(task, Why::Spawned);
                handle
            }
            Err(future) => {
                drop(future);
                JoinHandle::refused(location)
            }
        }
    }

    /// Makes a task that only this thread runs, and queues it.
    ///
    /// # Panics
    ///
    /// If this thread does not run pinned tasks of this runtime.
    pub(crate) fn spawn_local<F>(
        &self,
        inbox: &Arc<Inbox>,
        future: F,
        options: Options,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let location = options.location;
        // SAFETY: what the future borrows lives for ever, being 'static.
        let made = unsafe { self.pin(inbox, future, options) };
        match made {
            Ok((task, handle)) => {
                self.queue_pinned(inbox, task);
                handle
            }
            Err(future) => {
                drop(future);
                JoinHandle::refused(location)
            }
        }
    }

    /// Makes a task that only the inbox's thread runs, and does not queue it.
    ///
    /// # Safety
    ///
    /// 1. What `future` borrows outlives the task: it completes, or the inbox's
    ///    thread drops its pinned tasks, before that ends.
    pub(crate) unsafe fn pin<F: Future>(
        &self,
        inbox: &Arc<Inbox>,
        future: F,
        options: Options,
    ) -> Result<(Task, JoinHandle<F::Output>), F> {
        self.make(options, Nature::Pinned, 0, future, |record| {
            let key = inbox.enlist(record)?;
            Some(Pinned { inbox: inbox.clone(), key })
        })
    }

    /// Makes a task that the thread of worker number `worker` runs, of a future that this
    /// thread makes, and queues it.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub(crate) fn spawn_pinned<C, F>(
        &self,
        worker: usize,
        make: C,
        options: Options,
    ) -> JoinHandle<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let count = self.config.workers;
        assert!(
            worker < count,
            "spawn_pinned: there is no worker {worker}: this runtime has {count}, counted from 0"
        );
        let location = options.location;
        let (inbox, key) = self.workers[worker].roll.reserve();
        // Until its first poll it holds the closure and nothing else, so it is as `Send`.
        let future = async move { make().await };
        let mut place = None;
        let made = self.make(options, Nature::Pinned, 0, future, |record| {
            place = Some(record);
            Some(Pinned { inbox: inbox.clone(), key })
        });
        let (Ok((task, handle)), Some(record)) = (made, place) else {
            inbox.strike(key);
            return JoinHandle::refused(location);
        };
        if inbox.admit(key, record) {
            self.queue_pinned(&inbox, task);
        } else {
            // SAFETY: 1: it lives, and the right to poll it is here, in `task`; nobody
            // has the handle yet. 2: it was not polled, so it is a closure, and `Send`.
            unsafe { holders::cancel_in(record, self.why_pinned_end()) };
        }
        handle
    }

    /// Makes a job of a closure, for the blocking pool.
    pub(crate) fn spawn_blocking<C, T>(&self, closure: C, options: Options) -> JoinHandle<T>
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let location = options.location;
        let once = Once::new(closure);
        let mut place = None;
        let made = self.make(options, Nature::Blocking, 1, once, |record| {
            place = Some(record);
            Some(OnPool::new())
        });
        let Ok((task, handle)) = made else {
            return JoinHandle::refused(location);
        };
        // SAFETY: made just now with an `OnPool`, and the handle keeps it where it is.
        let kind = place.map(|it| unsafe { cell::kind::<OnPool>(it) });
        let keep = |ticket: Ticket| kind.into_iter().for_each(|it| it.keep(ticket));
        self.engage();
        // SAFETY: `make` was told to count one reference, and it is claimed here.
        let reference = unsafe { task.counted() };
        let job = BlockingJob { task: Some(task), reference, scheduler: self.arc() };
        match self.pool.submit(job) {
            // Whoever cancels it has a handle, which nobody has before we return.
            Ok(ticket) => ticket.into_iter().for_each(keep),
            Err(refused) => self.refuse(refused),
        }
        handle
    }

    fn refuse(&self, refused: Refused<BlockingJob>) {
        if let blocking::Reason::NoThread(error) = &refused.reason {
            self.config.hooks.report(Unhandled::NoThread(error.to_string()));
        }
        // The job is cancelled by being dropped, and the handle says so.
        drop(refused.job);
    }

    /// Takes memory and makes a cell in it. Gives the future back if the end has
    /// begun.
    fn make<F: Future, S: Schedule>(
        &self,
        mut options: Options,
        nature: Nature,
        refs: i64,
        future: F,
        schedule: impl FnOnce(NonNull<Record>) -> Option<S>,
    ) -> Result<(Task, JoinHandle<F::Output>), F> {
        context::with(|cx| {
            let desk = cx.filter(|cx| cx.is_of(self.address())).and_then(Context::desk);
            if let Some(desk) = desk {
                return self.make_in(&desk.tenant, &mut options, nature, refs, future, schedule);
            }
            // The cell is made under the lock, so that the end, which takes the
            // tenant away, finds either no task here or a whole one.
            match &*self.shared.lock() {
                Some(tenant) => self.make_in(tenant, &mut options, nature, refs, future, schedule),
                None => Err(future),
            }
        })
    }

    /// Makes a cell in that memory. Gives the future back if its kind refuses it: it is
    /// dropped, like what it would inherit, by the caller, and under no lock.
    #[inline]
    fn make_in<F: Future, S: Schedule>(
        &self,
        tenant: &Tenant,
        options: &mut Options,
        nature: Nature,
        refs: i64,
        future: F,
        schedule: impl FnOnce(NonNull<Record>) -> Option<S>,
    ) -> Result<(Task, JoinHandle<F::Output>), F> {
        let record = tenant.take(cell::class::<F, S>(options.locals.as_ref()));
        let Some(schedule) = schedule(record) else {
            // SAFETY: taken just now from this tenant, and nothing is in it.
            unsafe { tenant.put_back(record) };
            return Err(future);
        };
        let (name, locals) = (options.name.take(), options.locals.take());
        let options = Options { name, location: options.location, locals };
        // SAFETY: taken just now.
        Ok(unsafe { self.make_at(tenant, record, options, nature, refs, future, schedule) })
    }

    /// Makes a cell there.
    ///
    /// # Safety
    ///
    /// 1. `record` was taken from `tenant` for a cell of this kind with these options, and
    ///    nothing is in it.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one more would be a type for one call")]
    unsafe fn make_at<F: Future, S: Schedule>(
        &self,
        tenant: &Tenant,
        record: NonNull<Record>,
        options: Options,
        nature: Nature,
        refs: i64,
        future: F,
        schedule: S,
    ) -> (Task, JoinHandle<F::Output>) {
        let Options { name, location, locals } = options;
        let id = tenant.next_id();
        let is_named = name.is_some();
        if let Some(name) = name {
            // SAFETY: the home is alive with its tenant.
            unsafe { tenant.home().as_ref() }.add_name(id, name);
        }
        let watched = if self.watch.is_some() { Watched::Yes } else { Watched::No };
        let birth = Birth { id, nature, is_named, spawned_at: location, watched };
        // SAFETY: 1 is the caller's. 2 and 3: the callers' bounds and obligations.
        let (task, joiner) =
            unsafe { cell::create(future, schedule, record, &birth, locals, refs) };
        (task, JoinHandle::new(joiner, location))
    }
}
