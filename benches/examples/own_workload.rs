//! Your own workload on all runtimes: put your work into a copy of this file.
//!
//! ```text
//! cargo run --release -p bowerbird-bench --example own_workload
//! ```

use bowerbird_bench::{
    Runtime, campaign::Pace, column::Outcome, contender::Contender, document::Document,
    document::Part, header::Header, measure, on_each, report::table, workloads::Group,
    workloads::Workload,
};

/// Each number is halved by a task of its own: `size` numbers, one task after the other.
fn halves<R: Runtime>(runtime: &R, size: u64) -> Outcome {
    runtime.run(async move {
        let mut sum = 0;
        for number in 0..size {
            sum += R::join(R::spawn(async move { number / 2 })).await;
        }
        assert_eq!(sum, (0..size).map(|number| number / 2).sum::<u64>());
    });
    Outcome::Operations(size)
}

fn main() {
    let workload = Workload::new(Group::Scheduler, "halves", "one number", on_each!(halves));
    let contenders = [Contender::Bowerbird, Contender::Tokio, Contender::Smol];
    let mut document = Document::new(Header::of_this_run());
    for workers in [1, 2] {
        let plan = Pace::Quick.plan(workers, 1_000);
        let measured = measure::measure(&workload, &contenders, &plan);
        document.add(Part::of(&workload, workers, 1_000, &measured));
    }
    println!("{}", table::of(&document, table::Style::of_stdout()));
}
