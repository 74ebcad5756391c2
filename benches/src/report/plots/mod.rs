//! Plots, as SVG.
//!
//! Each is a function from what it shows to the text of an `<svg>` element, which a page
//! takes in as it is. Text is placed without measuring it, since there is no font to
//! measure with: names are set in a fixed pitch, whose width is known, and other text has
//! room to spare.
//!
//! Colors are those of a light page. A dark page replaces them one by one: see
//! [`palette`].

mod axis;
mod bars;
mod canvas;
mod curves;
mod overview;
pub mod palette;
mod quantiles;
mod scaling;

pub use bars::bars;
pub use overview::overview;
pub use quantiles::quantiles;
pub use scaling::scaling;
