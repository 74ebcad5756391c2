//! What `select!` waits for, and how that is written down.
//!
//! The facade's `macro_rules!` of the same name hands its input on with its own
//! path in front, so the runtime may be renamed or re-exported:
//!
//! ```text
//!     select! { … }   ──▶   $crate::__private::select_branches! { ($crate) … }
//! ```
//!
//! | file          | question                                                  |
//! |---------------|-----------------------------------------------------------|
//! | `parse.rs`    | where does each part of a branch begin and end            |
//! | `scan.rs`     | where does an expression end                              |
//! | `pattern.rs`  | how is a pattern tried without moving what it is tried on |
//! | `fragment.rs` | how does an expression of somebody's macro stay one       |
//! | `expand.rs`   | what stands there instead                                 |
//!
//! # Rejected
//!
//! * Fragments of `macro_rules!` (`$pattern:pat`, `$future:expr`): exact, but each
//!   mistake becomes "no rules expected the token", in a macro of ours.
//! * An expression parser: where an expression ends is all we need to know, and
//!   commas inside of type arguments and closure parameters are all that is in
//!   the way.

mod expand;
mod fragment;
mod parse;
mod pattern;
mod scan;

pub(crate) use expand::select;

use proc_macro::{TokenStream, TokenTree};

/// The input, taken apart.
#[derive(Debug)]
struct Select {
    /// The path of the crate.
    krate: TokenStream,
    order: Order,
    branches: Vec<Branch>,
    /// The handler after `else`.
    otherwise: Option<Vec<TokenTree>>,
}

/// Which branch is polled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Any, by chance.
    Fair,
    /// The one that is written first.
    Biased,
}

/// `pattern = future, if condition => handler`
#[derive(Debug)]
struct Branch {
    pattern: Vec<TokenTree>,
    future: Vec<TokenTree>,
    condition: Option<Vec<TokenTree>>,
    handler: Vec<TokenTree>,
}
