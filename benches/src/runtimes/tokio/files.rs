//! `tokio::fs`.

use super::Tokio;
use crate::workloads::blocking::Files;
use std::path::Path;

impl Files for Tokio {
    async fn read(path: &Path) -> Vec<u8> {
        tokio::fs::read(path).await.expect("the file is there")
    }
}
