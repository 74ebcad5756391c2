//! Waiting for a moment: [`sleep()`], [`timeout()`], [`timeout_scope()`], [`interval()`].
//!
//! The futures of this module know the reactor and the seat of the thread that
//! polls them; what they register with lies below, in a module that knows
//! neither. Deadlines are exact to the nanosecond; how late a thread wakes is a
//! matter of the system, some 20 to 80 µs.
//!
//! # Which clock
//!
//! That of the reactor of the thread, which a test may pause and advance; on a
//! thread without a reactor, the system's monotonic clock. [`Instant`] is a
//! reading of it. While the machine is suspended, that clock stands still on
//! Linux: a sleep of an hour then ends an hour of *running* later.
//!
//! # Outside a reactor
//!
//! A future may be made anywhere. A poll that has to wait panics on a thread
//! without a reactor, naming the call that made the future.
//!
//! # Far away and long ago
//!
//! A deadline in the past is ready at the first poll. One more than 292 years
//! after the start of the program never comes; a sleep until then sets no timer,
//! so `sleep(Duration::MAX)` is a fine way of waiting for ever. No duration
//! overflows anything.

mod deadline;
mod instant;
mod interval;
mod sleep;
mod timeout;
mod timeout_scope;

pub use crate::timer::{AutoAdvance, Clock};
pub use deadline::{WithDeadline, by_deadline, effective_deadline, with_deadline};
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
pub use timeout_scope::{TimeoutScope, timeout_scope, timeout_scope_at};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
