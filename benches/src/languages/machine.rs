//! What there is of other languages on a machine.

use crate::{column::Failure, contender::Contender, program::output_within};
use std::{
    env,
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

const GO: &str = include_str!("../../languages/main.go");

/// Asks an interpreter where it is, what it is, and for uvloop.
const ASK: &str = "
import platform, sys
print(sys.executable)
print(platform.python_implementation(), platform.python_version())
try:
    import uvloop
    print(uvloop.__version__)
except ImportError:
    pass
";

/// How long a tool may take to say what it is: much longer than any that works.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The same for the compiler, which may begin with its standard library.
const COMPILE_LIMIT: Duration = Duration::from_secs(150);

/// The languages. Of one that is not there it is known why not, and what to do.
#[derive(Debug)]
pub(super) struct Machine {
    python: Result<Python, String>,
    go: Result<Go, String>,
}

/// An interpreter.
#[derive(Debug)]
pub(super) struct Python {
    /// Itself, and not a script that looks for it.
    pub(super) executable: PathBuf,
    version: String,
    uvloop: Option<String>,
}

/// A compiler.
#[derive(Debug)]
pub(super) struct Go {
    executable: PathBuf,
    version: String,
}

impl Machine {
    /// This one. It is asked once.
    pub(super) fn here() -> &'static Self {
        static HERE: OnceLock<Machine> = OnceLock::new();
        HERE.get_or_init(|| {
            let path = env::var_os("PATH").unwrap_or_default();
            let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
            Self::with(&path, &python)
        })
    }

    /// One where programs are looked for on `path`, and where the interpreter has the
    /// name `python`.
    pub(super) fn with(path: &OsStr, python: &OsStr) -> Self {
        Self {
            python: find(path, python).and_then(Python::ask),
            go: find(path, OsStr::new("go")).and_then(Go::ask),
        }
    }

    /// What is there, in the order of tables.
    pub(super) fn versions(&self) -> Vec<(Contender, String)> {
        let python = self.python.as_ref().ok();
        let all = [
            (Contender::Asyncio, python.map(|it| &it.version)),
            (Contender::Uvloop, python.and_then(|it| it.uvloop.as_ref())),
            (Contender::Go, self.go.as_ref().ok().map(|it| &it.version)),
        ];
        all.into_iter()
            .filter_map(|(contender, version)| Some((contender, version?.clone())))
            .collect()
    }

    /// The interpreter, if it has what the contender needs.
    pub(super) fn python_for(&self, contender: Contender) -> Result<&Python, Failure> {
        let python = self.python.as_ref().map_err(|what| missing(what, contender))?;
        if contender == Contender::Uvloop && python.uvloop.is_none() {
            let executable = python.executable.display();
            let what = format!("{executable} has no uvloop: pip install uvloop");
            return Err(missing(&what, contender));
        }
        Ok(python)
    }

    /// The compiler.
    pub(super) fn go(&self) -> Result<&Go, Failure> {
        self.go.as_ref().map_err(|what| missing(what, Contender::Go))
    }
}

fn missing(what: &str, contender: Contender) -> Failure {
    Failure::Missing(format!("{what}, or leave {} out of --against", contender.name()))
}

/// Where a program is: on `path`, or where its name says if that is more than a name.
fn find(path: &OsStr, name: &OsStr) -> Result<PathBuf, String> {
    let is_executable = |file: &PathBuf| {
        fs::metadata(file).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let name = Path::new(name);
    let found = match name.components().count() {
        1 => env::split_paths(path).map(|folder| folder.join(name)).find(is_executable),
        _ => Some(name.to_owned()).filter(is_executable),
    };
    found.ok_or_else(|| match name.components().count() {
        1 => format!("{} is not on the PATH: install it", name.display()),
        _ => format!("{} is no program: install it", name.display()),
    })
}

/// What a tool answers, by lines.
fn ask(command: &mut Command) -> Result<Vec<String>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let answer = output_within(command, ANSWER_LIMIT)
        .map_err(|what| format!("{name} does not work ({what}): mend it"))?;
    Ok(answer.lines().map(str::to_owned).collect())
}

