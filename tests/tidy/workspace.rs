//! The files of a workspace: this one's, or planted ones.

use crate::CRATES;
use std::{fs, path::Path};

/// All files, by path.
pub(crate) struct Workspace {
    files: Vec<File>,
}

/// A text file.
pub(crate) struct File {
    /// From the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Workspace {
    /// The workspace this test belongs to.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![];
        walk(root, root, &mut files);
        assert!(files.len() > 20, "the workspace is not where it was: {}", files.len());
        files.sort_by(|one, two| one.path.cmp(&two.path));
        Self { files }
    }

    pub(crate) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let file = |(path, text): (&str, &str)| File { path: path.into(), text: text.into() };
        Self { files: files.into_iter().map(file).collect() }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust files below `folder`.
    pub(crate) fn rust(&self, folder: &str) -> impl Iterator<Item = &File> {
        let is_below = move |file: &&File| file.path.starts_with(folder);
        self.files.iter().filter(|file| file.path.ends_with(".rs")).filter(is_below)
    }

    /// The Rust files that programs are built from.
    pub(crate) fn library(&self) -> impl Iterator<Item = &File> {
        let crates = CRATES.iter().filter(|it| it.is_library());
        crates.flat_map(|it| self.rust(&it.sources()).collect::<Vec<_>>())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl File {
    /// Whether all of it is for tests: models, scenarios, `tests.rs`.
    pub(crate) fn is_test(&self) -> bool {
        self.is_model() || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Whether loom or shuttle explore it.
    pub(crate) fn is_model(&self) -> bool {
        self.path.contains("/models/") || self.path.contains("/scenarios/")
    }

    /// Its lines, with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() {
            // What cargo and git write is not ours.
            if name != ".git" && !name.starts_with("target") {
                walk(root, &path, files);
            }
        } else if let (Ok(text), Ok(inside)) = (fs::read_to_string(&path), path.strip_prefix(root))
        {
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            // In a worktree `.git` is a file.
            if name != ".git" {
                files.push(File { path: parts.join("/"), text });
            }
        }
    }
}
