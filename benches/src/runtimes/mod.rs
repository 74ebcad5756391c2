//! The runtimes that are compared.

mod tokio;

pub use self::tokio::Tokio;
