//! What a watched start comes to: confirmed, waited for, gone back from, or left alone and told.
//!
//! Going back because nothing can be found out happens once in a row: if the confirmed system can't tell either, going
//! back again and again would help nobody. Decides; the caller restarts the machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// What one look found.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    /// This start is the default, or has just become it.
    Confirmed(String),
    /// It is on probation and not as it should be.
    Unhealthy(String),
    /// It can't be told whether it is on probation.
    Unknown(String),
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing more.
    Done,
    /// Look again.
    Wait(String),
    /// Restart into the confirmed one.
    GoBack(String),
    /// Say so, and leave the machine running.
    Stay(String),
}

/// The memory of a watch.
#[derive(Debug)]
pub struct Watch {
    /// File that is there when the last start went back without knowing.
    pub note: PathBuf,
}

impl Watch {
    /// What a look comes to; `late` when there is no time left.
    pub fn verdict(&self, look: &Look, late: bool) -> Verdict {
        match (look, late) {
            (Look::Confirmed(_), _) => Verdict::Done,
            (Look::Unhealthy(why) | Look::Unknown(why), false) => Verdict::Wait(why.clone()),
            (Look::Unhealthy(why), true) => Verdict::GoBack(why.clone()),
            (Look::Unknown(why), true) if self.note.exists() => Verdict::Stay(why.clone()),
            (Look::Unknown(why), true) => Verdict::GoBack(why.clone()),
        }
    }

    /// Notes that this start goes back without knowing.
    ///
    /// # Errors
    /// Those of the file system: then the machine must not be restarted, it might never end.
    pub fn remember(&self) -> Result<()> {
        let write = || -> std::io::Result<()> {
            if let Some(directory) = self.note.parent() {
                std::fs::create_dir_all(directory)?;
            }
            std::fs::File::create(&self.note)?.sync_all()
        };
        write().with_context(|| {
            format!("THIS START IS NOT CONFIRMED, and going back can't be noted in {}", self.note.display())
        })
    }

    /// A start was confirmed: the next trouble is a new one.
    pub fn forget(&self) {
        let _ = std::fs::remove_file(&self.note);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn going_back_blindly_happens_once_in_a_row() {
        let dir = tempfile::tempdir().unwrap();
        let watch = Watch { note: dir.path().join("below/note") };
        let (blind, ill) = (Look::Unknown("blind".into()), Look::Unhealthy("ill".into()));
        assert_eq!(watch.verdict(&blind, false), Verdict::Wait("blind".into()));
        assert_eq!(watch.verdict(&blind, true), Verdict::GoBack("blind".into()));
        watch.remember().unwrap();
        assert_eq!(watch.verdict(&blind, true), Verdict::Stay("blind".into()));
        assert_eq!(
            watch.verdict(&ill, true),
            Verdict::GoBack("ill".into()),
            "it knows what it goes back from"
        );
        watch.forget();
        assert_eq!(watch.verdict(&blind, true), Verdict::GoBack("blind".into()));
        assert_eq!(watch.verdict(&Look::Confirmed(String::new()), true), Verdict::Done);
    }
}
