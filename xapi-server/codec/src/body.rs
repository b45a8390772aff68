//! [`Body`]: an encoded text in pieces, so that fragments kept with records are sent without a copy.

use std::sync::Arc;

use bytes::Bytes;

/// Pieces of an encoded text in order.
#[derive(Debug, Clone, Default)]
pub struct Body(pub Vec<Bytes>);

impl Body {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// True without any byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole text in one piece.
    pub fn into_vec(self) -> Vec<u8> {
        self.0.concat()
    }
}

/// Shared fragments at least this long are sent as they are; shorter ones are cheaper to copy.
const WORTH_SHARING: usize = 1_024;

/// Room for most records on either wire.
const RECORD: usize = 12 * 1_024;

/// True when some byte is special. Looks at all of them: without an early end the compiler checks many at once.
pub(crate) fn any(text: &str, special: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | special(byte))
}

/// Collects text and shared fragments.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    done: Vec<Bytes>,
    open: Vec<u8>,
}

impl Pieces {
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.open
    }

    pub fn push(&mut self, text: &str) {
        self.open.extend_from_slice(text.as_bytes());
    }

    /// Decimal digits of a number.
    pub fn number(&mut self, number: i64) {
        self.open.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// With room for the form of a record, so that it does not grow step by step.
    pub fn for_record() -> Pieces {
        Pieces { done: Vec::new(), open: Vec::with_capacity(RECORD) }
    }

    pub fn share(&mut self, fragment: Arc<[u8]>) {
        if fragment.len() < WORTH_SHARING {
            self.open.extend_from_slice(&fragment);
            return;
        }
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open).into());
        }
        self.done.push(Bytes::from_owner(fragment));
    }

    pub fn finish(mut self) -> Body {
        if !self.open.is_empty() {
            self.done.push(self.open.into());
        }
        Body(self.done)
    }
}
