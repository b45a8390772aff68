//! Who may do what when: the preconditions of operations, as pure functions of a state of all objects.
//!
//! One file per class with operations. The same rules give the advice in `allowed_operations` and the
//! answer of the guard (`crate::guard`). Nothing here changes anything.
//!
//! Source: the published lifecycle rules of the original, checked cell by cell in `tests/rules.rs`.

mod host;
mod pool;
mod sr;
mod text;
mod vbd;
mod vdi;
mod vif;
pub mod vm;
mod vm_appliance;
mod vusb;

use xapi_schema::{ApiEnum, ApiType, ClassId, ClassTag, Failure, Field, FromValue, Map, Ref, Result, errors};
use xapi_store::{Read, Tx};

pub use sr::{driver_features, features as sr_features};
pub use text::{state as state_text, vdi_type as vdi_type_text};
pub use vbd::TRANSFER;

/// How strictly a rule is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// For `allowed_operations`: checks that only concern a particular call are left out.
    Advice,
    /// By a call about to begin.
    Guard,
    /// By a call that was told to ignore what is merely unwise.
    Forced,
}

/// A class with operations.
pub trait Guarded: ClassTag + Sized + 'static {
    /// Its operations.
    type Op: ApiEnum + ApiType + FromValue + std::fmt::Debug + Send + Sync;
    /// What is under way.
    const CURRENT: Field<Self, Map<String, Self::Op>>;
    /// What could be begun.
    const ALLOWED: Field<Self, Vec<Self::Op>>;
    /// Operations that are advertised, in the order clients see them.
    const ADVERTISED: &'static [Self::Op];
    /// What it does is done by the hypervisor, or depends on what runs.
    fn asks_hypervisor(_: Self::Op) -> bool {
        false
    }
    /// May this operation begin?
    ///
    /// # Errors
    /// The reason why not.
    fn check(read: &impl Read, this: &Ref<Self>, op: Self::Op, asked: Asked) -> Result<()>;
}

/// The operations that could begin now, in the order clients see them.
pub fn advice<C: Guarded>(read: &impl Read, this: &Ref<C>) -> Vec<C::Op> {
    let advised = |op: &C::Op| crate::declared::advised(read, C::ID, this.as_str(), op.as_str());
    let fine = |op: &C::Op| C::check(read, this, *op, Asked::Advice).is_ok();
    C::ADVERTISED.iter().copied().filter(|op| fine(op) && advised(op)).collect()
}

/// Writes `allowed_operations` anew; an object that is gone is left alone.
///
/// # Errors
/// Those of the store.
pub fn refresh<C: Guarded>(tx: &mut Tx, this: &Ref<C>) -> Result<()> {
    if !tx.exists(this) {
        return Ok(());
    }
    if C::ID == ClassId::Vm {
        crate::declared::tell(tx, &Ref::new(this.text().clone()))?;
    }
    let allowed = advice(tx, this);
    tx.set(this, C::ALLOWED, allowed)?;
    match C::ID {
        ClassId::Vm => vm::refresh_dependants(tx, &Ref::new(this.text().clone())),
        _ => Ok(()),
    }
}

/// [`refresh`] for an object whose class is only known by number; classes without operations are left alone.
///
/// # Errors
/// Those of the store.
pub fn refresh_any(tx: &mut Tx, class: ClassId, reference: &str) -> Result<()> {
    use xapi_schema::classes::{Sr, Vbd, Vdi, Vif, Vm};
    match class {
        ClassId::Vm => refresh(tx, &Ref::<Vm>::new(reference)),
        ClassId::Vdi => refresh(tx, &Ref::<Vdi>::new(reference)),
        ClassId::Vbd => refresh(tx, &Ref::<Vbd>::new(reference)),
        ClassId::Vif => refresh(tx, &Ref::<Vif>::new(reference)),
        ClassId::Sr => refresh(tx, &Ref::<Sr>::new(reference)),
        _ => Ok(()),
    }
}

/// OTHER_OPERATION_IN_PROGRESS with one operation and its task.
fn busy(class: &str, reference: &str, op: impl Into<String>, task: &str) -> Failure {
    errors::OTHER_OPERATION_IN_PROGRESS.with([class.into(), reference.into(), op.into(), task.to_string()])
}

/// The current operation whose name comes first in the enumeration.
fn smallest<Op: ApiEnum>(current: &Map<String, Op>) -> Option<(&String, Op)> {
    current.0.iter().min_by_key(|(_, op)| op.index()).map(|(task, op)| (task, *op))
}

/// OPERATION_NOT_ALLOWED with free wording.
fn not_allowed(text: impl Into<String>) -> Failure {
    errors::OPERATION_NOT_ALLOWED.with([text.into()])
}

/// True while hosts of the pool run different versions.
pub fn rolling_upgrade(read: &impl Read) -> bool {
    let pools = read.all::<xapi_schema::classes::Pool>();
    let config = pools.first().and_then(|p| read.get(p, xapi_schema::classes::pool::other_config).ok());
    config.is_some_and(|c| c.contains("rolling_upgrade_in_progress"))
}
