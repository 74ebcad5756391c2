//! Files: what `std::fs` has, on the blocking pool.
//!
//! The system has no way to wait for a disk; a read of a file blocks the thread. So
//! every call here is a job of the runtime's pool of threads, and its future waits
//! for that. A call costs a few microseconds more than std's. Where many small ones
//! belong together, one [`spawn_blocking`](crate::spawn_blocking) around std's calls
//! is cheaper.
//!
//! ```text
//!   Operation ──▶ a job of the pool ──▶ std::fs
//!   ReadDir   ──▶ a job for a batch of entries
//!   File      ──▶ a job for each read, write, seek; one at a time
//! ```
//!
//! * **Errors name the path** and what was attempted: see [`PathError`], whose
//!   [`cause`](PathError::cause) has the number of the system's error.
//! * **What was handed to the pool completes**, also if its future is dropped.
//!   Before its first poll nothing happens.
//! * **After the end of the runtime** operations give an error.
//!
//! # Rejected
//!
//! * Writing behind the caller's back, as tokio's `File` does: an error then shows in
//!   a later call, or never if the file is dropped first. Here a write is over when
//!   it says so, and needs no flush.
//! * A job on the blocking pool per entry of a directory: 64 times the price.

mod cursor;
mod error;
mod file;
mod open_options;
mod operation;
mod read_dir;

pub use error::PathError;
pub use file::{File, FileOperation, IntoStd};
pub use open_options::OpenOptions;
pub use operation::Operation;
pub use read_dir::{DirEntry, Next, NextEntry, ReadDir};
pub use std::fs::{FileType, Metadata, Permissions};

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Reads a whole file.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let bytes = bowerbird::run(fs::read("/dev/null"))?;
/// assert!(bytes.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Operation<Vec<u8>> {
    Operation::on_path("read", path, |path| fs::read(path))
}

/// Reads a whole file of text.
///
/// # Errors
///
/// What the operating system says, with the path; `InvalidData` if it is not UTF-8.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let text = bowerbird::run(fs::read_to_string("/dev/null"))?;
/// assert_eq!(text, "");
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> Operation<String> {
    Operation::on_path("read", path, |path| fs::read_to_string(path))
}

/// Writes a whole file, which is made or emptied. Copies `contents` first.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself; nobody hears whether it succeeded.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
/// # let path = std::env::temp_dir().join(format!("bowerbird-write-{}", std::process::id()));
///
/// # bowerbird::run(async {
/// fs::write(&path, "hello").await?;
/// assert_eq!(fs::read(&path).await?, b"hello");
/// fs::remove_file(&path).await?;
/// assert!(!fs::try_exists(&path).await?);
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Operation<()> {
    let contents = contents.as_ref().to_owned();
    Operation::on_path("write", path, move |path| fs::write(path, contents))
}

/// Size, times, permissions and so on, symbolic links followed.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// assert!(bowerbird::run(fs::metadata("/"))?.is_dir());
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "stat")]
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> Operation<Metadata> {
    Operation::on_path("look at", path, |path| fs::metadata(path))
}

/// As [`metadata`], symbolic links not followed.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// assert!(bowerbird::run(fs::symlink_metadata("/proc/self"))?.is_symlink());
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "lstat")]
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> Operation<Metadata> {
    Operation::on_path("look at", path, |path| fs::symlink_metadata(path))
}

/// The absolute path, with symbolic links and `..` resolved.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let path = bowerbird::run(fs::canonicalize("/proc/.."))?;
/// assert_eq!(path, std::path::Path::new("/"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> Operation<PathBuf> {
    Operation::on_path("resolve", path, |path| fs::canonicalize(path))
}

/// Whether there is something at `path`; a broken symbolic link is nothing.
///
/// # Errors
///
/// What the operating system says, with the path: that it cannot be told.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// assert!(!bowerbird::run(fs::try_exists("/no/such/file"))?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "exists")]
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> Operation<bool> {
    Operation::on_path("look for", path, |path| fs::exists(path))
}

/// Makes a directory.
///
/// # Errors
///
/// What the operating system says, with the path: there may be something already,
/// or no parent.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::create_dir("/")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
/// ```
#[doc(alias = "mkdir")]
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> Operation<()> {
    Operation::on_path("make the directory", path, |path| fs::create_dir(path))
}

