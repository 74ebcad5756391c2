//! The load generator: a closed loop on one thread.
//!
//! Each connection has one request under way and sends the next when the answer is
//! complete, so a slow server is asked less, and a latency tells what one client of so
//! many would see; it does not tell how a server does at a rate that is forced on it.
//! Every byte that comes back is checked, and every request must be answered: when
//! the time is up nothing more is asked, and what is missing a second later is an
//! error.
//!
//! Time that counts begins when each connection has had an answer and the warm-up is
//! over. The server's processor time and context switches are read by this process, at
//! both ends of the time that counts.
//!
//! Connections end by a reset (`SO_LINGER` 0), and where they are what is measured the
//! server closes first. So nothing stays in `TIME_WAIT`, and no number of runs uses up
//! the ports.

mod client;

use self::client::{Client, Plan, Progress};
use super::{
    observe::Usage,
    protocol::{Address, BUFFER, Kind},
};
use crate::{clock, reading, system};
use hdrhistogram::Histogram;
use mio::{Events, Poll, Registry, Token};
use serde::{Deserialize, Serialize};
use std::{
    io,
    time::{Duration, Instant},
};

pub(crate) use self::client::TRANSFER;

/// How long the first answers, and the last ones, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// File descriptors beside those of connections.
const OTHER_DESCRIPTORS: u64 = 16;

/// What to ask of whom, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// What the server does.
    pub kind: Kind,
    /// Where it listens.
    pub address: Address,
    /// How many requests are under way at a time.
    pub connections: usize,
    /// The bytes of a request, where the kind leaves a choice.
    pub size: usize,
    /// How long to go on before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub window: Duration,
    /// The server's process, if what it uses is to be told.
    pub server: Option<u32>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How many answers came while it counted.
    pub answers: u64,
    /// How many bytes of answers came while it counted.
    pub bytes: u64,
    /// For how many seconds it counted.
    pub seconds: f64,
    /// Pairs of a latency in nanoseconds and of how many answers took so long.
    pub latencies: Vec<(u64, u64)>,
    /// The server's processor time while it counted, in nanoseconds.
    pub server_cpu: Option<u64>,
    /// The server's context switches while it counted.
    pub server_switches: Option<u64>,
    /// How many answers came in all, before and after included.
    pub all_answers: u64,
}

impl Report {
    /// The latencies.
    #[must_use]
    pub fn latencies(&self) -> Histogram<u64> {
        let mut histogram = reading::latencies();
        self.latencies
            .iter()
            .for_each(|&(value, count)| histogram.saturating_record_n(value, count));
        histogram
    }
}

/// Puts the load on the server.
///
/// # Errors
///
/// If the server cannot be reached, answers wrongly, or does not answer.
pub fn run(load: &Load) -> Result<Report, String> {
    let wanted = load.connections as u64 + OTHER_DESCRIPTORS;
    match system::raise_descriptor_limit() {
        Ok(limit) if limit < wanted => {
            return Err(format!(
                "{} connections need {wanted} file descriptors, and {limit} are allowed: \
                 `ulimit -n {wanted}` as root, or fewer connections",
                load.connections
            ));
        }
        // Whether the descriptors suffice will show.
        _ => {}
    }
    let told = |error: io::Error| format!("{} on {}: {error}", load.kind, load.address);
    let mut generator = Generator::new(load).map_err(told)?;
    generator.run().map_err(told)?;
    Ok(generator.report)
}

/// A part of the run, and when it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Until each connection has had an answer.
    Begins(Instant),
    WarmsUp(Instant),
    Counts(Instant),
    /// Until each request has been answered.
    Ends(Instant),
}

impl Phase {
    fn end(self) -> Instant {
        match self {
            Self::Begins(end) | Self::WarmsUp(end) | Self::Counts(end) | Self::Ends(end) => end,
        }
    }
}

struct Generator<'a> {
    load: &'a Load,
    plan: Plan,
    poll: Poll,
    clients: Vec<Client>,
    /// How many connections have had an answer.
    begun: usize,
    has_begun: Vec<bool>,
    /// How many requests are under way.
    asked: usize,
    phase: Phase,
    latencies: Histogram<u64>,
    /// When it began to count, and what the server had used then.
    start: Option<(Instant, Option<Usage>)>,
    report: Report,
}

