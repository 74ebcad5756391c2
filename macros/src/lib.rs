//! The macros of bowerbird: the attributes [`macro@main`] and [`macro@test`], and
//! what is behind `select!`.
//!
//! Both attributes keep the function as it is, give it to the runtime from a plain function
//! of the same name, and hand the options over as plain data:
//!
//! ```text
//! #[bowerbird::main(worker_threads = 2)]      fn main() -> Ret {
//! async fn main() -> Ret { body }       ──▶       async fn main() -> Ret { body }
//!                                                 ::bowerbird::__private::run_main(
//!                                                     ::bowerbird::__private::MainConfig { … },
//!                                                     main(),
//!                                                 )
//!                                             }
//! ```
//!
//! The body stays a function of its own, so `?`, `return` and `impl Trait` mean
//! what they say, and errors in it point at the program.
//!
//! # Rejected
//!
//! * `syn` and `quote`: three more dependencies in every default build, for the
//!   little that is parsed here: a list of options, the head of a function, and
//!   where the parts of a `select!` begin, 600 lines.

mod expand;
mod function;
mod options;
mod select;
mod template;

use proc_macro::TokenStream;

/// Runs an `async fn main` on a runtime.
///
/// The calling thread becomes the first worker, so the body need not be `Send`.
/// The function may return anything `main` may return.
///
/// # Options
///
/// | option                      | meaning                                    | default |
/// |-----------------------------|--------------------------------------------|---------|
/// | `worker_threads = 4`        | how many threads run tasks                 | one per core |
/// | `flavor = "current_thread"` | everything on the calling thread           | `"multi_thread"` |
/// | `debug = true`              | debug mode, or never                       | as the environment says |
/// | `crate = "path"`            | where the runtime's crate is               | `"::bowerbird"` |
///
/// # Examples
///
/// ```ignore
/// #[bowerbird::main(worker_threads = 2)]
/// async fn main() -> std::io::Result<()> {
///     println!("{}", bowerbird::spawn(async { 6 * 7 }).await?);
///     Ok(())
/// }
/// ```
///
/// The function must be `async` and take nothing:
///
/// ```compile_fail
/// #[bowerbird_macros::main]
/// fn main() {}
/// ```
///
/// ```compile_fail
/// #[bowerbird_macros::main]
/// async fn main(arguments: Vec<String>) {}
/// ```
///
/// Options and their values are checked:
///
/// ```compile_fail
/// #[bowerbird_macros::main(workers = 2)]
/// async fn main() {}
/// ```
///
/// ```compile_fail
/// #[bowerbird_macros::main(worker_threads = 0)]
/// async fn main() {}
/// ```
///
/// ```compile_fail
/// #[bowerbird_macros::main(flavor = "current_thread", worker_threads = 2)]
/// async fn main() {}
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(options, item)
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// Works together with `#[ignore]`, `#[should_panic]` and whatever a test may
/// return. A test that takes longer than its time limit fails and says what its
/// tasks were waiting for.
///
/// # Options
///
/// | option               | meaning                                     | default |
/// |----------------------|---------------------------------------------|---------|
/// | `clock = "virtual"`  | time stands still, and jumps when all tasks wait | `"real"` |
/// | `worker_threads = 4` | how many threads run tasks                  | the calling thread only |
/// | `seed = 7`           | the random choices of the runtime           | by chance, and printed |
/// | `timeout = "10s"`    | the time limit, in `ms`, `s` or `m`         | `"60s"` |
/// | `crate = "path"`     | where the runtime's crate is                | `"::bowerbird"` |
///
/// # Examples
///
/// ```ignore
/// #[bowerbird::test(clock = "virtual")]
/// async fn an_hour_passes_at_once() {
///     bowerbird::time::sleep(Duration::from_secs(3600)).await;
/// }
/// ```
///
/// The function must be `async`, take nothing and not be generic:
///
/// ```compile_fail
/// #[bowerbird_macros::test]
/// fn not_async() {}
/// ```
///
/// ```compile_fail
/// #[bowerbird_macros::test]
/// async fn generic<T>() {}
/// ```
///
/// ```compile_fail
/// #[bowerbird_macros::test(clock = "atomic")]
/// async fn which_clock() {}
/// ```
///
/// ```compile_fail
/// #[bowerbird_macros::test(timeout = 10)]
/// async fn ten_what() {}
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(options, item)
}

/// What `select!` of the runtime's crate hands on: that crate's path in parentheses,
/// then its own input. Not for use by itself.
#[doc(hidden)]
#[proc_macro]
pub fn select_branches(input: TokenStream) -> TokenStream {
    select::select(input)
}

/// What is wrong, and where.
#[derive(Debug)]
struct Error {
    message: String,
    span: proc_macro::Span,
}

impl Error {
    fn new(span: proc_macro::Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), span }
    }
}

type Result<T> = std::result::Result<T, Error>;
