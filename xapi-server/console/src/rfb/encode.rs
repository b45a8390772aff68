//! Pixels as a viewer wants them: raw, or in hextiles, which make little of text. Pure.

use super::message::PixelFormat;
use crate::{paint::Pixels, screen::Rgb8};

/// Numbers of encodings.
pub const RAW: i32 = 0;
pub const HEXTILE: i32 = 5;
pub const DESKTOP_SIZE: i32 = -223;
pub const EXTENDED_DESKTOP_SIZE: i32 = -308;

/// Edge of a tile.
const TILE: usize = 16;

/// What a viewer can show.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub format: PixelFormat,
    pub hextile: bool,
}

impl Style {
    /// Adds a pixel.
    fn pixel(&self, [r, g, b]: Rgb8, out: &mut Vec<u8>) {
        let format = &self.format;
        let value = if format.true_colour {
            let part = |n: usize, value: u8| {
                let max = u32::from(format.max[n]);
                ((u32::from(value) * max + 127) / 255) << format.shift[n]
            };
            part(0, r) | part(1, g) | part(2, b)
        } else {
            index([r, g, b])
        };
        let bytes = usize::from(format.bits / 8);
        match format.big_endian {
            true => out.extend_from_slice(&value.to_be_bytes()[4 - bytes..]),
            false => out.extend_from_slice(&value.to_le_bytes()[..bytes]),
        }
    }

    /// Adds a rectangle with its head.
    pub fn rectangle(&self, x: usize, y: usize, pixels: &Pixels, out: &mut Vec<u8>) {
        head(x, y, pixels.width, pixels.height, if self.hextile { HEXTILE } else { RAW }, out);
        if self.hextile {
            return self.tiles(pixels, out);
        }
        pixels.data.iter().for_each(|pixel| self.pixel(*pixel, out));
    }

    fn tiles(&self, pixels: &Pixels, out: &mut Vec<u8>) {
        let mut last = Last::default();
        for y in (0..pixels.height).step_by(TILE) {
            for x in (0..pixels.width).step_by(TILE) {
                let (width, height) = (TILE.min(pixels.width - x), TILE.min(pixels.height - y));
                let rows = (y..y + height).map(|y| &pixels.data[y * pixels.width + x..][..width]);
                self.tile(&rows.collect::<Vec<_>>(), &mut last, out);
            }
        }
    }

    fn tile(&self, rows: &[&[Rgb8]], last: &mut Last, out: &mut Vec<u8>) {
        const IS_RAW: u8 = 1;
        const HAS_PAPER: u8 = 2;
        const HAS_INK: u8 = 4;
        const HAS_PARTS: u8 = 8;
        const PARTS_HAVE_COLOURS: u8 = 16;
        let (width, height) = (rows[0].len(), rows.len());
        let paper = commonest(rows);
        // Runs of pixels other than the paper; those of equal colour and place above one another are one.
        let mut parts: Vec<(Rgb8, usize, usize, usize, usize)> = Vec::new();
        for (y, row) in rows.iter().enumerate() {
            let mut x = 0;
            while x < width {
                let colour = row[x];
                let run = row[x..].iter().take_while(|pixel| **pixel == colour).count();
                if colour != paper {
                    let above = parts
                        .iter_mut()
                        .rev()
                        .find(|(c, px, py, w, h)| (*c, *px, *w) == (colour, x, run) && py + h == y);
                    match above {
                        Some(part) => part.4 += 1,
                        None => parts.push((colour, x, y, run, 1)),
                    }
                }
                x += run;
            }
        }
        let one_ink = parts.first().map(|part| part.0).filter(|ink| parts.iter().all(|part| part.0 == *ink));
        let bytes = usize::from(self.format.bits / 8);
        let each = if one_ink.is_some() { 2 } else { 2 + bytes };
        if parts.len() > 255 || parts.len() * each >= width * height * bytes {
            out.push(IS_RAW);
            rows.iter().for_each(|row| row.iter().for_each(|pixel| self.pixel(*pixel, out)));
            // What was said before a raw tile no longer counts.
            *last = Last::default();
            return;
        }
        let new_paper = last.paper != Some(paper);
        let new_ink = one_ink.filter(|ink| last.ink != Some(*ink));
        let mut flags = 0;
        for (flag, set) in [
            (HAS_PAPER, new_paper),
            (HAS_INK, new_ink.is_some()),
            (HAS_PARTS, !parts.is_empty()),
            (PARTS_HAVE_COLOURS, !parts.is_empty() && one_ink.is_none()),
        ] {
            flags |= if set { flag } else { 0 };
        }
        out.push(flags);
        if new_paper {
            self.pixel(paper, out);
        }
        if let Some(ink) = new_ink {
            self.pixel(ink, out);
        }
        last.paper = Some(paper);
        last.ink = one_ink.or(if parts.is_empty() { last.ink } else { None });
        if parts.is_empty() {
            return;
        }
        out.push(parts.len() as u8);
        for (colour, x, y, w, h) in parts {
            if one_ink.is_none() {
                self.pixel(colour, out);
            }
            out.extend([(x << 4 | y) as u8, ((w - 1) << 4 | (h - 1)) as u8]);
        }
    }

    /// The table for viewers that want numbers: three bits of red and green, two of blue.
    pub fn table(&self) -> Option<Vec<u8>> {
        if self.format.true_colour {
            return None;
        }
        let mut out = vec![1, 0, 0, 0, 1, 0];
        for n in 0..256u32 {
            for (part, max) in [(n >> 5, 7), (n >> 2 & 7, 7), (n & 3, 3)] {
                out.extend_from_slice(&((part * 0xffff / max) as u16).to_be_bytes());
            }
        }
        Some(out)
    }
}

