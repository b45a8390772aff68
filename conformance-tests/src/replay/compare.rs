//! Compares a recorded tree with ours, member by member, learning names on the way. Pure.
//!
//! Not compared: moments other than the epoch, generated hardware addresses, measured figures, the text
//! of an INTERNAL_ERROR, the order of references. Everything else must be the same, the order of members
//! and of other sets included.

use serde_json::{Map, Value};

use super::{
    names::Names,
    token::{Token, is_ref, tokens},
};

/// Members whose value is measured, wherever they are.
const MEASURED: [&str; 4] = ["memory_free", "memory_actual", "utilisation", "VCPUs_utilisation"];

/// Stands for a member that is not there.
const ABSENT: &str = "(absent)";

/// One place where the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Members from the root, `*` for a reference, joined by `/`.
    pub path: String,
    /// What was recorded.
    pub recorded: String,
    /// What came.
    pub ours: String,
}

/// All differences between two trees.
pub fn compare(recorded: &Value, ours: &Value, names: &mut Names) -> Vec<Difference> {
    let mut comparison = Comparison { names, path: Vec::new(), found: Vec::new() };
    comparison.values(&excuse(recorded), &excuse(ours));
    comparison.found
}

/// Hides the text of internal errors: the code alone counts.
fn excuse(value: &Value) -> Value {
    const CODE: &str = "INTERNAL_ERROR";
    let hide = |items: &[Value], from: usize| {
        let texts = items.iter().skip(from).map(|_| Value::from("(text)"));
        Value::Array(items.iter().take(from).cloned().chain(texts).collect())
    };
    match value {
        Value::Array(items) if items.first().is_some_and(|first| first == CODE) => hide(items, 1),
        Value::Array(items) => items.iter().map(excuse).collect(),
        Value::Object(members) => {
            let internal = members.get("message").is_some_and(|code| code == CODE);
            let members = members.iter().map(|(name, value)| match value {
                Value::Array(items) if internal && name == "data" => (name.clone(), hide(items, 0)),
                other => (name.clone(), excuse(other)),
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

struct Comparison<'a> {
    names: &'a mut Names,
    path: Vec<String>,
    found: Vec<Difference>,
}

impl Comparison<'_> {
    fn differ(&mut self, recorded: impl ToString, ours: impl ToString) {
        let path = self.path.join("/");
        self.found.push(Difference { path, recorded: recorded.to_string(), ours: ours.to_string() });
    }

    fn within(&mut self, name: &str, recorded: &Value, ours: &Value) {
        self.path.push(if is_ref(name) { "*".into() } else { name.into() });
        self.values(recorded, ours);
        self.path.pop();
    }

    fn values(&mut self, recorded: &Value, ours: &Value) {
        let measured = self.path.last().is_some_and(|name| MEASURED.contains(&name.as_str()));
        match (recorded, ours) {
            (Value::String(a), Value::String(b)) if !measured => self.texts(a, b),
            (Value::Array(a), Value::Array(b)) if all_refs(a) && all_refs(b) => self.refs(a, b),
            (Value::Array(a), Value::Array(b)) => self.lists(a, b),
            (Value::Object(a), Value::Object(b)) if by_ref(a) && by_ref(b) => self.records(a, b),
            (Value::Object(a), Value::Object(b)) if !measured => self.members(a, b),
            _ if measured && kind(recorded) == kind(ours) => {}
            _ if recorded == ours => {}
            _ => self.differ(recorded, ours),
        }
    }

    fn texts(&mut self, recorded: &str, ours: &str) {
        if !self.same_text(recorded, ours) {
            // What a recorded name is called here tells more than the name itself.
            let known = |name: &str| self.names.ours(name).map(str::to_string);
            let translated = super::token::rename(recorded, known);
            self.differ(Value::from(translated), Value::from(ours));
        }
    }

    fn same_text(&mut self, recorded: &str, ours: &str) -> bool {
        let (a, b) = (tokens(recorded), tokens(ours));
        a.len() == b.len()
            && a.iter().zip(&b).all(|pair| match pair {
                (Token::Ref(a), Token::Ref(b)) | (Token::Uuid(a), Token::Uuid(b)) => self.names.meet(a, b),
                (a, b) => a == b,
            })
    }

    /// References in any order. One that is left on each side is learnt, more are not guessed at.
    fn refs(&mut self, recorded: &[Value], ours: &[Value]) {
        if recorded.len() != ours.len() {
            return self.differ(format!("{} references", recorded.len()), format!("{}", ours.len()));
        }
        let mut left: Vec<&str> = ours.iter().filter_map(Value::as_str).collect();
        let mut open = Vec::new();
        for name in recorded.iter().filter_map(Value::as_str) {
            match self.names.ours(name) {
                Some(known) => match left.iter().position(|other| *other == known) {
                    Some(at) => drop(left.swap_remove(at)),
                    None => return self.differ(known.to_string(), "not in the set"),
                },
                None => open.push(name),
            }
        }
        if let ([name], [other]) = (open.as_slice(), left.as_slice()) {
            if !self.names.meet(name, other) {
                self.differ(name, other);
            }
        } else if left.iter().any(|other| self.names.is_known(other)) {
            self.differ("other references", format!("{left:?}"));
        }
    }

    fn lists(&mut self, recorded: &[Value], ours: &[Value]) {
        let texts = |items: &[Value]| -> Option<Vec<String>> {
            items.iter().map(|item| item.as_str().map(str::to_string)).collect()
        };
        // An error is read position by position, a set of words as a whole.
        let error = self
            .path
            .last()
            .is_some_and(|n| ["ErrorDescription", "error", "data", "error_info"].contains(&n.as_str()));
        if let (Some(a), Some(b), false) = (texts(recorded), texts(ours), error) {
            let same = a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.same_text(a, b));
            if !same {
                self.words(&a, &b);
            }
            return;
        }
        if recorded.len() != ours.len() {
            let (a, b) = (Value::Array(recorded.to_vec()), Value::Array(ours.to_vec()));
            return self.differ(a, b);
        }
        for (at, (a, b)) in recorded.iter().zip(ours).enumerate() {
            self.within(&at.to_string(), a, b);
        }
    }

    fn words(&mut self, recorded: &[String], ours: &[String]) {
        let missing: Vec<_> = recorded.iter().filter(|word| !ours.contains(word)).collect();
        let extra: Vec<_> = ours.iter().filter(|word| !recorded.contains(word)).collect();
        if missing.is_empty() && extra.is_empty() {
            self.differ(format!("order {recorded:?}"), format!("order {ours:?}"));
        } else {
            self.differ(format!("missing {missing:?}"), format!("extra {extra:?}"));
        }
    }

    fn members(&mut self, recorded: &Map<String, Value>, ours: &Map<String, Value>) {
        let mut pairs = Vec::new();
        for (name, value) in recorded {
            match self.counterpart(name, recorded, ours) {
                Some(other) => {
                    self.within(name, value, &ours[&other]);
                    pairs.push(other);
                }
                None => self.within(name, value, &Value::from(ABSENT)),
            }
        }
        for (name, value) in ours.iter().filter(|(name, _)| !pairs.contains(name)) {
            self.within(name, &Value::from(ABSENT), value);
        }
        let order: Vec<&String> = ours.keys().filter(|name| pairs.contains(name)).collect();
        if !order.iter().copied().eq(&pairs) {
            self.differ(format!("order {pairs:?}"), format!("order {order:?}"));
        }
    }

    /// The member of ours that a recorded one stands for: the same name, or the same apart from references.
    fn counterpart(
        &mut self,
        name: &str,
        recorded: &Map<String, Value>,
        ours: &Map<String, Value>,
    ) -> Option<String> {
        if ours.contains_key(name) {
            return Some(name.to_string());
        }
        let strangers: Vec<&String> = ours.keys().filter(|other| !recorded.contains_key(*other)).collect();
        strangers.into_iter().find(|other| self.same_text(name, other)).cloned()
    }

    /// Records by reference: known pairs first, then each with the one most like it.
    fn records(&mut self, recorded: &Map<String, Value>, ours: &Map<String, Value>) {
        let mut left: Vec<&String> = ours.keys().collect();
        let mut open = Vec::new();
        for (name, value) in recorded {
            match self.names.ours(name).map(str::to_string) {
                Some(known) => match left.iter().position(|other| **other == known) {
                    Some(at) => {
                        left.swap_remove(at);
                        self.within(name, value, &ours[&known]);
                    }
                    None => self.within(name, value, &Value::from(ABSENT)),
                },
                None => open.push((name, value)),
            }
        }
        left.retain(|other| {
            let known = self.names.is_known(other);
            if known {
                self.found.push(Difference {
                    path: format!("{}/*", self.path.join("/")),
                    recorded: ABSENT.into(),
                    ours: ours[*other].to_string(),
                });
            }
            !known
        });
        for (name, value) in open {
            let nearest = (0..left.len()).min_by_key(|at| {
                let mut names = self.names.clone();
                compare(value, &ours[left[*at]], &mut names).len()
            });
            match nearest {
                Some(at) => {
                    let other = left.swap_remove(at);
                    self.names.meet(name, other);
                    self.within(name, value, &ours[other]);
                }
                None => self.within(name, value, &Value::from(ABSENT)),
            }
        }
        for other in left {
            self.within(other, &Value::from(ABSENT), &ours[other]);
        }
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(n) if n.is_f64() => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

fn all_refs(items: &[Value]) -> bool {
    items.iter().all(|item| item.as_str().is_some_and(is_ref))
}

fn by_ref(members: &Map<String, Value>) -> bool {
    members.keys().all(|name| is_ref(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(n: u32) -> String {
        format!("OpaqueRef:{n:08x}-0000-0000-0000-000000000000")
    }

    fn paths(recorded: Value, ours: Value) -> Vec<String> {
        compare(&recorded, &ours, &mut Names::default()).into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn order_of_members_and_words_counts() {
        assert_eq!(paths(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})), [""]);
        assert_eq!(paths(json!({"s": ["x", "y"]}), json!({"s": ["y", "x"]})), ["s"]);
        assert_eq!(paths(json!({"a": 1}), json!({"a": 1.0})), ["a"]);
        assert_eq!(paths(json!({"a": 1, "c": 1}), json!({"a": 1, "b": 2})), ["c", "b"]);
    }

    #[test]
    fn internal_errors_differ_in_text_only() {
        let error = |code: &str, text: &str| json!({ "message": code, "data": [text] });
        assert!(paths(error("INTERNAL_ERROR", "a"), error("INTERNAL_ERROR", "b")).is_empty());
        assert_eq!(paths(error("HANDLE_INVALID", "a"), error("HANDLE_INVALID", "b")), ["data/0"]);
        assert_eq!(paths(json!(["INTERNAL_ERROR", "a"]), json!(["INTERNAL_ERROR"])), [""]);
    }

    #[test]
    fn records_are_paired_by_content() {
        let recorded = json!({ reference(1): { "n": 0, "r": reference(9) }, reference(2): { "n": 1 } });
        let ours = json!({ reference(4): { "n": 1 }, reference(3): { "n": 0, "r": reference(8) } });
        let mut names = Names::default();
        assert_eq!(compare(&recorded, &ours, &mut names), []);
        assert_eq!(names.ours(&reference(1)), Some(reference(3).as_str()));
        assert_eq!(names.ours(&reference(9)), Some(reference(8).as_str()));
        assert_eq!(compare(&json!(reference(9)), &json!(reference(7)), &mut names).len(), 1);
    }

    #[test]
    fn members_named_by_references_are_paired() {
        let operation = |n: u32, what: &str| json!({ "ops": { format!("{}|task", reference(n)): what } });
        assert!(paths(operation(1, "cancel"), operation(2, "cancel")).is_empty());
        assert_eq!(paths(operation(1, "cancel"), operation(2, "start")).len(), 1);
        assert_eq!(paths(operation(1, "cancel"), json!({ "ops": {} })).len(), 1);
    }

    #[test]
    fn measured_figures_keep_their_type() {
        assert!(paths(json!({"memory_free": 0}), json!({"memory_free": 5})).is_empty());
        assert_eq!(paths(json!({"memory_free": 0}), json!({"memory_free": 0.5})), ["memory_free"]);
        assert_eq!(paths(json!({"memory_total": 0}), json!({"memory_total": 5})), ["memory_total"]);
    }
}
