//! Child processes.
//!
//! ```text
//!   Command ──▶ Child ──▶ started: the process, until it is reaped
//!                 │            ├──▶ pidfd, or SIGCHLD: tells that it ended
//!                 │            └──▶ orphan, when the child is dropped first
//!                 └──▶ pipes ──▶ capture: all that it writes
//! ```
//!
//! * **No zombies**: a child that is dropped is reaped by the runtime when it ends.
//! * **No strangers**: a signal reaches the child or nobody, though the numbers of
//!   processes are used again.
//! * **Any number may wait** for a child, at any time, in any runtime; how it ended
//!   is kept.
//!
//! A program must not wait for processes that are not its own (`waitpid(-1)`), nor
//! ignore `SIGCHLD`: the system then throws away how children ended, and waiting for
//! them is an error.

mod capture;
mod child;
#[expect(unsafe_code, reason = "pre_exec: std's is unsafe, and so is ours")]
mod command;
mod orphan;
#[expect(unsafe_code, reason = "pidfds and kill: std has no stable door to them")]
mod pidfd;
mod pipe;
mod run;
mod started;
#[cfg(all(test, not(any(loom, shuttle))))]
#[expect(unsafe_code, reason = "waits for a child behind our back")]
mod tests;

pub use capture::{OutputTooLong, WaitWithOutput};
pub use child::{Child, Kill, Wait};
pub use command::{Command, SpawnError};
pub use pipe::{ChildStderr, ChildStdin, ChildStdout};
pub use run::{CommandOutput, CommandStatus};
pub use std::process::{ExitStatus, Output, Stdio};
