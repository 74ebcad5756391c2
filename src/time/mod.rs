//! Sleeping, intervals, timeouts, and an `Instant` that tests can hold still.
//!
//! | to                                    | there is                                  |
//! |---------------------------------------|-------------------------------------------|
//! | wait                                  | [`sleep`], [`sleep_until`]                 |
//! | limit a future                        | [`timeout`], [`timeout_at`]                |
//! | limit a block that moves its deadline | [`timeout_scope`], [`timeout_scope_at`]    |
//! | limit a task and see its cleanup      | [`timeout_join`], [`abort_and_join`](crate::task::abort_and_join) |
//! | know by when one has to be done       | [`effective_deadline`]                     |
//! | call a closure later                  | [`call_later`], [`call_at`]                |
//! | do something again and again          | [`every()`], [`interval`]                  |
//! | keep things until their time          | [`DelayQueue`]                             |

mod call;
mod delay_queue;
mod every;
mod jitter;
pub(crate) mod join;
mod periodic;
mod rhythm;

pub use call::{TimerHandle, call_at, call_later};
pub use delay_queue::{DelayKey, DelayQueue, Expired, NextExpired};
pub use every::{Every, every};
pub use join::{TimeoutJoin, timeout_join};
pub use periodic::{OnError, Outcome, Overlap, Periodic, PeriodicEnd, PeriodicStats};
pub use reactor::time::*;
pub use std::time::Duration;
