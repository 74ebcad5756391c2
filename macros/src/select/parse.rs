//! Where does each part of a branch begin and end?
//!
//! ```text
//!     pattern  =  future  , if  condition  =>  handler  ,
//!              1          2                3            4
//! ```
//!
//! 1. The first `=` that is no part of `..=`: a pattern has no other.
//! 2. The first `, if`: no expression has that.
//! 3. The first `=>`: expressions have it inside of braces only.
//! 4. The end of the expression, or the end of the block if it is one.
//!
//! What is between is not looked into: the compiler reads it where it is put, and
//! its errors point there.

use super::{
    Branch, Order, Select,
    scan::{self, is_joint, is_punct},
};
use crate::{Error, Result, function::is_ident};
use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

/// As many as the mask of those that are enabled has bits.
const BRANCHES_MAX: usize = 64;

/// Reads the input: the path of the crate in parentheses, then what the user wrote.
pub(super) fn select(input: TokenStream) -> Result<Select> {
    let mut tokens = input.into_iter();
    let krate = match tokens.next() {
        Some(TokenTree::Group(path)) => path.stream(),
        _ => return Err(Error::new(Span::call_site(), "`select!` begins with its crate")),
    };
    let tokens: Vec<_> = tokens.collect();
    let mut rest = &tokens[..];
    let order = take_order(&mut rest)?;
    let mut select = Select { krate, order, branches: vec![], otherwise: None };
    while let Some(first) = rest.first() {
        refuse_misplaced(first, rest, &select)?;
        if is_ident(first, "else") && scan::arrow(rest) == Some(1) {
            let arrow = &rest[1];
            rest = &rest[3..];
            select.otherwise = Some(take_handler(&mut rest, arrow)?);
            continue;
        }
        if select.branches.len() == BRANCHES_MAX {
            let message = format!("`select!` takes at most {BRANCHES_MAX} branches");
            return Err(Error::new(first.span(), message));
        }
        select.branches.push(take_branch(&mut rest)?);
    }
    match select.branches.is_empty() && select.otherwise.is_none() {
        true => Err(Error::new(Span::call_site(), "`select!` needs at least one branch")),
        false => Ok(select),
    }
}

fn take_order(rest: &mut &[TokenTree]) -> Result<Order> {
    match **rest {
        [ref first, ref second, ..] if is_ident(first, "biased") && is_punct(second, ';') => {
            *rest = &rest[2..];
            Ok(Order::Biased)
        }
        // Else it is a pattern: `biased = future => …`.
        [ref first, ref second, ..]
            if is_ident(first, "biased")
                && (is_punct(second, ',') || matches!(second, TokenTree::Ident(_))) =>
        {
            Err(Error::new(first.span(), "`biased` ends with a semicolon: `biased;`"))
        }
        _ => Ok(Order::Fair),
    }
}

/// What may stand in one place only.
fn refuse_misplaced(first: &TokenTree, rest: &[TokenTree], select: &Select) -> Result<()> {
    let is_else = is_ident(first, "else");
    let message = match () {
        () if is_ident(first, "biased") && rest.get(1).is_some_and(|it| is_punct(it, ';')) => {
            "`biased;` stands before the first branch"
        }
        () if is_else && select.otherwise.is_some() => "`else` stands here twice",
        () if select.otherwise.is_some() => "`else` is the last branch: nothing follows it",
        () if is_else && scan::arrow(rest) != Some(1) => "`else` is followed by `=> handler`",
        () => return Ok(()),
    };
    Err(Error::new(first.span(), message))
}

fn take_branch(rest: &mut &[TokenTree]) -> Result<Branch> {
    let pattern = take_pattern(rest)?;
    let sign = pattern.last().expect("an empty pattern is refused");
    let Some(arrow) = scan::arrow(rest) else {
        return Err(no_arrow(rest, sign));
    };
    let (future, condition) = head(&rest[..arrow], &rest[arrow])?;
    let arrow_sign = &rest[arrow];
    *rest = &rest[arrow + 2..];
    let handler = take_handler(rest, arrow_sign)?;
    Ok(Branch { pattern, future, condition, handler })
}

