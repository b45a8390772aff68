//! What a TPM of version 2 keeps, as `swtpm` writes it. Pure.
//!
//! A file of its own: version, lowest version, length of this header, flags, length of all; then the state. Others keep
//! such files one after another in a larger one, behind a table of offsets and lengths.

/// Bytes before the state proper.
const HEADER: usize = 10;
/// First bytes of a file of files.
const MANY: &[u8] = b"nilmptws";
/// Where its table begins; what outlives a start is its first entry.
const TABLE: usize = 12;

/// All of a state: what was cut short is none.
pub fn is_whole(bytes: &[u8]) -> bool {
    let length = bytes.get(HEADER - 4..HEADER).and_then(|length| length.try_into().ok());
    length.map(u32::from_be_bytes).is_some_and(|length| length as usize == bytes.len())
}

/// The state in what a record holds; nothing when there is none.
pub fn state(bytes: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let state = match bytes.starts_with(MANY) {
        false => bytes,
        true => bytes.get(word(TABLE)?..)?.get(..word(TABLE + 4)?)?,
    };
    is_whole(state).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [u8; 13] = [2, 1, 0, 10, 0, 0, 0, 0, 0, 13, 7, 7, 7];

    #[test]
    fn what_was_cut_short_is_no_state() {
        assert_eq!(state(&WHOLE), Some(&WHOLE[..]));
        for cut in [0, 5, 10, 12] {
            assert_eq!(state(&WHOLE[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_state_among_others_is_found() {
        // As swtpm 0.7.1 lays it out: table of 192 bytes, then the state, then room.
        let mut many = MANY.to_vec();
        many.extend([1, 0, 0xc0, 0, 0xc0, 0, 0, 0, 13, 0, 0, 0, 0, 8, 0, 0]);
        many.resize(0xc0, 0);
        many.extend(WHOLE);
        many.resize(0xc0 + 2048, 0);
        assert_eq!(state(&many), Some(&WHOLE[..]));
        assert_eq!(state(&many[..0xc0 + 12]), None, "cut short");
        for at in [12, 15, 16, 19] {
            let mut bad = many.clone();
            bad[at] ^= 0xff;
            assert_eq!(state(&bad), None, "{at}");
        }
    }
}
