//! Samples taken by other processes.
//!
//! Such a process prints one line of JSON on its standard output, a list of readings:
//! `[{"unit":"ns wall/op","value":81.2}]`. What it prints on its standard error is told
//! when it fails.

use crate::{
    column::{Column, Failure, Setup},
    reading::{Reading, Sample},
    system,
    workloads::Workload,
};
use std::{
    env,
    io::Read,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

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

/// A command that runs this program.
///
/// # Panics
///
/// If this program cannot find itself.
#[must_use]
pub fn this_program() -> Command {
    Command::new(env::current_exe().expect("a program can tell where it is"))
}

/// Runs a program to its end. The result is what it printed on its standard output.
///
/// # Errors
///
/// If it cannot be started, fails, or goes on for longer than `limit`: then it is
/// killed, with its process group if it leads one.
pub fn output_within(command: &mut Command, limit: Duration) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    let Ok(output) = stdout.recv_timeout(limit) else {
        kill(&mut child);
        return Err(format!("still running after {} s, and killed", limit.as_secs()));
    };
    // A process may close its output before it ends.
    let status = child.wait().map_err(|error| format!("{name} cannot be waited for: {error}"))?;
    if status.success() {
        return Ok(output);
    }
    let complaint = stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Err(format!("{status}: {}", complaint.trim()))
}

/// What comes through the pipe, when it has been closed.
pub(crate) fn read_all(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut text = vec![];
        if let Some(mut pipe) = pipe {
            // What was read until an error is what there is to tell.
            let _ = pipe.read_to_end(&mut text);
        }
        // Nobody listens any more when the limit is over.
        let _ = send.send(String::from_utf8_lossy(&text).into_owned());
    });
    receive
}

fn kill(child: &mut Child) {
    system::kill_group(child.id());
    // Both fail only if it is gone already.
    let _ = child.kill();
    let _ = child.wait();
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

    #[test]
    fn a_process_that_goes_on_for_ever_is_killed() {
        let error = output_within(&mut shell("sleep 1000 & sleep 1000"), Duration::from_millis(50));
        assert_eq!(error.unwrap_err(), "still running after 0 s, and killed");
    }
}
