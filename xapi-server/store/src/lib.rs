//! Objects in memory, written through to a journal
