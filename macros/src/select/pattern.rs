//! How is a pattern tried without moving what it is tried on?
//!
//! It is matched against a reference, with all `ref`, `mut` and `&` taken out: by
//! default each name then binds a reference, and references inside are looked
//! through. What is tried on lies in a variant, so that a constant or a string that
//! is the whole pattern is compared with the value and not with the reference.
//!
//! A pattern with `&` that binds nothing moves nothing: it is matched as it is,
//! against the value. The other way would compare the constant in `Some(&LIMIT)`
//! with a reference.
//!
//! # Rejected
//!
//! * `_` in place of each name: exact, if one could tell a name from a constant.

use super::scan::{is_joint, is_punct};
use crate::function::is_ident;
use proc_macro::{Group, TokenStream, TokenTree};

/// How a pattern is tried.
#[derive(Debug)]
pub(super) enum Trial {
    /// Whatever it is, it matches.
    None,
    /// Against the value.
    Value(TokenStream),
    /// Against a reference to the value.
    Reference(TokenStream),
}

pub(super) fn trial(pattern: &[TokenTree]) -> Trial {
    match pattern {
        [only] if is_ident(only, "_") => Trial::None,
        _ if contains(pattern, &|it| is_punct(it, '&')) && !binds(pattern) => {
            Trial::Value(pattern.iter().cloned().collect())
        }
        _ => Trial::Reference(stripped(pattern)),
    }
}

/// Without `ref`, `mut` and `&`, but for the insides of macros.
fn stripped(pattern: &[TokenTree]) -> TokenStream {
    let mut output = TokenStream::new();
    for (at, token) in pattern.iter().enumerate() {
        match token {
            TokenTree::Ident(_) if is_ident(token, "ref") || is_ident(token, "mut") => (),
            TokenTree::Punct(_) if is_punct(token, '&') => (),
            TokenTree::Group(group) if !is_after(pattern, at, '!') => {
                let mut clean = Group::new(group.delimiter(), stripped(&inside(group)));
                clean.set_span(group.span());
                output.extend([TokenTree::from(clean)]);
            }
            other => output.extend([other.clone()]),
        }
    }
    output
}

/// Whether there is a word that may be the name of a variable, by the letter with
/// which it begins.
fn binds(pattern: &[TokenTree]) -> bool {
    pattern.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) => {
            let word = word.to_string();
            let is_name = word.starts_with(|c: char| c == '_' || c.is_lowercase())
                && !["_", "true", "false", "crate", "self", "super"].contains(&&*word);
            let is_path = is_after(pattern, at, ':') || is_followed(pattern, at);
            is_name && !is_path
        }
        TokenTree::Group(group) => !is_after(pattern, at, '!') && binds(&inside(group)),
        _ => false,
    })
}

/// Whether the word at `at` is the beginning of a path, a macro or a field.
fn is_followed(pattern: &[TokenTree], at: usize) -> bool {
    pattern.get(at + 1).is_some_and(|next| is_punct(next, ':') || is_punct(next, '!'))
}

/// Whether `sign` stands before `at`, as the end of a path's `::` if it is a colon.
fn is_after(pattern: &[TokenTree], at: usize, sign: char) -> bool {
    let is_last = at >= 1 && is_punct(&pattern[at - 1], sign);
    is_last && (sign != ':' || at >= 2 && is_joint(&pattern[at - 2], ':'))
}

fn contains(tokens: &[TokenTree], is_it: &dyn Fn(&TokenTree) -> bool) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Group(group) => contains(&inside(group), is_it),
        token => is_it(token),
    })
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}
