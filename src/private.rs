//! What the macros call, and what they hand over.
//!
//! Reached only through the code that `#[main]`, `#[test]` and `select!` write, and
//! no part of the public interface.
//!
//! # The time limit of a test
//!
//! A thread of its own watches the real clock. When the time is up it wakes the
//! test, which panics and names every task that lives and what it waits for. If
//! the test cannot even do that, because a poll blocks its thread, the watcher
//! says so and ends the process: nothing else can stop such a thread.

pub use crate::select::future as select;
#[cfg(feature = "macros")]
pub use macros::select_branches;

use crate::runtime::{Builder, Handle, Runtime};
use executor::TaskInfo;
use std::{
    fmt::Write as _,
    future::Future,
    pin::pin,
    process,
    sync::mpsc::{self, RecvTimeoutError},
    task::Poll,
    time::Duration,
};
use sync::{oneshot, shim::thread};

/// How long a test has to panic after its time is up.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs the body of a `#[main]` function.
#[track_caller]
pub fn run_main<F: Future>(config: MainConfig, main: F) -> F::Output {
    let builder = match config.flavor {
        Flavor::MultiThread => Builder::new_multi_thread(),
        Flavor::CurrentThread => Builder::new_current_thread(),
    };
    let builder = match config.worker_threads {
        Some(workers) => builder.worker_threads(workers),
        None => builder,
    };
    let builder = match config.debug {
        Some(is_on) => builder.debug(is_on),
        None => builder,
    };
    builder.run(main).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs the body of a `#[test]` function.
#[track_caller]
pub fn run_test<F: Future>(config: TestConfig, test: F) -> F::Output {
    let builder = match config.worker_threads {
        Some(workers) => Builder::new_multi_thread().worker_threads(workers),
        None => Builder::new_current_thread(),
    };
    let builder = match config.clock_virtual {
        true => builder.paused_clock(),
        false => builder,
    };
    let builder = match config.seed {
        Some(seed) => builder.seed(seed),
        None => builder,
    };
    let limit = config.timeout.unwrap_or(TestConfig::TIMEOUT_DEFAULT);
    let (alarm, time_is_up) = oneshot::channel::<()>();
    let (over, watcher) = watch(config.name, limit, alarm);
    let limited = async {
        let (mut test, mut time_is_up) = (pin!(test), pin!(time_is_up));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = test.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            // An error only says that the watcher is gone, which it never is.
            match time_is_up.as_mut().poll(cx) {
                Poll::Ready(Ok(())) => panic!("{}", too_late(config.name, limit)),
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    let output = match config.worker_threads {
        Some(_) => builder.run(limited),
        None => builder.build().map(|runtime: Runtime| runtime.block_on(limited)),
    };
    drop(over);
    drop(watcher);
    output.unwrap_or_else(|error| panic!("{error}"))
}

/// Starts the thread that watches the real clock. It ends with the sender.
fn watch(
    name: &'static str,
    limit: Duration,
    alarm: oneshot::Sender<()>,
) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (over, is_over) = mpsc::channel::<()>();
    let body = move || {
        if is_over.recv_timeout(limit) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        // The test is gone already if nobody listens.
        let _ = alarm.send(());
        if is_over.recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            eprintln!(
                "{name}: not done in {limit:?}, and a poll that blocks keeps it from saying more"
            );
            process::abort();
        }
    };
    let watcher = thread::start("bowerbird-test-watcher".to_owned(), None, body);
    (over, watcher.unwrap_or_else(|error| panic!("no thread to watch the time of {name}: {error}")))
}

fn too_late(name: &str, limit: Duration) -> String {
    let mut text = format!("{name}: not done in {limit:?}; its tasks:");
    for task in Handle::try_current().map_or_else(Vec::new, |handle| handle.tasks()) {
        let task: TaskInfo = task;
        let _ = write!(text, "\n  {task}");
    }
    text
}

/// The options of `#[main]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MainConfig {
    /// At least 1. `None`: one per core.
    pub worker_threads: Option<usize>,
    /// On which threads tasks run.
    pub flavor: Flavor,
    /// Debug mode. `None`: as the environment says.
    pub debug: Option<bool>,
}

/// On which threads tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// On the calling thread and others.
    MultiThread,
    /// On the calling thread only.
    CurrentThread,
}

/// The options of `#[test]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestConfig {
    /// The test's path, for reports.
    pub name: &'static str,
    /// At least 1. `None`: the calling thread only.
    pub worker_threads: Option<usize>,
    /// Whether time stands still, and jumps when all tasks wait.
    pub clock_virtual: bool,
    /// `None`: [`TestConfig::TIMEOUT_DEFAULT`].
    pub timeout: Option<Duration>,
    /// Of the runtime's random choices. `None`: by chance.
    pub seed: Option<u64>,
}

impl TestConfig {
    /// How long a test may take when it does not say: long enough for a slow
    /// machine, short enough to wait for.
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
}

/// A duration as the options write it: `"250ms"`, `"10s"`, `"2m"`.
///
/// # Panics
///
/// If `text` is anything else, or zero; the macros call it in a constant, so this
/// is an error at compile time.
#[must_use]
pub const fn duration(text: &str) -> Duration {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut number = 0_u64;
    while at < bytes.len() && bytes[at].is_ascii_digit() {
        let digit = (bytes[at] - b'0') as u64;
        let Some(tens) = number.checked_mul(10) else { panic!("a duration this long is none") };
        let Some(sum) = tens.checked_add(digit) else { panic!("a duration this long is none") };
        number = sum;
        at += 1;
    }
    assert!(number > 0, "a duration is a number above zero and a unit, as in \"10s\"");
    let milliseconds = match bytes.split_at(at).1 {
        b"ms" => Some(number),
        b"s" => number.checked_mul(1_000),
        b"m" => number.checked_mul(60_000),
        _ => panic!("a duration ends with its unit: \"ms\", \"s\" or \"m\""),
    };
    match milliseconds {
        Some(milliseconds) => Duration::from_millis(milliseconds),
        None => panic!("a duration this long is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::{panic::catch_unwind, time::Duration};

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Duration::from_millis(250));
        assert_eq!(duration("10s"), Duration::from_secs(10));
        assert_eq!(duration("2m"), Duration::from_secs(120));
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("{}s", u64::MAX);
        for text in ["", "10", "s", "0s", "1h", "1.5s", "-1s", " 1s", "1s ", "1 s", "1µs", &long] {
            assert!(catch_unwind(|| duration(text)).is_err(), "{text:?}");
        }
    }
}
