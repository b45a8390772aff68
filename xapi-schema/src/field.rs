//! [`FieldDef`], one line of a class's field table, and [`Field`], its typed handle.

use std::marker::PhantomData;

use crate::{ClassId, Lifecycle, RoleSet, Ty, lifecycle::lifecycle_builders};

/// Who may give a field its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// In the constructor, and a setter exists.
    ReadWrite,
    /// In the constructor only.
    StaticRo,
    /// Neither: the server alone writes it.
    DynamicRo,
}

/// How many objects an end of a relation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A reference.
    One,
    /// A set of references.
    Many,
    /// `subject.roles`, whose relation names itself.
    ManySelf,
}

/// The other end of a relation.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    /// Class at the other end.
    pub class: ClassId,
    /// Field at the other end.
    pub field: &'static str,
    /// What this end holds.
    pub this: Holds,
    /// What the other end holds.
    pub other: Holds,
}

/// The value a field takes when nobody gives it one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// The constructor demands a value.
    None,
    /// Text, a reference or an enumeration member.
    Str(&'static str),
    /// Integer.
    Int(i64),
    /// Number.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// Date in wire form.
    Time(&'static str),
    /// Empty or short set.
    Set(&'static [Default]),
    /// Empty or short map.
    Map(&'static [(&'static str, Default)]),
}

/// A field of a class: one line in its file.
#[derive(Debug)]
pub struct FieldDef {
    /// Wire name.
    pub name: &'static str,
    /// Declared type.
    pub ty: Ty,
    /// Who may give it its value.
    pub qualifier: Qualifier,
    /// One phrase.
    pub doc: &'static str,
    /// Value when none is given.
    pub default: Default,
    /// Life so far.
    pub lifecycle: Lifecycle,
    /// Sent in `get_record`.
    pub in_record: bool,
    /// Never leaves the server; has no methods.
    pub internal_only: bool,
    /// Kept across restarts.
    pub persist: bool,
    /// References stored as plain data, not kept in step with another class.
    pub ignore_foreign_key: bool,
    /// The setter needs code of its own.
    pub has_effect: bool,
    /// Who may read.
    pub getter_roles: RoleSet,
    /// Who may write; `None` where the model leaves it open because there is no setter.
    pub setter_roles: Option<RoleSet>,
    /// Who may add or remove certain keys; a key may end in `*`.
    pub map_keys: &'static [(&'static str, RoleSet)],
    /// The other end of a relation.
    pub relation: Option<Relation>,
    /// Name parts when the stored column joins several with two underscores.
    pub column: Option<&'static str>,
    /// Documentation group.
    pub tags: &'static [&'static str],
}

/// Starts a field line; the macro fills in name, type and description.
const fn line(qualifier: Qualifier, setter: RoleSet) -> FieldDef {
    FieldDef {
        name: "",
        ty: Ty::Void,
        qualifier,
        doc: "",
        default: Default::None,
        lifecycle: Lifecycle::EMPTY,
        in_record: true,
        internal_only: false,
        persist: true,
        ignore_foreign_key: false,
        has_effect: false,
        getter_roles: RoleSet::READ_ONLY,
        setter_roles: Some(setter),
        map_keys: &[],
        relation: None,
        column: None,
        tags: &[],
    }
}

/// A field clients may set, with the roles that may.
pub const fn rw(setter: RoleSet) -> FieldDef {
    line(Qualifier::ReadWrite, setter)
}

/// A field the constructor takes and nobody changes.
pub const fn static_ro(setter: RoleSet) -> FieldDef {
    line(Qualifier::StaticRo, setter)
}

/// A field only the server writes.
pub const fn dynamic_ro(setter: RoleSet) -> FieldDef {
    line(Qualifier::DynamicRo, setter)
}

impl FieldDef {
    lifecycle_builders!();

    /// Name, type and description; called by the macro.
    pub const fn named(mut self, name: &'static str, ty: Ty, doc: &'static str) -> Self {
        self.name = strip_raw(name);
        self.ty = ty;
        self.doc = doc;
        self
    }

    /// Value when none is given.
    pub const fn default(mut self, default: Default) -> Self {
        self.default = default;
        self
    }

    /// Not sent in `get_record`.
    pub const fn not_in_record(mut self) -> Self {
        self.in_record = false;
        self
    }

    /// Never leaves the server.
    pub const fn internal(mut self) -> Self {
        self.internal_only = true;
        self
    }

    /// Reset at every start.
    pub const fn volatile(mut self) -> Self {
        self.persist = false;
        self
    }

    /// References kept as plain data.
    pub const fn plain_refs(mut self) -> Self {
        self.ignore_foreign_key = true;
        self
    }

    /// The setter needs code of its own.
    pub const fn effect(mut self) -> Self {
        self.has_effect = true;
        self
    }

    /// Who may read, where that is not everybody.
    pub const fn readers(mut self, roles: RoleSet) -> Self {
        self.getter_roles = roles;
        self
    }

    /// No setter role is declared.
    pub const fn no_writers(mut self) -> Self {
        self.setter_roles = None;
        self
    }

    /// Who may add or remove certain keys.
    pub const fn map_keys(mut self, keys: &'static [(&'static str, RoleSet)]) -> Self {
        self.map_keys = keys;
        self
    }

    /// The other end of a relation.
    pub const fn relation(mut self, class: ClassId, field: &'static str, this: Holds, other: Holds) -> Self {
        self.relation = Some(Relation { class, field, this, other });
        self
    }

    /// Stored column, where it differs from the name.
    pub const fn column(mut self, column: &'static str) -> Self {
        self.column = Some(column);
        self
    }

    /// Documentation group.
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// Name of the stored column, used by filter expressions: `name__label`.
    pub fn column_name(&self) -> &'static str {
        self.column.unwrap_or(self.name)
    }

    /// True when the set is computed from the other end (one-to-many), never written directly.
    pub fn is_back_reference(&self) -> bool {
        matches!(self.relation, Some(Relation { this: Holds::Many, other: Holds::One, .. }))
            && !self.ignore_foreign_key
    }

    /// True when both ends hold sets that are kept in step.
    pub fn is_many_to_many(&self) -> bool {
        matches!(self.relation, Some(Relation { this: Holds::Many, other: Holds::Many, .. }))
            && !self.ignore_foreign_key
    }
}

/// `r#type` is how Rust spells a field named `type`.
pub(crate) const fn strip_raw(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Typed handle of a field of class `C` holding a `T`; reads and writes through it are checked at
/// compile time.
pub struct Field<C, T> {
    /// Position in the class's field table and in every record.
    pub index: usize,
    mark: PhantomData<fn() -> (C, T)>,
}

impl<C, T> Field<C, T> {
    /// Made by the macro only.
    pub const fn at(index: usize) -> Self {
        Field { index, mark: PhantomData }
    }
}

impl<C, T> Clone for Field<C, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, T> Copy for Field<C, T> {}
