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
