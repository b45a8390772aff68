//! Every cell of the lifecycle tables: what may begin in which state, beside what, on what. A second reading
//! of the rules, from the committed facts, must come to the same answer for each operation.

#![allow(clippy::unwrap_used)]

mod devices;
mod facts;
mod hosts;
mod storage;
mod vm;

use facts::Check;
use xapi_ops::rules::{self, Asked, Guarded};
use xapi_schema::{ApiEnum, Class, ClassId, Ref, Value};
use xapi_store::{Store, Tx};

/// The null reference.
pub const NULL: &str = "OpaqueRef:NULL";

/// Makes an object from some of its members; the answer is its reference.
pub fn make<const N: usize>(tx: &mut Tx, class: ClassId, members: [(&str, Value); N]) -> String {
    let members = members.into_iter().map(|(name, value)| (arcstr::ArcStr::from(name), value));
    tx.create_value(class, None, &Value::Map(members.collect())).unwrap().to_string()
}

/// Sets a field by name.
pub fn set(tx: &mut Tx, class: ClassId, this: &str, field: &str, value: Value) {
    let (index, _) = Class::of(class).field(field).unwrap();
    tx.set_value(class, this, index, value).unwrap();
}

/// A map of texts.
pub fn texts<const N: usize>(pairs: [(&str, &str); N]) -> Value {
    Value::map(pairs.map(|(key, value)| (key, Value::str(value))))
}

/// `current_operations` with a task for each.
pub fn under_way(ops: &[&str]) -> Value {
    let numbered = ops.iter().enumerate();
    Value::map(numbered.map(|(at, op)| (format!("OpaqueRef:task{at}"), Value::str(*op))))
}

/// Runs a test on a store of its own and fails with what was wrong.
pub fn on_store(test: impl FnOnce(&mut Tx, &mut Cells) + Send + 'static) {
    let store = Store::in_memory().unwrap();
    let cells = store
        .commit_blocking(move |tx| {
            let mut cells = Cells::default();
            test(tx, &mut cells);
            Ok(cells)
        })
        .unwrap();
    let shown: Vec<&str> = cells.wrong.iter().take(30).map(String::as_str).collect();
    assert!(cells.wrong.is_empty(), "{} of {} cells:\n{}", cells.wrong.len(), cells.seen, shown.join("\n"));
    assert!(cells.seen > 100, "only {} cells were looked at", cells.seen);
    println!("{} cells", cells.seen);
}

/// What was looked at.
#[derive(Default)]
pub struct Cells {
    seen: usize,
    wrong: Vec<String>,
}

impl Cells {
    /// Compares every operation on an object with what the facts say. `holds` tells whether the check of a
    /// name applies to an operation in this world.
    pub fn judge<C: Guarded>(
        &mut self,
        tx: &Tx,
        this: &str,
        facts: &[Check],
        advertised: &[String],
        about: &dyn std::fmt::Debug,
        holds: impl Fn(&str, &str) -> bool,
    ) {
        let this = Ref::<C>::new(this);
        for op in C::Op::ALL {
            for (asked, advice) in [(Asked::Guard, false), (Asked::Advice, true)] {
                self.seen += 1;
                let wanted = facts::refusal(facts, op.as_str(), advice, |name| holds(name, op.as_str()));
                let found = C::check(tx, &this, *op, asked);
                let right = match (&wanted, &found) {
                    (None, Ok(())) => true,
                    (Some(check), Err(failure)) => match check.error.as_str() {
                        "<OP>_IN_PROGRESS" => failure.code.ends_with("_IN_PROGRESS"),
                        code => failure.code == code,
                    },
                    _ => false,
                };
                if !right {
                    let wanted = wanted.map(|check| &check.name);
                    self.wrong.push(format!(
                        "{} {asked:?} {about:?}: facts {wanted:?}, ours {found:?}",
                        op.as_str()
                    ));
                }
            }
        }
        let wanted: Vec<&str> = advertised
            .iter()
            .map(String::as_str)
            .filter(|op| facts::refusal(facts, op, true, |name| holds(name, op)).is_none())
            .collect();
        let found: Vec<&str> = rules::advice(tx, &this).into_iter().map(ApiEnum::as_str).collect();
        if found != wanted {
            self.wrong.push(format!("{about:?}: advertises {found:?}, facts {wanted:?}"));
        }
    }

    /// Notes what else was wrong.
    pub fn expect(&mut self, right: bool, about: impl FnOnce() -> String) {
        self.seen += 1;
        if !right {
            self.wrong.push(about());
        }
    }
}
