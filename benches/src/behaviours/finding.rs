//! What was found out: the answers of a process of its own, which may hang or die.

use super::{Answer, Situation};
use crate::{contender::Contender, program};
use serde::Serialize;
use std::{process::Command, time::Duration};

/// How long a situation may take: longer than any that ends.
pub const LIMIT: Duration = Duration::from_secs(20);

/// One question about one runtime.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The situation's name.
    pub id: &'static str,
    /// The question.
    pub situation: &'static str,
    /// Whom it is about.
    pub runtime: Contender,
    /// The answer; none if there is none.
    pub value: Option<f64>,
    /// What the value counts.
    pub unit: &'static str,
    /// The answer in words, or why there is none.
    pub text: String,
    /// What bowerbird's answer shall be, where that was promised.
    pub target: Option<String>,
    /// Whether this one's answer is such.
    pub holds: Option<bool>,
}

/// Lets `command` observe a situation: a process that prints the answers as JSON.
///
/// # Errors
///
/// If it cannot be started, fails, or goes on for longer than `limit`.
pub fn ask(command: &mut Command, limit: Duration) -> Result<Vec<Answer>, String> {
    let output = program::output_within(command, limit)?;
    serde_json::from_str(output.trim()).map_err(|error| format!("printed no answers: {error}"))
}

/// The findings about all questions of a situation.
#[must_use]
pub fn findings(
    situation: &Situation,
    runtime: Contender,
    answers: Result<Vec<Answer>, String>,
) -> Vec<Finding> {
    let questions = situation.questions;
    let answers = answers.and_then(|it| match it.len() == questions.len() {
        true => Ok(it),
        false => Err(format!("{} answers to {} questions", it.len(), questions.len())),
    });
    let finding = |(index, question): (usize, &super::Question)| {
        let answer = answers.as_ref().map(|it| &it[index]);
        let value = answer.ok().map(|it| it.value);
        let text = match answer {
            Ok(answer) => answer.text.clone().unwrap_or_else(|| question.unit.show(answer.value)),
            Err(trouble) => trouble.clone(),
        };
        Finding {
            id: situation.id,
            situation: question.text,
            runtime,
            value,
            unit: question.unit.name(),
            text,
            target: question.target(),
            // What gives no answer keeps no promise.
            holds: question
                .target
                .is_some()
                .then(|| value.and_then(|it| question.holds(it)).unwrap_or(false)),
        }
    };
    questions.iter().enumerate().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviours;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn about_r4(script: &str) -> Vec<Finding> {
        let situation = behaviours::named("R4").expect("it is there");
        let answers = ask(&mut shell(script), Duration::from_secs(5));
        findings(&situation, Contender::Tokio, answers)
    }

    #[test]
    fn answers_become_findings() {
        let found = about_r4(r#"echo '[{"value":101.5,"text":null},{"value":1.0,"text":"one"}]'"#);
        let [took, reported] = &found[..] else { panic!("two questions") };
        assert_eq!((took.text.as_str(), took.holds), ("101.5 ms", Some(false)));
        assert_eq!((reported.text.as_str(), reported.holds), ("one", Some(true)));
        assert_eq!(took.target.as_deref(), Some("≤ 100 ms"));
        let json = serde_json::to_value(took).expect("a finding can be written");
        let keys: Vec<_> = json.as_object().expect("it is an object").keys().collect();
        for key in ["id", "situation", "runtime", "value", "unit", "text", "target", "holds"] {
            assert!(keys.iter().any(|it| *it == key), "{key}");
        }
        assert_eq!(keys.len(), 8);
    }

    #[test]
    fn whoever_dies_or_hangs_or_babbles_has_no_answer() {
        for (script, why) in [
            ("echo 'thread panicked' >&2; exit 101", "exit status: 101: thread panicked"),
            ("echo hello", "printed no answers"),
            ("echo '[]'", "0 answers to 2 questions"),
        ] {
            for finding in about_r4(script) {
                assert!(finding.text.starts_with(why), "{}", finding.text);
                assert_eq!((finding.value, finding.holds), (None, Some(false)));
            }
        }
        let hung = ask(&mut shell("exec sleep 1000"), Duration::from_millis(50));
        assert!(hung.is_err_and(|it| it.contains("killed")));
    }
}
