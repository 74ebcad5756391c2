//! The runtimes that are compared.

mod bowerbird;
mod smol;
mod tokio;

pub use self::bowerbird::Bowerbird;
pub use self::smol::Smol;
pub use self::tokio::Tokio;
