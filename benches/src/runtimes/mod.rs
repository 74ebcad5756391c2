//! The runtimes that are compared.

mod bowerbird;
mod tokio;

pub use self::bowerbird::Bowerbird;
pub use self::tokio::Tokio;
