//! The list of options: `name = value, …`.

use crate::{Error, Result};
use proc_macro::{Delimiter, Literal, Span, TokenStream, TokenTree};

/// One option as it was written.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) span: Span,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Literal(Literal),
    Bool(bool, Span),
}

impl Value {
    fn span(&self) -> Span {
        match self {
            Self::Literal(literal) => literal.span(),
            Self::Bool(_, span) => *span,
        }
    }
}

impl Given {
    /// The error that this option has the wrong value.
    pub(crate) fn wants(&self, what: &str) -> Error {
        Error::new(self.value.span(), format!("`{}` wants {what}", self.name))
    }

    /// `true` or `false`.
    pub(crate) fn truth(&self) -> Result<bool> {
        match self.value {
            Value::Bool(truth, _) => Ok(truth),
            Value::Literal(_) => Err(self.wants("`true` or `false`")),
        }
    }

    /// A whole number, as it was written.
    pub(crate) fn number(&self) -> Result<Literal> {
        let what = "a whole number, as in `4`";
        match &self.value {
            Value::Literal(literal) if is_whole_number(&literal.to_string()) => Ok(literal.clone()),
            _ => Err(self.wants(what)),
        }
    }

    /// A whole number that is not zero.
    pub(crate) fn positive_number(&self) -> Result<Literal> {
        let literal = self.number()?;
        let is_zero = literal.to_string().chars().all(|c| !c.is_ascii_digit() || c == '0');
        match is_zero {
            true => Err(self.wants("a number of at least 1")),
            false => Ok(literal),
        }
    }

    /// What stands between plain quotes, and the literal with its quotes.
    pub(crate) fn text(&self, example: &str) -> Result<(String, Literal)> {
        let wants = || self.wants(&format!("a string, as in `\"{example}\"`"));
        let Value::Literal(literal) = &self.value else {
            return Err(wants());
        };
        let written = literal.to_string();
        let text = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match text {
            Some(text) if !text.contains('\\') => Ok((text.to_owned(), literal.clone())),
            _ => Err(wants()),
        }
    }

    /// Which of `choices` stands between the quotes.
    pub(crate) fn one_of(&self, choices: [&str; 2]) -> Result<usize> {
        let (text, _) = self.text(choices[0])?;
        let found = choices.iter().position(|choice| *choice == text);
        found.ok_or_else(|| self.wants(&format!("{:?} or {:?}", choices[0], choices[1])))
    }
}

/// Digits, with underscores and a radix, without a suffix.
fn is_whole_number(text: &str) -> bool {
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        Some("0b") => (&text[2..], 2),
        _ => (text, 10),
    };
    digits.starts_with(|c: char| c.is_digit(radix))
        && digits.chars().all(|c| c == '_' || c.is_digit(radix))
}

/// Reads the list. `allowed`: the names there are.
pub(crate) fn parse(tokens: TokenStream, allowed: &[&str]) -> Result<Vec<Given>> {
    let mut given: Vec<Given> = vec![];
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let span = token.span();
        let TokenTree::Ident(name) = token else {
            return Err(Error::new(span, "expected an option, as in `worker_threads = 4`"));
        };
        let name = name.to_string();
        if !allowed.contains(&name.as_str()) {
            let message =
                format!("unknown option `{name}`; there are {}", allowed.join("`, `").quoted());
            return Err(Error::new(span, message));
        }
        if given.iter().any(|it| it.name == name) {
            return Err(Error::new(span, format!("option `{name}` is given twice")));
        }
        if !matches!(tokens.next(), Some(TokenTree::Punct(sign)) if sign.as_char() == '=') {
            return Err(Error::new(span, format!("option `{name}` needs a value: `{name} = …`")));
        }
        let value = tokens.next().and_then(value_of);
        let Some(value) = value else {
            return Err(Error::new(span, format!("option `{name}` wants a literal as its value")));
        };
        given.push(Given { name, span, value });
        match tokens.next() {
            None => break,
            Some(TokenTree::Punct(sign)) if sign.as_char() == ',' => (),
            Some(other) => return Err(Error::new(other.span(), "expected a comma")),
        }
    }
    Ok(given)
}

fn value_of(token: TokenTree) -> Option<Value> {
    match token {
        TokenTree::Literal(literal) => Some(Value::Literal(literal)),
        TokenTree::Ident(ident) => match ident.to_string().as_str() {
            "true" => Some(Value::Bool(true, ident.span())),
            "false" => Some(Value::Bool(false, ident.span())),
            _ => None,
        },
        // A literal that came through a `macro_rules!` variable.
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            let value = inner.next().and_then(value_of);
            value.filter(|_| inner.next().is_none())
        }
        _ => None,
    }
}

/// Backquotes around a list joined by them.
trait Quoted {
    fn quoted(self) -> String;
}

impl Quoted for String {
    fn quoted(self) -> String {
        format!("`{self}`")
    }
}
