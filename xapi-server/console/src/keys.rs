//! Keys of an RFB viewer as the bytes a terminal sends for them. Pure.

use xkeysym::{Keysym, key};

/// Modifiers that are held down.
#[derive(Debug, Default)]
pub struct Keyboard {
    control: bool,
    alt: bool,
    shift: bool,
}

/// What programs have asked of the terminal.
#[derive(Debug, Default, Clone, Copy)]
pub struct Modes {
    /// Arrows are sent the other way.
    pub application_cursor: bool,
}

impl Keyboard {
    /// What pressing or letting go of a key sends.
    pub fn key(&mut self, symbol: u32, down: bool, modes: Modes) -> Vec<u8> {
        match symbol {
            key::Control_L | key::Control_R => self.control = down,
            key::Alt_L | key::Alt_R | key::Meta_L | key::Meta_R => self.alt = down,
            key::Shift_L | key::Shift_R => self.shift = down,
            _ if down => return self.pressed(symbol, modes),
            _ => {}
        }
        Vec::new()
    }

    fn pressed(&self, symbol: u32, modes: Modes) -> Vec<u8> {
        if let Some(bytes) = self.special(symbol, modes) {
            return bytes;
        }
        let Some(c) = Keysym::new(symbol).key_char().filter(|c| !c.is_control()) else { return Vec::new() };
        let mut bytes = Vec::new();
        if self.alt {
            bytes.push(0x1b);
        }
        match c {
            '?' if self.control => bytes.push(0x7f),
            ' ' | '@'..='_' | 'a'..='z' if self.control => bytes.push(c as u8 & 0x1f),
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
        bytes
    }

    fn special(&self, symbol: u32, modes: Modes) -> Option<Vec<u8>> {
        let plain = |text: &str| {
            let mut bytes = if self.alt { vec![0x1b] } else { Vec::new() };
            bytes.extend_from_slice(text.as_bytes());
            Some(bytes)
        };
        let letter = |letter: char| match self.modifiers() {
            1 if modes.application_cursor => Some(format!("\x1bO{letter}").into_bytes()),
            1 => Some(format!("\x1b[{letter}").into_bytes()),
            m => Some(format!("\x1b[1;{m}{letter}").into_bytes()),
        };
        let number = |number: u32| match self.modifiers() {
            1 => Some(format!("\x1b[{number}~").into_bytes()),
            m => Some(format!("\x1b[{number};{m}~").into_bytes()),
        };
        match symbol {
            key::BackSpace => plain("\x7f"),
            key::Tab if self.shift => plain("\x1b[Z"),
            key::ISO_Left_Tab => plain("\x1b[Z"),
            key::Tab | key::KP_Tab => plain("\t"),
            key::Return | key::KP_Enter => plain("\r"),
            key::Linefeed => plain("\n"),
            key::Escape => plain("\x1b"),
            key::Up | key::KP_Up => letter('A'),
            key::Down | key::KP_Down => letter('B'),
            key::Right | key::KP_Right => letter('C'),
            key::Left | key::KP_Left => letter('D'),
            key::Home | key::KP_Home => letter('H'),
            key::End | key::KP_End => letter('F'),
            key::Insert | key::KP_Insert => number(2),
            key::Delete | key::KP_Delete => number(3),
            key::Page_Up | key::KP_Page_Up => number(5),
            key::Page_Down | key::KP_Page_Down => number(6),
            key::F1..=key::F4 => {
                let letter = char::from(b'P' + (symbol - key::F1) as u8);
                match self.modifiers() {
                    1 => Some(format!("\x1bO{letter}").into_bytes()),
                    m => Some(format!("\x1b[1;{m}{letter}").into_bytes()),
                }
            }
            key::F5..=key::F12 => number([15, 17, 18, 19, 20, 21, 23, 24][(symbol - key::F5) as usize]),
            _ => None,
        }
    }

    /// As terminals number them: 1 is none.
    fn modifiers(&self) -> u8 {
        1 + u8::from(self.shift) + 2 * u8::from(self.alt) + 4 * u8::from(self.control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[(u32, bool)]) -> String {
        let mut keyboard = Keyboard::default();
        let bytes = keys.iter().flat_map(|(k, down)| keyboard.key(*k, *down, Modes::default()));
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn letters_of_every_kind() {
        assert_eq!(typed(&[(0x61, true), (0x61, false), (0x41, true), (0x20, true)]), "aA ");
        // Latin-1, a letter of the old Cyrillic block, any other by its number.
        assert_eq!(typed(&[(0xe4, true), (0x6d6, true), (0x0100_20ac, true)]), "äж€");
        assert_eq!(typed(&[(key::KP_7, true), (key::KP_Enter, true)]), "7\r");
    }

    #[test]
    fn modifiers_hold_until_let_go() {
        let control_c = [(key::Control_L, true), (0x63, true), (key::Control_L, false), (0x63, true)];
        assert_eq!(typed(&control_c), "\x03c");
        assert_eq!(typed(&[(key::Control_R, true), (0x5d, true)]), "\x1d");
        assert_eq!(typed(&[(key::Alt_L, true), (0x78, true)]), "\x1bx");
        assert_eq!(typed(&[(key::Shift_L, true), (key::Tab, true)]), "\x1b[Z");
        assert_eq!(typed(&[(key::Control_L, true), (key::Right, true)]), "\x1b[1;5C");
    }

    #[test]
    fn special_keys() {
        assert_eq!(
            typed(&[(key::BackSpace, true), (key::Return, true), (key::Delete, true)]),
            "\x7f\r\x1b[3~"
        );
        assert_eq!(typed(&[(key::F1, true), (key::F12, true), (key::Home, true)]), "\x1bOP\x1b[24~\x1b[H");
        let mut keyboard = Keyboard::default();
        let modes = Modes { application_cursor: true };
        assert_eq!(keyboard.key(key::Up, true, modes), b"\x1bOA");
        assert_eq!(keyboard.key(0xffff_ffff, true, modes), b"");
        assert_eq!(keyboard.key(key::Num_Lock, true, modes), b"");
    }
}