impl Python {
    fn ask(executable: PathBuf) -> Result<Self, String> {
        let mut lines = ask(Command::new(&executable).args(["-c", ASK]))?.into_iter();
        let (Some(itself), Some(version)) = (lines.next(), lines.next()) else {
            return Err(format!("{} is no Python: set PYTHON", executable.display()));
        };
        Ok(Self { executable: itself.into(), version, uvloop: lines.next() })
    }
}

impl Go {
    fn ask(executable: PathBuf) -> Result<Self, String> {
        let lines = ask(Command::new(&executable).args(["env", "GOVERSION"]))?;
        Ok(Self { executable, version: lines.concat() })
    }

    /// The workloads, compiled: beside this program, once for a compiler and a source.
    pub(super) fn program(&self) -> Result<PathBuf, Failure> {
        let itself = env::current_exe().expect("a program can tell where it is");
        let folder = itself.parent().expect("a program is in a folder");
        let mut hasher = DefaultHasher::new();
        (GO, &self.version).hash(&mut hasher);
        let program = folder.join(format!("languages-go-{:016x}", hasher.finish()));
        if !program.exists() {
            self.compile(&program).map_err(|what| Failure::Failed(format!("go build: {what}")))?;
        }
        Ok(program)
    }

    /// In a folder of its own, so that other processes and threads may do the same at the
    /// same time.
    fn compile(&self, program: &Path) -> Result<(), String> {
        static COMPILED: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: a number, and nothing comes with it.
        let number = COMPILED.fetch_add(1, Relaxed);
        let folder = program.with_extension(format!("{}-{number}", process::id()));
        let compiled = self.compile_in(&folder, program);
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(&folder);
        compiled
    }

    fn compile_in(&self, folder: &Path, program: &Path) -> Result<(), String> {
        fs::create_dir_all(folder).map_err(told)?;
        fs::write(folder.join("main.go"), GO).map_err(told)?;
        let mut build = Command::new(&self.executable);
        build.args(["build", "-o", "main", "main.go"]).current_dir(folder);
        output_within(&mut build, COMPILE_LIMIT)?;
        fs::rename(folder.join("main"), program).map_err(told)
    }
}

fn told(error: io::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_on_the_path_or_where_it_says() {
        let path = OsStr::new("/nowhere:/bin");
        assert_eq!(find(path, OsStr::new("sh")), Ok("/bin/sh".into()));
        assert_eq!(find(OsStr::new(""), OsStr::new("/bin/sh")), Ok("/bin/sh".into()));
        let folder = find(OsStr::new(""), OsStr::new("/bin"));
        assert_eq!(folder.unwrap_err(), "/bin is no program: install it");
    }

    #[test]
    fn an_interpreter_that_is_none_is_named() {
        let machine = Machine::with(OsStr::new(""), OsStr::new("/bin/false"));
        let failure = machine.python_for(Contender::Asyncio).unwrap_err().to_string();
        assert_eq!(
            failure,
            "/bin/false does not work (exit status: 1: ): mend it, or leave asyncio out of --against"
        );
    }

    #[test]
    fn python_without_uvloop_says_so() {
        let python = Python { executable: "/p".into(), version: "CPython 3".into(), uvloop: None };
        let machine = Machine { python: Ok(python), go: Err("no".to_owned()) };
        let failure = machine.python_for(Contender::Uvloop).unwrap_err().to_string();
        assert_eq!(
            failure,
            "/p has no uvloop: pip install uvloop, or leave uvloop out of --against"
        );
        assert_eq!(machine.versions(), [(Contender::Asyncio, "CPython 3".to_owned())]);
    }

    #[test]
    fn what_does_not_compile_is_quoted() {
        let go = Go { executable: "/bin/false".into(), version: String::new() };
        let program = env::temp_dir().join(format!("languages-test-{}", process::id()));
        assert_eq!(go.compile(&program).unwrap_err(), "exit status: 1: ");
        assert!(!program.exists());
        assert!(!program.with_extension(process::id().to_string()).exists(), "nothing is left");
    }
}
