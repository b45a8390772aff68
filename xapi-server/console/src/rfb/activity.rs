//! Whether somebody is at the keyboard: a viewer asks for updates for ever, so its silence says nothing. Follows what
//! goes from a viewer to any RFB server; what it can't follow counts as somebody being there.

use bytes::{Buf, BytesMut};

use super::message::{self, Message};

/// Bytes of a version.
const VERSION: usize = 12;

/// How far a viewer has come.
#[derive(Debug, Default)]
pub struct Activity {
    seen: BytesMut,
    stage: Stage,
}

#[derive(Debug, Default, Clone, Copy)]
enum Stage {
    #[default]
    Version,
    Security,
    Shared,
    Messages,
    Lost,
}

impl Activity {
    /// Takes the next bytes of a viewer: true when they mean that somebody types or points.
    pub fn saw(&mut self, bytes: &[u8]) -> bool {
        if matches!(self.stage, Stage::Lost) {
            return true;
        }
        self.seen.extend_from_slice(bytes);
        loop {
            match self.stage {
                Stage::Version if self.seen.len() >= VERSION => {
                    // Before 3.7 the server chose how to log in.
                    let old = self.seen.starts_with(b"RFB 003.00") && self.seen[10] < b'7';
                    self.seen.advance(VERSION);
                    self.stage = if old { Stage::Shared } else { Stage::Security };
                }
                Stage::Security if !self.seen.is_empty() => {
                    // Ways to log in other than none have answers of their own, which are not followed.
                    self.stage = if self.seen.get_u8() == 1 { Stage::Shared } else { Stage::Lost };
                }
                Stage::Shared if !self.seen.is_empty() => {
                    self.seen.advance(1);
                    self.stage = Stage::Messages;
                }
                Stage::Messages => return self.messages(),
                Stage::Lost => {
                    self.seen.clear();
                    return true;
                }
                _ => return false,
            }
        }
    }

    fn messages(&mut self) -> bool {
        let mut active = false;
        loop {
            match message::next(&mut self.seen) {
                Ok(Some(Message::Key { .. } | Message::Pointer)) => active = true,
                Ok(Some(_)) => {}
                Ok(None) => return active,
                Err(_) => {
                    self.stage = Stage::Lost;
                    self.seen.clear();
                    return true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_for_updates_is_no_activity() {
        for hello in [&b"RFB 003.008\n\x01\x01"[..], b"RFB 003.003\n\x01"] {
            let mut activity = Activity::default();
            assert!(!activity.saw(&hello[..5]) && !activity.saw(&hello[5..]));
            assert!(!activity.saw(&[3, 1, 0, 0, 0, 0, 2, 128, 1, 144]));
            assert!(!activity.saw(&[4, 1, 0, 0]));
            assert!(activity.saw(&[0, 0, 0, 0x61]));
            assert!(activity.saw(&[5, 0, 0, 1, 0, 2]));
            assert!(!activity.saw(&[3, 1, 0, 0, 0, 0, 2, 128, 1, 144]));
            // Something unknown: nobody is cut off because of it.
            assert!(activity.saw(&[99]) && activity.saw(&[3]));
        }
        let mut activity = Activity::default();
        assert!(activity.saw(b"RFB 003.008\n\x02"));
    }
}
