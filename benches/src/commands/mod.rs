//! The commands, a file each.
//!
//! `run` gives the code to end with, or says why it could not be tried at all.

pub(crate) mod behave;
pub(crate) mod behaviours;
pub(crate) mod compare;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod report;
pub(crate) mod sample;
pub(crate) mod scale;
pub(crate) mod serve;

use bowerbird_bench::workloads::{self, Workload};
use std::process::ExitCode;

/// What became of a command.
pub(crate) type Done = Result<ExitCode, String>;

/// The workload with that name.
fn workload(name: &str) -> Result<&'static Workload, String> {
    workloads::named(name).ok_or_else(|| {
        format!("there is no workload {name:?}: `bowerbird-bench list` prints all of them")
    })
}
