//! Samples taken by other processes.
//!
//! Such a process prints one line of JSON on its standard output, a list of readings:
//! `[{"unit":"ns wall/op","value":81.2}]`. What it prints on its standard error is told
//! when it fails.

use crate::{
    column::{Column, Failure, Setup},
    program::{output_within, this_program},
    reading::{Reading, Sample},
    workloads::Workload,
};
use std::{process::Command, time::Duration};

/// How long a sample may take: much longer than any that works.
const LIMIT: Duration = Duration::from_secs(60);

/// A column that starts a process for each sample.
#[derive(Debug)]
pub struct Elsewhere {
    command: Command,
}

impl Elsewhere {
    /// Runs `command` for each sample.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self { command }
    }

    /// Runs this program, which takes the sample as if it were alone.
    ///
    /// # Panics
    ///
    /// If this program cannot find itself.
    #[must_use]
    pub fn this_program(workload: &Workload, setup: &Setup) -> Self {
        let mut command = this_program();
        command
            .args(["sample", workload.name, setup.contender.name()])
            .args(["--workers", &setup.workers.to_string()])
            .args(["--size", &setup.size.to_string()]);
        Self::new(command)
    }
}

impl Column for Elsewhere {
    fn sample(&mut self) -> Result<Sample, Failure> {
        let output = output_within(&mut self.command, LIMIT).map_err(Failure::Failed)?;
        let readings: Vec<Reading> = serde_json::from_str(output.trim()).map_err(|error| {
            Failure::Failed(format!(
                "{:?} printed no readings: {error}",
                self.command.get_program()
            ))
        })?;
        Ok(Sample { readings, latencies: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).process_group(0);
        command
    }

    #[test]
    fn readings_are_what_the_process_prints() {
        let script = r#"echo '[{"unit":"ns wall/op","value":81.5}]'"#;
        let sample = Elsewhere::new(shell(script)).sample().expect("it prints readings");
        assert_eq!(sample.readings[0].value, 81.5);
    }

    #[test]
    fn a_process_that_fails_is_quoted() {
        let failure = Elsewhere::new(shell("echo 'no such thing' >&2; exit 3")).sample();
        assert_eq!(failure.unwrap_err().to_string(), "exit status: 3: no such thing");
    }
}
