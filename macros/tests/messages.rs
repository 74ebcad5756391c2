//! What the compiler says about a wrong use, and where: asked of the compiler.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};

/// The attribute and function, what is said, and the text that is pointed at.
const CASES: [(&str, &str, &str); 23] = [
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
        "unknown option `threads`; there are `worker_threads`, `flavor`, `debug`, `crate`",
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
    ("#[main(debug = 1)] async fn f() {}", "`debug` wants `true` or `false`", "1"),
    ("#[test(seed = 1, seed = 2)] async fn f() {}", "option `seed` is given twice", "seed"),
    ("#[test(seed = 1 clock = \"real\")] async fn f() {}", "expected a comma", "clock"),
    (
        "#[test(crate = \"a b\")] async fn f() {}",
        "`crate` wants a path, as in `\"::bowerbird\"`",
        "\"a b\"",
    ),
    ("#[test] #[test] async fn f() {}", "`#[test]` stands here twice", "test"),
];

/// What is in the braces of `select!`, what is said, and the text that is pointed at.
const SELECT_CASES: [(&str, &str, &str); 25] = [
    ("", "`select!` needs at least one branch", "bowerbird::select! {  }"),
    ("biased;", "`select!` needs at least one branch", "bowerbird::select! { biased; }"),
    ("biased, a = f() => a", "`biased` ends with a semicolon: `biased;`", "biased"),
    ("biased a = f() => a", "`biased` ends with a semicolon: `biased;`", "biased"),
    ("a = f() => a, biased; b = f() => b", "`biased;` stands before the first branch", "biased"),
    ("biased; biased; b = f() => b", "`biased;` stands before the first branch", "biased"),
    ("= f() => 1", "expected a pattern before `=`", "="),
    ("f() => 1", "expected `pattern = future` before `=>`", "="),
    ("a = f() => 1, => 2", "expected `pattern = future` before `=>`", "="),
    ("a == f() => 1", "expected `=` between pattern and future, found `==`", "="),
    ("a, b = f() => 1", "expected `= future` after the pattern, found a comma", ","),
    ("a; b = f() => 1", "expected `pattern = future => handler`, found a semicolon", ";"),
    ("abc", "expected `= future => handler` after this", "abc"),
    ("abc =", "expected `= future => handler` after this", "abc"),
    ("a = => 1", "expected a future between `=` and `=>`", "="),
    ("a = f()", "expected `=> handler` after this", "()"),
    ("a = f(), b = f() => 1", "expected `=> handler` before this comma", ","),
    ("a = f(), if g, b = f() => 1", "expected `=> handler` before this comma", ","),
    ("a = f(), => 1", "expected `, if condition` or `=>` after the future", ","),
    ("a = f(), if => 1", "expected a condition after `if`", "if"),
    (
        "Some(a) if a > 1 = f() => 1",
        "a pattern has no guard here: a condition stands after the future, as in `pattern = \
         future, if condition => handler`, and is asked before the wait",
        "if",
    ),
    ("a = f() =>", "expected a handler after `=>`", "="),
    (
        "a = f() => 1 b = f() => 2",
        "expected a comma before this branch: a handler that is not a block ends with one",
        "=",
    ),
    (
        "a = f() => { 1 }.max(2), b = f() => 2",
        "a handler that begins with a block ends with it: put it in parentheses",
        ".",
    ),
    ("else 1", "`else` is followed by `=> handler`", "else"),
];

/// As [`SELECT_CASES`], after the first branch.
const ELSE_CASES: [(&str, &str, &str); 2] = [
    ("else => 1, else => 2", "`else` stands here twice", "else"),
    ("else => 1, abc = f() => 2", "`else` is the last branch: nothing follows it", "abc"),
];

#[test]
fn a_wrong_use_is_explained_in_its_place() {
    let macros = library();
    check(&CASES, |number, case| {
        let text = format!("{PRELUDE}{case}\n");
        rustc(&format!("case_{number}"), &text, &[("bowerbird_macros", &macros)])
    });
}

/// Through a crate as the runtime's, whose `macro_rules!` hands the input on.
#[test]
fn a_wrong_select_is_explained_in_its_place() {
    let macros = library();
    let stand_in = "#[doc(hidden)] pub mod __private { pub use bowerbird_macros::select_branches; }
        #[macro_export]
        macro_rules! select {
            ($($branches:tt)*) => { $crate::__private::select_branches! { ($crate) $($branches)* } };
        }";
    let externs = [("bowerbird_macros", &*macros)];
    // A name of its own: another test has another stand-in.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("select");
    fs::create_dir_all(&folder).expect("the folder for tests is writable");
    let built = rustc_into(&folder, "bowerbird", stand_in, &externs);
    assert!(built.status.success(), "{built:?}");
    let stand_in = folder.join("libbowerbird.rmeta");
    let select = |number: usize, branches: &str| {
        let text = format!("async fn case() {{ bowerbird::select! {{ {branches} }} }}");
        let externs = [("bowerbird", &*stand_in), externs[0]];
        rustc_into(&folder, &format!("case_{number}"), &text, &externs)
    };
    check(&SELECT_CASES, select);
    check(&ELSE_CASES, |number, case| select(number, &format!("a = f() => 1, {case}")));
    let many = format!("{}abc = f() => 1", "a = f() => 1, ".repeat(64));
    check(&[(&*many, "`select!` takes at most 64 branches", "abc")], select);
}

/// Compiles the cases and compares what is said with what is wanted.
fn check(cases: &[(&str, &str, &str)], compile: impl Fn(usize, &str) -> Output) {
    let mut breaches = vec![];
    for (number, (case, message, place)) in cases.iter().enumerate() {
        let output = compile(number, case);
        assert!(!output.status.success(), "compiles: {case}");
        let said = String::from_utf8(output.stderr).expect("rustc speaks UTF-8");
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
            pub debug: Option<bool>,
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

fn rustc(name: &str, text: &str, externs: &[(&str, &Path)]) -> Output {
    rustc_into(Path::new(env!("CARGO_TARGET_TMPDIR")), name, text, externs)
}

fn rustc_into(folder: &Path, name: &str, text: &str, externs: &[(&str, &Path)]) -> Output {
    let source = folder.join(name).with_extension("rs");
    fs::write(&source, text).expect("the folder for tests is writable");
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"]);
    command.arg(folder).arg("--crate-name").arg(name).arg(&source);
    for (name, path) in externs {
        // The crate may have been built with macros that are beside it.
        command.arg("-L").arg(path.parent().expect("a file is in a folder"));
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
