//! The promises of the runtime, kept or broken: through the public interface only.
//!
//! A file per promise, one binary for all.

mod bad_input;
mod cancel;
mod clock;
mod contexts;
mod fairness;
mod gather;
mod join;
mod join_local;
mod join_map;
mod join_set;
mod kits;
mod nesting;
mod net;
mod panics;
mod scope;
mod shutdown;
mod stage;
mod who_runs_what;
