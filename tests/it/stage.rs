//! What the tests are played on: runtimes, a limit of time, witnesses.

use bowerbird::runtime::{Builder, Handle, Runtime, Unhandled};
use std::{
    any::Any,
    env,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

/// How long a test may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Plays a test that is over in a minute, or fails.
#[track_caller]
pub(crate) fn limited(test: impl FnOnce() + Send + 'static) {
    let (over, is_over) = mpsc::channel();
    let thread = thread::spawn(move || {
        // Nobody listens any more if the time is up.
        let _ = over.send(catch_unwind(AssertUnwindSafe(test)));
    });
    match is_over.recv_timeout(LIMIT) {
        Ok(result) => {
            thread.join().expect("the thread catches what the test panics with");
            result.unwrap_or_else(|payload| resume_unwind(payload));
        }
        Err(RecvTimeoutError::Timeout) => panic!("not over in {LIMIT:?}"),
        Err(RecvTimeoutError::Disconnected) => unreachable!("it always sends"),
    }
}

const MARK: &str = "BOWERBIRD_TEST_ALONE";

/// Plays a test in a process of its own, for what belongs to the whole process:
/// threads and descriptors. `name` is that of the test, with its module.
#[track_caller]
pub(crate) fn alone(name: &str, test: impl FnOnce() + Send + 'static) {
    let program = env::current_exe().expect("a test has a program");
    play_alone(Command::new(program), name, test);
}

/// The same, in a process that may have so many descriptors.
#[track_caller]
pub(crate) fn alone_with_descriptors(
    name: &str,
    descriptors: u32,
    test: impl FnOnce() + Send + 'static,
) {
    let program = env::current_exe().expect("a test has a program");
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(program);
    play_alone(command, name, test);
}

#[track_caller]
fn play_alone(mut command: Command, name: &str, test: impl FnOnce() + Send + 'static) {
    if env::var_os(MARK).is_some() {
        return limited(test);
    }
    let output = command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .expect("a program runs twice");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "no test has the name {name}:\n{out}");
}

pub(crate) fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).build().expect("threads and descriptors")
}

pub(crate) fn single() -> Runtime {
    Builder::new_current_thread().build().expect("descriptors")
}

/// Every flavor: each test that does not name one has to pass on all.
pub(crate) fn flavors() -> [Builder; 3] {
    [
        Builder::new_current_thread(),
        Builder::new_multi_thread().worker_threads(1),
        Builder::new_multi_thread().worker_threads(4),
    ]
}

/// That a runtime is whole: a thousand tasks, and a closure on the pool.
#[track_caller]
pub(crate) fn assert_serves(runtime: &Runtime) {
    let sum = runtime.block_on(async {
        let tasks: Vec<_> = (0..1_000_u64)
            .map(|n| {
                bowerbird::spawn(async move {
                    bowerbird::yield_now().await;
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("a task that does nothing wrong");
        }
        sum + bowerbird::spawn_blocking(|| 1).await.expect("a closure that does nothing wrong")
    });
    assert_eq!(sum, 499_501);
}

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// What `code` panics with.
#[track_caller]
pub(crate) fn panic_of<T>(code: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(_) => panic!("no panic"),
        Err(payload) => message(&*payload),
    }
}

/// Not poisoned by a test that fails: its own panic is what matters.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One poll with a waker that does nothing.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Knows where its tokens were dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Mutex<Vec<Dropped>>>);

/// One drop of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) thread: ThreadId,
    /// The runtime of the thread at that moment.
    pub(crate) runtime: Option<usize>,
}

impl Witness {
    pub(crate) fn token(&self) -> Token {
        Token(self.clone())
    }

    pub(crate) fn drops(&self) -> Vec<Dropped> {
        lock(&self.0).clone()
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.0).len()
    }
}

/// Tells its witness when it is dropped.
#[derive(Debug)]
pub(crate) struct Token(Witness);

impl Drop for Token {
    fn drop(&mut self) {
        let runtime = Handle::try_current().map(|handle| handle.id());
        lock(&self.0.0).push(Dropped { thread: thread::current().id(), runtime });
    }
}

/// What a runtime reported as unhandled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    pub(crate) fn hook(&self) -> impl Fn(&Unhandled) + Send + Sync + 'static {
        let this = self.clone();
        move |unhandled| lock(&this.0).push(unhandled.to_string())
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        lock(&self.0).clone()
    }
}

/// Counts how often it is woken.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn waker() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        let waker = Waker::from(count.clone());
        (count, waker)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A door which tasks and threads block at until it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<(Mutex<bool>, std::sync::Condvar)>);

impl Door {
    pub(crate) fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Blocks the thread.
    pub(crate) fn pass(&self) {
        let mut is_open = lock(&self.0.0);
        while !*is_open {
            is_open = self.0.1.wait(is_open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Opens a door when it is dropped, also when a test fails.
#[derive(Debug)]
pub(crate) struct Opens(pub(crate) Door);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}
