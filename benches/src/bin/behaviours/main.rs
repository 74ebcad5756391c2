//! How long do things take in bad moments? One table, bowerbird beside tokio.
//!
//! ```text
//! cargo run --release -p bowerbird-bench --bin behaviours
//! ```
//!
//! Takes less than a minute. All times are those of the wall; two workers are
//! pinned. What the rows mean: `docs/performance.md`.

#[expect(unsafe_code, reason = "a global allocator that counts")]
mod heap;
mod situations;

use bowerbird_bench::runtimes::{Bowerbird, Tokio};
use situations::Dropped;
use std::time::Duration;

fn main() {
    println!("| | situation | tokio | bowerbird | target | holds |");
    println!("|---|---|---|---|---|---|");
    oversleep();
    main_over_tasks();
    ticker_among_ready();
    heap_per_task();
    // The last one: it leaves a thread behind.
    drop_while_blocked();
}

/// Prints a row. `holds` is about bowerbird.
fn row(id: &str, situation: &str, both: [String; 2], target: &str, holds: bool) {
    let holds = match holds {
        true => "yes",
        false => "NO",
    };
    println!("{} {target} | {holds} |", cells(id, situation, both));
}

/// What a row begins with.
fn cells(id: &str, situation: &str, [tokio, bowerbird]: [String; 2]) -> String {
    format!("| {id} | {situation} | {tokio} | {bowerbird} |")
}

fn oversleep() {
    for micros in [10, 100, 500, 1_000] {
        let duration = Duration::from_micros(micros);
        let tokio = situations::oversleep::<Tokio>(duration);
        let bowerbird = situations::oversleep::<Bowerbird>(duration);
        row(
            "R3",
            &format!("`sleep({micros} µs)`: goes on later by, median"),
            [tokio, bowerbird].map(|it| format!("{} µs", it.as_micros())),
            "≤ 80 µs",
            bowerbird <= Duration::from_micros(80),
        );
    }
}

fn main_over_tasks() {
    for workers in [1, 2] {
        let tokio = situations::main_over_tasks::<Tokio>(workers);
        let bowerbird = situations::main_over_tasks::<Bowerbird>(workers);
        row(
            "R6",
            &format!("round trip main ↔ task over task ↔ task, workers: {workers}"),
            [tokio, bowerbird].map(|it| it.to_string()),
            "≤ 1.2",
            bowerbird.median <= 1.2,
        );
    }
}

fn ticker_among_ready() {
    let tokio = situations::ticker_among_ready::<Tokio>();
    let bowerbird = situations::ticker_among_ready::<Bowerbird>();
    let holds = bowerbird.largest_gap <= Duration::from_millis(10);
    let both = [tokio, bowerbird];
    row(
        "R8",
        "10,000 tasks always ready, a ticker of 1 ms: largest gap",
        both.each_ref().map(|it| {
            format!("{:.1} ms in {} ticks", it.largest_gap.as_secs_f64() * 1e3, it.count)
        }),
        "≤ 10 ms",
        holds,
    );
    let polls = both.map(|it| it.polls_while_due.to_string());
    println!(
        "{} | |",
        cells("", "… most polls on its thread from when a tick was due to the tick", polls)
    );
}

fn heap_per_task() {
    let empty = [heap::of_empty::<Tokio>(), heap::of_empty::<Bowerbird>()];
    let sleeping = [heap::of_sleeping::<Tokio>(), heap::of_sleeping::<Bowerbird>()];
    let bytes = |it: usize| format!("{it} B");
    row("", "heap per task, empty", empty.map(bytes), "≤ 96 B", empty[1] <= 96);
    row("", "heap per task, with one sleep", sleeping.map(bytes), "≤ 160 B", sleeping[1] <= 160);
}

fn drop_while_blocked() {
    let blocked = Duration::from_secs(3);
    let tokio = situations::drop_while_blocked::<Tokio>(blocked);
    let bowerbird = situations::drop_while_blocked::<Bowerbird>(blocked);
    let holds = bowerbird.took <= Duration::from_millis(100) && bowerbird.reported == 1;
    let told = |it: Dropped| {
        let reported = if it.reported == 0 { "not reported" } else { "reported" };
        format!("{} ms, {reported}", it.took.as_millis())
    };
    row(
        "R4",
        "drop of the runtime while a blocking closure sleeps 3 s",
        [tokio, bowerbird].map(told),
        "≤ 100 ms, reported",
        holds,
    );
}
