//! What each message does
