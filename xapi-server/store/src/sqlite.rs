//! The journal of one host: an SQLite file, write-ahead log, flushed at every commit, a checksum per object.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use xapi_schema::Class;

use crate::journal::{Batch, Journal, JournalError, Marks, StoredRow};

/// Layout of the file; raised when an older version could no longer read it. 2: checksums.
const FORMAT: i64 = 2;

/// An open journal file.
pub struct SqliteJournal {
    db: Connection,
}

fn storage(error: rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Damaged(error.to_string())
        }
        _ => JournalError::Storage(error.to_string()),
    }
}

/// An object and its checksum, if it has one yet.
fn read(row: &Row) -> rusqlite::Result<(StoredRow, Option<i64>)> {
    let stored = StoredRow { class: row.get(0)?, reference: row.get(1)?, body: row.get(2)? };
    Ok((stored, row.get(3)?))
}

/// SQLite checks its own structure but not what it holds: a bit that flips in a name would go unnoticed.
fn checksum(class: &str, reference: &str, body: &str) -> i64 {
    let mut sum = crc32fast::Hasher::new();
    for part in [class, reference, body] {
        sum.update(part.as_bytes());
        sum.update(&[0]);
    }
    i64::from(sum.finalize())
}

/// An object that is still what was written.
fn intact(stored: StoredRow, expected: Option<i64>) -> Result<StoredRow, JournalError> {
    if expected.is_some_and(|sum| sum != checksum(&stored.class, &stored.reference, &stored.body)) {
        let about = format!("{} {} is not what was written", stored.class, stored.reference);
        return Err(JournalError::Damaged(about));
    }
    Ok(stored)
}

impl SqliteJournal {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`JournalError::Newer`] for a file of a later version, [`JournalError::Damaged`] when SQLite finds
    /// it inconsistent, [`JournalError::Storage`] for everything else.
    pub fn open(path: &Path) -> Result<SqliteJournal, JournalError> {
        let db = Connection::open(path).map_err(storage)?;
        SqliteJournal::on(db)
    }

    /// Takes over an open connection.
    ///
    /// # Errors
    /// As [`SqliteJournal::open`].
    pub fn on(db: Connection) -> Result<SqliteJournal, JournalError> {
        db.execute_batch(
            // Exclusive before the log is first used: then its index lives in memory and not in a mapped
            // file, whose pages a full disk could take away under us.
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
        )
        .map_err(storage)?;
        let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(storage)?;
        if found > FORMAT {
            return Err(JournalError::Newer { found, known: FORMAT });
        }
        let verdict: String =
            db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(storage)?;
        if verdict != "ok" {
            return Err(JournalError::Damaged(verdict));
        }
        // Rows of the first layout have no checksum until they are written again.
        let upgrade = if found == 1 { "ALTER TABLE object ADD COLUMN sum INTEGER;" } else { "" };
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS object (
                 serial INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL UNIQUE, class TEXT NOT NULL,
                 generation INTEGER NOT NULL, body TEXT NOT NULL, sum INTEGER);
             CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
             {upgrade}
             PRAGMA user_version = {FORMAT};
             COMMIT;"
        ))
        .map_err(storage)?;
        Ok(SqliteJournal { db })
    }

    /// One object as it is stored.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn get(&mut self, reference: &str) -> Result<Option<StoredRow>, JournalError> {
        let mut select = self
            .db
            .prepare_cached("SELECT class, ref, body, sum FROM object WHERE ref = ?1")
            .map_err(storage)?;
        let found = select.query_row([reference], read).optional().map_err(storage)?;
        found.map(|(stored, expected)| intact(stored, expected)).transpose()
    }

    /// As [`Journal::load`], in byte order of class and reference, for whoever writes objects out.
    ///
    /// # Errors
    /// As [`Journal::load`].
    pub fn load_sorted(&mut self, each: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        self.hand_over("SELECT class, ref, body, sum FROM object ORDER BY class, ref", each)
    }

    fn hand_over(&mut self, select: &str, each: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        let mut select = self.db.prepare(select).map_err(storage)?;
        let mut found = select.query([]).map_err(storage)?;
        while let Some(row) = found.next().map_err(storage)? {
            let (stored, expected) = read(row).map_err(storage)?;
            each(intact(stored, expected)?);
        }
        Ok(())
    }

    fn meta(&self, key: &str) -> Result<u64, JournalError> {
        let found =
            self.db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, i64>(0));
        Ok(found.optional().map_err(storage)?.unwrap_or(0) as u64)
    }
}

impl SqliteJournal {
    /// When only the flush failed, the log already holds the whole refused change, and a restart would
    /// bring it back. An empty change written over it takes it out of the log. If the disk does not take
    /// even that, there is nothing more to be done.
    fn disown(&mut self, error: rusqlite::Error) -> JournalError {
        let over = "INSERT INTO meta (key, value) VALUES ('disowned', 1)
                    ON CONFLICT (key) DO UPDATE SET value = value + 1";
        if let Err(error) = self.db.execute(over, []) {
            tracing::debug!(%error, "a refused change could not be taken out of the log");
        }
        storage(error)
    }
}

impl Journal for SqliteJournal {
    fn marks(&mut self) -> Result<Marks, JournalError> {
        Ok(Marks { reserved: self.meta("reserved")?, epoch: self.meta("epoch")? })
    }

    fn load(&mut self, each: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        self.hand_over("SELECT class, ref, body, sum FROM object ORDER BY serial", each)
    }

    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let write = |db: &mut Connection| -> rusqlite::Result<()> {
            let tx = db.transaction()?;
            {
                let mut put = tx.prepare_cached(
                    "INSERT INTO object (ref, class, generation, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (ref) DO UPDATE SET
                         generation = excluded.generation, body = excluded.body, sum = excluded.sum",
                )?;
                let mut drop = tx.prepare_cached("DELETE FROM object WHERE ref = ?1")?;
                for change in &batch.changes {
                    let reference = change.reference.as_str();
                    match &change.body {
                        Some(body) => {
                            let class = Class::of(change.class).name;
                            let sum = checksum(class, reference, body);
                            put.execute(params![reference, class, batch.generation as i64, body, sum])?;
                        }
                        None => {
                            drop.execute([reference])?;
                        }
                    }
                }
            }
            tx.commit()
        };
        write(&mut self.db).map_err(|error| self.disown(error))
    }

    fn reserve(&mut self, generation: u64) -> Result<(), JournalError> {
        let put = "INSERT INTO meta (key, value) VALUES ('reserved', ?1)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        match self.db.execute(put, [generation as i64]) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.disown(error)),
        }
    }
}
