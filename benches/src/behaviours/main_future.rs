//! What it costs that `main` is not a task.
//!
//! A program is run as the runtime's attribute macro for `main` runs it. Where that
//! polls the main future on a thread of its own, each wake-up between it and a task
//! wakes a thread.

use super::{Answer, Question, Situation, Unit};
use crate::{Runtime, pin, spread::Spread, workloads::scheduler::round_trips};
use std::thread;

/// The file's part of the list.
pub(super) const SITUATIONS: &[Situation] = &[Situation {
    id: "R6",
    questions: &[
        over("round trip main ↔ task over task ↔ task, 1 worker, median of 21 (min–max)"),
        over("… 2 workers"),
    ],
    observe: on_runtime!(programs),
}];

const fn over(text: &'static str) -> Question {
    Question::new(text, Unit::Times).at_most(1.2)
}

fn programs<R: Runtime>() -> Vec<Answer> {
    let answer = |workers| {
        let ratios = main_over_tasks::<R>(workers, 21, 1_000);
        Answer::said(ratios.median, ratios.to_string())
    };
    [1, 2].map(answer).into()
}

/// How many times longer a round trip takes between the main future and a task than
/// between two tasks.
fn main_over_tasks<R: Runtime>(workers: usize, trials: usize, rounds: u64) -> Spread {
    // A thread of its own: a program pins the thread that runs it.
    let program = || {
        R::run_program(workers, async {
            let mut ratios = vec![];
            for _ in 0..trials {
                let with_main = round_trips::<R>(rounds).await.wall;
                let among_tasks = R::join(R::spawn(round_trips::<R>(rounds))).await.wall;
                ratios.push(with_main.as_secs_f64() / among_tasks.as_secs_f64());
            }
            Spread::of(ratios)
        })
    };
    pin::together(workers, || {
        thread::scope(|scope| scope.spawn(program).join().expect("the program ends"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Smol, Tokio};

    #[test]
    fn a_ratio_is_told_for_each_runtime() {
        for ratios in [
            main_over_tasks::<Bowerbird>(1, 3, 20),
            main_over_tasks::<Tokio>(2, 3, 20),
            main_over_tasks::<Smol>(2, 3, 20),
        ] {
            assert!(ratios.min > 0.0 && ratios.max.is_finite(), "{ratios}");
        }
    }
}
