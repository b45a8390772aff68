//! [`Tx`]: a change under way on a working copy, with references between objects kept in step.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use arcstr::ArcStr;
use serde_json::{Map as Json, Value as Any};
use xapi_schema::{
    ApiType, Class, ClassId, ClassTag, Failure, Field, FieldDef, FromValue, Holds, NULL_REF, Record, Ref,
    Relation, Result, Ty, Value, errors,
};

use crate::{
    Read, Snapshot,
    read::TableView,
    table::{Row, Table},
};

/// Objects whose stored form changed.
pub(crate) type Dirty = BTreeSet<(ClassId, ArcStr)>;

/// A change under way. Nothing is seen by others until it is committed whole.
pub struct Tx {
    tables: Vec<Arc<Table>>,
    base: u64,
    floor: u64,
    next_serial: u64,
    changed: bool,
    dirty: Dirty,
}

impl Read for Tx {
    fn table(&self, class: ClassId) -> &impl TableView {
        &self.tables[class as usize]
    }
}

impl Tx {
    pub(crate) fn on(base: &Snapshot, next_serial: u64) -> Tx {
        Tx {
            tables: base.tables.clone(),
            base: base.generation,
            floor: base.floor,
            next_serial,
            changed: false,
            dirty: BTreeSet::new(),
        }
    }

    /// The state after this change, the next serial and what has to be written; `None` when nothing
    /// changed.
    pub(crate) fn finish(self) -> Option<(Snapshot, u64, Dirty)> {
        let snapshot = Snapshot { generation: self.base + 1, floor: self.floor, tables: self.tables };
        self.changed.then_some((snapshot, self.next_serial, self.dirty))
    }

    /// The generation this change starts from.
    pub fn base_generation(&self) -> u64 {
        self.base
    }

    fn generation(&self) -> u64 {
        self.base + 1
    }

    fn table_mut(&mut self, class: ClassId) -> &mut Table {
        self.changed = true;
        Arc::make_mut(&mut self.tables[class as usize])
    }

    fn existing(&self, class: ClassId, reference: &str) -> Result<&Row> {
        match self.row(class, reference) {
            Some(row) => Ok(row),
            None => Err(errors::HANDLE_INVALID.with([Class::of(class).name, reference])),
        }
    }

    /// Makes an object from some of its members, which must be typed already; what is absent takes its
    /// default. Reference and uuid are fresh unless given.
    ///
    /// # Errors
    /// DB_UNIQUENESS_CONSTRAINT_VIOLATION [class, field, value] when reference or uuid exist already.
    pub fn create_value(
        &mut self,
        class: ClassId,
        reference: Option<ArcStr>,
        members: &Value,
    ) -> Result<ArcStr> {
        let chosen = reference.is_some();
        let values = Class::of(class).complete(members).values().to_vec();
        let made = [self.insert(class, reference, values, None)?];
        self.link(class, &made);
        let [reference] = made;
        if chosen {
            self.adopt_earlier_references(class, &reference);
        }
        Ok(reference)
    }

