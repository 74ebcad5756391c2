//! The promises of the runtime, kept or broken: through the public interface only.
//!
//! A file per promise, one binary for all.

mod bad_input;
mod cancel;
mod clock;
mod contexts;
mod fairness;
mod fs;
mod gather;
mod join;
mod kits;
mod nesting;
mod net;
mod panics;
mod shutdown;
mod stage;
mod system;
mod who_runs_what;
