//! How does an error look that is made of errors, which may be made of errors?
//!
//! ```text
//! 3 failures in the task group at src/main.rs:31:18
//! ├─ task `fetch` #7 (src/main.rs:33:11): no route to host
//! │  caused by: the cable is gone
//! ├─ task #9 (src/main.rs:34:11) panicked: index out of bounds
//! └─ the body: 1 failure in the task group at src/pages.rs:8:5
//!    └─ task #12 (src/pages.rs:9:7): line 3 has no key
//! ```
//!
//! A branch is a text of any number of lines; all but the first are indented. So a
//! tree in a tree needs nothing but that each prints itself.
//!
//! Many errors say in their own text what their source says: a cause is left out if
//! its first line stands above already.

use std::{any::Any, error::Error, fmt, io, sync::Arc};

/// One failure, in words.
pub(super) struct Branch {
    text: String,
    causes: Vec<String>,
}

impl Branch {
    pub(super) fn new(text: String) -> Self {
        Self { text, causes: vec![] }
    }

    /// With what led to it.
    pub(super) fn caused_by(mut self, error: Option<&(dyn Error + 'static)>) -> Self {
        let mut above = self.text.clone();
        let mut next = error;
        while let Some(error) = next {
            let text = error.to_string();
            if !above.contains(text.lines().next().unwrap_or_default()) {
                above.push_str(&text);
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// After what it is about.
    pub(super) fn after(mut self, label: &str) -> Self {
        self.text.insert_str(0, label);
        self
    }

    /// Writes it; all lines but the first begin with `indent`.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let causes = self.causes.iter().map(|text| ("caused by: ", text));
        for (number, (word, text)) in [("", &self.text)].into_iter().chain(causes).enumerate() {
            if number > 0 {
                write!(f, "\n{indent}")?;
            }
            write!(f, "{word}")?;
            let mut lines = text.lines();
            f.write_str(lines.next().unwrap_or_default())?;
            for line in lines {
                f.write_str("\n")?;
                f.write_str(format!("{indent}{line}").trim_end())?;
            }
        }
        Ok(())
    }
}

/// Writes a tree below what is written already.
pub(super) fn draw(
    f: &mut fmt::Formatter<'_>,
    branches: impl ExactSizeIterator<Item = Branch>,
) -> fmt::Result {
    let count = branches.len();
    for (number, branch) in branches.enumerate() {
        let (mark, indent) = match number + 1 == count {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        write!(f, "\n{mark}")?;
        branch.write(f, indent)?;
    }
    Ok(())
}

/// The error in `value`, if its type is one of those in which errors of all kinds
/// travel. For others nothing tells whether they are errors at all, since neither
/// a `String` nor a `Box<dyn Error>` is one.
pub(super) fn error_in<E: 'static>(value: &E) -> Option<&(dyn Error + 'static)> {
    let value: &dyn Any = value;
    if let Some(error) = value.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    if let Some(error) = value.downcast_ref::<Box<dyn Error + Send>>() {
        return Some(&**error);
    }
    if let Some(error) = value.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    value.downcast_ref::<io::Error>().map(|error| error as &dyn Error)
}

/// The text in `value`, if it is one.
pub(super) fn text_in<E: 'static>(value: &E) -> Option<&str> {
    let value: &dyn Any = value;
    let text = value.downcast_ref::<&'static str>().copied();
    text.or_else(|| value.downcast_ref::<String>().map(String::as_str))
}
