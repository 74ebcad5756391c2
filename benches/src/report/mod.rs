//! What a document looks like.
//!
//! ```text
//! Document ─→ lines ─→ sheet ─┬→ table   terminal, Markdown
//!               └────→ plots ─┴→ html    one page, without a network
//! two Documents ─→ change ────→ table
//! ```
//!
//! [`lines`] decides what stands beside what and who is ahead; all others only draw it,
//! so a terminal and a page cannot say different things.

pub mod change;
pub mod escape;
pub mod html;
pub mod lines;
pub mod number;
pub mod plots;
pub mod sheet;
pub mod table;
