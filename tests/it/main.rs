//! The promises of the runtime, kept or broken: through the public interface only.
//!
//! A file per promise, one binary for all.

mod bad_input;
mod cancel;
mod clock;
mod contexts;
mod defer;
mod drivers;
mod fairness;
mod gather;
mod join;
mod kits;
mod locals;
mod nesting;
mod net;
mod panics;
mod reasons;
mod reporting;
mod shutdown;
mod stage;
mod turns;
mod who_runs_what;
