//! What the compiler says about a wrong use, and where: asked of the compiler.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};

/// The attribute and function, what is said, and the text that is pointed at.
const CASES: [(&str, &str, &str); 22] = [
    ("#[main] fn f() {}", "a function under `#[main]` must be `async`", "fn"),
    ("#[test] fn f() {}", "a function under `#[test]` must be `async`", "fn"),
    ("#[main] async unsafe fn f() {}", "a function under `#[main]` cannot be `unsafe`", "unsafe"),
    ("#[main] async fn f(a: u8) {}", "`f` cannot take arguments under `#[main]`", "a"),
    ("#[test] async fn f<T>() {}", "a function under `#[test]` cannot be generic", "<"),
    (
        "#[test] async fn f() where u8: Copy {}",
        "a function under `#[test]` cannot be generic",
        "where",
    ),
    ("#[main] struct F;", "`#[main]` goes on an `async fn`", "struct"),
    (
        "#[main(threads = 1)] async fn f() {}",
        "unknown option `threads`; there are `worker_threads`, `flavor`, `crate`",
        "threads",
    ),
    (
        "#[test(flavor = \"x\")] async fn f() {}",
        "unknown option `flavor`; there are `clock`, `worker_threads`, `seed`, `timeout`, `crate`",
        "flavor",
    ),
    ("#[main(7)] async fn f() {}", "expected an option, as in `worker_threads = 4`", "7"),
    ("#[main(flavor)] async fn f() {}", "option `flavor` needs a value: `flavor = …`", "flavor"),
    (
        "#[main(flavor = )] async fn f() {}",
        "option `flavor` wants a literal as its value",
        "flavor",
    ),
    ("#[test(seed = true)] async fn f() {}", "`seed` wants a whole number, as in `4`", "true"),
    (
        "#[main(worker_threads = \"4\")] async fn f() {}",
        "`worker_threads` wants a whole number, as in `4`",
        "\"4\"",
    ),
    (
        "#[main(worker_threads = 0)] async fn f() {}",
        "`worker_threads` wants a number of at least 1",
        "0",
    ),
    (
        "#[test(worker_threads = 0x0_0)] async fn f() {}",
        "`worker_threads` wants a number of at least 1",
        "0x0_0",
    ),
    (
        "#[main(flavor = \"single\")] async fn f() {}",
        "`flavor` wants \"current_thread\" or \"multi_thread\"",
        "\"single\"",
    ),
    (
        "#[main(flavor = \"current_thread\", worker_threads = 2)] async fn f() {}",
        "`worker_threads` needs `flavor = \"multi_thread\"`",
        "worker_threads",
    ),
    ("#[test(seed = 1, seed = 2)] async fn f() {}", "option `seed` is given twice", "seed"),
    ("#[test(seed = 1 clock = \"real\")] async fn f() {}", "expected a comma", "clock"),
    (
        "#[test(crate = \"a b\")] async fn f() {}",
        "`crate` wants a path, as in `\"::bowerbird\"`",
        "\"a b\"",
    ),
    ("#[test] #[test] async fn f() {}", "`#[test]` stands here twice", "test"),
];

#[test]
fn a_wrong_use_is_explained_in_its_place() {
    let macros = library();
    let mut breaches = vec![];
    for (number, (case, message, place)) in CASES.iter().enumerate() {
        let said = compile(&macros, number, case);
        // The compiler's first error has to be ours.
        let first = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        let carets = said.lines().find_map(|line| {
            let carets = line.trim_start_matches([' ', '|']);
            carets.starts_with('^').then(|| carets.chars().take_while(|c| *c == '^').count())
        });
        if first != format!("error: {message}") || carets != Some(place.chars().count()) {
            breaches.push(format!("{case}\nwanted: {message}\nat:     {place}\n{said}"));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// With bad options the function is expanded as with none, so what calls it
/// still compiles.
#[test]
fn a_bad_option_is_the_only_error() {
    let stand_in = "pub mod __private {
        pub struct MainConfig {
            pub worker_threads: Option<usize>,
            pub flavor: Flavor,
        }
        pub enum Flavor { MultiThread }
        pub fn run_main<F: Future>(_: MainConfig, _: F) -> F::Output { loop {} }
    }";
    let built = rustc("bowerbird", stand_in, &[]);
    assert!(built.status.success(), "{built:?}");
    let stand_in = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libbowerbird.rmeta");
    let case = format!(
        "{PRELUDE}#[main(worker_threads = true)] async fn f() {{}} fn calls_it() {{ f() }}"
    );
    let externs = [("bowerbird_macros", &*library()), ("bowerbird", &*stand_in)];
    let said = String::from_utf8(rustc("bad_option", &case, &externs).stderr).expect("UTF-8");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(errors[0], "error: `worker_threads` wants a whole number, as in `4`", "{said}");
    assert!(errors[1].contains("aborting due to 1 previous error"), "{said}");
}

const PRELUDE: &str = "#![allow(unused_imports, dead_code)]\n\
    use bowerbird_macros::{main, test};\n";

/// What the compiler says about a case that must not compile.
fn compile(macros: &Path, number: usize, case: &str) -> String {
    let output = rustc(
        &format!("case_{number}"),
        &format!("{PRELUDE}{case}\n"),
        &[("bowerbird_macros", macros)],
    );
    assert!(!output.status.success(), "compiles: {case}");
    String::from_utf8(output.stderr).expect("rustc speaks UTF-8")
}

fn rustc(name: &str, text: &str, externs: &[(&str, &Path)]) -> Output {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join(name).with_extension("rs");
    fs::write(&source, text).expect("the folder for tests is writable");
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"]);
    command.arg(folder).arg("--crate-name").arg(name).arg(&source);
    for (name, path) in externs {
        command.arg("--extern").arg(format!("{name}={}", path.display()));
    }
    command.output().expect("rustc runs")
}

/// The macros as cargo built them for this test: beside it, the newest.
fn library() -> PathBuf {
    let test = env::current_exe().expect("this test has a path");
    let folder = test.parent().expect("in a folder");
    let built_at = |path: &PathBuf| {
        fs::metadata(path).and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    fs::read_dir(folder)
        .expect("a readable one")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            name.starts_with(&format!("{}bowerbird_macros-", env::consts::DLL_PREFIX))
                && name.ends_with(env::consts::DLL_SUFFIX)
        })
        .max_by_key(built_at)
        .expect("cargo built the macros for this test")
}
