//! A server in a process of its own, and the load that is put on it.

use super::{
    calls,
    load::{Report, TRANSFER},
    protocol::{Address, Kind, LISTENING},
};
use crate::{
    column::{Column, Failure, Setup},
    contender::Contender,
    languages, pin,
    program::{self, output_within, read_all},
    reading::{Reading, Sample, Unit},
    system,
};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How long a server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a load may take beyond what it was asked for.
const DELAY: Duration = Duration::from_secs(20);

const MIB: f64 = (1 << 20) as f64;

/// A server, and what is asked of it for a sample.
#[derive(Debug)]
pub(super) struct Served {
    server: Server,
    /// What the server itself needs. Ended after it.
    _upstream: Option<Server>,
    task: Task,
    /// The server's system calls per operation, if they were counted.
    calls: Option<f64>,
}

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) kind: Kind,
    pub(super) connections: usize,
    /// The bytes of a request.
    pub(super) size: usize,
    pub(super) length: Length,
    /// Where the load generator runs, if that matters.
    pub(super) processor: Option<usize>,
}

/// How long a load goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) warm_up: Duration,
    pub(super) window: Duration,
}

/// Starts a server of that kind, and what it needs. `setup.size` is the number of
/// connections, `size` that of the bytes of a request.
pub(super) fn open(setup: &Setup, kind: Kind, size: usize) -> Result<Box<dyn Column>, Failure> {
    // The servers inherit it, and a proxy has two for each.
    system::allow_files(2 * setup.size)?;
    let thorough = setup.sample >= Duration::from_millis(5);
    let millis = |it| Duration::from_millis(it);
    let (warm_up, window) = if thorough { (30, 200) } else { (15, 60) };
    let (servers, clients) = processors(setup.workers);
    let task = Task {
        kind,
        connections: usize::try_from(setup.size).unwrap_or(usize::MAX),
        size,
        length: Length { warm_up: millis(warm_up), window: millis(window) },
        processor: clients,
    };
    let upstream = match kind {
        Kind::TcpProxy => {
            let mut command = server_process(Contender::Raw, Kind::TcpEcho, 1, None);
            Some(Server::start(&mut command, clients)?)
        }
        _ => None,
    };
    let behind = upstream.as_ref().and_then(Server::port);
    let mut command = server_command(setup.contender, kind, setup.workers, behind)?;
    let server = Server::start(&mut command, servers)?;
    let calls = thorough.then(|| calls::per_answer(&command, servers, &task)).flatten();
    let calls = calls.map(|it| it / operations_per_answer(kind));
    Ok(Box::new(Served { server, _upstream: upstream, task, calls }))
}

/// Where the server runs and where its clients do, if each has a processor: with
/// several workers the server's threads take one each.
fn processors(workers: usize) -> (Option<usize>, Option<usize>) {
    match pin::processors()[..] {
        [first, .., last] if workers == 1 => (Some(last), Some(first)),
        _ => (None, None),
    }
}

/// The program that serves.
fn server_command(
    contender: Contender,
    kind: Kind,
    workers: usize,
    upstream: Option<SocketAddr>,
) -> Result<Command, Failure> {
    match (contender, kind) {
        (Contender::Asyncio | Contender::Uvloop | Contender::Go, Kind::TcpEcho) => {
            languages::echo_server(contender, workers)
        }
        (Contender::Asyncio | Contender::Uvloop | Contender::Go, _)
        | (Contender::Raw, Kind::TcpProxy) => Err(Failure::NotOffered),
        _ => Ok(server_process(contender, kind, workers, upstream)),
    }
}

/// This program, as a server.
fn server_process(
    contender: Contender,
    kind: Kind,
    workers: usize,
    upstream: Option<SocketAddr>,
) -> Command {
    let mut command = program::this_program();
    command.args(["serve", contender.name(), kind.name()]);
    command.args(["--workers", &workers.to_string()]);
    if let Some(upstream) = upstream {
        command.args(["--upstream", &upstream.to_string()]);
    }
    command
}

impl Column for Served {
    fn sample(&mut self) -> Result<Sample, Failure> {
        let report = self.task.put_on(&self.server, self.task.length).map_err(Failure::Failed)?;
        match operations(self.task.kind, &report) {
            0.0 => Err(Failure::Failed("no answer came while it counted".to_owned())),
            operations => Ok(sample(self.task.kind, &report, operations, self.calls)),
        }
    }
}

/// A MiB of a transfer is an operation, whether its answer is complete or not; so is
/// every other answer.
fn operations(kind: Kind, report: &Report) -> f64 {
    match kind {
        Kind::TcpTransfer => report.bytes as f64 / MIB,
        _ => report.answers as f64,
    }
}

fn operations_per_answer(kind: Kind) -> f64 {
    match kind {
        Kind::TcpTransfer => TRANSFER as f64 / MIB,
        _ => 1.0,
    }
}

fn sample(kind: Kind, report: &Report, operations: f64, calls: Option<f64>) -> Sample {
    let per_operation = |it: u64| it as f64 / operations;
    let mut sample = match kind {
        Kind::TcpTransfer => {
            let megabytes = report.bytes as f64 / 1e6;
            Sample::of([(Unit::Megabytes, megabytes / report.seconds)])
        }
        _ => {
            let mut sample = Sample::of_latencies(report.latencies());
            // The longest of so few says more about the machine than about a server.
            sample.readings.retain(|it| it.unit != Unit::Max);
            sample.readings.push(Reading::new(Unit::Throughput, operations / report.seconds));
            sample
        }
    };
    let server = [
        (Unit::ServerCpu, report.server_cpu.map(|nanos| per_operation(nanos) / 1e3)),
        (Unit::SystemCalls, calls),
        (Unit::ContextSwitches, report.server_switches.map(per_operation)),
    ];
    let known = server.into_iter().filter_map(|(unit, value)| Some(Reading::new(unit, value?)));
    sample.readings.extend(known);
    sample
}

