//! Numbers and structures of the kernel's ublk driver, as bytes. Pure.

/// Where a queue's requests are described, in the character device.
pub(super) const DESCRIPTION: usize = 24;
/// Most requests a queue may have; the descriptions of each queue take room for as many.
pub(super) const MAX_DEPTH: usize = 4096;
/// Bytes of the description of a device.
pub(super) const INFO: usize = 64;
/// Bytes of the parameters of a device.
pub(super) const PARAMETERS: usize = 112;

const READ: u32 = 2 << 30;
const READ_WRITE: u32 = 3 << 30;

const fn encoded(direction: u32, number: u32, size: u32) -> u32 {
    direction | size << 16 | (b'u' as u32) << 8 | number
}

/// Commands to the control device.
pub(super) mod control {
    use super::{READ, READ_WRITE, encoded};
    pub(in super::super) const GET_INFO: u32 = encoded(READ, 0x02, 32);
    pub(in super::super) const ADD: u32 = encoded(READ_WRITE, 0x04, 32);
    pub(in super::super) const DELETE: u32 = encoded(READ_WRITE, 0x05, 32);
    pub(in super::super) const START: u32 = encoded(READ_WRITE, 0x06, 32);
    pub(in super::super) const STOP: u32 = encoded(READ_WRITE, 0x07, 32);
    pub(in super::super) const SET_PARAMETERS: u32 = encoded(READ_WRITE, 0x08, 32);
    pub(in super::super) const START_RECOVERY: u32 = encoded(READ_WRITE, 0x10, 32);
    pub(in super::super) const END_RECOVERY: u32 = encoded(READ_WRITE, 0x11, 32);
    pub(in super::super) const FEATURES: u32 = encoded(READ, 0x13, 32);
    pub(in super::super) const DELETE_ASYNC: u32 = encoded(READ, 0x14, 32);
}

/// Commands to a queue.
pub(super) const FETCH: u32 = encoded(READ_WRITE, 0x20, 16);
pub(super) const COMMIT_AND_FETCH: u32 = encoded(READ_WRITE, 0x21, 16);

/// Features.
pub(super) mod feature {
    /// The device outlives its server.
    pub(in super::super) const RECOVERY: u64 = 1 << 3;
    /// What the dead server had not answered comes again.
    pub(in super::super) const REISSUE: u64 = 1 << 4;
    /// Commands with their size inside.
    pub(in super::super) const ENCODED: u64 = 1 << 6;
    /// Data is fetched and put through the character device.
    pub(in super::super) const USER_COPY: u64 = 1 << 7;
    /// All that are needed.
    pub(in super::super) const NEEDED: u64 = RECOVERY | REISSUE | ENCODED | USER_COPY;
}

/// What a guest asks for.
pub(super) mod operation {
    pub(in super::super) const READ: u32 = 0;
    pub(in super::super) const WRITE: u32 = 1;
    pub(in super::super) const FLUSH: u32 = 2;
    pub(in super::super) const DISCARD: u32 = 3;
    pub(in super::super) const ZEROES: u32 = 5;
    /// Durable before the answer.
    pub(in super::super) const FUA: u32 = 1 << 13;
    /// Zeros must take space.
    pub(in super::super) const NO_UNMAP: u32 = 1 << 15;
}

/// States of a device.
pub(super) mod state {
    /// Its server is gone and it waits for another.
    pub(in super::super) const QUIESCED: u16 = 2;
}

/// A command to the control device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) device: u32,
    /// Address and length of the buffer.
    pub(super) buffer: (u64, u16),
    pub(super) data: u64,
}

impl Command {
    pub(super) fn bytes(&self) -> [u8; 80] {
        let mut b = [0; 80];
        b[..4].copy_from_slice(&self.device.to_ne_bytes());
        // For no queue in particular.
        b[4..6].copy_from_slice(&u16::MAX.to_ne_bytes());
        b[6..8].copy_from_slice(&self.buffer.1.to_ne_bytes());
        b[8..16].copy_from_slice(&self.buffer.0.to_ne_bytes());
        b[16..24].copy_from_slice(&self.data.to_ne_bytes());
        b
    }
}

/// A device as the driver describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) queues: u16,
    pub(super) depth: u16,
    pub(super) state: u16,
    pub(super) max_bytes: u32,
    pub(super) device: u32,
    pub(super) server: i32,
    pub(super) features: u64,
    /// Ours to use: tells whose device it is.
    pub(super) tag: u64,
}

impl Info {
    pub(super) fn bytes(&self) -> [u8; INFO] {
        let mut b = [0; INFO];
        b[..2].copy_from_slice(&self.queues.to_ne_bytes());
        b[2..4].copy_from_slice(&self.depth.to_ne_bytes());
        b[4..6].copy_from_slice(&self.state.to_ne_bytes());
        b[8..12].copy_from_slice(&self.max_bytes.to_ne_bytes());
        b[12..16].copy_from_slice(&self.device.to_ne_bytes());
        b[16..20].copy_from_slice(&self.server.to_ne_bytes());
        b[24..32].copy_from_slice(&self.features.to_ne_bytes());
        b[32..40].copy_from_slice(&self.tag.to_ne_bytes());
        b
    }

