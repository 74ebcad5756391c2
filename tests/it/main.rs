//! The promises of the runtime, kept or broken: through the public interface only.
//!
//! A file per promise, one binary for all.

mod as_completed;
mod bad_input;
mod cancel;
mod clock;
mod contexts;
mod deadlines;
mod debug;
mod defer;
mod delay_queue;
mod drivers;
mod fairness;
mod fs;
mod gather;
mod groups;
mod hostile;
#[cfg(target_os = "linux")]
mod idle;
mod join;
mod join_local;
mod join_macros;
mod join_map;
mod join_set;
mod kits;
mod lessons;
mod locals;
mod map_concurrent;
mod metrics;
mod nesting;
mod net;
mod panics;
mod periodic;
mod race;
mod reasons;
mod reporting;
mod scope;
mod select;
mod shutdown;
mod stage;
mod stalls;
mod system;
mod timed_tasks;
mod timeouts;
mod tokens;
mod turns;
mod wait;
mod who_runs_what;
