//! `report`: what files of earlier runs have to say.

use super::Done;
use bowerbird_bench::{
    document::Document,
    report::{change, html, table},
};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Which files, and what to do with them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One is shown. Two with the same rows are compared: before and after. Several
    /// without a row in common are shown as one
    #[arg(required = true, value_name = "FILE.json")]
    files: Vec<PathBuf>,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
    /// Write a report with plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// End with 1 if bowerbird is slower in the second file, by more than noise
    #[arg(long)]
    fail_on_slower: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    let mut documents = vec![];
    for path in &args.files {
        documents.push(Document::read(path).map_err(|error| error.to_string())?);
    }
    let style = match args.markdown {
        true => table::Style::Markdown,
        false => table::Style::of_stdout(),
    };
    if let [before, after] = documents.as_slice()
        && before.overlap(after).is_some()
    {
        return compare(args, before, after, style);
    }
    if args.fail_on_slower {
        return Err("--fail-on-slower compares two files that have rows in common".to_owned());
    }
    show(args, documents, style)
}

fn compare(args: &Args, before: &Document, after: &Document, style: table::Style) -> Done {
    if args.html.is_some() {
        return Err("--html draws one run; these are two of the same rows".to_owned());
    }
    let changes = change::between(before, after);
    print(&change::table(&before.header, &after.header, &changes, style))?;
    let is_failure = args.fail_on_slower && change::slower(&changes) > 0;
    Ok(if is_failure { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(args: &Args, documents: Vec<Document>, style: table::Style) -> Done {
    let mut documents = documents.into_iter().zip(&args.files);
    let (mut all, _) = documents.next().ok_or("there is no file")?;
    for (document, path) in documents {
        if let Some(row) = document.overlap(&all) {
            let (path, question) = (path.display(), row.question());
            return Err(format!("{path}: {question} is in another of these files, too"));
        }
        all.merge(document);
    }
    print(&table::of(&all, style))?;
    if let Some(path) = &args.html {
        html::write(&all, path)
            .map_err(|error| format!("{}: not written: {error}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints. Who reads no further than to the first lines has not made a mistake.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}
