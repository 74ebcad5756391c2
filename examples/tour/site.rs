//! What is served: the files below one folder, and a listing of each folder.

use super::text;
use bowerbird::fs;
use std::{
    io,
    path::{Path, PathBuf},
};

/// The files below one folder.
#[derive(Debug)]
pub(crate) struct Site {
    root: PathBuf,
}

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Page {
    File {
        path: PathBuf,
        length: u64,
        content_type: &'static str,
    },
    Listing {
        html: String,
    },
    /// A folder asked for without the slash at the end.
    Moved {
        to: String,
    },
    Nothing,
}

impl Site {
    /// The files below `root`.
    pub(crate) async fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { root: fs::canonicalize(root).await? })
    }

    /// What stands at the path of a request.
    pub(crate) async fn find(&self, target: &str) -> io::Result<Page> {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let Some(inside) = text::decode(path).as_deref().and_then(inside) else {
            return Ok(Page::Nothing);
        };
        let file = self.root.join(inside);
        let metadata = match fs::metadata(&file).await {
            Ok(metadata) => metadata,
            Err(error) => return nothing_or(error),
        };
        // A link may lead out of the folder.
        if !fs::canonicalize(&file).await?.starts_with(&self.root) {
            return Ok(Page::Nothing);
        }
        if metadata.is_file() {
            let content_type = content_type(&file);
            return Ok(Page::File { path: file, length: metadata.len(), content_type });
        }
        // To open what is neither, a pipe for example, may take for ever.
        if !metadata.is_dir() {
            return Ok(Page::Nothing);
        }
        match path.ends_with('/') {
            true => Ok(Page::Listing { html: listing(path, &file).await? }),
            // Not the path as it came: `//host` would be another server.
            false => Ok(Page::Moved { to: format!("/{}/", path.trim_matches('/')) }),
        }
    }
}

/// A decoded path as a path below the root. `None`: it leads elsewhere, or to what
/// is not served.
fn inside(path: &str) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.strip_prefix('/')?.split('/').filter(|part| !part.is_empty()) {
        if !is_served(part) || part.contains('\0') {
            return None;
        }
        inside.push(part);
    }
    Some(inside)
}

/// Whether files and folders of this name are shown.
fn is_served(name: &str) -> bool {
    !(name.starts_with('.') || name == "target" || name.starts_with("target-"))
}

async fn listing(path: &str, folder: &Path) -> io::Result<String> {
    let mut names = vec![];
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        // A name that is not text cannot stand in a path.
        let Some(name) = name.to_str().filter(|name| is_served(name)) else { continue };
        let slash = if entry.file_type().await?.is_dir() { "/" } else { "" };
        names.push(format!("{name}{slash}"));
    }
    names.sort_unstable();
    let title = text::escape(path);
    let mut html = format!("<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n");
    for name in names {
        let (plain, slash) = name.strip_suffix('/').map_or((&*name, ""), |plain| (plain, "/"));
        let (target, shown) = (text::encode(plain), text::escape(&name));
        html.push_str(&format!("<li><a href=\"{target}{slash}\">{shown}</a>\n"));
    }
    html.push_str("</ul>\n");
    Ok(html)
}

/// A file that is not there, or may not be seen, is no failure of the server.
fn nothing_or(error: io::Error) -> io::Result<Page> {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::InvalidFilename => Ok(Page::Nothing),
        _ => Err(error),
    }
}

/// What a file holds, by the end of its name.
pub(crate) fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|it| it.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "rs" | "toml" | "txt" | "yml" | "yaml" | "lock" | "py" | "sh" | "c" | "h" => {
            "text/plain; charset=utf-8"
        }
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        _ => "application/octet-stream",
    }
}
