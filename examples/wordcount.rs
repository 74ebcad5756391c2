//! Counts the words below a folder, on all cores, and checks the sum.
//!
//! ```text
//! cargo run --release --example wordcount -- docs
//! ```
//!
//! Files are read on the threads for blocking work, counted in a task each, and
//! the counts gathered. Then one thread does the same without us, and the totals
//! must be equal.

use bowerbird::{spawn, spawn_blocking, time::Instant, try_gather};
use std::{
    env, fs, io,
    iter::Sum,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    files: u64,
    lines: u64,
    words: u64,
    bytes: u64,
}

impl Counts {
    fn of(text: &[u8]) -> Self {
        let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Self {
            files: 1,
            lines: text.iter().filter(|byte| **byte == b'\n').count() as u64,
            words: words.count() as u64,
            bytes: text.len() as u64,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, it| Self {
            files: sum.files + it.files,
            lines: sum.lines + it.lines,
            words: sum.words + it.words,
            bytes: sum.bytes + it.bytes,
        })
    }
}

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: wordcount FOLDER");
        return ExitCode::from(2);
    };
    match compare(folder) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(folder: PathBuf) -> io::Result<bool> {
    let start = Instant::now();
    let gathered = bowerbird::run(count_in_tasks(folder.clone()))?;
    let in_tasks = start.elapsed();
    let start = Instant::now();
    let counted =
        files_below(&folder)?.iter().map(|file| count_file(file)).collect::<Result<Vec<_>, _>>()?;
    let walked: Counts = counted.into_iter().sum();
    let on_one_thread = start.elapsed();

    let Counts { files, lines, words, bytes } = gathered;
    println!("{files} files, {lines} lines, {words} words, {bytes} bytes");
    println!("in tasks: {in_tasks:.1?}; on one thread: {on_one_thread:.1?}");
    let is_equal = gathered == walked;
    println!("{}", if is_equal { "the totals are equal" } else { "THE TOTALS DIFFER" });
    Ok(is_equal)
}

async fn count_in_tasks(folder: PathBuf) -> io::Result<Counts> {
    let files = spawn_blocking(move || files_below(&folder)).await??;
    let tasks = files.into_iter().map(|file| {
        let task = spawn(async move {
            let text = spawn_blocking(move || read(&file)).await??;
            Ok::<_, io::Error>(Counts::of(&text))
        });
        async { task.await? }
    });
    Ok(try_gather(tasks.collect::<Vec<_>>()).await?.into_iter().sum())
}

fn count_file(file: &Path) -> io::Result<Counts> {
    Ok(Counts::of(&read(file)?))
}

/// All plain files, links not followed.
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| named(&folder, error))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    fs::read(file).map_err(|error| named(file, error))
}

/// The same error, with the file it is about.
fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
