//! What stands in the place of a function under an attribute.
//!
//! The function stays what it is, inside a plain one of the same name.

use crate::{
    Error, Result,
    function::{Function, is_ident},
    options::{self, Given},
    template::{code, compile_error},
};
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

const MAIN_OPTIONS: [&str; 4] = ["worker_threads", "flavor", "debug", "crate"];
const TEST_OPTIONS: [&str; 5] = ["clock", "worker_threads", "seed", "timeout", "crate"];

pub(crate) fn main(given: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(item, "#[main]") {
        Ok(function) => function,
        Err(error) => return compile_error(error),
    };
    let (config, error) = or_default(main_config(given), || main_config(TokenStream::new()));
    let mut output = around(&function, "run_main", config, TokenStream::new());
    output.extend(error);
    output
}

pub(crate) fn test(given: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(item, "#[test]").and_then(is_no_test_yet) {
        Ok(function) => function,
        Err(error) => return compile_error(error),
    };
    let name = function.name.to_string();
    let parsed = test_config(given, &name);
    let (config, error) = or_default(parsed, || test_config(TokenStream::new(), &name));
    let mut output =
        around(&function, "run_test", config, code("#[::core::prelude::v1::test]", []));
    output.extend(error);
    output
}

/// The path of the crate, and the expression of its config struct.
struct Config {
    krate: TokenStream,
    value: TokenStream,
}

/// With bad options the function is expanded as with none, so that the error is
/// the only one.
fn or_default(
    parsed: Result<Config>,
    default: impl FnOnce() -> Result<Config>,
) -> (Config, Option<TokenStream>) {
    match parsed {
        Ok(config) => (config, None),
        Err(error) => (default().expect("no options are fine"), Some(compile_error(error))),
    }
}

fn main_config(tokens: TokenStream) -> Result<Config> {
    let given = options::parse(tokens, &MAIN_OPTIONS)?;
    let krate = krate(&given)?;
    let worker_threads = worker_threads(&given)?;
    let mut flavor = "MultiThread";
    if let Some(option) = find(&given, "flavor")
        && option.one_of(["current_thread", "multi_thread"])? == 0
    {
        flavor = "CurrentThread";
        if let Some(threads) = find(&given, "worker_threads") {
            let message = "`worker_threads` needs `flavor = \"multi_thread\"`";
            return Err(Error::new(threads.span, message));
        }
    }
    let debug = match find(&given, "debug") {
        Some(option) => some_of(code(&option.truth()?.to_string(), [])),
        None => none(),
    };
    let text = format!(
        "$::__private::MainConfig {{
            worker_threads: $,
            flavor: $::__private::Flavor::{flavor},
            debug: $,
        }}"
    );
    let value = code(&text, [krate.clone(), worker_threads, krate.clone(), debug]);
    Ok(Config { krate, value })
}

fn test_config(tokens: TokenStream, name: &str) -> Result<Config> {
    let given = options::parse(tokens, &TEST_OPTIONS)?;
    let krate = krate(&given)?;
    let worker_threads = worker_threads(&given)?;
    let clock = match find(&given, "clock") {
        Some(option) => option.one_of(["virtual", "real"])?,
        None => 1,
    };
    let seed = match find(&given, "seed") {
        Some(option) => some(option.number()?.into()),
        None => none(),
    };
    let timeout = match find(&given, "timeout") {
        Some(option) => {
            let (_, literal) = option.text("10s")?;
            // A constant, so a duration that says nothing is an error at compile time.
            let call = code(
                "const { $::__private::duration($) }",
                [krate.clone(), TokenTree::from(literal).into()],
            );
            some_of(call)
        }
        None => none(),
    };
    let text = format!(
        "$::__private::TestConfig {{
            name: ::core::concat!(::core::module_path!(), \"::{name}\"),
            worker_threads: $,
            clock_virtual: {is_virtual},
            timeout: $,
            seed: $,
        }}",
        name = name.trim_start_matches("r#"),
        is_virtual = clock == 0,
    );
    let value = code(&text, [krate.clone(), worker_threads, timeout, seed]);
    Ok(Config { krate, value })
}

/// The plain function: the program's own inside, and the call that runs it.
fn around(
    function: &Function,
    runner: &str,
    config: Config,
    attribute: TokenStream,
) -> TokenStream {
    let signature = |head: &str| {
        let name = TokenTree::from(function.name.clone()).into();
        let output = function.output.iter().cloned().collect();
        code(&format!("{head} $() $"), [name, output])
    };
    let mut body = signature("async fn");
    body.extend([TokenTree::from(function.body.clone())]);
    let call = format!("$::__private::{runner}($, $())");
    let name = TokenTree::from(function.name.clone()).into();
    body.extend(code(&call, [config.krate, config.value, name]));

    let mut output = attribute;
    output.extend(function.attributes.iter().cloned());
    output.extend(function.visibility.iter().cloned());
    output.extend(signature("fn"));
    let mut body = Group::new(Delimiter::Brace, body);
    body.set_span(function.body.span());
    output.extend([TokenTree::from(body)]);
    output
}

fn find<'a>(given: &'a [Given], name: &str) -> Option<&'a Given> {
    given.iter().find(|it| it.name == name)
}

fn worker_threads(given: &[Given]) -> Result<TokenStream> {
    match find(given, "worker_threads") {
        Some(option) => Ok(some(option.positive_number()?.into())),
        None => Ok(none()),
    }
}

/// The path to the runtime's crate.
fn krate(given: &[Given]) -> Result<TokenStream> {
    let Some(option) = find(given, "crate") else {
        return Ok(code("::bowerbird", []));
    };
    let (path, literal) = option.text("::bowerbird")?;
    let is_path = path.split("::").enumerate().all(|(at, part)| {
        let is_name = part.chars().all(|c| c == '_' || c.is_alphanumeric())
            && !part.starts_with(|c: char| c.is_numeric());
        is_name && (!part.is_empty() || at == 0)
    });
    if path.is_empty() || !is_path {
        return Err(option.wants("a path, as in `\"::bowerbird\"`"));
    }
    let tokens = code(&path, []);
    Ok(tokens.into_iter().map(|token| with_span(token, literal.span())).collect())
}

fn with_span(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(span.resolved_at(Span::call_site()));
    token
}

fn some(value: TokenTree) -> TokenStream {
    some_of(value.into())
}

fn some_of(value: TokenStream) -> TokenStream {
    code("::core::option::Option::Some($)", [value])
}

fn none() -> TokenStream {
    code("::core::option::Option::None", [])
}

/// A second `#[test]` would run the function twice.
fn is_no_test_yet(function: Function) -> Result<Function> {
    for token in &function.attributes {
        let TokenTree::Group(group) = token else { continue };
        let mut path = group.stream().into_iter();
        let first = path.next();
        if let Some(first) = first.filter(|it| is_ident(it, "test") && path.next().is_none()) {
            return Err(Error::new(first.span(), "`#[test]` stands here twice"));
        }
    }
    Ok(function)
}
