//! Files to read, and what reading them needs of a runtime.

use crate::Runtime;
use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// A runtime that reads files.
pub trait Files: Runtime {
    /// Reads a whole file, from inside. The future is what is in it.
    fn read(path: &Path) -> impl Future<Output = Vec<u8>> + Send;
}

/// Files in a folder of their own, which goes with them.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Writes so many files of so many bytes each.
    pub(super) fn with_files(count: u64, bytes: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: a number that nobody else gets.
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("bowerbird-bench-files-{}-{number}", process::id());
        let folder = Self { path: env::temp_dir().join(name) };
        fs::create_dir(&folder.path).expect("a folder can be made for temporary files");
        for number in 0..count {
            let written = fs::write(folder.file(number), contents(number, bytes));
            written.expect("temporary files can be written");
        }
        folder
    }

    /// Where a file is.
    pub(super) fn file(&self, number: u64) -> PathBuf {
        self.path.join(number.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If it cannot be removed, it stays for whoever cleans up such folders.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What is in a file: another text in each.
pub(super) fn contents(number: u64, bytes: usize) -> Vec<u8> {
    format!("This is file {number}. ").bytes().cycle().take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Smol, Tokio};

    #[test]
    fn each_runtime_reads_what_is_there() {
        fn check<R: Files>() {
            let folder = Folder::with_files(2, 100);
            let path = folder.file(1);
            let read = R::new(1).run(async move { R::read(&path).await });
            assert_eq!(read, contents(1, 100), "{}", R::NAME);
            assert_ne!(read, contents(0, 100));
        }
        check::<Bowerbird>();
        check::<Tokio>();
        check::<Smol>();
    }

    #[test]
    fn a_folder_goes_with_its_files() {
        let folder = Folder::with_files(1, 1);
        let path = folder.path.clone();
        assert!(folder.file(0).exists());
        drop(folder);
        assert!(!path.exists());
    }
}
