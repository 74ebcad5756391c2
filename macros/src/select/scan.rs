//! Where does an expression end?
//!
//! At the next comma, except for commas between type arguments and between the
//! parameters of a closure. All other commas of an expression are inside of groups.
//!
//! A `<` opens type arguments where no operand stands before it (`<T as U>::f()`),
//! after `::`, after `as`, and inside of others; elsewhere it compares. A `|` opens
//! parameters where no operand stands before it.

use proc_macro::{Spacing, TokenTree};

/// Words after which an operand begins. Any other word is one itself.
const BEFORE_OPERANDS: [&str; 13] = [
    "async", "break", "else", "if", "in", "match", "move", "mut", "return", "static", "unsafe",
    "while", "yield",
];

/// Where the reader of an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// An operand begins.
    Operand,
    /// An operand has ended, or goes on.
    Operator,
    /// In the type after `as`.
    Type,
    /// Between the bars of a closure.
    Parameters,
}

/// How many of `tokens` belong to the expression with which they begin.
pub(super) fn expression(tokens: &[TokenTree]) -> usize {
    let mut place = Place::Operand;
    let mut angles = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Punct(sign) if angles > 0 => match sign.as_char() {
                '<' => angles += 1,
                '>' if !ends_an_arrow(tokens, at) => angles -= 1,
                _ => (),
            },
            // The place after the type arguments: in the middle of a path.
            _ if angles > 0 => place = Place::Operator,
            TokenTree::Punct(sign) => match sign.as_char() {
                ',' if place != Place::Parameters => return at,
                '<' if place == Place::Operand || place == Place::Type => angles = 1,
                '<' if is_path_separator(tokens, at) => angles = 1,
                sign => place = after_sign(sign, place),
            },
            TokenTree::Ident(word) => place = after_word(&word.to_string(), place),
            TokenTree::Literal(_) | TokenTree::Group(_) if place != Place::Parameters => {
                place = Place::Operator;
            }
            TokenTree::Literal(_) | TokenTree::Group(_) => (),
        }
    }
    tokens.len()
}

fn after_sign(sign: char, place: Place) -> Place {
    match (sign, place) {
        ('|', Place::Operand) => Place::Parameters,
        ('|', Place::Parameters) => Place::Operand,
        (_, Place::Parameters) => Place::Parameters,
        // `as &T`, `as *const T`, `as a::T`
        ('&' | '*' | ':', Place::Type) => Place::Type,
        ('?', _) => Place::Operator,
        // `a.b`, `a::b`: a word follows, which is no keyword of ours.
        ('.' | ':', Place::Operator) => Place::Operator,
        // A lifetime, or a label.
        ('\'', place) => place,
        _ => Place::Operand,
    }
}

fn after_word(word: &str, place: Place) -> Place {
    match place {
        Place::Parameters => Place::Parameters,
        Place::Type => Place::Type,
        Place::Operand | Place::Operator if word == "as" => Place::Type,
        Place::Operand if BEFORE_OPERANDS.contains(&word) => Place::Operand,
        Place::Operand | Place::Operator => Place::Operator,
    }
}

/// Whether the `>` at `at` is that of `->` or `=>`.
fn ends_an_arrow(tokens: &[TokenTree], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|at| is_joint(&tokens[at], '-') || is_joint(&tokens[at], '='))
}

/// Whether `::` stands before `at`.
fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_joint(&tokens[at - 2], ':') && is_punct(&tokens[at - 1], ':')
}

pub(super) fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == sign)
}

/// Whether `token` is a sign with another one attached.
pub(super) fn is_joint(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(it)
        if it.as_char() == sign && it.spacing() == Spacing::Joint)
}

/// Where the next `=>` is.
pub(super) fn arrow(tokens: &[TokenTree]) -> Option<usize> {
    let pairs = tokens.windows(2);
    pairs.into_iter().position(|pair| is_joint(&pair[0], '=') && is_punct(&pair[1], '>'))
}
