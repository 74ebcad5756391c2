//! Who can be asked to do the work.

use crate::runtime::Runtime;
use crate::runtimes::{Bowerbird, Smol, Tokio};
use serde::{Deserialize, Serialize};

/// One who does the work.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Contender {
    /// bowerbird.
    Bowerbird,
    /// tokio.
    Tokio,
    /// smol: async-executor and async-io.
    Smol,
    /// A loop around `epoll_wait`, without any runtime.
    Raw,
    /// Python's asyncio.
    Asyncio,
    /// asyncio on uvloop.
    Uvloop,
    /// Go.
    Go,
}

impl Contender {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Bowerbird,
        Self::Tokio,
        Self::Smol,
        Self::Raw,
        Self::Asyncio,
        Self::Uvloop,
        Self::Go,
    ];

    /// As it stands in tables, in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bowerbird => Bowerbird::NAME,
            Self::Tokio => Tokio::NAME,
            Self::Smol => Smol::NAME,
            Self::Raw => "raw",
            Self::Asyncio => "asyncio",
            Self::Uvloop => "uvloop",
            Self::Go => "go",
        }
    }
}
