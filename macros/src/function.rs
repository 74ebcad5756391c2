//! The head of the function under the attribute.

use crate::{Error, Result};
use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::iter::Peekable;

/// An `async fn` without arguments, taken apart.
#[derive(Debug)]
pub(crate) struct Function {
    /// `#[…]`, all of them.
    pub(crate) attributes: Vec<TokenTree>,
    /// `pub`, `pub(crate)`, or nothing.
    pub(crate) visibility: Vec<TokenTree>,
    pub(crate) name: Ident,
    /// `-> Type`, or nothing.
    pub(crate) output: Vec<TokenTree>,
    pub(crate) body: Group,
}

type Tokens = Peekable<proc_macro::token_stream::IntoIter>;

impl Function {
    /// Reads the item. `attribute` is the macro's name, for its errors.
    pub(crate) fn parse(item: TokenStream, attribute: &str) -> Result<Self> {
        let mut tokens = item.into_iter().peekable();
        let attributes = take_attributes(&mut tokens);
        let visibility = take_visibility(&mut tokens);
        take_qualifiers(&mut tokens, attribute)?;
        let name = match tokens.next() {
            Some(TokenTree::Ident(name)) => name,
            other => return Err(Error::new(span_of(other.as_ref()), "expected a function's name")),
        };
        take_no_arguments(&mut tokens, &name, attribute)?;
        let mut output: Vec<_> = tokens.collect();
        let body = match output.pop() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => body,
            other => return Err(Error::new(span_of(other.as_ref()), "expected a function's body")),
        };
        if let Some(clause) = output.iter().find(|token| is_ident(token, "where")) {
            let message = format!("a function under `{attribute}` cannot be generic");
            return Err(Error::new(clause.span(), message));
        }
        Ok(Self { attributes, visibility, name, output, body })
    }
}

fn take_attributes(tokens: &mut Tokens) -> Vec<TokenTree> {
    let mut attributes = vec![];
    while let Some(sign) = tokens.next_if(|token| is_punct(token, '#')) {
        attributes.push(sign);
        attributes.extend(tokens.next());
    }
    attributes
}

fn take_visibility(tokens: &mut Tokens) -> Vec<TokenTree> {
    let mut visibility = vec![];
    visibility.extend(tokens.next_if(|token| is_ident(token, "pub")));
    if !visibility.is_empty() {
        visibility.extend(tokens.next_if(|token| is_group(token, Delimiter::Parenthesis)));
    }
    visibility
}

/// Everything up to and with `fn`: exactly `async fn` will do.
fn take_qualifiers(tokens: &mut Tokens, attribute: &str) -> Result<()> {
    let mut is_async = false;
    loop {
        let token = tokens.next();
        let span = span_of(token.as_ref());
        let word = match &token {
            Some(TokenTree::Ident(word)) => word.to_string(),
            _ => String::new(),
        };
        match word.as_str() {
            "async" => is_async = true,
            "fn" if is_async => return Ok(()),
            "fn" => {
                let message = format!("a function under `{attribute}` must be `async`");
                return Err(Error::new(span, message));
            }
            "const" | "unsafe" | "extern" | "safe" => {
                let message = format!("a function under `{attribute}` cannot be `{word}`");
                return Err(Error::new(span, message));
            }
            _ => {
                let message = format!("`{attribute}` goes on an `async fn`");
                return Err(Error::new(span, message));
            }
        }
    }
}

fn take_no_arguments(tokens: &mut Tokens, name: &Ident, attribute: &str) -> Result<()> {
    let token = tokens.next();
    match &token {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            match group.stream().into_iter().next() {
                None => Ok(()),
                Some(first) => {
                    let message = format!("`{name}` cannot take arguments under `{attribute}`");
                    Err(Error::new(first.span(), message))
                }
            }
        }
        Some(token) if is_punct(token, '<') => {
            let message = format!("a function under `{attribute}` cannot be generic");
            Err(Error::new(token.span(), message))
        }
        other => Err(Error::new(span_of(other.as_ref()), "expected `()`")),
    }
}

fn span_of(token: Option<&TokenTree>) -> Span {
    token.map_or_else(Span::call_site, TokenTree::span)
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == sign)
}

pub(crate) fn is_ident(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(it) if it.to_string() == word)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(it) if it.delimiter() == delimiter)
}
