//! What a plan consists of: single changes, each one call of the API or a few that belong together. Pure.

use std::fmt;

use serde::Serialize;

use crate::world::{Class, Record};

/// One change. Targets are references, or `id:...` for what an earlier step of the same plan makes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// Makes an object.
    Create {
        /// Its class.
        class: Class,
        /// What later steps call it.
        id: String,
        /// What it is made from.
        record: Record,
    },
    /// Marks an object as the declared one, not a copy.
    Own {
        /// Its class.
        class: Class,
        /// The object.
        target: String,
    },
    /// Takes [`crate::world::mark::RELEASED`] off: it is the clients' from now on.
    Release {
        /// Its class.
        class: Class,
        /// The object.
        target: String,
    },
    /// Writes a field.
    Set {
        /// Its class.
        class: Class,
        /// The object.
        target: String,
        /// Name of the field.
        field: String,
        /// What it becomes.
        value: serde_json::Value,
    },
    /// Writes or removes a key of `other_config`.
    Put {
        /// Its class.
        class: Class,
        /// The object.
        target: String,
        /// The key.
        key: String,
        /// What it becomes; null removes it.
        value: Option<String>,
    },
    /// Sets a halted guest's memory.
    Memory {
        /// The VM.
        target: String,
        /// Bytes.
        bytes: u64,
    },
    /// Sets a halted guest's processors.
    Vcpus {
        /// The VM.
        target: String,
        /// At start.
        count: u32,
        /// At the most.
        max: u32,
    },
    /// Attaches a repository to this host.
    Attach {
        /// The SR.
        target: String,
        /// How this host reaches it.
        device_config: std::collections::BTreeMap<String, String>,
    },
    /// Plugs what is attached.
    Plug {
        /// The PBD.
        target: String,
    },
    /// Makes a disk larger.
    Grow {
        /// The VDI.
        target: String,
        /// Bytes.
        bytes: u64,
    },
    /// Gives a disk the content of a file.
    Fill {
        /// The VDI.
        target: String,
        /// The file.
        path: String,
    },
    /// Removes an object.
    Destroy {
        /// Its class.
        class: Class,
        /// The object.
        target: String,
    },
    /// Starts a guest.
    Start {
        /// The VM.
        target: String,
    },
    /// Shuts a guest down.
    Stop {
        /// The VM.
        target: String,
    },
}

/// Why a step is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was not there.
    Create,
    /// It was different.
    Change,
    /// It is restarted to be changed.
    Restart,
    /// It is no longer declared.
    Remove,
    /// What clients may do changes.
    Lock,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Why.
    pub kind: Kind,
    /// Option it is about.
    pub option: String,
    /// For people.
    pub what: String,
    /// The change.
    pub action: Action,
}

/// Something a plan does not do, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    /// Option it is about.
    pub option: String,
    /// For people.
    pub why: String,
}

/// What has to be done, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// Steps.
    pub steps: Vec<Step>,
    /// Guests that take their change at their next start.
    pub waiting: Vec<Note>,
    /// What can't be done.
    pub refused: Vec<Note>,
}

impl Plan {
    /// Nothing to do; guests may still wait for their next start.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let sign = match step.kind {
                Kind::Create => '+',
                Kind::Change => '~',
                Kind::Restart => '!',
                Kind::Remove => '-',
                Kind::Lock => '#',
            };
            writeln!(f, "{sign} {}: {}", step.option, step.what)?;
        }
        for note in &self.waiting {
            writeln!(f, "= {}: needs a restart: {}", note.option, note.why)?;
        }
        for note in &self.refused {
            writeln!(f, "x {}: {}", note.option, note.why)?;
        }
        if self.steps.is_empty() && self.waiting.is_empty() && self.refused.is_empty() {
            writeln!(f, "everything is as declared")?;
        }
        Ok(())
    }
}
