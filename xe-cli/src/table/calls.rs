//! Commands that are one API call: a line per command in `data/calls/`.
//!
//! `command = Class.method word .. [> output]`. A word is one argument, in call order:
//!
//! | word | meaning |
//! |---|---|
//! | `Class(p)` | object with the uuid in parameter p; `Class?(p)` null when absent; `Class*(p)` a comma list of uuids |
//! | `Class(p\|this)`, `Class(p\|pool)` | this host, or the pool, when p is absent |
//! | `text(p\|d)` `bool(p\|d)` `size(p)` `map(p)` `list(p)` | a text with default d, and so on |
//! | `int` `plainint` `port` `count` `float` `anyfloat` | numbers that differ in the words of their failure |
//! | `enum(p\|d)` | member of the argument's declared enumeration |
//! | `words(p\|d;typed=sent,..)` | own list of words |
//! | `files(p)` | map of which `:file` entries carry a client's file |
//! | `anycase(p)` | text of a parameter whose name may have any case |
//! | `{}` `[]` `this()` `pool()` | empty map, empty set, this host, the pool |
//! | `@vm` `@host` `@sr` | the selected object, with `T` templates, `C` control domains, `1` single only |
//! | `~a,b` | parameters that are no filters besides those of the other words |
//! | `force!` | refuse without `--force`; no argument |
//! | `name:=word` | member of the one record argument of a constructor |

use std::{collections::HashMap, sync::LazyLock};

/// A command that is one API call.
#[derive(Debug)]
pub struct CallDef {
    /// API method.
    pub method: &'static str,
    /// Words in order.
    pub words: Vec<Word>,
    /// Output word; empty for none.
    pub output: &'static str,
}

/// One word, with the record member it fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Member name of a constructor's record.
    pub member: Option<&'static str>,
    /// What it means.
    pub term: Term,
}

/// The meaning of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A kind of value from a parameter, with the default and whatever follows `;`.
    Param {
        /// Kind or class.
        kind: &'static str,
        /// Parameter name.
        param: &'static str,
        /// Default.
        default: Option<&'static str>,
        /// `typed=sent` pairs of `words`.
        extra: &'static str,
    },
    /// Empty map.
    NoMap,
    /// Empty set.
    NoSet,
    /// The selected object: noun and marks.
    Selected(&'static str),
    /// Names that are no filters.
    Ignore(Vec<&'static str>),
    /// Refuse without `--force`.
    Force,
}

const FILES: [&str; 5] = [
    include_str!("data/calls/vm.txt"),
    include_str!("data/calls/host.txt"),
    include_str!("data/calls/pool.txt"),
    include_str!("data/calls/storage.txt"),
    include_str!("data/calls/network.txt"),
];

/// The call behind a command, if it is just one.
pub fn call(command: &str) -> Option<&'static CallDef> {
    calls().get(command)
}

/// All commands that are one call.
pub fn calls() -> &'static HashMap<&'static str, CallDef> {
    static CALLS: LazyLock<HashMap<&'static str, CallDef>> =
        LazyLock::new(|| FILES.iter().flat_map(|text| text.lines()).filter_map(read).collect());
    &CALLS
}

fn read(line: &'static str) -> Option<(&'static str, CallDef)> {
    if line.starts_with('#') {
        return None;
    }
    let (command, rest) = line.split_once(" = ")?;
    let (rest, output) = rest.split_once(" > ").unwrap_or((rest, ""));
    let mut words = rest.split(' ');
    let method = words.next()?;
    let words: Option<Vec<Word>> = words.map(read_word).collect();
    Some((command, CallDef { method, words: words?, output }))
}

fn read_word(word: &'static str) -> Option<Word> {
    let (member, word) = match word.split_once(":=") {
        Some((member, rest)) => (Some(member), rest),
        None => (None, word),
    };
    Some(Word { member, term: read_term(word)? })
}

fn read_term(word: &'static str) -> Option<Term> {
    if let Some(names) = word.strip_prefix('~') {
        return Some(Term::Ignore(names.split(',').collect()));
    }
    if let Some(selected) = word.strip_prefix('@') {
        return Some(Term::Selected(selected));
    }
    match word {
        "{}" => return Some(Term::NoMap),
        "[]" => return Some(Term::NoSet),
        "force!" => return Some(Term::Force),
        _ => {}
    }
    let (kind, inner) = word.strip_suffix(')')?.split_once('(')?;
    let (inner, extra) = inner.split_once(';').unwrap_or((inner, ""));
    let (param, default) = match inner.split_once('|') {
        Some((param, default)) => (param, Some(default)),
        None => (inner, None),
    };
    Some(Term::Param { kind, param, default, extra })
}

#[cfg(test)]
mod tests {
    use xapi_schema::{Class, Kind, schema};

    use super::*;
    use crate::table::command;

    #[test]
    fn every_line_names_a_command_and_fits_its_method() {
        let lines = FILES.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')).count();
        assert_eq!(calls().len(), lines);
        for (name, def) in calls() {
            assert!(command(name).is_some(), "{name}");
            let message = schema().message(def.method).unwrap_or_else(|| panic!("{name}: {}", def.method));
            let members: Vec<_> = def.words.iter().filter_map(|word| word.member).collect();
            if message.kind == Kind::Create {
                let class = Class::of(message.class);
                for member in members {
                    assert!(class.field(member).is_some(), "{name}: {member}");
                }
                continue;
            }
            let positional =
                def.words.iter().filter(|word| !matches!(word.term, Term::Ignore(_) | Term::Force)).count();
            assert!(members.is_empty(), "{name}");
            assert!(
                (message.required_params()..=message.params.len()).contains(&positional),
                "{name}: {positional} arguments for {:?}",
                message.params
            );
        }
    }

    #[test]
    fn parameters_are_known_to_the_command() {
        let mut odd = Vec::new();
        for (name, def) in calls() {
            let known = command(name).unwrap();
            let plain: Vec<String> = known
                .required
                .iter()
                .chain(&known.optional)
                .map(|p| p.trim_end_matches(':').to_ascii_lowercase())
                .collect();
            for word in &def.words {
                let Term::Param { param, .. } = &word.term else { continue };
                let standard = param.is_empty() || crate::table::STANDARD.contains(param);
                if !standard && !plain.contains(&param.to_ascii_lowercase()) {
                    odd.push(format!("{name} {param}"));
                }
            }
        }
        odd.sort();
        assert_eq!(odd, UNDECLARED);
    }

    /// Parameters the original reads without declaring them.
    const UNDECLARED: [&str; 13] = [
        "host-prepare-for-poweroff uuid",
        "pool-configure-repository-proxy uuid",
        "pool-disable-client-certificate-auth uuid",
        "pool-disable-repository-proxy uuid",
        "pool-disable-ssh uuid",
        "pool-enable-client-certificate-auth uuid",
        "pool-enable-ssh uuid",
        "pool-get-guest-secureboot-readiness uuid",
        "pool-reset-telemetry-uuid uuid",
        "pool-set-update-sync-enabled uuid",
        "pool-sync-updates uuid",
        "secret-create other-config",
        "vdi-snapshot driver-params",
    ];
}
