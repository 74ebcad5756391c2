//! Futures made of futures, and of nothing but a budget.

use super::{Case, gated, without_budget};
use bowerbird::{
    gather::{gather, try_gather},
    select,
};
use sync::coop;

pub(super) const ALL: &[Case] = &[
    Case { future: "sync::coop::ConsumeBudget", make: || without_budget(coop::consume_budget()) },
    Case {
        future: "sync::coop::Unconstrained",
        make: || gated(|gate| async move { coop::unconstrained(gate.pass()).await }),
    },
    Case {
        future: "bowerbird::gather::Gathering",
        make: || {
            gated(|gate| async move {
                let both = gather((gate.pass(), gather(vec![gate.pass(), gate.pass()])));
                assert_eq!(both.await, ((), vec![(), ()]));
            })
        },
    },
    Case {
        future: "bowerbird::select::future::Select",
        make: || {
            gated(|gate| async move {
                for order in 0..2 {
                    select! {
                        () = gate.pass(), if order == 0 => {}
                        Some(()) = async { gate.pass().await; None::<()> } => unreachable!(),
                        () = async { std::future::pending().await } => unreachable!(),
                        () = gate.pass(), if order == 1 => {}
                    }
                }
                select! { biased; () = gate.pass() => {}, () = std::future::pending() => {} }
            })
        },
    },
    Case {
        future: "bowerbird::gather::TryGathering",
        make: || {
            gated(|gate| async move {
                let fails = async {
                    gate.pass().await;
                    Err::<(), &str>("no")
                };
                let never = async {
                    std::future::pending::<()>().await;
                    Ok(())
                };
                assert_eq!(try_gather((fails, never)).await, Err("no"));
            })
        },
    },
];