    pub(super) fn parse(b: &[u8; INFO]) -> Info {
        let u16_at = |at: usize| u16::from_ne_bytes([b[at], b[at + 1]]);
        let u32_at = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let u64_at = |at: usize| {
            let mut n = [0; 8];
            n.copy_from_slice(&b[at..at + 8]);
            u64::from_ne_bytes(n)
        };
        Info {
            queues: u16_at(0),
            depth: u16_at(2),
            state: u16_at(4),
            max_bytes: u32_at(8),
            device: u32_at(12),
            server: u32_at(16).cast_signed(),
            features: u64_at(24),
            tag: u64_at(32),
        }
    }
}

/// The parameters of a device: sectors of 512 bytes, a cache that must be flushed, discard and zeros.
pub(super) fn parameters(bytes: u64, read_only: bool, max_bytes: u32) -> [u8; PARAMETERS] {
    let mut b = [0; PARAMETERS];
    let mut put = |at: usize, data: &[u8]| b[at..at + data.len()].copy_from_slice(data);
    put(0, &(PARAMETERS as u32).to_ne_bytes());
    // Basic and discard.
    put(4, &3u32.to_ne_bytes());
    // Volatile cache and FUA.
    let attributes = u32::from(read_only) | 1 << 2 | 1 << 3;
    put(8, &attributes.to_ne_bytes());
    put(12, &[9, 12, 12, 9]);
    put(16, &(max_bytes >> 9).to_ne_bytes());
    put(24, &(bytes >> 9).to_ne_bytes());
    let most = (1u32 << 30) >> 9;
    put(40, &0u32.to_ne_bytes());
    put(44, &4096u32.to_ne_bytes());
    put(48, &most.to_ne_bytes());
    put(52, &most.to_ne_bytes());
    put(56, &1u16.to_ne_bytes());
    b
}

/// A command to a queue about request `tag`, with the result of the one before.
pub(super) fn queue_command(queue: u16, tag: u16, result: i32) -> [u8; 16] {
    let mut b = [0; 16];
    b[..2].copy_from_slice(&queue.to_ne_bytes());
    b[2..4].copy_from_slice(&tag.to_ne_bytes());
    b[4..8].copy_from_slice(&result.to_ne_bytes());
    b
}

/// Where the data of a request is in the character device.
pub(super) fn data_at(queue: u16, tag: u16) -> u64 {
    0x8000_0000 + (u64::from(queue) << 41 | u64::from(tag) << 25)
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) operation: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Request {
    pub(super) fn parse(b: &[u8; DESCRIPTION]) -> Request {
        let word = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let mut start = [0; 8];
        start.copy_from_slice(&b[8..16]);
        Request {
            operation: word(0) & 0xff,
            flags: word(0) & !0xff,
            offset: u64::from_ne_bytes(start).saturating_mul(512),
            len: u64::from(word(4)) * 512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_numbers_the_driver_documents() {
        assert_eq!(control::ADD, 0xc020_7504);
        assert_eq!(control::GET_INFO, 0x8020_7502);
        assert_eq!(FETCH, 0xc010_7520);
        assert_eq!(COMMIT_AND_FETCH, 0xc010_7521);
        assert_eq!(data_at(1, 2), 0x8000_0000 + (1 << 41) + (2 << 25));
    }

    #[test]
    fn structures_have_their_fields_where_the_driver_looks() {
        let info = Info {
            queues: 1,
            depth: 64,
            state: 2,
            max_bytes: 1 << 20,
            device: 7,
            server: 99,
            features: feature::NEEDED,
            tag: 5,
        };
        let b = info.bytes();
        assert_eq!(Info::parse(&b), info);
        assert_eq!((b[0], b[2], b[4], b[12], b[16], b[24], b[32]), (1, 64, 2, 7, 99, 0xd8, 5));
        let p = parameters(1 << 30, true, 1 << 20);
        assert_eq!((p[0], p[4], p[8]), (112, 3, 0b1101));
        assert_eq!(p[24..32], (2u64 << 20).to_ne_bytes());
        let command = Command { device: 3, buffer: (0x10, 64), data: 9 }.bytes();
        assert_eq!((command[0], command[4], command[6], command[8], command[16]), (3, 255, 64, 16, 9));
        assert!(command[24..].iter().all(|b| *b == 0));
        let mut d = [0; DESCRIPTION];
        d[..4].copy_from_slice(&(operation::WRITE | operation::FUA).to_ne_bytes());
        d[4..8].copy_from_slice(&8u32.to_ne_bytes());
        d[8..16].copy_from_slice(&3u64.to_ne_bytes());
        let want = Request { operation: operation::WRITE, flags: operation::FUA, offset: 1536, len: 4096 };
        assert_eq!(Request::parse(&d), want);
    }
}
