//! How a file is opened.

use super::{file::File, operation::Operation};
use std::{fs, os::unix::fs::OpenOptionsExt, path::Path};

/// How a file is opened, as [`std::fs::OpenOptions`].
///
/// # Examples
///
/// ```
/// use bowerbird::fs::{self, OpenOptions};
/// use futures::AsyncWriteExt;
/// # let folder = std::env::temp_dir().join(format!("bowerbird-options-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("log");
///
/// # let text = bowerbird::run(async {
/// for line in ["one\n", "two\n"] {
///     let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///     log.write_all(line.as_bytes()).await?;
/// }
/// fs::read_to_string(&path).await
/// # })?;
/// # std::fs::remove_dir_all(&folder)?;
/// assert_eq!(text, "one\ntwo\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// Everything off.
    #[must_use]
    pub fn new() -> Self {
        Self(fs::OpenOptions::new())
    }

    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// For writing at the end only.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Empties the file, if it is there.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Makes the file, if it is not there.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Makes the file, and fails if it is there.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// The permissions of a file that is made, before the process's mask.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    /// Flags for `open(2)` that have no method here.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path; that the options make no
    /// sense together.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** A file that was made or emptied stays so.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> Operation<File> {
        let options = self.0.clone();
        Operation::on_path("open", path, move |path| {
            options.open(path).map(|file| File::new(file, Some(path)))
        })
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(options: fs::OpenOptions) -> Self {
        Self(options)
    }
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A file that was opened for nobody is closed.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Operation<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing, which is made or emptied.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** A file that was made or emptied stays so.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> Operation<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file for reading and writing; there must be none yet.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** A file that was made stays.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> Operation<Self> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// How to open a file otherwise.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }
}