impl<'a> Generator<'a> {
    fn new(load: &'a Load) -> io::Result<Self> {
        let plan = Plan::new(load.kind, load.address.clone(), load.size);
        let mut generator = Self {
            load,
            plan,
            poll: Poll::new()?,
            clients: Vec::with_capacity(load.connections),
            begun: 0,
            has_begun: vec![false; load.connections],
            asked: 0,
            phase: Phase::Begins(clock::now() + PATIENCE),
            latencies: reading::latencies(),
            start: None,
            report: Report::default(),
        };
        for index in 0..load.connections {
            let mut client = generator.connect(index)?;
            client.ask(clock::now())?;
            generator.clients.push(client);
        }
        generator.asked = load.connections;
        Ok(generator)
    }

    fn connect(&self, index: usize) -> io::Result<Client> {
        self.plan.connect(index, self.registry())
    }

    fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 2 * BUFFER];
        while !self.is_over()? {
            let left = self.phase.end().saturating_duration_since(clock::now());
            match self.poll.poll(&mut events, Some(left)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                let Token(index) = event.token();
                self.advance(index, &mut buffer)?;
            }
        }
        Ok(())
    }

    /// Goes on to the next phase when it is time. Tells whether there is none.
    fn is_over(&mut self) -> io::Result<bool> {
        let now = clock::now();
        let is_up = now >= self.phase.end();
        let all = self.clients.len();
        match self.phase {
            Phase::Begins(_) if self.begun == all => {
                self.phase = Phase::WarmsUp(now + self.load.warm_up);
            }
            Phase::Begins(_) if is_up => return Err(unanswered(all - self.begun, all)),
            Phase::WarmsUp(_) if is_up => self.start_counting()?,
            Phase::Counts(_) if is_up => self.stop_counting(now)?,
            Phase::Ends(_) if self.asked == 0 => return Ok(true),
            Phase::Ends(_) if is_up => return Err(unanswered(self.asked, all)),
            _ => {}
        }
        Ok(false)
    }

    fn start_counting(&mut self) -> io::Result<()> {
        self.latencies.reset();
        (self.report.answers, self.report.bytes) = (0, 0);
        let usage = self.load.server.map(Usage::of).transpose()?;
        let now = clock::now();
        self.start = Some((now, usage));
        self.phase = Phase::Counts(now + self.load.window);
        Ok(())
    }

    fn stop_counting(&mut self, now: Instant) -> io::Result<()> {
        let (start, before) = self.start.expect("it has begun to count");
        if let (Some(before), Some(server)) = (before, self.load.server) {
            let used = Usage::of(server)?.since(before);
            self.report.server_cpu = u64::try_from(used.cpu.as_nanos()).ok();
            self.report.server_switches = Some(used.switches);
        }
        self.report.seconds = (now - start).as_secs_f64();
        let pairs = self.latencies.iter_recorded();
        self.report.latencies =
            pairs.map(|it| (it.value_iterated_to(), it.count_at_value())).collect();
        self.phase = Phase::Ends(now + PATIENCE);
        Ok(())
    }

    fn advance(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<()> {
        let client = &mut self.clients[index];
        let Some(since) = client.since else { return Ok(()) };
        let mut bytes = 0;
        let progress = client.advance(buffer, &mut bytes)?;
        if !matches!(self.phase, Phase::Ends(_)) {
            self.report.bytes += bytes;
        }
        match progress {
            Progress::Waits => Ok(()),
            Progress::Answered => self.answered(index, since),
        }
    }

    /// Notes an answer, and asks again.
    fn answered(&mut self, index: usize, since: Instant) -> io::Result<()> {
        let now = clock::now();
        self.begun += usize::from(!std::mem::replace(&mut self.has_begun[index], true));
        self.report.all_answers += 1;
        if matches!(self.phase, Phase::Ends(_)) {
            self.clients[index].since = None;
            self.asked -= 1;
            return Ok(());
        }
        self.report.answers += 1;
        reading::note(&mut self.latencies, now - since);
        if self.load.kind == Kind::TcpConnect {
            self.clients[index] = self.connect(index)?;
        }
        self.clients[index].ask(now)
    }
}

fn unanswered(missing: usize, all: usize) -> io::Error {
    let seconds = PATIENCE.as_secs();
    let what = format!("{missing} of {all} connections have had no answer within {seconds} s");
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
mod tests;