impl Task {
    /// Runs the load generator to its end.
    pub(super) fn put_on(&self, server: &Server, length: Length) -> Result<Report, String> {
        let mut command = program::this_program();
        let millis = |it: Duration| it.as_millis().to_string();
        command
            .args(["load", self.kind.name(), "--json"])
            .args(["--connect", &server.address.to_string()])
            .args(["--connections", &self.connections.to_string()])
            .args(["--size", &self.size.to_string()])
            .args(["--warm-up", &millis(length.warm_up)])
            .args(["--duration", &millis(length.window)])
            .args(["--server-pid", &server.child.id().to_string()]);
        let limit = length.warm_up + length.window + DELAY;
        let output = on(self.processor, || output_within(&mut command, limit))?;
        serde_json::from_str(output.trim())
            .map_err(|error| format!("the load generator printed no report: {error}"))
    }
}

fn on<T>(processor: Option<usize>, work: impl FnOnce() -> T) -> T {
    match processor {
        Some(cpu) => pin::on(cpu, work),
        None => work(),
    }
}

/// A process that serves until its standard input is closed.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    address: Address,
    /// The lines that it prints.
    output: Receiver<String>,
    complaints: Receiver<String>,
}

impl Server {
    /// Starts one, and waits until it listens.
    pub(super) fn start(command: &mut Command, processor: Option<usize>) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = on(processor, || command.spawn())
            .map_err(|error| Failure::Failed(format!("{name} cannot be started: {error}")))?;
        let output = lines(child.stdout.take());
        let complaints = read_all(child.stderr.take());
        let address = Address::Path(String::new().into());
        let mut server = Self { child, address, output, complaints };
        let first = server.output.recv_timeout(PATIENCE).unwrap_or_default();
        match first.strip_prefix(LISTENING) {
            Some(address) => {
                let Ok(address) = address.trim().parse();
                server.address = address;
                Ok(server)
            }
            None => Err(Failure::Failed(format!("{name} does not listen: {}", server.end()))),
        }
    }

    /// The port, if it has one.
    fn port(&self) -> Option<SocketAddr> {
        match &self.address {
            Address::Inet(address) => Some(*address),
            Address::Path(_) => None,
        }
    }

    /// Ends it. The result is what it printed on its standard error.
    pub(super) fn end(mut self) -> String {
        self.stop();
        let complaints = self.complaints.recv_timeout(Duration::from_secs(1));
        complaints.unwrap_or_default().trim().to_owned()
    }

    fn stop(&mut self) {
        drop(self.child.stdin.take());
        let still_open = loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(_line) => {}
                Err(why) => break why == RecvTimeoutError::Timeout,
            }
        };
        if still_open {
            // Fails only if it is gone already.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lines(pipe: Option<impl std::io::Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let lines = pipe.into_iter().flat_map(|it| BufReader::new(it).lines());
        for line in lines.map_while(Result::ok) {
            // Nobody listens any more when the server is to end.
            let _ = send.send(line);
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_where_it_says_and_ends_with_its_input() {
        let script = "echo 'listening on 127.0.0.1:4711'; cat; echo bye >&2";
        let server = Server::start(&mut shell(script), None).expect("it says where");
        assert_eq!(server.port(), Some(([127, 0, 0, 1], 4711).into()));
        assert_eq!(server.end(), "bye");
        let chatty = "echo 'listening on x'; cat; echo one; echo two";
        let server = Server::start(&mut shell(chatty), None).expect("it says where");
        assert_eq!(server.end(), "");
    }

    #[test]
    fn a_server_that_does_not_listen_is_quoted() {
        let failed = Server::start(&mut shell("echo 'the port is taken' >&2; exit 2"), None);
        let what = failed.expect_err("it ends").to_string();
        assert_eq!(what, "sh does not listen: the port is taken");
    }

    #[test]
    fn an_answer_is_an_operation_and_of_a_transfer_a_megabyte() {
        let report = Report {
            answers: 10,
            bytes: 160 << 20,
            seconds: 2.0,
            latencies: vec![(1_000, 10)],
            server_cpu: Some(320_000),
            server_switches: Some(40),
            all_answers: 12,
        };
        let value = |kind, unit| {
            let sample = sample(kind, &report, operations(kind, &report), Some(3.0));
            sample.readings.iter().find(|it| it.unit == unit).map(|it| it.value)
        };
        assert_eq!(value(Kind::TcpEcho, Unit::Throughput), Some(5.0));
        assert_eq!(value(Kind::TcpEcho, Unit::ServerCpu), Some(32.0));
        assert_eq!(value(Kind::TcpEcho, Unit::ContextSwitches), Some(4.0));
        assert_eq!(value(Kind::TcpEcho, Unit::SystemCalls), Some(3.0));
        assert_eq!(value(Kind::TcpEcho, Unit::Megabytes), None);
        assert_eq!(value(Kind::TcpTransfer, Unit::ServerCpu), Some(2.0));
        assert!(value(Kind::TcpTransfer, Unit::Megabytes).expect("it is told") > 80.0);
        assert_eq!(value(Kind::TcpTransfer, Unit::P50), None);
    }
}
