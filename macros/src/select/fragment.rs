//! How does an expression of somebody's `macro_rules!` stay one?
//!
//! `!$condition` and `$number * 2` come here with the fragment as a group without
//! delimiters. The compiler looks through such a group when a macro like ours gives it
//! back (rust-lang/rust#67062), and the operators beside it would take its insides
//! apart: it is given parentheses. Groups inside of others go back unseen, as they
//! came.
//!
//! A fragment may also be a type, which takes parentheses as well, or a path, which
//! does not where it begins a struct or a longer path.

use super::scan::is_punct;
use crate::function::is_ident;
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

/// The expression of these tokens, with its fragments as they were meant.
pub(super) fn expression(tokens: &[TokenTree]) -> TokenStream {
    tokens.iter().enumerate().map(|(at, token)| whole(tokens, at, token)).collect()
}

fn whole(tokens: &[TokenTree], at: usize, token: &TokenTree) -> TokenTree {
    match token {
        TokenTree::Group(group)
            if group.delimiter() == Delimiter::None
                && tokens.len() > 1
                && group.stream().into_iter().nth(1).is_some()
                && !is_path(tokens, at) =>
        {
            let mut group = Group::new(Delimiter::Parenthesis, group.stream());
            // Ours: nobody is told that it could do without.
            group.set_span(Span::call_site());
            group.into()
        }
        other => other.clone(),
    }
}

/// Whether a fragment is a path, by what follows.
fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    match tokens.get(at + 1) {
        Some(TokenTree::Group(next)) if next.delimiter() == Delimiter::Brace => {
            // In `if $condition {` it is none.
            let before = at.checked_sub(1).map(|it| &tokens[it]);
            !before.is_some_and(|it| is_punct(it, '!') || is_keyword(it))
        }
        Some(next) => is_punct(next, ':'),
        None => false,
    }
}

fn is_keyword(token: &TokenTree) -> bool {
    ["if", "while", "match", "in"].iter().any(|it| is_ident(token, it))
}
