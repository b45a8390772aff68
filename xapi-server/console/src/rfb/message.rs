//! What viewers say, read from whatever bytes have come so far. Pure.

use bytes::{Buf, BytesMut};

/// Most encodings a viewer may name, screens it may lay out.
const MOST: usize = 1_024;
/// Longest text a viewer may put into the clipboard.
const CLIPBOARD: usize = 1 << 20;

/// How a viewer wants pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelFormat {
    /// 8, 16 or 32.
    pub bits: u8,
    pub depth: u8,
    pub big_endian: bool,
    /// Otherwise pixels are numbers of a table.
    pub true_colour: bool,
    /// Of red, green, blue.
    pub max: [u16; 3],
    pub shift: [u8; 3],
}

impl PixelFormat {
    /// What is offered.
    pub const OFFERED: PixelFormat = PixelFormat {
        bits: 32,
        depth: 24,
        big_endian: false,
        true_colour: true,
        max: [255; 3],
        shift: [16, 8, 0],
    };

    /// The sixteen bytes of it.
    pub fn bytes(&self) -> [u8; 16] {
        let [r, g, b] = self.max.map(u16::to_be_bytes);
        let flag = u8::from;
        [
            self.bits,
            self.depth,
            flag(self.big_endian),
            flag(self.true_colour),
            r[0],
            r[1],
            g[0],
            g[1],
            b[0],
            b[1],
            self.shift[0],
            self.shift[1],
            self.shift[2],
            0,
            0,
            0,
        ]
    }
}

/// Something a viewer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    SetPixelFormat(PixelFormat),
    SetEncodings(Vec<i32>),
    /// Only what has changed, or everything.
    Update {
        incremental: bool,
    },
    Key {
        symbol: u32,
        down: bool,
    },
    Pointer,
    CutText,
    /// The size the viewer would like.
    SetDesktopSize {
        width: u16,
        height: u16,
    },
    /// Said by viewers that were offered what is not offered here; understood so that they can be followed.
    Other,
}

/// What can't be said.
#[derive(Debug, PartialEq, Eq)]
pub struct Nonsense(pub u8);

/// The next whole message, taken out of what has come.
///
/// # Errors
/// A message nobody knows, or one that is far too long.
pub fn next(bytes: &mut BytesMut) -> Result<Option<Message>, Nonsense> {
    let Some(length) = length(bytes)? else { return Ok(None) };
    if bytes.len() < length {
        return Ok(None);
    }
    let mut one = bytes.split_to(length);
    let kind = one.get_u8();
    Ok(Some(match kind {
        0 => {
            one.advance(3);
            let (bits, depth) = (one.get_u8(), one.get_u8());
            let (big_endian, true_colour) = (one.get_u8() != 0, one.get_u8() != 0);
            let max = [one.get_u16(), one.get_u16(), one.get_u16()];
            let shift = [one.get_u8(), one.get_u8(), one.get_u8()];
            let sound = matches!(bits, 8 | 16 | 32) && shift.iter().all(|shift| *shift < bits);
            if !sound || (true_colour && max.contains(&0)) {
                return Err(Nonsense(kind));
            }
            Message::SetPixelFormat(PixelFormat { bits, depth, big_endian, true_colour, max, shift })
        }
        2 => {
            one.advance(3);
            Message::SetEncodings(std::iter::from_fn(|| one.has_remaining().then(|| one.get_i32())).collect())
        }
        3 => Message::Update { incremental: one.get_u8() != 0 },
        4 => {
            let down = one.get_u8() != 0;
            one.advance(2);
            Message::Key { symbol: one.get_u32(), down }
        }
        5 => Message::Pointer,
        6 => Message::CutText,
        251 => {
            one.advance(1);
            Message::SetDesktopSize { width: one.get_u16(), height: one.get_u16() }
        }
        255 if one.get_u8() == 0 => {
            let down = one.get_u16() != 0;
            Message::Key { symbol: one.get_u32(), down }
        }
        _ => Message::Other,
    }))
}

