//! The same work in other languages: asyncio, uvloop and Go, where they are installed.
//!
//! The programs are in `benches/languages/` and use standard libraries only, and
//! uvloop. A function there has the name of the Rust function whose work it does,
//! checks the same result, and does it as its language does: tasks and futures in
//! Python; goroutines, channels and a `WaitGroup` in Go.
//!
//! What differs: an event loop of Python has one thread, so there are no rows with
//! more workers. Go has `GOMAXPROCS` threads that run goroutines, but they are not
//! pinned, and with one of them its collector still has threads of its own. All have
//! the allocator they come with. Time that a collector takes counts, on both clocks.

mod machine;

use crate::{
    column::{Column, Failure, Setup},
    companion::Companion,
    contender::Contender,
};
use machine::Machine;
use std::process::Command;

/// What is run with `python -c`, so that nothing depends on where this program is.
const PYTHON: &str = include_str!("../../languages/main.py");

/// A column that does `work`, which is the name of a function in the programs.
///
/// # Errors
///
/// If the contender is no other language or does not do this with so many workers; if
/// it is not on this machine; if it cannot be compiled or started.
pub fn column(work: &str, setup: &Setup) -> Result<Box<dyn Column>, Failure> {
    let mut command = command(Machine::here(), setup.contender, setup.workers)?;
    command.args([work, &setup.size.to_string(), &setup.sample.as_micros().to_string()]);
    Ok(Box::new(Companion::start(command)?))
}

/// A server that sends back what it receives. It prints `listening on ADDRESS:PORT` on
/// a line, and ends when its standard input is closed.
///
/// # Errors
///
/// As [`column`] has them.
pub fn echo_server(contender: Contender, workers: usize) -> Result<Command, Failure> {
    let mut command = command(Machine::here(), contender, workers)?;
    command.arg("echo");
    Ok(command)
}

/// Which of the languages are on this machine. Those of Python are looked for with the
/// `python3` of the `PATH`, or with what the environment variable `PYTHON` names.
#[must_use]
pub fn installed() -> Vec<Contender> {
    Machine::here().versions().into_iter().map(|it| it.0).collect()
}

/// The languages that are on this machine, each with its version.
#[must_use]
pub fn versions() -> Vec<(String, String)> {
    let versions = Machine::here().versions();
    versions
        .into_iter()
        .map(|(contender, version)| (contender.name().to_owned(), version))
        .collect()
}

fn command(machine: &Machine, contender: Contender, workers: usize) -> Result<Command, Failure> {
    match contender {
        Contender::Asyncio | Contender::Uvloop if workers == 1 => {
            let mut command = Command::new(&machine.python_for(contender)?.executable);
            command.args(["-c", PYTHON, contender.name()]);
            Ok(command)
        }
        Contender::Go => {
            let mut command = Command::new(machine.go()?.program()?);
            command.env("GOMAXPROCS", workers.to_string());
            Ok(command)
        }
        _ => Err(Failure::NotOffered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{reading::Unit, workloads};
    use std::{
        ffi::OsStr,
        io::{BufRead, BufReader, Read, Write},
        net::{Shutdown, TcpStream},
        process::Stdio,
        time::Duration,
    };

    const LANGUAGES: [Contender; 3] = [Contender::Asyncio, Contender::Uvloop, Contender::Go];

    fn setup(contender: Contender, workers: usize) -> Setup {
        Setup { contender, workers, size: 100, sample: Duration::from_micros(100) }
    }

    /// None, and a message, if the language is missing here.
    fn here<T>(result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(it) => Some(it),
            Err(Failure::Missing(what)) => {
                eprintln!("skipped: {what}");
                None
            }
            Err(failure) => panic!("{failure}"),
        }
    }

    #[test]
    fn every_language_that_is_here_does_its_work() {
        for name in ["spawn_1000_then_join", "ping_pong", "gather_sleeps"] {
            let workload = workloads::named(name).expect("it is in the table");
            for contender in LANGUAGES {
                let Some(mut column) = here((workload.open)(&setup(contender, 1))) else {
                    continue;
                };
                let sample = column.sample().expect("the work is done");
                let units: Vec<_> = sample.readings.iter().map(|it| it.unit).collect();
                assert_eq!(units, [Unit::WallPerOperation, Unit::CpuPerOperation]);
                assert!(sample.readings.iter().all(|it| it.value > 0.0), "{name}: {sample:?}");
            }
        }
    }

    #[test]
    fn sleeps_are_not_shorter_than_asked() {
        for contender in LANGUAGES {
            let Some(mut column) = here(column("gather_sleeps", &setup(contender, 1))) else {
                continue;
            };
            let wall = column.sample().expect("the work is done").readings[0].value;
            // A hundred at a time, a hundredth of a second, less what a loop rounds.
            assert!(wall > 85_000.0, "{contender:?}: {wall} ns for each");
        }
    }

    #[test]
    fn only_go_has_several_workers() {
        for contender in [Contender::Asyncio, Contender::Uvloop, Contender::Raw] {
            let failure = column("ping_pong", &setup(contender, 2)).err();
            assert_eq!(failure, Some(Failure::NotOffered));
        }
        if let Some(mut go) = here(column("ping_pong", &setup(Contender::Go, 2))) {
            go.sample().expect("the work is done");
        }
    }

    #[test]
    fn a_wrong_answer_is_a_failure() {
        let Some(python) = here(Machine::here().python_for(Contender::Asyncio)) else { return };
        let wrong = PYTHON.replace("total += await task", "total += 1 + await task");
        assert_ne!(wrong, PYTHON);
        let mut command = Command::new(&python.executable);
        command.args(["-c", &wrong, "asyncio", "spawn_then_join", "100", "100"]);
        let failure = Companion::start(command).expect("it starts").sample();
        assert_eq!(failure.expect_err("it is wrong").to_string(), "exit status: 1: a wrong answer");
    }

    #[test]
    fn an_echo_server_answers_until_its_input_is_closed() {
        for contender in LANGUAGES {
            let Some(mut server) = here(echo_server(contender, 1)) else { continue };
            let server = server.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut server = server.spawn().expect("it starts");
            let mut line = String::new();
            let mut stdout = BufReader::new(server.stdout.take().expect("it is a pipe"));
            stdout.read_line(&mut line).expect("it prints a line");
            let address = line.trim().strip_prefix("listening on ").expect("it says where");
            let mut client = TcpStream::connect(address).expect("it listens");
            client.write_all(&[7; 100_000]).expect("it reads");
            client.shutdown(Shutdown::Write).expect("it is connected");
            let mut echo = vec![];
            client.read_to_end(&mut echo).expect("it writes");
            assert!(echo == [7; 100_000], "{contender:?}: {} bytes", echo.len());
            drop(server.stdin.take());
            assert!(server.wait().expect("it is a child").success());
        }
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let bare = Machine::with(OsStr::new(""), OsStr::new("python3"));
        let message = |contender| match command(&bare, contender, 1) {
            Err(Failure::Missing(what)) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            message(Contender::Asyncio),
            "python3 is not on the PATH: install it, or leave asyncio out of --against"
        );
        assert_eq!(
            message(Contender::Uvloop),
            "python3 is not on the PATH: install it, or leave uvloop out of --against"
        );
        assert_eq!(
            message(Contender::Go),
            "go is not on the PATH: install it, or leave go out of --against"
        );
        assert!(bare.versions().is_empty());
    }
}
