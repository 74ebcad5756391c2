//! `bowerbird-bench report`, as it is called.

use bowerbird_bench::{
    contender::Contender,
    document::{Document, Part, Row},
    header::Header,
    reading::Unit,
    workloads::Group,
};
use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command, Output},
};

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = env::temp_dir().join(format!("bowerbird-{test}-{}", process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        Self(folder)
    }

    /// A run of one workload, in which bowerbird takes so many nanoseconds.
    fn run(&self, file: &str, workload: &str, nanos: f64) -> PathBuf {
        let row = |runtime, median: f64| Row {
            workload: workload.to_owned(),
            group: Group::Scheduler,
            runtime,
            workers: 1,
            size: 1000,
            unit: Unit::CpuPerOperation,
            median,
            min: median,
            max: median,
            samples: 11,
            ratio_vs_tokio: Some(300.0 / median),
            ratio_min: Some(300.0 / median),
            ratio_max: Some(300.0 / median),
            aa_spread: Some(0.03),
            note: None,
        };
        let mut document = Document::new(Header::of_this_run());
        let rows = vec![row(Contender::Bowerbird, nanos), row(Contender::Tokio, 300.0)];
        document.add(Part { rows, ..Part::default() });
        let path = self.0.join(file);
        document.write(&path).expect("a temporary file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for what may be left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn report(files: &[&PathBuf], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bowerbird-bench"))
        .arg("report")
        .args(files)
        .args(arguments)
        .output()
        .expect("the program can be started")
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_slower_build_is_shown_as_such() {
    let folder = Folder::new("slower");
    let (before, after) = (folder.run("a", "spawn", 100.0), folder.run("b", "spawn", 300.0));
    let output = report(&[&before, &after], &[]);
    assert!(printed(&output).contains("1 slower, 0 faster, 0 within noise"), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
    let output = report(&[&before, &after], &["--fail-on-slower"]);
    assert_eq!(output.status.code(), Some(1));
    let output = report(&[&before, &before], &["--fail-on-slower"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn files_without_a_row_in_common_are_shown_as_one() {
    let folder = Folder::new("merged");
    let files = ["a", "b", "c"].map(|name| folder.run(name, &format!("spawn_{name}"), 100.0));
    let page = folder.0.join("page.html");
    let page_argument = page.to_str().expect("a temporary folder has a name");
    let output = report(&files.each_ref(), &["--html", page_argument, "--markdown"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = fs::read_to_string(page).expect("the page was written");
    for name in ["spawn_a", "spawn_b", "spawn_c"] {
        assert!(printed(&output).contains(&format!("| {name} ")), "{output:?}");
        assert!(page.contains(name), "the page lacks {name}");
    }
}

#[test]
fn more_than_two_of_the_same_rows_are_refused() {
    let folder = Folder::new("refused");
    let files = ["a", "b", "c"].map(|name| folder.run(name, "spawn", 100.0));
    let output = report(&files.each_ref(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let says = "spawn (size 1000, 1 workers, ns cpu/op) is in another of these files, too";
    assert!(complaint(&output).contains(says), "{output:?}");
}

#[test]
fn a_file_that_is_not_one_is_named() {
    let folder = Folder::new("damaged");
    let path = folder.0.join("half.json");
    fs::write(&path, "{\"format\": 1,").expect("a temporary file can be written");
    let output = report(&[&path], &[]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = complaint(&output);
    assert!(complaint.contains("half.json: damaged, or not JSON: EOF"), "{complaint}");
}
