//! `help`: the lists of commands and what each takes. Needs no login.

use crate::{
    args::Args,
    output::Pairs,
    table::{CommandDef, command, commands},
};

/// What `help` prints: lists of texts, tables, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A line.
    Line(String),
    /// A record.
    Table(Pairs),
}

const NOT_WORDS: [&str; 6] = ["server", "username", "password", "port", "minimal", "all"];

/// The parts of the answer to a `help` command line.
pub fn help(args: &Args, minimal: bool) -> Vec<Part> {
    let words: Vec<&str> =
        args.params.iter().map(|(name, _)| name.as_str()).filter(|name| !NOT_WORDS.contains(name)).collect();
    if !words.is_empty() {
        return words
            .into_iter()
            .map(|word| match command(word) {
                Some(def) => Part::Table(about(def)),
                None => Part::Line(format!("Unknown command '{word}'")),
            })
            .collect();
    }
    let all = args.has("all");
    let names: Vec<&str> = commands()
        .values()
        .filter(|def| !def.hidden && (all || def.standard))
        .map(|def| def.name.as_str())
        .collect();
    if minimal {
        return vec![Part::Line(names.join(","))];
    }
    let mut parts = vec![
        "Usage: xe <command> [ -s <server> ] [ -pw <password> ] [ -p <port> ] [ -u <user> ] [ <name>=<value> .. ]"
            .to_owned(),
        String::new(),
        match all {
            true => "A full list of commands follows.".to_owned(),
            false => "For all commands: xe help --all".to_owned(),
        },
        "For one command: xe help <command>".to_owned(),
        String::new(),
        match all {
            true => "All commands:",
            false => "Common commands:",
        }
        .to_owned(),
        String::new(),
    ];
    let groups = match all {
        true => {
            let (hosts, rest): (Vec<&str>, Vec<&str>) =
                names.into_iter().partition(|name| name.starts_with("host-"));
            let (vms, others): (Vec<&str>, Vec<&str>) =
                rest.into_iter().partition(|name| name.starts_with("vm-"));
            vec![hosts, vms, others]
        }
        false => vec![names],
    };
    for group in groups {
        parts.push(wrap(&group));
        parts.push(String::new());
    }
    parts.into_iter().map(Part::Line).collect()
}

/// A comma list in lines of at most 74 characters.
fn wrap(names: &[&str]) -> String {
    let mut text = String::from("    ");
    let mut column = 4;
    for (at, name) in names.iter().enumerate() {
        let word = match at + 1 == names.len() {
            true => (*name).to_owned(),
            false => format!("{name}, "),
        };
        if column > 4 && column + word.len() > 74 {
            text.push_str("\n    ");
            column = 4;
        }
        column += word.len();
        text.push_str(&word);
    }
    text
}

fn about(def: &CommandDef) -> Pairs {
    let mut optional = def.optional.clone();
    let selectors = [
        (def.vm_selectors, "<vm-selectors>"),
        (def.host_selectors, "<host-selectors>"),
        (def.sr_selectors, "<sr-selectors>"),
    ];
    optional.extend(selectors.iter().filter(|(has, _)| *has).map(|(_, word)| (*word).to_owned()));
    [
        ("command name", def.name.clone()),
        ("reqd params", def.required.join(", ")),
        ("optional params", optional.join(", ")),
        ("description", describe(def)),
    ]
    .map(|(label, text)| (label.to_owned(), text))
    .into()
}

/// A sentence about a command, made from its name.
fn describe(def: &CommandDef) -> String {
    let verbs = [
        ("-param-list", "List all parameters of one %."),
        ("-param-get", "Show one parameter of one %."),
        ("-param-set", "Set parameters of one %."),
        ("-param-add", "Add to a set or map parameter of one %."),
        ("-param-remove", "Remove from a set or map parameter of one %."),
        ("-param-clear", "Empty a parameter of one %."),
        ("-list", "List the % objects, with filters on their fields."),
    ];
    if def.generated
        && let Some((noun, sentence)) =
            verbs.iter().find_map(|(end, text)| Some((def.name.strip_suffix(end)?, *text)))
    {
        return sentence.replace('%', noun);
    }
    let mut text = match def.name.rsplit_once('-') {
        Some((object, verb)) => {
            let mut letters = verb.chars();
            let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
            format!("{first}{} ({}).", letters.as_str(), object.replace('-', " "))
        }
        None => def.name.clone(),
    };
    if !def.replaced_by.is_empty() {
        text.push_str(&format!(" Deprecated: use {}.", def.replaced_by.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_within_their_width() {
        let names: Vec<&str> = commands().keys().map(String::as_str).collect();
        let text = wrap(&names);
        assert!(text.lines().count() > 100);
        assert!(text.lines().all(|line| line.trim_end().len() <= 74 && line.starts_with("    ")));
    }

    #[test]
    fn unknown_words_are_told_in_order() {
        let args = Args {
            command: "help".into(),
            params: vec![("x".into(), String::new()), ("vm-list".into(), String::new())],
        };
        let parts = help(&args, false);
        assert_eq!(parts[0], Part::Line("Unknown command 'x'".into()));
        assert!(matches!(&parts[1], Part::Table(pairs) if pairs[0].1 == "vm-list"));
    }
}