/// What the last tile said.
#[derive(Default)]
struct Last {
    paper: Option<Rgb8>,
    ink: Option<Rgb8>,
}

fn index([r, g, b]: Rgb8) -> u32 {
    let part = |value: u8, max: u32| (u32::from(value) * max + 127) / 255;
    part(r, 7) << 5 | part(g, 7) << 2 | part(b, 3)
}

/// A colour that most of a tile has, or the first one.
fn commonest(rows: &[&[Rgb8]]) -> Rgb8 {
    // Text has two: the first one that is met in more than half of it, if any.
    let (mut candidate, mut votes) = (rows[0][0], 0i32);
    for pixel in rows.iter().flat_map(|row| row.iter()) {
        if votes == 0 {
            candidate = *pixel;
        }
        votes += if *pixel == candidate { 1 } else { -1 };
    }
    candidate
}

/// Adds the head of a rectangle.
pub fn head(x: usize, y: usize, width: usize, height: usize, encoding: i32, out: &mut Vec<u8>) {
    for number in [x, y, width, height] {
        out.extend_from_slice(&(number as u16).to_be_bytes());
    }
    out.extend_from_slice(&encoding.to_be_bytes());
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Reads hextiles of 32-bit little-endian pixels as a viewer does; `None` when bytes are missing.
    pub fn decode(width: usize, height: usize, bytes: &[u8]) -> Option<(Vec<Rgb8>, usize)> {
        let mut left = bytes;
        let mut take = |n: usize| -> Option<&[u8]> {
            let (taken, rest) = left.split_at_checked(n)?;
            left = rest;
            Some(taken)
        };
        let pixel = |b: &[u8]| [b[2], b[1], b[0]];
        let mut data = vec![[0; 3]; width * height];
        let (mut paper, mut ink) = ([0; 3], [0; 3]);
        for y in (0..height).step_by(TILE) {
            for x in (0..width).step_by(TILE) {
                let (w, h) = (TILE.min(width - x), TILE.min(height - y));
                let flags = take(1)?[0];
                if flags & 1 != 0 {
                    for n in 0..w * h {
                        data[(y + n / w) * width + x + n % w] = pixel(take(4)?);
                    }
                    continue;
                }
                if flags & 2 != 0 {
                    paper = pixel(take(4)?);
                }
                if flags & 4 != 0 {
                    ink = pixel(take(4)?);
                }
                for n in 0..w * h {
                    data[(y + n / w) * width + x + n % w] = paper;
                }
                let parts = if flags & 8 != 0 { take(1)?[0] } else { 0 };
                for _ in 0..parts {
                    let colour = if flags & 16 != 0 { pixel(take(4)?) } else { ink };
                    let place = take(2)?;
                    let (px, py) = (usize::from(place[0] >> 4), usize::from(place[0] & 15));
                    for yy in py..=py + usize::from(place[1] & 15) {
                        for xx in px..=px + usize::from(place[1] >> 4) {
                            data[(y + yy) * width + x + xx] = colour;
                        }
                    }
                }
            }
        }
        Some((data, bytes.len() - left.len()))
    }

    #[test]
    fn hextiles_show_the_same_in_less() {
        let mut screen = crate::Screen::new(80, 5);
        screen.feed(b"\x1b[31mred\x1b[0m plain \x1b[44mpaper\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[42m\xe2\x94\x8c\xe2\x96\x91");
        let picture = screen.picture();
        let style = Style { format: PixelFormat::OFFERED, hextile: true };
        for width in [1, 2, 3, 80] {
            let pixels = crate::paint::paint(&picture.looks[..width]);
            let mut out = Vec::new();
            style.rectangle(0, 0, &pixels, &mut out);
            let (shown, used) = decode(pixels.width, pixels.height, &out[12..]).unwrap();
            assert_eq!(used, out.len() - 12);
            assert!(shown == pixels.data, "{width}");
            assert!(width < 80 || out.len() < pixels.data.len());
        }
        // Noise is no text.
        let data = (0..32 * 32u32).map(|n| [(n * 7) as u8, (n * 13) as u8, (n / 3) as u8]).collect();
        let noise = Pixels { width: 32, height: 32, data };
        let mut out = Vec::new();
        style.rectangle(0, 0, &noise, &mut out);
        assert!(decode(32, 32, &out[12..]).unwrap().0 == noise.data);
    }

    #[test]
    fn pixels_in_every_format() {
        let mut out = Vec::new();
        let style = |format| Style { format, hextile: false };
        let of = PixelFormat::OFFERED;
        style(of).pixel([1, 2, 3], &mut out);
        style(PixelFormat { big_endian: true, ..of }).pixel([1, 2, 3], &mut out);
        assert_eq!(out, [3, 2, 1, 0, 0, 1, 2, 3]);
        out.clear();
        let small = PixelFormat { bits: 16, depth: 16, max: [31, 63, 31], shift: [11, 5, 0], ..of };
        style(small).pixel([255, 0, 255], &mut out);
        assert_eq!(out, [0x1f, 0xf8]);
        out.clear();
        let table = style(PixelFormat { bits: 8, depth: 8, true_colour: false, ..of });
        table.pixel([255, 0, 0], &mut out);
        assert_eq!(out, [0xe0]);
        let colours = table.table().unwrap();
        assert_eq!(
            (colours.len(), &colours[6 + 6 * 0xe0..6 + 6 * 0xe0 + 6]),
            (6 + 256 * 6, &[255, 255, 0, 0, 0, 0][..])
        );
        assert!(style(of).table().is_none());
    }
}