/// How long the message at the front is; `None` while too little of it has come.
fn length(bytes: &[u8]) -> Result<Option<usize>, Nonsense> {
    let Some(kind) = bytes.first().copied() else { return Ok(None) };
    let short = |at: usize| bytes.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let most = |n: usize, most: usize| if n <= most { Ok(n) } else { Err(Nonsense(kind)) };
    Ok(match kind {
        0 => Some(20),
        2 => match short(2) {
            Some(count) => Some(4 + 4 * most(count, MOST)?),
            None => None,
        },
        3 => Some(10),
        4 => Some(8),
        5 => Some(6),
        6 => match bytes.get(4..8) {
            // A negative length announces the extended form.
            Some(b) => {
                let length = i32::from_be_bytes([b[0], b[1], b[2], b[3]]).unsigned_abs();
                Some(8 + most(length as usize, CLIPBOARD)?)
            }
            None => None,
        },
        // Continuous updates, and fences.
        150 => Some(10),
        248 => match bytes.get(8) {
            Some(length) => Some(9 + most(usize::from(*length), 64)?),
            None => None,
        },
        251 => bytes.get(6).map(|screens| 8 + 16 * usize::from(*screens)),
        // Keys with their place on the keyboard, and sound.
        255 => match (bytes.get(1), short(2)) {
            (Some(0), _) => Some(12),
            (Some(1), Some(2)) => Some(10),
            (Some(1), Some(_)) => Some(4),
            (Some(1) | None, _) => None,
            _ => return Err(Nonsense(kind)),
        },
        _ => return Err(Nonsense(kind)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Message>, Nonsense> {
        let mut bytes = BytesMut::from(bytes);
        let mut found = Vec::new();
        while let Some(message) = next(&mut bytes)? {
            found.push(message);
        }
        Ok(found)
    }

    fn session() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend(PixelFormat::OFFERED.bytes());
        bytes.extend([2, 0, 0, 2, 0, 0, 0, 5, 0xff, 0xff, 0xfe, 0xcc]);
        bytes.extend([3, 1, 0, 0, 0, 0, 2, 128, 1, 144]);
        bytes.extend([4, 1, 0, 0, 0, 0, 0xff, 0x0d]);
        bytes.extend([5, 0, 0, 1, 0, 2]);
        bytes.extend([6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']);
        bytes.extend([251, 0, 4, 0, 3, 0, 1, 0]);
        bytes.extend([0; 16]);
        bytes.extend([255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 30]);
        bytes.extend([248, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
        bytes
    }

    #[test]
    fn a_session_in_pieces_of_any_size() {
        let expected = vec![
            Message::SetPixelFormat(PixelFormat::OFFERED),
            Message::SetEncodings(vec![5, -308]),
            Message::Update { incremental: true },
            Message::Key { symbol: 0xff0d, down: true },
            Message::Pointer,
            Message::CutText,
            Message::SetDesktopSize { width: 1024, height: 768 },
            Message::Key { symbol: 0x61, down: true },
            Message::Other,
        ];
        assert_eq!(all(&session()), Ok(expected.clone()));
        for size in [1, 3, 7, 64] {
            let (mut bytes, mut found) = (BytesMut::new(), Vec::new());
            for piece in session().chunks(size) {
                bytes.extend_from_slice(piece);
                while let Some(message) = next(&mut bytes).unwrap() {
                    found.push(message);
                }
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn nonsense_is_refused_before_it_is_waited_for() {
        assert_eq!(all(&[7]), Err(Nonsense(7)));
        assert_eq!(all(&[2, 0, 0xff, 0xff]), Err(Nonsense(2)));
        assert_eq!(all(&[6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(Nonsense(6)));
        assert_eq!(all(&[255, 9]), Err(Nonsense(255)));
        let mut wrong = PixelFormat { bits: 24, ..PixelFormat::OFFERED };
        assert_eq!(all(&[&[0, 0, 0, 0][..], &wrong.bytes()].concat()), Err(Nonsense(0)));
        wrong = PixelFormat { max: [0, 255, 255], ..PixelFormat::OFFERED };
        assert_eq!(all(&[&[0, 0, 0, 0][..], &wrong.bytes()].concat()), Err(Nonsense(0)));
    }
}
