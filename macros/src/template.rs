//! How is code written that stands in somebody else's program?
//!
//! Code of our own is written as text and parsed; code of the program is put
//! into it as tokens, with the places it came from. A text marks the place of
//! the next piece by `$`.

use crate::Error;
use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, TokenStream, TokenTree};

/// Our own code, with `pieces` in the places of `$`.
pub(crate) fn code<const N: usize>(text: &str, pieces: [TokenStream; N]) -> TokenStream {
    let template: TokenStream = text.parse().expect("our own code is well formed");
    let mut pieces = pieces.into_iter();
    let output = fill(template, &mut pieces);
    debug_assert!(pieces.next().is_none(), "too many pieces for `{text}`");
    output
}

fn fill(template: TokenStream, pieces: &mut impl Iterator<Item = TokenStream>) -> TokenStream {
    let mut output = TokenStream::new();
    for token in template {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '$' => {
                output.extend(pieces.next().expect("a piece for each `$`"));
            }
            TokenTree::Group(group) => {
                let mut filled = Group::new(group.delimiter(), fill(group.stream(), pieces));
                filled.set_span(group.span());
                output.extend([TokenTree::from(filled)]);
            }
            other => output.extend([other]),
        }
    }
    output
}

/// `::core::compile_error! { "message" }`, at the place of the error.
pub(crate) fn compile_error(error: Error) -> TokenStream {
    let span = error.span;
    let punct = |sign, spacing| {
        let mut punct = Punct::new(sign, spacing);
        punct.set_span(span);
        TokenTree::from(punct)
    };
    let mut message = Literal::string(&error.message);
    message.set_span(span);
    let mut arguments = Group::new(Delimiter::Brace, TokenTree::from(message).into());
    arguments.set_span(span);
    [
        punct(':', Spacing::Joint),
        punct(':', Spacing::Alone),
        Ident::new("core", span).into(),
        punct(':', Spacing::Joint),
        punct(':', Spacing::Alone),
        Ident::new("compile_error", span).into(),
        punct('!', Spacing::Alone),
        arguments.into(),
    ]
    .into_iter()
    .collect()
}
