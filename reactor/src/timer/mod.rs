//! When is the next deadline, and whom does it wake?
//!
//! What lies below the reactor: nothing in here knows which reactor or seat the
//! thread has. The futures over it are in [`time`](crate::time).
//!
//! ```text
//!   timers ──▶ entry     one seat's timers; a timer's node and state word
//!          ──▶ heap      deadlines in order, and nothing else
//!          ──▶ clock     real or paused; times that never overflow
//! ```

pub(crate) mod clock;
#[expect(unsafe_code, reason = "the waker in a node changes hands by its state word")]
mod entry;
mod heap;
mod mark;
#[expect(unsafe_code, reason = "a registration outlives neither its node nor its ledger")]
mod timers;

pub use clock::{AutoAdvance, Clock};
pub(crate) use timers::{Registration, Reset, Status, Timers};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
