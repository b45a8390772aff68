//! The committed facts: which check refuses which operation, in which order.

use std::path::Path;

fn lines(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let kept = text.lines().filter(|line| !line.starts_with('#'));
    kept.map(|line| line.split('\t').map(str::to_string).collect()).collect()
}

/// One reason to refuse.
#[derive(Debug, Clone)]
pub struct Check {
    pub name: String,
    ops: String,
    pub error: String,
    pub guard_only: bool,
}

impl Check {
    fn concerns(&self, op: &str) -> bool {
        match self.ops.strip_prefix("*-") {
            Some(except) => except.split(',').all(|one| one != op),
            None => self.ops == "*" || self.ops.split(',').any(|one| one == op),
        }
    }
}

/// The checks of a class in the order they are walked.
pub fn checks(class: &str) -> Vec<Check> {
    let of_class = lines("lifecycle-checks.tsv").into_iter().filter(|line| line[0] == class);
    let read = |line: Vec<String>| Check {
        name: line[1].clone(),
        ops: line[2].clone(),
        error: line[3].clone(),
        guard_only: line.get(4).is_some_and(|word| word == "guard"),
    };
    of_class.map(read).collect()
}

/// The first check that refuses an operation.
pub fn refusal<'a>(
    checks: &'a [Check],
    op: &str,
    advice: bool,
    holds: impl Fn(&str) -> bool,
) -> Option<&'a Check> {
    let mut walked = checks.iter().filter(|check| check.concerns(op) && !(advice && check.guard_only));
    walked.find(|check| holds(&check.name))
}

/// What a class advertises, in order.
pub fn advertised(class: &str) -> Vec<String> {
    let found =
        lines("lifecycle-advertised.tsv").into_iter().find(|line| line.len() == 2 && line[0] == class);
    found.unwrap()[1].split(',').map(str::to_string).collect()
}

/// The feature of the storage driver an operation needs.
pub fn feature(class: &str, op: &str) -> Option<String> {
    let all = lines("lifecycle-advertised.tsv").into_iter();
    let mut found = all.filter(|line| line.len() == 3 && line[0] == class && line[1] == op);
    found.next().map(|line| line[2].clone())
}

/// An operation of VM.
#[derive(Debug, Clone)]
pub struct Row {
    pub op: String,
    pub states: String,
    pub flags: String,
    pub text: String,
    /// A condition and the states it adds.
    pub extra: Option<(String, String)>,
}

/// The table of VM.
pub fn rows() -> Vec<Row> {
    let read = |line: Vec<String>| {
        let cell = |at: usize| line.get(at).filter(|cell| !cell.is_empty()).cloned();
        let extra = cell(4);
        Row {
            op: line[0].clone(),
            states: line[1].clone(),
            flags: line[2].clone(),
            text: cell(3).unwrap_or_else(|| line[0].clone()),
            extra: extra.and_then(|e| e.split_once(':').map(|(a, b)| (a.to_string(), b.to_string()))),
        }
    };
    lines("lifecycle-vm.tsv").into_iter().map(read).collect()
}
