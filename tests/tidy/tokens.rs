//! The tokens of a file, and the paths in them.
//!
//! Tokens, not a syntax tree: they show the insides of macros too, and a path
//! looks the same in a `use`, a type and an expression.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// What a file says, in lists that are easy to look around in.
pub(crate) fn tokens(path: &str, text: &str) -> Vec<TokenTree> {
    match text.parse::<TokenStream>() {
        Ok(stream) => stream.into_iter().collect(),
        Err(error) => panic!("{path}: {error}"),
    }
}

pub(crate) fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

pub(crate) fn ident(token: Option<&TokenTree>) -> Option<&Ident> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident),
        _ => None,
    }
}

pub(crate) fn is_ident(token: Option<&TokenTree>, word: &str) -> bool {
    ident(token).is_some_and(|it| it == word)
}

pub(crate) fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(it)) if it.as_char() == sign)
}

pub(crate) fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(it)) if it.delimiter() == delimiter => Some(it),
        _ => None,
    }
}

/// Whether `at` is the first colon of a `::`.
pub(crate) fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// The same without what is compiled for tests only: the modules and functions
/// under a `cfg` that names `test`.
pub(crate) fn without_tests(tokens: Vec<TokenTree>) -> Vec<TokenTree> {
    let mut kept = vec![];
    let mut at = 0;
    while at < tokens.len() {
        let attributes = is_punct(tokens.get(at), '#')
            && group(tokens.get(at + 1), Delimiter::Bracket).is_some_and(is_cfg_of_tests);
        if attributes {
            at = end_of_item(&tokens, at + 2);
        } else {
            kept.push(match &tokens[at] {
                TokenTree::Group(it) => {
                    let stream = without_tests(inside(it)).into_iter().collect();
                    let mut group = Group::new(it.delimiter(), stream);
                    group.set_span(it.span());
                    group.into()
                }
                other => other.clone(),
            });
            at += 1;
        }
    }
    kept
}

/// `cfg(test)`, `cfg(all(test, …))`, but not `cfg(not(test))`.
fn is_cfg_of_tests(attribute: &Group) -> bool {
    let inner = inside(attribute);
    let condition = group(inner.get(1), Delimiter::Parenthesis).map(inside).unwrap_or_default();
    let names_test = |list: &[TokenTree]| list.iter().any(|it| is_ident(Some(it), "test"));
    let all = is_ident(condition.first(), "all").then(|| condition.get(1));
    let inside_all = all.and_then(|it| group(it, Delimiter::Parenthesis)).map(inside);
    is_ident(inner.first(), "cfg")
        && (names_test(&condition) || names_test(&inside_all.unwrap_or_default()))
}

/// Where the item that starts at `at` is over: after its braces or semicolon.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while at < tokens.len() {
        let is_end = is_punct(tokens.get(at), ';')
            || group(tokens.get(at), Delimiter::Brace).is_some() && !is_use_list(tokens, at);
        at += 1;
        if is_end {
            break;
        }
    }
    at
}

/// `use a::{…}`: its braces are not the end of it.
fn is_use_list(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && is_punct(tokens.get(at - 1), ':')
}

/// A path as it is written, grouped imports taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// Whether it starts with `::`.
    pub(crate) is_absolute: bool,
}

/// All paths of two or more segments, and all that a `use` names.
pub(crate) fn paths(tokens: &[TokenTree]) -> Vec<Written> {
    let mut found = vec![];
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "use" => {
                at = use_tree(tokens, at + 1, &[], &mut found);
            }
            TokenTree::Ident(_) if is_colons(tokens, at + 1) => {
                let before = found.len();
                let is_absolute = at >= 2 && is_colons(tokens, at - 2);
                at = use_tree(tokens, at, &[], &mut found);
                found[before..].iter_mut().for_each(|it| it.is_absolute |= is_absolute);
            }
            TokenTree::Group(it) => {
                found.extend(paths(&inside(it)));
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// Reads one path or tree of paths from `at` on; returns where it ends.
fn use_tree(
    tokens: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Written>,
) -> usize {
    let is_absolute = is_colons(tokens, at);
    if is_absolute {
        at += 2;
    }
    let mut segments = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => {
                // `self` in a list means the prefix.
                if word != "self" || segments.is_empty() {
                    segments.push(word.to_string());
                }
                if !is_colons(tokens, at + 1) {
                    found.push(Written { segments, line: word.span().start().line, is_absolute });
                    return at + 1;
                }
                at += 3;
            }
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
                for item in inside(list).split(|token| is_punct(Some(token), ',')) {
                    if !item.is_empty() {
                        use_tree(item, 0, &segments, found);
                    }
                }
                return at + 1;
            }
            Some(TokenTree::Punct(sign)) if sign.as_char() == '*' => {
                let line = sign.span().start().line;
                segments.push("*".into());
                found.push(Written { segments, line, is_absolute });
                return at + 1;
            }
            // A turbofish, or the end: what was read is the path.
            other => {
                if !segments.is_empty() {
                    let line = other.map_or(0, |it| it.span().start().line);
                    found.push(Written { segments, line, is_absolute });
                }
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<String> {
        let tokens = without_tests(tokens("a planted file", text));
        paths(&tokens).iter().map(|it| it.segments.join("::")).collect()
    }

    #[test]
    fn grouped_imports_are_taken_apart() {
        let text = "use std::{sync::{Arc, atomic::{self, AtomicU8}}, task as t}; use a::*; use b;";
        let paths = ["std::sync::Arc", "std::sync::atomic", "std::sync::atomic::AtomicU8"];
        assert_eq!(written(text), [&paths[..], &["std::task", "a::*", "b"]].concat());
    }

    #[test]
    fn paths_are_seen_in_types_expressions_and_macros() {
        let text = "fn f(x: a::B<c::D>) { e::<u8>(); m!(g::h(), $crate::i::j); ::k::l(); }";
        assert_eq!(written(text), ["a::B", "c::D", "e", "g::h", "crate::i::j", "k::l"]);
    }

    #[test]
    fn tests_are_left_out() {
        let text = "#[cfg(test)] mod tests { use a::b; } #[cfg(all(test, loom))] mod m { use c::d; }
                    #[cfg(test)] use e::{f, g}; #[cfg(not(test))] use h::i; mod k { #[cfg(test)] fn t() { l::m() } }";
        assert_eq!(written(text), ["h::i"]);
    }
}
