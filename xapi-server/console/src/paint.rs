//! Places of a screen as pixels. Pure.

use crate::{
    font,
    screen::{Look, Picture, Rgb8},
};

/// Pixels of a rectangle, row by row.
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    pub data: Vec<Rgb8>,
}

/// The pixels of some neighbours in one row.
pub fn paint(looks: &[Look]) -> Pixels {
    let width = looks.len() * font::WIDTH;
    let mut data = vec![[0; 3]; width * font::HEIGHT];
    for (n, look) in looks.iter().enumerate() {
        let shape = font::glyph(look.c);
        for (y, dots) in shape.iter().enumerate().take(font::HEIGHT) {
            let line = look.underlined && y == font::HEIGHT - 2 || look.struck && y == font::HEIGHT / 2;
            let bits = if line { 0xff } else { *dots };
            let start = y * width + n * font::WIDTH;
            for (x, pixel) in data[start..start + font::WIDTH].iter_mut().enumerate() {
                *pixel = if bits & (0x80 >> x) != 0 { look.ink } else { look.paper };
            }
        }
    }
    Pixels { width, height: font::HEIGHT, data }
}

/// Neighbours in one row that look different from before.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    pub row: usize,
    pub from: usize,
    pub to: usize,
}

/// What is different between two pictures of the same size.
pub fn changes(before: &Picture, now: &Picture) -> Vec<Changed> {
    let rows = before.looks.chunks(now.columns).zip(now.looks.chunks(now.columns)).enumerate();
    rows.filter_map(|(row, (before, now))| {
        let differs = |n: &usize| before[*n] != now[*n];
        let from = (0..now.len()).find(differs)?;
        let to = (0..now.len()).rev().find(differs)? + 1;
        Some(Changed { row, from, to })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Screen;

    #[test]
    fn a_letter_is_drawn_and_found_again() {
        let mut screen = Screen::new(20, 5);
        screen.feed(b"\x1b[?25l");
        let before = screen.picture();
        screen.feed(b"\x1b[2;4H\x1b[37;44;4mAB");
        let now = screen.picture();
        let changed = changes(&before, &now);
        assert_eq!(changed, [Changed { row: 1, from: 3, to: 5 }]);
        let pixels = paint(&now.looks[23..25]);
        assert_eq!((pixels.width, pixels.height, pixels.data.len()), (16, 16, 256));
        assert!(pixels.data.contains(&[0, 0, 170]) && pixels.data.contains(&[170, 170, 170]));
        assert!(pixels.data[14 * 16..15 * 16].iter().all(|pixel| *pixel == [170, 170, 170]));
        assert!(changes(&now, &now).is_empty());
    }
}