    /// As [`Tx::create_value`] with fresh references for one object after the other, but a set that counts many of
    /// them is written once and not once for each.
    ///
    /// # Errors
    /// As [`Tx::create_value`].
    pub fn create_values<'a>(
        &mut self,
        class: ClassId,
        all: impl IntoIterator<Item = &'a Value>,
    ) -> Result<Vec<ArcStr>> {
        let mut made = Vec::new();
        for members in all {
            let values = Class::of(class).complete(members).values().to_vec();
            made.push(self.insert(class, None, values, None)?);
        }
        self.link(class, &made);
        Ok(made)
    }

    /// Makes an object of complete values without telling the other ends of its relations; [`Tx::link`]
    /// does that.
    pub(crate) fn insert(
        &mut self,
        class: ClassId,
        reference: Option<ArcStr>,
        mut values: Vec<Value>,
        aside: Option<Arc<Json<String, Any>>>,
    ) -> Result<ArcStr> {
        let def = Class::of(class);
        let reference = reference
            .unwrap_or_else(|| arcstr::format!("OpaqueRef:{}", uuid::Uuid::new_v4().as_hyphenated()));
        let taken = |field: &str, value: &str| {
            errors::DB_UNIQUENESS_CONSTRAINT_VIOLATION.with([def.name, field, value])
        };
        if self.row(class, &reference).is_some() {
            return Err(taken("_ref", &reference));
        }
        for (at, field) in def.fields.iter().enumerate() {
            if field.is_back_reference() {
                values[at] = Value::set([]);
            } else if matches!(field.ty, Ty::Ref(_)) && values[at] == Value::EMPTY {
                // Some references default to the empty text; what is read is always the null reference.
                values[at] = Value::Str(NULL_REF);
            } else if field.name == "uuid" && values[at] == Value::EMPTY {
                values[at] = Value::str(uuid::Uuid::new_v4().to_string());
            }
        }
        if let Some((at, _)) = def.field("uuid")
            && let Some(uuid) = values[at].as_str()
            && self.by_uuid(class, uuid).is_some()
        {
            return Err(taken("uuid", uuid));
        }
        let generation = self.generation();
        let serial = self.next_serial;
        self.next_serial += 1;
        if let Some(other) = self.tables[class as usize].before(serial) {
            values.iter_mut().zip(other.record.values()).for_each(|(value, known)| share(value, known));
        }
        let record = Arc::new(Record::new(def, values));
        let row = Row {
            reference: reference.clone(),
            record,
            created: generation,
            modified: generation,
            serial,
            aside,
        };
        self.table_mut(class).insert(row);
        self.note(class, &reference, true);
        Ok(reference)
    }

    /// Tells the other ends of new objects' relations, each end once.
    pub(crate) fn link(&mut self, class: ClassId, made: &[ArcStr]) {
        for (at, field) in Class::of(class).fields.iter().enumerate() {
            let Some((relation, other)) = counted(field) else { continue };
            let mut come: Vec<(ArcStr, Vec<ArcStr>)> = Vec::new();
            let mut places = HashMap::new();
            for reference in made {
                for target in
                    self.row(class, reference).map(|row| targets(row.record.at(at))).unwrap_or_default()
                {
                    let place = *places.entry(target.clone()).or_insert(come.len());
                    if place == come.len() {
                        come.push((target, vec![]));
                    }
                    come[place].1.push(reference.clone());
                }
            }
            for (target, come) in come {
                self.in_set(relation.class, &target, other, |items| {
                    let known: HashSet<_> = items.iter().filter_map(Value::as_str).collect();
                    let new = come.iter().rev().filter(|new| !known.contains(new.as_str()));
                    let new: Vec<_> = new.cloned().map(Value::Str).collect();
                    items.splice(0..0, new);
                });
            }
        }
    }

    /// Makes an object from typed members by position.
    ///
    /// # Errors
    /// As [`Tx::create_value`].
    pub fn create<C: ClassTag>(&mut self, members: Vec<(usize, Value)>) -> Result<Ref<C>> {
        let fields = Class::of(C::ID).fields;
        let members = Value::map(members.into_iter().map(|(at, value)| (fields[at].name, value)));
        self.create_value(C::ID, None, &members).map(Ref::new)
    }

    /// Destroys an object. References others hold to it stay as they are; sets it was counted in lose it.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    pub fn destroy<C: ClassTag>(&mut self, reference: &Ref<C>) -> Result<()> {
        self.destroy_row(C::ID, reference.as_str())
    }

    /// As [`Tx::destroy`], for a class known only at run time.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    pub fn destroy_row(&mut self, class: ClassId, reference: &str) -> Result<()> {
        let row = self.existing(class, reference)?.clone();
        for (at, field) in Class::of(class).fields.iter().enumerate() {
            self.relink(field, &row.reference, row.record.at(at), &field.ty.zero());
        }
        let generation = self.generation();
        if let Some(forgotten) = self.table_mut(class).remove(reference, generation) {
            self.floor = self.floor.max(forgotten);
        }
        self.note(class, &row.reference, true);
        Ok(())
    }

    /// Sets one field.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    pub fn set<C: ClassTag, T: ApiType>(
        &mut self,
        reference: &Ref<C>,
        field: Field<C, T>,
        value: T,
    ) -> Result<()> {
        self.set_value(C::ID, reference.as_str(), field.index, value.into_value())
    }

    /// Reads one field, lets it be changed and writes it back.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    pub fn update<C: ClassTag, T: ApiType + FromValue>(
        &mut self,
        reference: &Ref<C>,
        field: Field<C, T>,
        change: impl FnOnce(&mut T),
    ) -> Result<()> {
        let mut value = self.get(reference, field)?;
        change(&mut value);
        self.set(reference, field, value)
    }

    /// Sets one field by position; an equal value changes nothing.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference]; INTERNAL_ERROR for a field that is computed from the other end.
    pub fn set_value(&mut self, class: ClassId, reference: &str, index: usize, value: Value) -> Result<()> {
        let field = &Class::of(class).fields[index];
        let row = self.existing(class, reference)?;
        let before = row.record.at(index).clone();
        if before == value {
            return Ok(());
        }
        if field.is_back_reference() {
            return Err(Failure::internal(format!("{}.{} is computed", Class::of(class).name, field.name)));
        }
        let reference = row.reference.clone();
        self.write(class, &reference, index, value.clone());
        self.relink(field, &reference, &before, &value);
        Ok(())
    }

    /// Reports an object as changed though it is not.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    pub fn touch(&mut self, class: ClassId, reference: &str) -> Result<()> {
        let record = self.existing(class, reference)?.record.values().to_vec();
        let generation = self.generation();
        self.table_mut(class).replace(reference, Record::new(Class::of(class), record), generation);
        Ok(())
    }

    fn write(&mut self, class: ClassId, reference: &ArcStr, index: usize, mut value: Value) {
        let Some(row) = self.row(class, reference) else { return };
        if let Some(other) = self.tables[class as usize].before(row.serial) {
            share(&mut value, other.record.at(index));
        }
        let record = row.record.with(index, value);
        let generation = self.generation();
        self.table_mut(class).replace(reference, record, generation);
        let field = &Class::of(class).fields[index];
        self.note(class, reference, field.persist && !field.is_back_reference());
    }

    fn note(&mut self, class: ClassId, reference: &ArcStr, persistent: bool) {
        if persistent && Class::of(class).survives_restart() {
            self.dirty.insert((class, reference.clone()));
        }
    }

    /// Keeps the other end of a relation in step with a value that changes here.
    fn relink(&mut self, field: &FieldDef, reference: &ArcStr, before: &Value, after: &Value) {
        let Some((relation, at)) = counted(field) else { return };
        let (gone, come) = (targets(before), targets(after));
        for target in gone.iter().filter(|target| !come.contains(target)) {
            self.in_set(relation.class, target, at, |items| {
                items.retain(|item| item.as_str() != Some(reference))
            });
        }
        for target in come.iter().filter(|target| !gone.contains(target)) {
            self.in_set(relation.class, target, at, |items| {
                let this = Value::Str(reference.clone());
                if !items.contains(&this) {
                    items.insert(0, this);
                }
            });
        }
    }

    /// Changes a set at the other end, if that object exists.
    fn in_set(
        &mut self,
        class: ClassId,
        reference: &ArcStr,
        index: usize,
        change: impl FnOnce(&mut Vec<Value>),
    ) {
        let Some(row) = self.row(class, reference) else { return };
        let before = row.record.at(index).as_set().unwrap_or_default();
        let mut items = before.to_vec();
        change(&mut items);
        if items != before {
            self.write(class, reference, index, Value::set(items));
        }
    }

    /// An object made under a chosen reference may have been pointed at before it was there.
    fn adopt_earlier_references(&mut self, class: ClassId, reference: &ArcStr) {
        for other in Class::all() {
            for (at, field) in other.fields.iter().enumerate() {
                let points_here = field.relation.is_some_and(|r| r.class == class && r.this == Holds::One);
                if !points_here || field.ignore_foreign_key {
                    continue;
                }
                let pointing =
                    self.rows(other.id).filter(|row| row.record.at(at).as_str() == Some(reference));
                for row in pointing.map(|row| row.reference.clone()).collect::<Vec<_>>() {
                    self.relink(field, &row, &Value::Str(NULL_REF), &Value::Str(reference.clone()));
                }
            }
        }
    }
}

/// Takes an equal value's memory instead of its own: neighbours were often made alike.
fn share(value: &mut Value, known: &Value) {
    if matches!(value, Value::Str(_) | Value::Set(_) | Value::Map(_)) && value == known {
        *value = known.clone();
    }
}

/// The relation of a field whose other end is a set that counts this end's objects, and that set's position.
fn counted(field: &FieldDef) -> Option<(Relation, usize)> {
    let relation = field.relation.filter(|_| !field.ignore_foreign_key)?;
    let kept = relation.this != Holds::ManySelf && relation.other == Holds::Many;
    let (at, other) = Class::of(relation.class).field(relation.field)?;
    (kept && !other.ignore_foreign_key).then_some((relation, at))
}

/// The references a relation's value names.
fn targets(value: &Value) -> Vec<ArcStr> {
    let text = |value: &Value| match value {
        Value::Str(text) if *text != NULL_REF && !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    match value {
        Value::Set(items) => items.iter().filter_map(text).collect(),
        other => text(other).into_iter().collect(),
    }
}
