//! What stands in the place of `select!`?
//!
//! ```text
//! {
//!     enum __Chosen<_0, _1> { _0(_0), _1(_1) }
//!     let mut __output = {
//!         let __enabled = select::enabled([condition_0, true]);
//!         let __f0 = future_0;
//!         let __f1 = future_1;
//!         let tree = select::fork(select::branch(__f0, |it| …), select::branch(__f1, |it| …));
//!         let __output = select::fair(__enabled, tree).await;
//!         __output
//!     };
//!     match __output {
//!         Some(__Chosen::_0(pattern_0)) => handler_0,
//!         Some(__Chosen::_1(pattern_1)) => handler_1,
//!         None => otherwise,
//!         _ => unreachable,
//!     }
//! }
//! ```
//!
//! The futures are variables first, so that `&mut temporary` lives as long as the
//! wait; they end with the inner block, before a handler begins. A handler is an arm
//! of a plain `match` in the user's function: `?`, `break` and `.await` mean there
//! what they mean everywhere.
//!
//! Our variables are those of the `macro_rules!` in front: nobody else's code sees
//! them. Constants are seen everywhere, and a variable with the name of one is none,
//! hence names that nobody gives to a constant. The futures' have their names from us
//! and their places from the user, so that "is not a future" points at what is not one.

use super::{
    Branch, Order, Select,
    fragment::expression,
    parse,
    pattern::{Trial, trial},
};
use crate::template::{code, compile_error};
use proc_macro::{Ident, Span, TokenStream, TokenTree};

pub(crate) fn select(input: TokenStream) -> TokenStream {
    match parse::select(input) {
        Ok(select) => expand(&select),
        Err(error) => compile_error(error),
    }
}

fn expand(select: &Select) -> TokenStream {
    let otherwise = match &select.otherwise {
        Some(handler) => expression(handler),
        None => code("$::__private::select::all_disabled()", [select.krate.clone()]),
    };
    if select.branches.is_empty() {
        return code("match () { () => $ }", [otherwise]);
    }
    let order = match select.order {
        Order::Fair => "fair",
        Order::Biased => "biased",
    };
    let text = format!(
        "{{
            enum __Chosen<$> {{ $ }}
            #[allow(unused_mut)]
            let mut __output = {{
                let __enabled = $::__private::select::enabled([$]);
                $
                #[allow(unreachable_code, unreachable_patterns, unused_variables)]
                let __output = $::__private::select::{order}(__enabled, $).await;
                __output
            }};
            match __output {{
                $
                ::core::option::Option::None => $,
                #[allow(unreachable_patterns)]
                _ => ::core::unreachable!(\"the pattern of a chosen branch matches\"),
            }}
        }}"
    );
    let branches = &select.branches[..];
    let futures: Vec<_> = branches.iter().enumerate().map(variable).collect();
    code(
        &text,
        [
            each(branches, |index, _| code(&format!("_{index},"), [])),
            each(branches, |index, _| code(&format!("_{index}(_{index}),"), [])),
            select.krate.clone(),
            each(branches, |_, branch| code("$,", [condition(branch)])),
            each(branches, |index, branch| {
                code("let $ = $;", [futures[index].clone().into(), expression(&branch.future)])
            }),
            select.krate.clone(),
            tree(&select.krate, branches, &futures, 0),
            each(branches, |index, branch| {
                let text = format!("::core::option::Option::Some(__Chosen::_{index}($)) => $,");
                code(&text, [tokens(&branch.pattern), expression(&branch.handler)])
            }),
            otherwise,
        ],
    )
}

/// The branches as leaves of a balanced tree: types stay as deep as its height.
fn tree(
    krate: &TokenStream,
    branches: &[Branch],
    futures: &[TokenTree],
    first: usize,
) -> TokenStream {
    if let [branch] = branches {
        let attempt = attempt(branch, first);
        let future = &futures[first];
        let function = code("$::__private::select::branch", [krate.clone()]);
        let function = function.into_iter().map(|token| located(token, future.span())).collect();
        return code("$($, $)", [function, future.clone().into(), attempt]);
    }
    let (left, right) = branches.split_at(branches.len() / 2);
    let right = tree(krate, right, futures, first + left.len());
    let left = tree(krate, left, futures, first);
    code("$::__private::select::fork($, $)", [krate.clone(), left, right])
}

/// The closure that takes an output if the pattern matches it.
fn attempt(branch: &Branch, index: usize) -> TokenStream {
    let taken = format!("::core::option::Option::Some(__Chosen::_{index}(__output))");
    match trial(&branch.pattern) {
        Trial::None => code(&format!("|__output| {taken}"), []),
        Trial::Value(pattern) => {
            let text = format!(
                "|__output| match __output {{
                    $ => {taken},
                    _ => ::core::option::Option::None,
                }}"
            );
            code(&text, [pattern])
        }
        Trial::Reference(pattern) => {
            let text = format!(
                "|__output| {{
                    let __output = __Chosen::_{index}(__output);
                    match &__output {{
                        __Chosen::_{index}($) => ::core::option::Option::Some(__output),
                        _ => ::core::option::Option::None,
                    }}
                }}"
            );
            code(&text, [pattern])
        }
    }
}

fn condition(branch: &Branch) -> TokenStream {
    branch.condition.as_ref().map_or_else(|| code("true", []), |it| expression(it))
}

/// The same name, in another place.
fn located(mut token: TokenTree, place: Span) -> TokenTree {
    token.set_span(token.span().located_at(place));
    token
}

/// The variable of a branch's future, in the future's place.
fn variable((index, branch): (usize, &Branch)) -> TokenTree {
    let place = branch.future.first().map_or_else(Span::call_site, TokenTree::span);
    Ident::new(&format!("__f{index}"), Span::call_site().located_at(place)).into()
}

fn each(branches: &[Branch], part: impl Fn(usize, &Branch) -> TokenStream) -> TokenStream {
    branches.iter().enumerate().map(|(index, branch)| part(index, branch)).collect()
}

fn tokens(tokens: &[TokenTree]) -> TokenStream {
    tokens.iter().cloned().collect()
}
