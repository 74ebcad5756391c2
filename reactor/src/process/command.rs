//! How a child process is started.

use super::child::{Child, OnDrop};
use crate::context;
use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fmt, io,
    os::unix::process::CommandExt,
    panic::Location,
    path::Path,
    process::{self, Stdio},
};

/// How a child process is started: what [`std::process::Command`] has.
///
/// Starting blocks the thread until the new program has been loaded, for about a
/// millisecond; all that comes after does not.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::process::Command;
/// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
///
/// let mut command = Command::new("sh");
/// command.args(["-c", "echo $GREETING"]).env("GREETING", "hi");
/// assert_eq!(command.output().await?.stdout, b"hi\n");
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "create_subprocess_exec")]
pub struct Command {
    std: process::Command,
    on_drop: OnDrop,
    /// Which of the standard streams were chosen.
    chosen: Chosen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Chosen {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

/// What happens to standard streams that nobody chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    /// The child has ours.
    Inherited,
    /// There is no input, and we get the output.
    Captured,
}

impl Command {
    /// A command that starts `program`, found in `PATH` if it is no path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        process::Command::new(program).into()
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Self {
        self.std.args(args);
        self
    }

    /// What the program is told that it was called, instead of its path.
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg0(arg);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(key, value);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        self.std.envs(vars);
        self
    }

    /// Removes a variable of the environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Starts with an empty environment.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// The directory it runs in.
    #[doc(alias = "cwd")]
    pub fn current_dir(&mut self, path: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(path);
        self
    }

    /// What it reads: ours unless said otherwise; nothing for [`output`](Self::output).
    pub fn stdin(&mut self, stream: impl Into<Stdio>) -> &mut Self {
        self.chosen.stdin = true;
        self.std.stdin(stream);
        self
    }

    /// Where it writes: to ours unless said otherwise; [`output`](Self::output)
    /// gathers it.
    pub fn stdout(&mut self, stream: impl Into<Stdio>) -> &mut Self {
        self.chosen.stdout = true;
        self.std.stdout(stream);
        self
    }

    /// Where it complains: as [`stdout`](Self::stdout).
    pub fn stderr(&mut self, stream: impl Into<Stdio>) -> &mut Self {
        self.chosen.stderr = true;
        self.std.stderr(stream);
        self
    }

    /// The user it runs as.
    #[doc(alias = "user")]
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// The group it runs as.
    #[doc(alias = "group")]
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// Its process group; 0 makes it the first of a new one, which Ctrl-C does not
    /// reach.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.std.process_group(group);
        self
    }

    /// Whether the process is killed when its [`Child`], or a future that has it, is
    /// dropped before it ended. Unless said so it runs on.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.on_drop = if kill { OnDrop::Kill } else { OnDrop::LetRun };
        self
    }

    /// Calls `f` in the child, before the program is loaded.
    ///
    /// # Safety
    ///
    /// 1. `f` runs after a fork of a process with several threads: it may do only what
    ///    a signal handler may. It does not allocate, nor take a lock.
    pub unsafe fn pre_exec(
        &mut self,
        f: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
    ) -> &mut Self {
        // SAFETY: by 1.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// The command of std, to look at.
    #[must_use]
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// The command of std. A stream that is chosen there is not known to be chosen:
    /// [`output`](Self::output) chooses its own.
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.std
    }

    /// The command of std.
    #[must_use]
    pub fn into_std(self) -> process::Command {
        self.std
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the program: there may be none of that
    /// name, or no descriptor left. Nothing runs then.
    /// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
    ///
    /// # Panics
    ///
    /// When there is no reactor on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::process::Command;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let child = Command::new("true").spawn()?;
    /// assert!(child.wait().await?.success());
    /// let error = Command::new("/no/such/program").spawn().unwrap_err();
    /// assert!(error.to_string().starts_with("cannot start /no/such/program: "));
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(Streams::Inherited, Location::caller())
    }

    pub(super) fn spawn_with(
        &mut self,
        streams: Streams,
        location: &'static Location<'static>,
    ) -> io::Result<Child> {
        let registry = context::with_current_at(location, |reactor, _| reactor.registry().clone());
        let spawned = match streams {
            Streams::Inherited => self.std.spawn(),
            Streams::Captured => self.spawn_captured(),
        };
        let child = spawned.and_then(|child| Child::new(child, self.on_drop, &registry));
        child.map_err(|cause| SpawnError::wrap(self.std.get_program(), cause))
    }

    fn spawn_captured(&mut self) -> io::Result<process::Child> {
        self.choose(Stdio::null, Stdio::piped);
        let child = self.std.spawn();
        // As if nothing had been said: that is what std does by default.
        self.choose(Stdio::inherit, Stdio::inherit);
        child
    }

    /// For the streams that the user has not chosen.
    fn choose(&mut self, input: fn() -> Stdio, output: fn() -> Stdio) {
        if !self.chosen.stdin {
            self.std.stdin(input());
        }
        if !self.chosen.stdout {
            self.std.stdout(output());
        }
        if !self.chosen.stderr {
            self.std.stderr(output());
        }
    }
}

impl From<process::Command> for Command {
    fn from(std: process::Command) -> Self {
        Self { std, on_drop: OnDrop::LetRun, chosen: Chosen::default() }
    }
}

/// A program that was not started: the inside of an [`io::Error`] of the same kind as
/// its cause.
#[derive(Debug)]
pub struct SpawnError {
    program: OsString,
    cause: io::Error,
}

impl SpawnError {
    #[cold]
    fn wrap(program: &OsStr, cause: io::Error) -> io::Error {
        if crate::ShuttingDown::is_cause_of(&cause) {
            return cause;
        }
        io::Error::new(cause.kind(), Self { program: program.to_owned(), cause })
    }

    /// What was to be started.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// The error of the operating system, with its number.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start {}: {}", self.program.display(), self.cause)
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
