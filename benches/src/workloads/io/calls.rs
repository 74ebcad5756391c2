//! How many system calls a server does for an answer.
//!
//! `strace -c` counts those of a server started for that alone, so nothing that is
//! timed runs under it. It counts twice, for a short load and for a longer one: what
//! differs between the two is answers, and what a server does at its start, for new
//! connections and at its end is in both. Under strace a server is many times slower
//! than its clients, so it finds more to do whenever it looks: where a loop reads many
//! events at a time the count is somewhat too low.

use super::served::{Length, Server, Task};
use std::{
    process::{Command, Stdio},
    sync::Once,
    time::Duration,
};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_millis(200);

/// So many calls for so many answers.
#[derive(Clone, Copy, Debug)]
struct Count {
    calls: u64,
    answers: u64,
}

/// Counts for the server that `command` starts. None if that cannot be done here.
pub(super) fn per_answer(command: &Command, processor: Option<usize>, task: &Task) -> Option<f64> {
    if !is_there() {
        return None;
    }
    let count = |window| count(command, processor, task, window);
    match (count(SHORT), count(LONG)) {
        (Ok(short), Ok(long)) => between(short, long),
        (Err(what), _) | (_, Err(what)) => {
            say_once(&what);
            None
        }
    }
}

fn is_there() -> bool {
    let mut version = Command::new("strace");
    version.arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = version.status().is_ok_and(|it| it.success());
    if !is_there {
        say_once("strace is not installed");
    }
    is_there
}

fn say_once(what: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| eprintln!("system calls are not counted: {what}"));
}

fn count(
    command: &Command,
    processor: Option<usize>,
    task: &Task,
    window: Duration,
) -> Result<Count, String> {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-c", "--"]).arg(command.get_program()).args(command.get_args());
    let server = Server::start(&mut traced, processor).map_err(|it| it.to_string())?;
    let length = Length { warm_up: Duration::ZERO, window };
    let report = task.put_on(&server, length)?;
    let table = server.end();
    let calls = calls_in(&table).ok_or_else(|| format!("strace printed no table: {table}"))?;
    Ok(Count { calls, answers: report.all_answers })
}

/// The sum of the column `calls`, the fourth; the line of totals left out.
fn calls_in(table: &str) -> Option<u64> {
    let rows = table.lines().map(|it| it.split_whitespace().collect::<Vec<_>>());
    let counts = rows.filter_map(|row| match row[..] {
        [percent, _, _, calls, .., name] if name != "total" && percent.parse::<f64>().is_ok() => {
            calls.parse::<u64>().ok()
        }
        _ => None,
    });
    counts.reduce(|one, other| one + other)
}

fn between(short: Count, long: Count) -> Option<f64> {
    let calls = long.calls.checked_sub(short.calls)?;
    let answers = long.answers.checked_sub(short.answers).filter(|it| *it > 0)?;
    Some(calls as f64 / answers as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_table_are_added_up() {
        let table = "\
strace: Process 7 attached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           6       100           sendto
 40.00    0.000400           2       200        10 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           3       300        10 total";
        assert_eq!(calls_in(table), Some(300));
        assert_eq!(calls_in("strace: Operation not permitted"), None);
    }

    #[test]
    fn what_is_in_both_counts_does_not_matter() {
        let count = |answers| Count { calls: 5_000 + 3 * answers, answers };
        assert_eq!(between(count(10), count(1_010)), Some(3.0));
        assert_eq!(between(count(10), count(10)), None);
    }
}
