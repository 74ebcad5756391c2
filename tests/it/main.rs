//! The promises of the runtime, kept or broken: through the public interface only.
//!
//! A file per promise, one binary for all.

mod as_completed;
mod bad_input;
mod cancel;
mod clock;
mod contexts;
mod defer;
mod fairness;
mod fs;
mod gather;
mod join;
mod join_macros;
mod kits;
mod locals;
mod nesting;
mod net;
mod panics;
mod reasons;
mod scope;
mod map_concurrent;
mod nesting;
mod net;
mod panics;
mod race;
mod select;
mod select_patterns;
mod reporting;
mod shutdown;
mod stage;
mod wait;
mod tokens;
mod who_runs_what;
