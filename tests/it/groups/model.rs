//! Random groups against a model of them, on a clock that stands still: who fails
//! when, and in which order the group hears of it.

use super::{Group, errors, ms};
use bowerbird::{runtime::Builder, task_group, time::sleep};
use proptest::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// What one child, or the body, does. No two of them do so at the same moment.
#[derive(Clone, Copy, Debug)]
struct Plan {
    after: u64,
    act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Returns,
    Fails,
    Panics,
    Cancels,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let act = prop_oneof![
        6 => Just(Act::Returns),
        1 => Just(Act::Fails),
        1 => Just(Act::Panics),
        1 => Just(Act::Cancels),
    ];
    let steps = prop::collection::vec((1_u64..50, act), 1..12);
    steps.prop_map(|steps| {
        let count = steps.len() as u64;
        let distinct = steps.into_iter().zip(0..);
        distinct.map(|((after, act), number)| Plan { after: after * count + number, act }).collect()
    })
}

/// What becomes of the group: the first one's failure, and how many came to their act.
#[derive(Debug, PartialEq)]
struct Outcome {
    failure: Option<(usize, Act)>,
    acted: usize,
    at: u64,
}

/// Plan 0 is the body's.
fn predict(plans: &[Plan]) -> Outcome {
    let mut order: Vec<usize> = (0..plans.len()).collect();
    order.sort_by_key(|&number| plans[number].after);
    let mut outcome = Outcome { failure: None, acted: 0, at: 0 };
    let mut is_cancelled = false;
    for number in order {
        // Cancelled: only the body is left.
        if is_cancelled && number != 0 {
            continue;
        }
        let Plan { after, act } = plans[number];
        (outcome.acted, outcome.at) = (outcome.acted + 1, after);
        match act {
            Act::Returns => (),
            Act::Fails | Act::Panics => {
                outcome.failure = Some((number, act));
                break;
            }
            Act::Cancels => is_cancelled = true,
        }
    }
    outcome
}

async fn perform(
    number: usize,
    plan: Plan,
    g: Group,
    acted: Arc<AtomicUsize>,
) -> Result<(), &'static str> {
    sleep(ms(plan.after)).await;
    acted.fetch_add(1, Relaxed);
    match plan.act {
        Act::Returns => Ok(()),
        Act::Fails => Err(NAMES[number]),
        Act::Panics => std::panic::panic_any(NAMES[number]),
        Act::Cancels => {
            g.cancel();
            Ok(())
        }
    }
}

const NAMES: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];

async fn play(plans: &[Plan]) -> Outcome {
    let acted = Arc::new(AtomicUsize::new(0));
    let start = bowerbird::time::Instant::now();
    let outcome = task_group(async |g: Group| {
        for (number, &plan) in plans.iter().enumerate().skip(1) {
            g.spawn(perform(number, plan, g.clone(), acted.clone()));
        }
        perform(0, plans[0], g, acted.clone()).await
    });
    let failure = outcome.await.err().map(|error| {
        assert_eq!(error.failures().len(), 1, "{error}");
        let act = if errors(&error).is_empty() { Act::Panics } else { Act::Fails };
        let name = match error.first().panic() {
            Some(panic) => panic.message().unwrap(),
            None => error.first().error().unwrap(),
        };
        let number = name.parse().unwrap();
        assert_eq!(error.first().task.is_none(), number == 0, "{error}");
        (number, act)
    });
    let at = start.elapsed().as_millis().try_into().unwrap();
    Outcome { failure, acted: acted.load(Relaxed), at }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn a_group_does_what_the_model_says(plans in plans()) {
        let runtime = Builder::new_current_thread().paused_clock().build().unwrap();
        prop_assert_eq!(runtime.block_on(play(&plans)), predict(&plans));
    }
}
