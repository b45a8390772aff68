//! Every command's name, parameters and flags: the written ones from a file, the generated ones
//! (`vm-list`, `vm-param-get` ..) derived from the fields of each noun.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{FieldDef, Kind, RecordDef, record};

/// A noun with generated commands.
#[derive(Debug)]
pub struct Noun {
    /// First part of the command names.
    pub name: &'static str,
    /// Its fields.
    pub record: &'static RecordDef,
    /// Fields `-list` shows unless told otherwise; names no field has are kept and ignored.
    pub shown: Vec<&'static str>,
    /// Filters `-list` always applies.
    pub filters: Vec<(&'static str, &'static str)>,
}

/// What is known of a command besides its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandDef {
    /// Name as typed.
    pub name: String,
    /// Parameters that must be present, checked in this order.
    pub required: Vec<String>,
    /// Parameters shown as optional.
    pub optional: Vec<String>,
    /// Not in help lists.
    pub hidden: bool,
    /// In the short help list.
    pub standard: bool,
    /// Runs on this host even when it is not the master.
    pub stays: bool,
    /// Logs in to the host itself instead of the pool.
    pub local_login: bool,
    /// Help shows the VM selectors.
    pub vm_selectors: bool,
    /// Help shows the host selectors.
    pub host_selectors: bool,
    /// Help shows the SR selectors.
    pub sr_selectors: bool,
    /// Made from a noun's fields.
    pub generated: bool,
    /// Commands to use instead; empty when not deprecated.
    pub replaced_by: Vec<String>,
    /// Marked as deprecated.
    pub deprecated: bool,
}

/// The nouns with generated commands.
pub fn nouns() -> &'static [Noun] {
    static NOUNS: LazyLock<Vec<Noun>> =
        LazyLock::new(|| include_str!("data/classes.txt").lines().filter_map(read_noun).collect());
    &NOUNS
}

/// A noun by name.
pub fn noun(name: &str) -> Option<&'static Noun> {
    nouns().iter().find(|noun| noun.name == name)
}

fn read_noun(line: &'static str) -> Option<Noun> {
    let mut words = line.split(' ');
    let (name, fields, shown, filters) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let list = |text: &'static str| text.split(',').filter(|word| *word != "-");
    Some(Noun {
        name,
        record: record(fields)?,
        shown: list(shown).collect(),
        filters: list(filters).filter_map(|pair| pair.split_once('=')).collect(),
    })
}

/// All commands by name.
pub fn commands() -> &'static BTreeMap<String, CommandDef> {
    static COMMANDS: LazyLock<BTreeMap<String, CommandDef>> = LazyLock::new(|| {
        let written = include_str!("data/commands.txt").lines().filter_map(read_command);
        let generated = nouns().iter().flat_map(generate);
        written.chain(generated).map(|def| (def.name.clone(), def)).collect()
    });
    &COMMANDS
}

/// A command by name.
pub fn command(name: &str) -> Option<&'static CommandDef> {
    commands().get(name)
}

fn words(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(Into::into).collect()
}

fn read_command(line: &str) -> Option<CommandDef> {
    if line.starts_with('#') {
        return None;
    }
    let cells: Vec<&str> = line.split('|').collect();
    let [name, required, optional, flags, replaced_by] = cells[..] else { return None };
    let flag = |word: &str| flags.split(',').any(|flag| flag == word);
    Some(CommandDef {
        name: name.into(),
        required: words(required),
        optional: words(optional),
        hidden: flag("hidden"),
        standard: flag("standard"),
        stays: flag("stay"),
        local_login: flag("local"),
        vm_selectors: flag("vm"),
        host_selectors: flag("host"),
        sr_selectors: flag("sr"),
        generated: false,
        replaced_by: words(replaced_by),
        deprecated: flag("deprecated"),
    })
}

fn generate(noun: &Noun) -> Vec<CommandDef> {
    let visible = || noun.record.fields.iter().filter(|field| !field.hidden);
    let make = |verb: &str, required: &[&str], optional: Vec<String>| CommandDef {
        name: format!("{}-{verb}", noun.name),
        required: required.iter().map(|word| (*word).into()).collect(),
        optional,
        hidden: false,
        standard: verb == "list" && matches!(noun.name, "network" | "sr" | "vm"),
        stays: false,
        local_login: false,
        vm_selectors: false,
        host_selectors: false,
        sr_selectors: false,
        generated: true,
        replaced_by: Vec::new(),
        deprecated: false,
    };
    let texts = |words: &[&str]| words.iter().map(|word| (*word).into()).collect::<Vec<String>>();
    let mut filters = texts(&["params", "database:"]);
    filters.extend(visible().map(|field| field.name.into()));
    let sets = visible().filter(|field| field.kind == Kind::Set);
    filters.extend(sets.map(|field| format!("{}:contains", field.name)));
    let mut defs = vec![
        make("list", &[], filters),
        make("param-list", &["uuid"], texts(&["database:"])),
        make("param-get", &["uuid", "param-name"], texts(&["param-key", "database:"])),
    ];
    let mut settable: Vec<String> =
        visible().filter(|field| field.set.is_some()).map(|field| field.name.into()).collect();
    settable.extend(visible().filter(|f| f.key_settable()).map(|field| format!("{}:", field.name)));
    if !settable.is_empty() {
        defs.push(make("param-set", &["uuid"], settable));
    }
    if visible().any(|field| field.add.is_some()) {
        defs.push(make("param-add", &["uuid", "param-name"], texts(&["param-key"])));
        defs.push(make("param-remove", &["uuid", "param-name", "param-key"], Vec::new()));
    }
    if visible().any(FieldDef::clearable) {
        defs.push(make("param-clear", &["uuid", "param-name"], Vec::new()));
    }
    defs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_original() {
        let generated = commands().values().filter(|def| def.generated).count();
        assert_eq!((commands().len(), generated), (675, 288));
        assert_eq!(nouns().len(), 55);
        assert_eq!(commands().values().filter(|def| def.stays).count(), 18);
    }

    #[test]
    fn required_parameters_keep_their_order() {
        let def = command("vm-param-remove").unwrap();
        assert_eq!(def.required, ["uuid", "param-name", "param-key"]);
        assert!(command("host-list").unwrap().optional.contains(&"tags:contains".to_string()));
        assert!(command("bond-param-add").is_none());
    }
}
