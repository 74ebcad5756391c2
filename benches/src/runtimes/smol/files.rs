//! `std::fs` on the blocking pool.

use super::Smol;
use crate::workloads::blocking::Files;
use std::{fs, path::Path};

impl Files for Smol {
    /// As async-fs has it, smol's own crate for files.
    async fn read(path: &Path) -> Vec<u8> {
        let path = path.to_owned();
        blocking::unblock(move || fs::read(path)).await.expect("the file is there")
    }
}
