//! A process that lives as long as its column, and takes a sample when it is asked.
//!
//! It reads lines. For each it takes a sample, and prints readings on a line, in the
//! form that [`elsewhere`](crate::elsewhere) shows. So what is dear to start, such as
//! an interpreter, starts once, is warm like the columns of this process, and its
//! samples are neighbours of theirs.
//!
//! There is no limit to how long it may take: who measures for others is killed with
//! all its processes when it hangs.

use crate::{
    column::{Column, Failure},
    reading::Sample,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A column that is a process.
#[derive(Debug)]
pub struct Companion {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Companion {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    ///
    /// # Panics
    ///
    /// Never: the process has the pipes it was given.
    pub fn start(mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .spawn()
            .map_err(|error| Failure::Failed(format!("{name} cannot be started: {error}")))?;
        let questions = process.stdin.take().expect("it is a pipe");
        let answers = BufReader::new(process.stdout.take().expect("it is a pipe"));
        Ok(Self { process, questions, answers })
    }

    /// What it says about its end.
    fn complaint(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.process.stderr {
            // What was read until an error is what there is to tell.
            let _ = stderr.read_to_string(&mut text);
        }
        match self.process.wait() {
            Ok(status) => format!("{status}: {}", text.trim()),
            Err(error) => format!("cannot be waited for: {error}"),
        }
    }
}

impl Column for Companion {
    fn sample(&mut self) -> Result<Sample, Failure> {
        // This fails if the process has ended, and then no answer comes.
        let _ = self.questions.write_all(b"\n");
        let mut line = String::new();
        // So does this.
        let _ = self.answers.read_line(&mut line);
        if line.is_empty() {
            return Err(Failure::Failed(self.complaint()));
        }
        let readings = serde_json::from_str(&line)
            .map_err(|error| Failure::Failed(format!("{line:?} is not readings: {error}")))?;
        Ok(Sample { readings, latencies: None })
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn companion(script: &str) -> Companion {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        Companion::start(shell).expect("there is a shell")
    }

    #[test]
    fn one_process_answers_all_questions() {
        let script = r#"n=0; while read line; do
            n=$((n + 1)); echo "[{\"unit\":\"ns wall/op\",\"value\":$n}]"
        done"#;
        let mut companion = companion(script);
        for number in [1.0, 2.0, 3.0] {
            let sample = companion.sample().expect("it answers");
            assert_eq!(sample.readings[0].value, number);
        }
    }

    #[test]
    fn a_process_that_ends_is_quoted() {
        let mut companion = companion("read line; echo 'a wrong answer' >&2; exit 1");
        let failure = companion.sample().expect_err("there is no answer");
        assert_eq!(failure.to_string(), "exit status: 1: a wrong answer");
    }

    #[test]
    fn an_answer_that_is_no_readings_is_quoted() {
        let failure = companion("read line; echo hello; read line").sample();
        let what = failure.expect_err("that is not readings").to_string();
        assert!(what.starts_with(r#""hello\n" is not readings"#), "{what}");
    }
}
