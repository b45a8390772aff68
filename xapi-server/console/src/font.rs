//! The characters' shapes: the Spleen font, 8 by 16 pixels, in the console's own font format. Its crate is asked for
//! the bytes only: what it reads of them knows nothing beyond ASCII.

use std::{collections::HashMap, sync::OnceLock};

use spleen_font::FONT_8X16;

/// Pixels of a character, across and down.
pub const WIDTH: usize = 8;
pub const HEIGHT: usize = 16;

/// A row of pixels a byte, the leftmost in the highest bit.
pub type Glyph = &'static [u8];

struct Font {
    by_char: HashMap<char, Glyph>,
    unknown: Glyph,
}

/// The shape of a character; those the font lacks look alike.
pub fn glyph(c: char) -> Glyph {
    static FONT: OnceLock<Font> = OnceLock::new();
    let font = FONT.get_or_init(|| read(FONT_8X16));
    font.by_char.get(&c).copied().unwrap_or(font.unknown)
}

/// Shapes, then for each shape the characters it stands for: 16 bits each, 0xfffe before sequences, 0xffff at the
/// end.
fn read(bytes: &'static [u8]) -> Font {
    const BLANK: Glyph = &[0; HEIGHT];
    let mut font = Font { by_char: HashMap::new(), unknown: BLANK };
    let [0x36, 0x04, mode, height, rest @ ..] = bytes else { return font };
    let (count, height) = (if mode & 1 == 0 { 256 } else { 512 }, usize::from(*height));
    if height != HEIGHT || rest.len() < count * height {
        return font;
    }
    let (shapes, names) = rest.split_at(count * height);
    let (mut shapes, mut sequence) = (shapes.chunks_exact(height), false);
    let mut shape = shapes.next();
    for unit in names.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])) {
        match (unit, shape) {
            (0xffff, _) => (shape, sequence) = (shapes.next(), false),
            (0xfffe, _) => sequence = true,
            (unit, Some(shape)) if !sequence => {
                if let Some(c) = char::from_u32(unit.into()) {
                    font.by_char.entry(c).or_insert(shape);
                }
            }
            _ => {}
        }
    }
    if let Some(shape) = font.by_char.get(&'\u{fffd}').or(font.by_char.get(&'?')) {
        font.unknown = shape;
    }
    font
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_menus_and_of_other_languages() {
        let ink = |c: char| glyph(c).iter().map(|row| row.count_ones()).sum::<u32>();
        assert_eq!(ink(' '), 0);
        assert_eq!(ink('█'), 128);
        for c in "Aäжπ│┌╬░✗".chars() {
            assert!(ink(c) > 0 && glyph(c) != glyph('\u{fffd}'), "{c}");
        }
        assert_eq!(glyph('漢'), glyph('\u{fffd}'));
    }
}
