//! Which signal?

use libc::c_int;
use std::{fmt, io};

/// A signal of the operating system, by its number.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::signal::SignalKind;
///
/// assert_eq!(SignalKind::interrupt().to_string(), "SIGINT");
/// assert_eq!(SignalKind::from_raw(SignalKind::hangup().as_raw()), SignalKind::hangup());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:ident;)*) => {
        impl SignalKind {
            $(
                $(#[$doc])*
                #[must_use]
                pub const fn $name() -> Self {
                    Self(libc::$number)
                }
            )*
        }

        const NAMES: &[(c_int, &str)] = &[$((libc::$number, stringify!($number))),*];
    };
}

kinds! {
    /// A timer of `alarm(2)` has run out.
    alarm = SIGALRM;
    /// A child process ended or stopped.
    child = SIGCHLD;
    /// The terminal was closed. Services take it for "read the configuration again".
    hangup = SIGHUP;
    /// Ctrl-C.
    interrupt = SIGINT;
    /// A descriptor is ready.
    io = SIGIO;
    /// The end that cannot be refused: to be sent, not to be heard.
    kill = SIGKILL;
    /// Written to a pipe that nobody reads. Rust programs ignore it.
    pipe = SIGPIPE;
    /// Ctrl-\, which by default leaves a core dump.
    quit = SIGQUIT;
    /// A polite request to end.
    terminate = SIGTERM;
    /// For the program's own use.
    user_defined1 = SIGUSR1;
    /// For the program's own use.
    user_defined2 = SIGUSR2;
    /// The size of the terminal's window changed.
    window_change = SIGWINCH;
}

/// Signals of faults: the instruction that caused one runs again, so nobody can go on
/// after a handler that only takes note.
const FAULTS: [(c_int, &str); 4] = [
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGSEGV, "SIGSEGV"),
];

/// The system keeps these two to itself.
const RESERVED: [(c_int, &str); 2] = [(libc::SIGKILL, "SIGKILL"), (libc::SIGSTOP, "SIGSTOP")];

impl SignalKind {
    /// By number: for real-time signals, and those without a method here.
    #[must_use]
    pub const fn from_raw(number: c_int) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    #[doc(alias = "as_raw_value")]
    pub const fn as_raw(self) -> c_int {
        self.0
    }

    /// Whether it can be heard.
    pub(super) fn check(self) -> io::Result<()> {
        let is_one_of = |list: &[(c_int, &str)]| list.iter().any(|(number, _)| *number == self.0);
        let reason = if is_one_of(&RESERVED) {
            "the system lets nobody hear it"
        } else if is_one_of(&FAULTS) {
            "the program cannot go on after a fault"
        } else if self.index().is_none() {
            "there is no such signal"
        } else {
            return Ok(());
        };
        let message = format!("cannot listen for {self}: {reason}");
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }

    /// Its place in a table of [`KINDS_MAX`].
    pub(super) fn index(self) -> Option<usize> {
        usize::try_from(self.0).ok().filter(|index| (1..KINDS_MAX).contains(index))
    }
}

/// Above the last signal of any system.
pub(super) const KINDS_MAX: usize = 129;

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = NAMES.iter().chain(&FAULTS).chain(&RESERVED);
        match known.find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_heard_is_refused_with_the_reason() {
        for (number, reason) in [
            (libc::SIGKILL, "SIGKILL: the system lets nobody hear it"),
            (libc::SIGSTOP, "SIGSTOP: the system lets nobody hear it"),
            (libc::SIGSEGV, "SIGSEGV: the program cannot go on after a fault"),
            (libc::SIGFPE, "SIGFPE: the program cannot go on after a fault"),
            (libc::SIGILL, "SIGILL: the program cannot go on after a fault"),
            (libc::SIGBUS, "SIGBUS: the program cannot go on after a fault"),
            (0, "signal 0: there is no such signal"),
            (-1, "signal -1: there is no such signal"),
            (c_int::MIN, "signal -2147483648: there is no such signal"),
            (1000, "signal 1000: there is no such signal"),
        ] {
            let error = SignalKind::from_raw(number).check().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("cannot listen for {reason}"));
        }
        SignalKind::terminate().check().unwrap();
        SignalKind::from_raw(libc::SIGRTMAX()).check().unwrap();
    }
}
