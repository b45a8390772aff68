//! Journals of the engine as tags of a volume group: a change of tags is one change of the group's metadata, so a
//! note is there as a whole or not at all, whenever the host dies, and needs neither room nor an open volume. Pure.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

/// How a tag that is part of a note begins.
const PREFIX: &str = "xennix-note:";
/// Letters of a note in one tag.
const PIECE: usize = 900;
/// Longest text of a note.
const LONGEST: u64 = 4 << 20;

/// The tags of a note. `generation` tells it from the one it replaces.
///
/// # Errors
/// A key that is no plain word.
pub fn tags(key: &str, generation: &str, text: &str) -> Result<Vec<String>, String> {
    for word in [key, generation] {
        if word.is_empty() || word.len() > 64 || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            return Err(format!("{word:?} is no key of a note"));
        }
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let packed = packed.write_all(text.as_bytes()).and_then(|()| packed.finish());
    let packed = BASE64_URL_SAFE_NO_PAD.encode(packed.map_err(|e| e.to_string())?);
    let count = packed.len().div_ceil(PIECE);
    let mut tags = Vec::new();
    for n in 0..count {
        let piece = &packed[n * PIECE..((n + 1) * PIECE).min(packed.len())];
        tags.push(format!("{PREFIX}{key}:{generation}:{n}:{count}:{piece}"));
    }
    Ok(tags)
}

/// All tags of the note of this key.
pub fn of_key(tags: &[String], key: &str) -> Vec<String> {
    let begins = format!("{PREFIX}{key}:");
    tags.iter().filter(|t| t.starts_with(&begins)).cloned().collect()
}

/// The notes among the tags, by key.
///
/// # Errors
/// A note that can't be read: nothing may be done over it.
pub fn read(tags: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut pieces: BTreeMap<(String, String), BTreeMap<usize, (usize, String)>> = BTreeMap::new();
    for tag in tags {
        let Some(rest) = tag.strip_prefix(PREFIX) else { continue };
        let bad = || format!("the tag {tag:?} is no part of a note");
        let fields: Vec<&str> = rest.splitn(5, ':').collect();
        let [key, generation, n, count, piece] = fields[..] else { return Err(bad()) };
        let (n, count) = (n.parse().map_err(|_| bad())?, count.parse().map_err(|_| bad())?);
        let note = pieces.entry((key.into(), generation.into())).or_default();
        note.insert(n, (count, piece.into()));
    }
    let mut notes = BTreeMap::new();
    for ((key, _), pieces) in pieces {
        let bad = |why: &str| format!("the note {key} can't be read: {why}");
        let whole = pieces.iter().enumerate().all(|(at, (n, (count, _)))| at == *n && *count == pieces.len());
        if !whole {
            return Err(bad("a part is missing"));
        }
        let packed: String = pieces.into_values().map(|(_, piece)| piece).collect();
        let packed = BASE64_URL_SAFE_NO_PAD.decode(packed).map_err(|e| bad(&e.to_string()))?;
        let mut text = String::new();
        let read = ZlibDecoder::new(&packed[..]).take(LONGEST).read_to_string(&mut text);
        read.map_err(|e| bad(&e.to_string()))?;
        if notes.insert(key.clone(), text).is_some() {
            return Err(bad("there are two of it"));
        }
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_and_parts_of_them_do_not() {
        let key = "6f2c1a3e-0000-4000-8000-0123456789ab";
        // Nothing that packs well.
        let mut x = 7_u32;
        let long: String = (0..20_000)
            .map(|_| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b' ' + (x >> 24) as u8 % 90)
            })
            .collect();
        for text in ["", "{\"op\":\"making\",\"new\":[\"VHD-x\"]}", long.as_str()] {
            let all = tags(key, "a1", text).unwrap();
            assert!(all.iter().all(|t| crate::lvm::tools::tag(t).is_ok()));
            let mut others = all.clone();
            others.push("foreign".into());
            assert_eq!(read(&others).unwrap(), BTreeMap::from([(key.to_owned(), text.to_owned())]));
            assert_eq!(of_key(&others, key), all);
            assert_eq!(of_key(&others, "other"), Vec::<String>::new());
            if all.len() > 1 {
                assert!(read(&all[1..]).is_err() && read(&all[..all.len() - 1]).is_err());
            }
        }
        let twice = [tags(key, "a", "1").unwrap(), tags(key, "b", "2").unwrap()].concat();
        assert!(read(&twice).is_err());
        assert!(tags("a:b", "g", "").is_err() && tags("", "g", "").is_err());
        assert!(read(&["xennix-note:k".into()]).is_err());
        assert_eq!(read(&["hidden".into()]).unwrap(), BTreeMap::new());
    }
}
