//! The command `behaviours`, as a user gives it.

use std::{
    env, fs,
    process::{self, Command, Output},
};

fn behaviours(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowerbird-bench"));
    command.arg("behaviours").args(arguments).output().expect("the program is there")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_table_is_printed_and_each_answer_is_kept() {
    let path = env::temp_dir().join(format!("bowerbird-behaviours-{}.json", process::id()));
    let file = path.to_str().expect("it has a plain name");
    let output = behaviours(&["--only", "R7", "--against", "tokio", "--json", file]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(table.contains("| bowerbird ") && table.contains("| tokio "), "{table}");
    assert!(!table.contains("smol") && table.contains("silent deadlock"), "{table}");
    let json = fs::read_to_string(&path).expect("it was written");
    let _ = fs::remove_file(&path);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&json).expect("it is a list");
    let [ours, theirs] = &findings[..] else { panic!("one question, two runtimes: {json}") };
    assert_eq!((&ours["runtime"], &ours["holds"]), (&"bowerbird".into(), &true.into()));
    assert_eq!((&theirs["runtime"], &theirs["holds"]), (&"tokio".into(), &false.into()));
}

#[test]
fn what_there_is_not_is_refused() {
    for (arguments, word) in [
        (["--only", "R9"], "R8"),
        (["--against", "raw"], "raw"),
        (["--against", "nobody"], "nobody"),
        (["--json", "/no/such/folder/file"], "/no/such/folder/file"),
    ] {
        let output = behaviours(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
}
