//! The promises of the runtime, kept or broken: through the public interface only.
//!
//! A file per promise, one binary for all.

mod bad_input;
mod cancel;
mod clock;
mod contexts;
mod deadlines;
mod delay_queue;
mod fairness;
mod gather;
mod join;
mod kits;
mod nesting;
mod net;
mod panics;
mod periodic;
mod shutdown;
mod stage;
mod timed_tasks;
mod timeouts;
mod who_runs_what;
