//! Timers that are set and cancelled among many others.
//!
//! The others are set once, for all samples: to set a million takes a hundred times as
//! long as a sample, and with columns of their own a sample of each runtime is still
//! taken within milliseconds of the next. They are due between an hour and two from
//! then, and those that are set and cancelled are, too, here and there among them.
//!
//! There are as many tasks as workers, for the others as for the cancelled ones. So a
//! runtime whose timers are behind one lock has more workers at it, and one whose
//! workers have timers of their own has some of the others with each.

use crate::{
    Runtime,
    clock::Stopwatch,
    column::{Column, Failure, Setup},
    contender::Contender,
    reading::{Sample, Unit},
    runtimes::{Bowerbird, Smol, Tokio},
};
use futures_lite::future::poll_once;
use std::{future::Future, mem, pin::pin, time::Duration};

/// Timers that a sample sets and cancels.
const PAIRS: u64 = 20_000;

/// How many timers a task sets, cancels or drops before it lets others run.
const BATCH: u64 = 500;

const HOUR: Duration = Duration::from_secs(3_600);

/// Sets a contender up, with as many timers as the size says.
pub(super) fn open(setup: &Setup) -> Result<Box<dyn Column>, Failure> {
    Ok(match setup.contender {
        Contender::Bowerbird => Box::new(Churn::<Bowerbird>::new(setup)),
        Contender::Tokio => Box::new(Churn::<Tokio>::new(setup)),
        Contender::Smol => Box::new(Churn::<Smol>::new(setup)),
        _ => return Err(Failure::NotOffered),
    })
}

/// A runtime with many timers, which live as long as it.
struct Churn<R: Runtime> {
    runtime: R,
    others: Vec<Others<R>>,
}

/// The timers of one task.
struct Others<R: Runtime> {
    /// Tells the task to let them go.
    end: R::Sender<()>,
    task: R::Task<()>,
}

impl<R: Runtime> Churn<R> {
    fn new(setup: &Setup) -> Self {
        let (runtime, workers) = (R::new(setup.workers), setup.workers as u64);
        let each = setup.size / workers;
        let others = runtime.run(async move {
            let (others, all_set): (Vec<_>, Vec<_>) =
                (0..workers).map(|_| Others::<R>::start(each)).unzip();
            for are_set in all_set {
                are_set.await;
            }
            others
        });
        Self { runtime, others }
    }
}

impl<R: Runtime> Others<R> {
    /// Starts a task that sets so many. The future is ready when it has.
    fn start(count: u64) -> (Self, impl Future<Output = ()> + Send) {
        let (tell, are_set) = R::oneshot();
        let (end, is_over) = R::oneshot();
        let task = R::spawn(async move {
            let mut timers = Vec::new();
            for number in 0..count {
                let mut timer = Box::pin(R::sleep(HOUR + HOUR * number as u32 / count as u32));
                assert!(poll_once(&mut timer).await.is_none(), "an hour is long");
                timers.push(timer);
                rest::<R>(number).await;
            }
            R::send(tell, ());
            is_over.await;
            for (timer, number) in timers.into_iter().zip(0..) {
                drop(timer);
                rest::<R>(number).await;
            }
        });
        (Self { end, task }, are_set)
    }
}

impl<R: Runtime> Column for Churn<R> {
    fn sample(&mut self) -> Result<Sample, Failure> {
        let workers = self.runtime.workers() as u64;
        let each = PAIRS / workers;
        let took = self.runtime.run(async move {
            let stopwatch = Stopwatch::start();
            let tasks = (0..workers).map(|_| R::spawn(set_and_cancel::<R>(each))).collect();
            let pairs: u64 = R::gather(tasks).await.into_iter().sum();
            let took = stopwatch.elapsed();
            assert_eq!(pairs, each * workers);
            took
        });
        let nanos = |took: Duration| took.as_secs_f64() * 1e9 / (each * workers) as f64;
        Ok(Sample::of([
            (Unit::CpuPerOperation, nanos(took.cpu)),
            (Unit::WallPerOperation, nanos(took.wall)),
        ]))
    }
}

/// Sets so many timers and cancels each at once. The future is how many were set.
async fn set_and_cancel<R: Runtime>(pairs: u64) -> u64 {
    let mut set = 0;
    for number in 0..pairs {
        {
            let mut timer = pin!(R::sleep(HOUR + among(number)));
            set += u64::from(poll_once(&mut timer).await.is_none());
        }
        rest::<R>(number).await;
    }
    set
}

/// When a timer is due that is cancelled, after the first of the others.
fn among(number: u64) -> Duration {
    // A prime: the seconds of an hour come in disorder, each as often as the others.
    Duration::from_secs(number * 1_009 % HOUR.as_secs())
}

/// Lets others run now and then, the driver among them.
async fn rest<R: Runtime>(number: u64) {
    if number % BATCH == BATCH - 1 {
        R::yield_now().await;
    }
}

impl<R: Runtime> Drop for Churn<R> {
    fn drop(&mut self) {
        let others = mem::take(&mut self.others);
        self.runtime.block_on(async {
            for Others { end, task } in others {
                R::send(end, ());
                R::join(task).await;
            }
        });
    }
}
