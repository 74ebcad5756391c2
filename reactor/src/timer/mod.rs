//! When is the next deadline, and whom does it wake?
//!
//! What lies below the reactor: nothing in here knows which reactor or seat the
//! thread has. The futures over it are in [`time`](crate::time).
//!
//! ```text
//!   timers ──▶ entry     one seat's timers; a timer's node and state word
//!          ──▶ agenda    deadlines in order, and nothing else
//!              ──▶ lane, heap, places
//!          ──▶ slab      where nodes lie, and whose they are
//!   pocket ──▶ timers    what a sleep keeps of all this, in one word
//!          ──▶ leeway    a time within a window
//!          ──▶ era       numbers for times; turn: whether one has passed
//!          ──▶ clock     real or paused; times that never overflow
//! ```
//!
//! # What a timer takes
//!
//! 48 bytes at most, where a pointer has eight, of which most are touched once:
//!
//! | bytes  | what                                                          |
//! |--------|---------------------------------------------------------------|
//! | 24⅛    | its node, and its part of the word at the head of a chunk     |
//! | 16⅛–18 | its item in the agenda, in a lane or in the heap              |
//! | 4–4½   | its place, by id                                              |
//!
//! The lanes grow by blocks, the heap and the places by an eighth: what doubles is half
//! empty at its worst. The future has one word for it, its registration.

mod agenda;
pub(crate) mod clock;
#[expect(unsafe_code, reason = "the waker in a node changes hands by its state word")]
mod entry;
mod era;
mod heap;
mod lane;
mod leeway;
mod mark;
mod places;
#[expect(unsafe_code, reason = "a pointer to a registration, or something else, in one word")]
mod pocket;
#[expect(unsafe_code, reason = "nodes in boxes to which others point")]
mod slab;
#[expect(unsafe_code, reason = "a registration outlives neither its node nor its ledger")]
mod timers;
mod turn;

pub use clock::{AutoAdvance, Clock};
pub(crate) use era::Moment;
pub(crate) use leeway::Leeway;
pub(crate) use pocket::{Kept, Pocket, View};
pub(crate) use timers::{Registration, Reset, Status, Timers};
pub(crate) use turn::Turn;

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
