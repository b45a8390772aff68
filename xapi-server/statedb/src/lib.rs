//! The pool database file of XAPI (`state.db`): read, checked and written.
//!
//! Never here: the store, what a field's value means to operations, files of other kinds.
