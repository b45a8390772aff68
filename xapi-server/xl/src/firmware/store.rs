//! The firmware's own store of variables, as it lies in a guest's memory: a firmware volume with a list of variables
//! in it. Pure.

use super::blob::Variable;

/// Of the volume that holds variables.
const VOLUME: [u8; 16] =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
/// Of a list whose variables may be signed.
const LIST: [u8; 16] =
    [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92];
/// Bytes before the first variable of a list.
const LIST_HEADER: usize = 28;
/// Bytes before a variable's name.
const HEADER: usize = 60;
/// First bytes of a variable.
const START: u16 = 0x55aa;
/// It is valid; valid until its successor is.
const ADDED: u8 = 0x3f;
const LEAVING: u8 = 0x3e;
/// Keeps its value when the guest ends.
const NON_VOLATILE: u32 = 1;
/// The largest volume there is.
const LARGEST: u64 = 8 << 20;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Bytes of the volume that begins here; nothing when none does.
pub fn length(page: &[u8]) -> Option<usize> {
    if page.get(16..32)? != VOLUME || page.get(40..44)? != b"_FVH" {
        return None;
    }
    let header = usize::from(u16_at(page, 48)?);
    let words = page.get(..header)?.chunks_exact(2).map(|w| u16::from_le_bytes([w[0], w[1]]));
    let sound = header % 2 == 0 && words.fold(0u16, u16::wrapping_add) == 0;
    let length = u64::from_le_bytes(array(page, 32)?);
    (sound && (4_096..=LARGEST).contains(&length)).then_some(length as usize)
}

/// Where the list's variables begin and end.
fn list(volume: &[u8]) -> Result<(usize, usize), String> {
    let broken = || "the firmware's variables are not where they should be".to_string();
    let header = length(volume).and(u16_at(volume, 48)).map(usize::from).ok_or_else(broken)?;
    let known = volume.get(header..header + 16) == Some(&LIST);
    let size = u32_at(volume, header + 16).ok_or_else(broken)? as usize;
    // Formatted and healthy.
    let state = volume.get(header + 20..header + 22) == Some(&[0x5a, 0xfe]);
    let end = header.checked_add(size).filter(|end| *end <= volume.len()).ok_or_else(broken)?;
    if known && state && size > LIST_HEADER { Ok((header + LIST_HEADER, end)) } else { Err(broken()) }
}

fn aligned(at: usize) -> usize {
    at.next_multiple_of(4)
}

/// The variables that outlive the guest.
///
/// # Errors
/// A volume that is none.
pub fn variables(volume: &[u8]) -> Result<Vec<Variable>, String> {
    let (mut at, end) = list(volume)?;
    let volume = &volume[..end];
    let mut found: Vec<(u8, Variable)> = Vec::new();
    while u16_at(volume, aligned(at)) == Some(START) {
        at = aligned(at);
        let cut = || "a variable reaches past the end".to_string();
        let state = *volume.get(at + 2).ok_or_else(cut)?;
        let attributes = u32_at(volume, at + 4).ok_or_else(cut)?;
        let time = array(volume, at + 16).ok_or_else(cut)?;
        let size = |at| u32_at(volume, at).map(|size| size as usize).ok_or_else(cut);
        let (name_size, data_size) = (size(at + 36)?, size(at + 40)?);
        let guid = array(volume, at + 44).ok_or_else(cut)?;
        let name_at = at + HEADER;
        let data_at = name_at.checked_add(name_size).ok_or_else(cut)?;
        let next = data_at.checked_add(data_size).ok_or_else(cut)?;
        let name = volume.get(name_at..data_at).ok_or_else(cut)?;
        let data = volume.get(data_at..next).ok_or_else(cut)?.to_vec();
        at = next;
        let name = name.strip_suffix(&[0, 0]).unwrap_or(name).to_vec();
        if matches!(state, ADDED | LEAVING) && attributes & NON_VOLATILE != 0 && !name.is_empty() {
            let one = Variable { name, guid, attributes, time, data, digest: [0; 32] };
            match found.iter_mut().find(|(_, old)| old.name == one.name && old.guid == one.guid) {
                // One that is being replaced counts until its successor does.
                Some(old) if state == ADDED => *old = (state, one),
                Some(_) => {}
                None => found.push((state, one)),
            }
        }
    }
    Ok(found.into_iter().map(|(_, one)| one).collect())
}

