//! What all plots are drawn with: lines, boxes and text in the inks of the palette.

use super::palette::Ink;
use plotters::{
    backend::SVGBackend,
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, PathElement, Rectangle, Text},
    style::{
        Color, FontStyle, FontTransform, IntoFont, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// A place, in pixels from the upper left.
pub(super) type Point = (i32, i32);

/// Where a plot is drawn.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// How text looks, and which of its ends is where it is put.
#[derive(Clone, Copy)]
pub(super) struct Face {
    ink: Ink,
    family: &'static str,
    size: f64,
    style: FontStyle,
    is_upward: bool,
    end: HPos,
}

/// How wide a letter of a name is, in parts of a hundred of its size. Names are set in a
/// fixed pitch; the widest of the usual fonts has 0.602.
const PITCH: usize = 61;
/// The size of names.
const NAME: f64 = 12.5;
/// The size of other text.
const WORDS: f64 = 12.0;
/// plotters writes a font's size divided by this.
const OF_PLOTTERS: f64 = 1.24;

/// How wide a name with so many letters is.
pub(super) fn name_width(letters: usize) -> i32 {
    (letters as f64 * NAME * PITCH as f64 / 100.0).ceil() as i32
}

impl Face {
    /// For names of the code.
    pub(super) fn name(ink: Ink) -> Self {
        Self { family: "monospace", size: NAME, ..Self::words(ink) }
    }

    /// For everything else.
    pub(super) fn words(ink: Ink) -> Self {
        Self {
            ink,
            family: "sans-serif",
            size: WORDS,
            style: FontStyle::Normal,
            is_upward: false,
            end: HPos::Left,
        }
    }

    pub(super) fn bold(self) -> Self {
        Self { style: FontStyle::Bold, ..self }
    }

    pub(super) fn centered(self) -> Self {
        Self { end: HPos::Center, ..self }
    }

    pub(super) fn to_the_left(self) -> Self {
        Self { end: HPos::Right, ..self }
    }

    pub(super) fn upward(self) -> Self {
        Self { is_upward: true, ..self }
    }
}

/// An `<svg>` element with what `draw` draws. `label` says what it shows to who does not
/// see it.
pub(super) fn svg(label: &str, size: (i32, i32), draw: impl FnOnce(&Canvas<'_>)) -> String {
    let mut text = String::new();
    let pixels = (size.0.unsigned_abs(), size.1.unsigned_abs());
    {
        let area = SVGBackend::with_string(&mut text, pixels).into_drawing_area();
        draw(&Canvas { area: area.clone() });
        area.present().expect(TAKES_ALL);
    }
    let label = crate::report::escape::escaped(label);
    text.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1)
}

const TAKES_ALL: &str = "a string takes everything";

impl Canvas<'_> {
    pub(super) fn text(&self, at: Point, text: &str, face: Face) {
        let font = (face.family, face.size * OF_PLOTTERS, face.style).into_font();
        let turn = if face.is_upward { FontTransform::Rotate270 } else { FontTransform::None };
        let color = face.ink.rgb();
        let style = TextStyle::from(font.transform(turn))
            .color(&color)
            .pos(Pos::new(face.end, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at, style)).expect(TAKES_ALL);
    }

    pub(super) fn line(&self, from: Point, to: Point, ink: Ink, width: u32) {
        self.path(vec![from, to], ink, width);
    }

    pub(super) fn path(&self, points: Vec<Point>, ink: Ink, width: u32) {
        let style = ShapeStyle::from(ink.rgb()).stroke_width(width);
        self.area.draw(&PathElement::new(points, style)).expect(TAKES_ALL);
    }

    /// A box between two corners.
    pub(super) fn fill(&self, corners: [Point; 2], ink: Ink, opacity: f64) {
        let style = ink.rgb().mix(opacity).filled();
        self.area.draw(&Rectangle::new(corners, style)).expect(TAKES_ALL);
    }

    pub(super) fn dot(&self, at: Point, radius: i32, ink: Ink, opacity: f64) {
        let style = ink.rgb().mix(opacity).filled();
        self.area.draw(&Circle::new(at, radius, style)).expect(TAKES_ALL);
    }
}
