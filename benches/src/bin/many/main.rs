//! What does it cost to wait for many things, and does it stay linear?
//!
//! ```text
//! cargo run --release -p bowerbird-bench --bin many
//! ```
//!
//! A table per question, a row per number of children and contender: nanoseconds
//! per child, and the contender's time over ours. Contenders take turns within
//! milliseconds, so that whatever slows the machine down slows all. A figure per
//! child that grows with the number of children is a cost that is not linear.

mod inside;
mod spawned;

use bowerbird_bench::{clock, spread::Spread};
use std::time::Duration;

/// How many children.
const CHILDREN: [usize; 3] = [10, 1_000, 100_000];

const ROUNDS: usize = 21;

/// Long beside the reading of a clock, short beside the time slices of a kernel.
const SAMPLE: Duration = Duration::from_millis(3);

/// One way to do a piece of work for so many children, and so often.
struct Contender {
    name: &'static str,
    work: Box<dyn Fn(usize, u32)>,
}

impl Contender {
    fn new(name: &'static str, work: impl Fn(usize, u32) + 'static) -> Self {
        Self { name, work: Box::new(work) }
    }

    /// Of work that is repeated from outside.
    fn repeated(name: &'static str, work: impl Fn(usize) + 'static) -> Self {
        Self::new(name, move |children, runs| (0..runs).for_each(|_| work(children)))
    }
}

fn main() {
    println!("ns per child, median of {ROUNDS}; ratio: the contender's time over the first's\n");
    let question = "children of one task, each woken once, all before the next poll";
    compare(question, 1, inside::burst());
    compare("children of one task, woken one at a time", 1, inside::one_by_one());
    compare("select between two, in a loop (per turn)", 1, inside::select());
    for (workers, clock) in [(1, "cpu"), (2, "wall")] {
        let question = format!("spawned tasks and their outputs, {workers} workers, {clock}");
        compare(&question, workers, spawned::contenders(workers));
    }
}

/// Prints a table. The clock is the one that tells with so many workers.
fn compare(question: &str, workers: usize, contenders: Vec<Contender>) {
    println!("**{question}**\n");
    println!(
        "| children | {} |",
        contenders.iter().map(|it| it.name).collect::<Vec<_>>().join(" | ")
    );
    println!("|---{}|", "|---".repeat(contenders.len()));
    for children in CHILDREN {
        let runs: Vec<u32> = contenders.iter().map(|it| runs(workers, it, children)).collect();
        let mut times = vec![vec![]; contenders.len()];
        for round in 0..ROUNDS {
            for turn in 0..contenders.len() {
                // Another begins each round: the first of several may have it better.
                let index = (turn + round) % contenders.len();
                let (contender, runs) = (&contenders[index], runs[index]);
                let took = clock::time(|| (contender.work)(children, runs)).by_workers(workers);
                times[index].push(took.as_secs_f64() * 1e9 / f64::from(runs) / children as f64);
            }
        }
        let cells: Vec<_> = times
            .iter()
            .enumerate()
            .map(|(index, mine)| {
                let nanos = Spread::of(mine.iter().copied()).median;
                if index == 0 {
                    return format!("{nanos:.1}");
                }
                let ratio =
                    Spread::of(mine.iter().zip(&times[0]).map(|(mine, first)| mine / first));
                format!("{nanos:.1} ({:.2})", ratio.median)
            })
            .collect();
        println!("| {children} | {} |", cells.join(" | "));
    }
    println!();
}

/// How often a sample repeats the work.
fn runs(workers: usize, contender: &Contender, children: usize) -> u32 {
    (contender.work)(children, 1);
    let once = clock::time(|| (contender.work)(children, 1)).by_workers(workers);
    (SAMPLE.as_secs_f64() / once.as_secs_f64().max(1e-9)).ceil().max(1.0) as u32
}