/// The same volume with other variables.
///
/// # Errors
/// A volume that is none, or has no room.
pub fn with(template: &[u8], variables: &[Variable]) -> Result<Vec<u8>, String> {
    let (begin, end) = list(template)?;
    let mut volume = template.to_vec();
    volume[begin..end].fill(0xff);
    let mut at = begin;
    for one in variables {
        let mut bytes = START.to_le_bytes().to_vec();
        bytes.extend([ADDED, 0]);
        bytes.extend(one.attributes.to_le_bytes());
        bytes.extend(0u64.to_le_bytes());
        bytes.extend(one.time);
        bytes.extend(0u32.to_le_bytes());
        bytes.extend((one.name.len() as u32 + 2).to_le_bytes());
        bytes.extend((one.data.len() as u32).to_le_bytes());
        bytes.extend(one.guid);
        bytes.extend(&one.name);
        bytes.extend([0, 0]);
        bytes.extend(&one.data);
        at = aligned(at);
        let place = volume[..end].get_mut(at..at + bytes.len());
        place.ok_or_else(|| format!("the firmware has no room for {}", one.label()))?.copy_from_slice(&bytes);
        at += bytes.len();
    }
    Ok(volume)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An empty volume as the firmware makes it: recorded headers, a smaller list.
    pub fn empty() -> Vec<u8> {
        let length: u64 = 0x2000;
        let mut volume = vec![0xff; length as usize];
        volume[..16].fill(0);
        volume[16..32].copy_from_slice(&VOLUME);
        volume[32..40].copy_from_slice(&length.to_le_bytes());
        volume[40..44].copy_from_slice(b"_FVH");
        volume[44..72].fill(0);
        volume[48..50].copy_from_slice(&72u16.to_le_bytes());
        volume[55] = 2;
        let sum =
            volume[..72].chunks_exact(2).map(|w| u16::from_le_bytes([w[0], w[1]])).fold(0, u16::wrapping_add);
        volume[50..52].copy_from_slice(&0u16.wrapping_sub(sum).to_le_bytes());
        volume[72..88].copy_from_slice(&LIST);
        volume[88..92].copy_from_slice(&0x1800u32.to_le_bytes());
        volume[92..100].copy_from_slice(&[0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
        volume
    }

    fn variable(name: &str, data: &[u8]) -> Variable {
        let name = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Variable { name, guid: [7; 16], attributes: 7, time: [1; 16], data: data.to_vec(), digest: [0; 32] }
    }

    #[test]
    fn variables_come_and_go() {
        let template = empty();
        assert_eq!(length(&template), Some(0x2000));
        assert_eq!(variables(&template), Ok(vec![]));
        let some = vec![variable("BootOrder", &[0, 0, 1]), variable("Lang", b"eng"), variable("x", b"")];
        let volume = with(&template, &some).expect("fits");
        assert_eq!(variables(&volume), Ok(some.clone()));
        assert_eq!(volume[0x1848..], template[0x1848..], "what is behind the list stays");
        assert_eq!(with(&volume, &[]), Ok(template.clone()));
        let large = variable("y", &vec![1; 0x1800]);
        assert!(with(&template, &[large]).expect_err("no room").contains("no room for y"));
    }

    #[test]
    fn a_recorded_variable_is_read() {
        // The first of a guest's volume, as OVMF of edk2 2025.02 wrote it below Xen 4.20.
        let mut volume = empty();
        let mut bytes = vec![0xaa, 0x55, 0x3f, 0, 7, 0, 0, 0];
        bytes.extend([0; 28]);
        bytes.extend([8, 0, 0, 0, 4, 0, 0, 0]);
        bytes.extend([
            0x11, 0x40, 0x70, 0xeb, 0x02, 0x14, 0xd3, 0x11, 0x8e, 0x77, 0, 0xa0, 0xc9, 0x69, 0x72, 0x3b,
        ]);
        bytes.extend(b"M\0T\0C\0\0\0\x01\0\0\0");
        volume[100..100 + bytes.len()].copy_from_slice(&bytes);
        let all = variables(&volume).expect("is one");
        assert_eq!(
            (all.len(), all[0].label().as_str(), all[0].data.as_slice()),
            (1, "MTC", &[1, 0, 0, 0][..])
        );
    }

    #[test]
    fn what_was_replaced_or_removed_is_left_out() {
        let both = vec![variable("a", b"old"), variable("a", b"new"), variable("b", b"gone")];
        let mut volume = with(&empty(), &both).expect("fits");
        let starts: Vec<usize> =
            (100..volume.len()).step_by(4).filter(|at| u16_at(&volume, *at) == Some(START)).collect();
        assert_eq!(starts.len(), 3);
        volume[starts[0] + 2] = LEAVING;
        volume[starts[2] + 2] = 0x3c;
        assert_eq!(variables(&volume), Ok(vec![variable("a", b"new")]));
        // The successor was never finished.
        volume[starts[1] + 2] = 0x7f;
        assert_eq!(variables(&volume), Ok(vec![variable("a", b"old")]));
    }

    #[test]
    fn what_is_no_volume_is_told_apart() {
        let volume = with(&empty(), &[variable("a", b"b")]).expect("fits");
        for at in [17, 41, 50, 33] {
            let mut bad = volume.clone();
            bad[at] ^= 0xff;
            assert_eq!(length(&bad), None, "{at}");
        }
        for at in [75, 93, 90] {
            let mut bad = volume.clone();
            bad[at] = 0x77;
            assert!(variables(&bad).is_err(), "{at}");
        }
        // Sizes a guest made up.
        for at in [100 + 36, 100 + 40] {
            let mut bad = volume.clone();
            bad[at..at + 4].fill(0xff);
            assert!(variables(&bad).is_err(), "{at}");
        }
        assert_eq!(length(&[]), None);
        assert!(variables(&volume[..90]).is_err());
    }
}
