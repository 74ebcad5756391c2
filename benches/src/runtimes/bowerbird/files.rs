//! `bowerbird::fs`.

use super::Bowerbird;
use crate::workloads::blocking::Files;
use std::path::Path;

impl Files for Bowerbird {
    async fn read(path: &Path) -> Vec<u8> {
        bowerbird::fs::read(path).await.expect("the file is there")
    }
}