/// Makes a directory and those above it, as far as they are missing.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
/// # let folder = std::env::temp_dir().join(format!("bowerbird-create-{}", std::process::id()));
///
/// # bowerbird::run(async {
/// fs::create_dir_all(folder.join("a/b")).await?;
/// assert!(fs::metadata(folder.join("a/b")).await?.is_dir());
/// fs::remove_dir_all(&folder).await?;
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "makedirs")]
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> Operation<()> {
    Operation::on_path("make the directory", path, |path| fs::create_dir_all(path))
}

/// Removes a file.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::remove_file("/no/such/file")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// ```
#[doc(alias = "unlink")]
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> Operation<()> {
    Operation::on_path("remove", path, |path| fs::remove_file(path))
}

/// Removes an empty directory.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::remove_dir("/dev/null")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);
/// ```
#[doc(alias = "rmdir")]
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> Operation<()> {
    Operation::on_path("remove the directory", path, |path| fs::remove_dir(path))
}

/// Removes a directory and all that is in it. Symbolic links are removed, not
/// followed.
///
/// # Errors
///
/// What the operating system says, with `path`; some may be removed by then.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::remove_dir_all("/no/such/folder")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// ```
#[doc(alias = "rmtree")]
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Operation<()> {
    Operation::on_path("remove the directory", path, |path| fs::remove_dir_all(path))
}

/// Gives something another path, on the same file system. What is there is replaced.
///
/// # Errors
///
/// What the operating system says, with both paths.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::rename("/no/such", "/file")).unwrap_err();
/// assert!(error.to_string().starts_with("cannot rename /no/such to /file: "));
/// ```
#[track_caller]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Operation<()> {
    Operation::on_two("rename", from, to, |from, to| fs::rename(from, to))
}

/// Copies contents and permissions of a file, and says how many bytes there were.
/// The kernel copies where it can.
///
/// # Errors
///
/// What the operating system says, with both paths.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::copy("/no/such/file", "/dev/null")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// ```
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Operation<u64> {
    Operation::on_two("copy", from, to, |from, to| fs::copy(from, to))
}

/// Makes `link` a second name of the file `original`.
///
/// # Errors
///
/// What the operating system says, with both paths.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let error = bowerbird::run(fs::hard_link("/no/such/file", "/link")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// ```
#[track_caller]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Operation<()> {
    Operation::on_two("link", original, link, |original, link| fs::hard_link(original, link))
}

/// Makes `link` a symbolic link, which says `original`.
///
/// # Errors
///
/// What the operating system says, with both paths.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
/// # let link = std::env::temp_dir().join(format!("bowerbird-link-{}", std::process::id()));
///
/// # bowerbird::run(async {
/// fs::symlink("/dev/null", &link).await?;
/// assert_eq!(fs::read_link(&link).await?, std::path::Path::new("/dev/null"));
/// fs::remove_file(&link).await?;
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Operation<()> {
    Operation::on_two("link", original, link, |original, link| {
        std::os::unix::fs::symlink(original, link)
    })
}

/// What a symbolic link says.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// let target = bowerbird::run(fs::read_link("/proc/self"))?;
/// assert_eq!(target.to_str(), Some(&*std::process::id().to_string()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "readlink")]
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> Operation<PathBuf> {
    Operation::on_path("read the link", path, |path| fs::read_link(path))
}

/// Sets the permissions, symbolic links followed.
///
/// # Errors
///
/// What the operating system says, with the path.
///
/// # Cancel safety
///
/// **Lossy.** Once polled it goes on by itself.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// # bowerbird::run(async {
/// let permissions = fs::metadata("/").await?.permissions();
/// let error = fs::set_permissions("/no/such/file", permissions).await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "chmod")]
#[track_caller]
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> Operation<()> {
    let set = |path: &Path| fs::set_permissions(path, permissions);
    Operation::on_path("set the permissions of", path, set)
}

/// What is in a directory, as a stream.
///
/// # Errors
///
/// What the operating system says, with the path; so do the entries.
///
/// # Cancel safety
///
/// **Strict.** It changes nothing.
///
/// # Examples
///
/// ```
/// use bowerbird::fs;
///
/// # bowerbird::run(async {
/// let mut entries = fs::read_dir("/dev").await?;
/// let mut names = vec![];
/// while let Some(entry) = entries.next_entry().await? {
///     names.push(entry.file_name());
/// }
/// assert!(names.iter().any(|name| name == "null"));
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "listdir")]
#[doc(alias = "scandir")]
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> Operation<ReadDir> {
    Operation::on_path("read the directory", path, ReadDir::open)
}
