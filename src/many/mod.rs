//! What the combinators are made of: children in one task, each polled when it
//! was woken.
//!
//! | file          | what                                                      |
//! |---------------|-----------------------------------------------------------|
//! | `turn.rs`     | one walk through the children that were woken: the budget  |
//! | `poller.rs`   | a fixed number of children until all are done, or one says |
//! |               | stop: `gather`, `race` and their like                      |
//! | `child.rs`    | one such child: its future, then what is kept of its output |
//! | `children.rs` | the children of an array and of a `Vec`                    |
//! | `tuples.rs`   | the children of tuples                                     |
//! | `crowd.rs`    | children that are done one by one: `wait`, `as_completed`  |
//! | `next.rs`     | the next item of a stream                                  |
//! | `pinned.rs`   | one element of a pinned slice                              |

pub(crate) mod child;
pub(crate) mod children;
pub(crate) mod crowd;
pub(crate) mod next;
#[expect(unsafe_code, reason = "std has no stable projection of a pinned slice")]
mod pinned;
pub(crate) mod poller;
pub(crate) mod tuples;
pub(crate) mod turn;

#[cfg(test)]
pub(crate) mod tests;