/// Everything up to `=`.
fn take_pattern(rest: &mut &[TokenTree]) -> Result<Vec<TokenTree>> {
    let mut has_types = false;
    for (at, token) in rest.iter().enumerate() {
        let message = match token {
            TokenTree::Punct(sign) if sign.as_char() == '=' => match rest.get(at + 1) {
                Some(next) if is_joint(token, '=') && is_punct(next, '>') => {
                    "expected `pattern = future` before `=>`"
                }
                Some(next) if is_joint(token, '=') && is_punct(next, '=') => {
                    "expected `=` between pattern and future, found `==`"
                }
                _ if ends_a_range(rest, at) => continue,
                _ if at == 0 => "expected a pattern before `=`",
                _ => {
                    let pattern = rest[..at].to_vec();
                    *rest = &rest[at + 1..];
                    return Ok(pattern);
                }
            },
            TokenTree::Punct(sign) if sign.as_char() == '<' => {
                has_types = true;
                continue;
            }
            TokenTree::Punct(sign) if sign.as_char() == ',' && !has_types => {
                "expected `= future` after the pattern, found a comma"
            }
            TokenTree::Punct(sign) if sign.as_char() == ';' => {
                "expected `pattern = future => handler`, found a semicolon"
            }
            token if is_ident(token, "if") => {
                "a pattern has no guard here: a condition stands after the future, as in \
                 `pattern = future, if condition => handler`, and is asked before the wait"
            }
            _ => continue,
        };
        return Err(Error::new(token.span(), message));
    }
    let last = rest.last().expect("a branch begins with a token");
    Err(Error::new(last.span(), "expected `= future => handler` after this"))
}

/// Whether the `=` at `at` is that of `..=`.
fn ends_a_range(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_joint(&tokens[at - 2], '.') && is_joint(&tokens[at - 1], '.')
}

/// Future and condition, if there is one: what stands between `=` and `=>`.
fn head(
    tokens: &[TokenTree],
    arrow: &TokenTree,
) -> Result<(Vec<TokenTree>, Option<Vec<TokenTree>>)> {
    let end = scan::expression(tokens);
    if end == 0 {
        return Err(Error::new(arrow.span(), "expected a future between `=` and `=>`"));
    }
    let future = tokens[..end].to_vec();
    let Some(comma) = tokens.get(end) else { return Ok((future, None)) };
    let Some(word) = tokens.get(end + 1) else {
        return Err(Error::new(comma.span(), "expected `, if condition` or `=>` after the future"));
    };
    if !is_ident(word, "if") {
        return Err(Error::new(comma.span(), NO_ARROW));
    }
    let condition = &tokens[end + 2..];
    if condition.is_empty() {
        return Err(Error::new(word.span(), "expected a condition after `if`"));
    }
    match condition.get(scan::expression(condition)) {
        Some(comma) => Err(Error::new(comma.span(), NO_ARROW)),
        None => Ok((future, Some(condition.to_vec()))),
    }
}

const NO_ARROW: &str = "expected `=> handler` before this comma";

/// The error that no `=>` comes any more.
fn no_arrow(rest: &[TokenTree], before: &TokenTree) -> Error {
    match rest.last() {
        Some(last) => Error::new(last.span(), "expected `=> handler` after this"),
        None => Error::new(before.span(), "expected `= future => handler` after this"),
    }
}

/// A block, or an expression and the comma after it. `arrow`: what it stands behind.
fn take_handler(rest: &mut &[TokenTree], arrow: &TokenTree) -> Result<Vec<TokenTree>> {
    let is_block = rest.first().is_some_and(is_block);
    let end = if is_block { 1 } else { scan::expression(rest) };
    if end == 0 {
        return Err(Error::new(arrow.span(), "expected a handler after `=>`"));
    }
    let handler = rest[..end].to_vec();
    if let Some(next) = scan::arrow(&handler) {
        let message = "expected a comma before this branch: a handler that is not a block ends \
                       with one";
        return Err(Error::new(handler[next].span(), message));
    }
    *rest = &rest[end..];
    match **rest {
        [ref comma, ..] if is_punct(comma, ',') => *rest = &rest[1..],
        [ref sign, ..] if is_block && goes_on(sign, rest) => {
            let message = "a handler that begins with a block ends with it: put it in parentheses";
            return Err(Error::new(sign.span(), message));
        }
        _ => (),
    }
    Ok(handler)
}

/// Whether what follows a block makes it part of an expression. Two dots may begin a
/// pattern.
fn goes_on(sign: &TokenTree, rest: &[TokenTree]) -> bool {
    let is_range = is_joint(sign, '.') && rest.get(1).is_some_and(|it| is_punct(it, '.'));
    is_punct(sign, '?') || is_punct(sign, '.') && !is_range
}

fn is_block(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    match group.delimiter() {
        Delimiter::Brace => true,
        // A block that came through a `macro_rules!` variable.
        Delimiter::None => {
            let mut inside = group.stream().into_iter();
            inside.next().is_some_and(|it| is_block(&it)) && inside.next().is_none()
        }
        _ => false,
    }
}
