//! Colors, in two lights.
//!
//! Those of contenders are Okabe and Ito's, which can be told apart without seeing all
//! colors. No two inks are the same color in the light: a dark page finds them by it.

use crate::{contender::Contender, report::lines::Verdict};
use plotters::style::RGBColor;
use std::fmt::Write as _;

/// What is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Text.
    Text,
    /// Text beside the point.
    Faint,
    /// Lines to read a scale by.
    Grid,
    /// The line at which two are equal.
    Equal,
    /// What is noise.
    Noise,
    /// Behind every other of the lines, to lead the eye.
    Stripe,
    /// How a line of a table was judged.
    Judged(Verdict),
    /// Who did it.
    Of(Contender),
}

const ALL: [Ink; 16] = [
    Ink::Text,
    Ink::Faint,
    Ink::Grid,
    Ink::Equal,
    Ink::Noise,
    Ink::Stripe,
    Ink::Judged(Verdict::Ahead),
    Ink::Judged(Verdict::Level),
    Ink::Judged(Verdict::Behind),
    Ink::Of(Contender::Bowerbird),
    Ink::Of(Contender::Tokio),
    Ink::Of(Contender::Smol),
    Ink::Of(Contender::Raw),
    Ink::Of(Contender::Asyncio),
    Ink::Of(Contender::Uvloop),
    Ink::Of(Contender::Go),
];

impl Ink {
    /// In the light, and in the dark.
    fn colors(self) -> (u32, u32) {
        match self {
            Self::Text => (0x1B1F24, 0xE6EDF3),
            Self::Faint => (0x59636E, 0x9BA5B0),
            Self::Grid => (0xE3E7EB, 0x2B3139),
            Self::Equal => (0x57606B, 0xA0AAB5),
            Self::Noise => (0xCBD2DA, 0x444C56),
            Self::Stripe => (0xF5F7F9, 0x171C23),
            Self::Judged(Verdict::Ahead) => (0x0B6E99, 0x5CB8E6),
            Self::Judged(Verdict::Level) => (0x7D8793, 0x8B959F),
            Self::Judged(Verdict::Behind) => (0xC2410C, 0xFF8F57),
            Self::Of(Contender::Bowerbird) => (0x0072B2, 0x45A8EA),
            Self::Of(Contender::Tokio) => (0xE69F00, 0xF0B429),
            Self::Of(Contender::Smol) => (0x009E73, 0x2EC4A0),
            Self::Of(Contender::Raw) => (0x6E7781, 0xA8B1BA),
            Self::Of(Contender::Asyncio) => (0xCC79A7, 0xE3A1C8),
            Self::Of(Contender::Uvloop) => (0xD55E00, 0xFF9A5C),
            Self::Of(Contender::Go) => (0x56B4E9, 0xB5DDF7),
        }
    }

    pub(super) fn rgb(self) -> RGBColor {
        let [_, red, green, blue] = self.colors().0.to_be_bytes();
        RGBColor(red, green, blue)
    }

    /// As SVG and CSS write it.
    #[must_use]
    pub fn hex(self) -> String {
        format!("#{:06X}", self.colors().0)
    }
}

/// Rules for a style sheet that give every drawing its colors in the dark.
#[must_use]
pub fn in_the_dark() -> String {
    let mut rules = String::new();
    for ink in ALL {
        let (light, dark) = ink.colors();
        for property in ["fill", "stroke"] {
            writeln!(rules, "svg [{property}=\"#{light:06X}\"]{{{property}:#{dark:06X}}}")
                .expect("a string takes everything");
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_inks_are_the_same_color() {
        let lights: HashSet<_> = ALL.iter().map(|it| it.colors().0).collect();
        assert_eq!(lights.len(), ALL.len());
        assert!(Contender::ALL.iter().all(|it| ALL.contains(&Ink::Of(*it))));
    }

    #[test]
    fn every_ink_has_a_color_in_the_dark() {
        let rules = in_the_dark();
        assert!(rules.contains("svg [fill=\"#0072B2\"]{fill:#45A8EA}"));
        assert!(ALL.iter().all(|it| rules.contains(&it.hex())));
    }
}
