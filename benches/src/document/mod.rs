//! What a run found, and the file it is kept in.
//!
//! A file is one JSON object. Each of its `rows` stands on a line of its own, for
//! `grep` and for tools that read lines:
//!
//! ```json
//! {
//! "format": 1,
//! "header": {"command":"bowerbird-bench compare --quick","date":"2026-01-31T12:00:00Z"},
//! "rows": [
//! {"workload":"ping_pong","group":"scheduler","runtime":"bowerbird","workers":1,"size":1000,"unit":"ns cpu/op","median":134.0,"min":131.0,"max":150.0,"samples":51,"ratio_vs_tokio":2.2,"ratio_min":2.1,"ratio_max":2.3,"aa_spread":0.03,"note":null}
//! ],
//! "distributions": [],
//! "missed": []
//! }
//! ```

#[cfg(test)]
pub(crate) mod example;
mod part;

pub use part::{Distribution, Missed, Part, Question, Row};

use crate::header::Header;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use std::{
    collections::HashSet,
    error, fmt, fs,
    path::{Path, PathBuf},
};

/// What the file must say of itself. It changes when an old file cannot be read any
/// more.
const FORMAT: u32 = 1;

/// What a run found.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// On which machine, when, and of which versions.
    pub header: Header,
    /// A row per workload, size, number of workers, contender and unit.
    pub rows: Vec<Row>,
    /// The latencies behind some of them.
    pub distributions: Vec<Distribution>,
    /// What could not be measured.
    pub missed: Vec<Missed>,
}

/// A file that could not be written or read.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    what: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

impl error::Error for Error {}

impl Document {
    /// An empty one.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Self { header, rows: vec![], distributions: vec![], missed: vec![] }
    }

    /// Adds what was measured. A row with a value that is no number becomes one that
    /// was missed: JSON has no word for it.
    pub fn add(&mut self, part: Part) {
        let (rows, others): (Vec<_>, Vec<_>) = part.rows.into_iter().partition(Row::is_finite);
        self.rows.extend(rows);
        self.distributions.extend(part.distributions);
        self.missed.extend(part.missed);
        self.missed.extend(others.into_iter().map(|row| Missed {
            what: format!("{} is no number", row.unit.name()),
            workload: row.workload,
            runtime: row.runtime,
            workers: row.workers,
            size: row.size,
        }));
    }

    /// Something that both have measured.
    #[must_use]
    pub fn overlap<'a>(&'a self, other: &Self) -> Option<&'a Row> {
        let theirs: HashSet<_> = other.rows.iter().map(|it| (it.question(), it.runtime)).collect();
        self.rows.iter().find(|it| theirs.contains(&(it.question(), it.runtime)))
    }

    /// Takes over all that `other` has. What both have would stand there twice: see
    /// [`overlap`](Self::overlap).
    pub fn merge(&mut self, other: Self) {
        self.header.merge(other.header);
        self.rows.extend(other.rows);
        self.distributions.extend(other.distributions);
        self.missed.extend(other.missed);
    }

    /// Writes it to a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let error = |error| Error { path: path.to_owned(), what: format!("not written: {error}") };
        fs::write(path, self.to_json()).map_err(error)
    }

    /// Reads it from a file.
    ///
    /// # Errors
    ///
    /// If the file is not there, is damaged, or is about something else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let error = |what| Error { path: path.to_owned(), what };
        let text = fs::read_to_string(path).map_err(|it| error(format!("not read: {it}")))?;
        Self::from_json(&text).map_err(error)
    }

    /// As it stands in a file.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(
            "{{\n\"format\": {FORMAT},\n\"header\": {},\n\"rows\": {},\n\"distributions\": {},\n\
             \"missed\": {}\n}}\n",
            json(&self.header),
            json_lines(&self.rows),
            json_lines(&self.distributions),
            json_lines(&self.missed),
        )
    }

    fn from_json(text: &str) -> Result<Self, String> {
        /// The file says what it is before anything else is asked of it.
        #[derive(Deserialize)]
        struct Kind {
            format: u32,
        }
        #[derive(Deserialize)]
        struct File {
            header: Header,
            rows: Vec<Row>,
            distributions: Vec<Distribution>,
            missed: Vec<Missed>,
        }
        let Kind { format } =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                Category::Data => "JSON, but not written by this program".to_owned(),
                _ => format!("damaged, or not JSON: {error}"),
            })?;
        if format != FORMAT {
            return Err(format!("format {format}; this program reads format {FORMAT}"));
        }
        let file: File = serde_json::from_str(text).map_err(|it| format!("damaged: {it}"))?;
        let File { header, rows, distributions, missed } = file;
        Ok(Self { header, rows, distributions, missed })
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers can be written")
}

/// A list with a line for each element.
fn json_lines(values: &[impl Serialize]) -> String {
    match values {
        [] => "[]".to_owned(),
        _ => format!("[\n{}\n]", values.iter().map(json).collect::<Vec<_>>().join(",\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contender::Contender, document::example::row, reading::Unit};
    use std::{env, process};

    #[test]
    fn a_document_comes_back_as_it_was() {
        let path = env::temp_dir().join(format!("bowerbird-document-{}.json", process::id()));
        let document = example::document();
        document.write(&path).expect("a temporary file can be written");
        let read = Document::read(&path);
        fs::remove_file(&path).expect("the file is there");
        assert_eq!(read.expect("it was just written"), document);
    }

    #[test]
    fn every_row_is_a_line_by_itself() {
        let document = example::document();
        let json = document.to_json();
        let lines = json.lines().map(|line| line.trim_end_matches(','));
        let rows: Vec<Row> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(rows, document.rows);
    }

    #[test]
    fn a_damaged_or_foreign_file_is_named_with_its_trouble() {
        let whole = example::document().to_json();
        let half = &whole[..whole.len() / 2];
        for (text, trouble) in [
            (half, "damaged, or not JSON: EOF while parsing"),
            ("hello", "damaged, or not JSON: expected value"),
            ("{\"a\":1}", "JSON, but not written by this program"),
            ("[]", "JSON, but not written by this program"),
            ("{\"format\":7}", "format 7; this program reads format 1"),
            (&whole.replace("ns cpu/op", "days"), "damaged: unknown variant `days`"),
        ] {
            let error = Document::from_json(text).expect_err("this is no document");
            assert!(error.starts_with(trouble), "{error}");
        }
        let error = Document::read(Path::new("nowhere/at-all.json")).expect_err("it is not there");
        assert!(error.to_string().starts_with("nowhere/at-all.json: not read: "), "{error}");
    }

    #[test]
    fn what_is_no_number_was_missed() {
        let mut document = Document::new(Header::default());
        let bad = Row { max: f64::NAN, ..row("w", Contender::Tokio, Unit::P50, 1.0, None) };
        document.add(Part { rows: vec![bad], ..Part::default() });
        assert_eq!((document.rows.len(), document.missed.len()), (0, 1));
        assert_eq!(document.missed[0].what, "us p50 is no number");
    }

    #[test]
    fn documents_overlap_in_what_both_have_measured() {
        let one = example::document();
        assert!(one.overlap(&one).is_some());
        let mut other = one.clone();
        other.rows.iter_mut().for_each(|it| it.workers += 10);
        assert_eq!(one.overlap(&other), None);
        let mut both = one.clone();
        both.merge(other.clone());
        assert_eq!(both.rows.len(), 2 * one.rows.len());
        assert_eq!(both.header, one.header, "the same machine is told once");
    }
}
