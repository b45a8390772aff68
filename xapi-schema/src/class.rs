//! [`Class`]: a class of the object model and the builder its file uses.

use crate::{ClassId, FieldDef, Lifecycle, MethodDef, RoleSet, classes, lifecycle::lifecycle_builders};

/// A Rust type that stands for a class in `Ref<C>` and field handles.
pub trait ClassTag: 'static {
    /// Which class.
    const ID: ClassId;
}

/// Notes on a method that exists by rule: where it is sent and what it marks.
#[derive(Debug)]
pub struct ImplicitNote {
    /// Name without the class.
    pub name: &'static str,
    /// Where the coordinator sends the call.
    pub forwarding: &'static [&'static str],
    /// Operations checked and marked while it runs.
    pub guards: &'static [&'static [&'static str]],
}

/// A class: its own properties, its fields and its hand-written methods.
#[derive(Debug)]
pub struct Class {
    /// Wire name.
    pub name: &'static str,
    /// Position in the list of classes.
    pub id: ClassId,
    /// One phrase.
    pub doc: &'static str,
    /// Life so far.
    pub lifecycle: Lifecycle,
    /// Objects of it exist; otherwise it only groups methods or describes a result.
    pub in_database: bool,
    /// Objects are kept across restarts.
    pub persistent: bool,
    /// Objects are kept across restarts though the published model has no table for them (`message`).
    pub kept: bool,
    /// Changes are reported by `event.from`.
    pub gen_events: bool,
    /// `create` and `destroy` exist by rule (their code is always written by hand).
    pub creatable: bool,
    /// `get_all` and its companions exist.
    pub listable: bool,
    /// `get_by_name_label` exists where the class has a `name_label`.
    pub by_name: bool,
    /// Getters are answered by code of their own (`role`).
    pub custom_accessors: bool,
    /// Who may call hand-written methods, `create` and `destroy` unless they say otherwise.
    pub explicit_roles: Option<RoleSet>,
    /// Who may call the methods that exist by rule.
    pub implicit_roles: Option<RoleSet>,
    /// Calls on it never make task records.
    pub no_task: bool,
    /// Destruction of an object is logged.
    pub log_destroy: bool,
    /// Documentation group.
    pub tags: &'static [&'static str],
    /// Notes on methods that exist by rule.
    pub implicit_notes: &'static [ImplicitNote],
    /// Fields in order; a record has one value per line.
    pub fields: &'static [FieldDef],
    /// Hand-written methods in order.
    pub methods: &'static [MethodDef],
}

/// Starts a class whose objects live in the database.
pub const fn table(explicit: Option<RoleSet>) -> Class {
    Class {
        name: "",
        id: ClassId::Session,
        doc: "",
        lifecycle: Lifecycle::EMPTY,
        in_database: true,
        persistent: true,
        kept: false,
        gen_events: true,
        creatable: false,
        listable: true,
        by_name: true,
        custom_accessors: false,
        explicit_roles: explicit,
        implicit_roles: Some(RoleSet::READ_ONLY),
        no_task: false,
        log_destroy: false,
        tags: &[],
        implicit_notes: &[],
        fields: &[],
        methods: &[],
    }
}

/// Starts a class that has no objects in the database.
pub const fn no_table(explicit: Option<RoleSet>) -> Class {
    let mut class = table(explicit);
    class.in_database = false;
    class.persistent = false;
    class.gen_events = false;
    class
}

impl Class {
    lifecycle_builders!();

    /// The class of an id.
    pub fn of(id: ClassId) -> &'static Class {
        classes::CLASSES[id as usize]
    }

    /// All classes in model order.
    pub fn all() -> &'static [&'static Class] {
        &classes::CLASSES
    }

    /// A class by its wire name, exact.
    pub fn by_name(name: &str) -> Option<&'static Class> {
        Class::all().iter().copied().find(|class| class.name == name)
    }

    /// A class by its wire name without regard to case, as event subscriptions spell it.
    pub fn by_name_any_case(name: &str) -> Option<&'static Class> {
        Class::all().iter().copied().find(|class| class.name.eq_ignore_ascii_case(name))
    }

    /// Objects of it survive a restart.
    pub fn survives_restart(&self) -> bool {
        self.persistent || self.kept
    }

    /// A field by its wire name.
    pub fn field(&self, name: &str) -> Option<(usize, &'static FieldDef)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name == name)
    }

    /// Everything the macro fills in.
    pub const fn with(
        mut self,
        id: ClassId,
        name: &'static str,
        doc: &'static str,
        fields: &'static [FieldDef],
        methods: &'static [MethodDef],
    ) -> Self {
        self.id = id;
        self.name = name;
        self.doc = doc;
        self.fields = fields;
        self.methods = methods;
        self
    }

    /// Objects are forgotten at every start.
    pub const fn volatile(mut self) -> Self {
        self.persistent = false;
        self
    }

    /// Changes are not reported as events.
    pub const fn silent(mut self) -> Self {
        self.gen_events = false;
        self
    }

    /// Kept and reported as events though the published model has no table for it (`message`).
    pub const fn kept_apart(mut self) -> Self {
        self.kept = true;
        self.gen_events = true;
        self
    }

    /// `create` and `destroy` exist.
    pub const fn creatable(mut self) -> Self {
        self.creatable = true;
        self
    }

    /// `get_all` and its companions do not exist.
    pub const fn not_listable(mut self) -> Self {
        self.listable = false;
        self
    }

    /// `get_by_name_label` does not exist in spite of a `name_label`.
    pub const fn not_by_name(mut self) -> Self {
        self.by_name = false;
        self
    }

    /// Getters are answered by code of their own.
    pub const fn custom_accessors(mut self) -> Self {
        self.custom_accessors = true;
        self
    }

    /// Who may call the methods that exist by rule.
    pub const fn readers(mut self, roles: Option<RoleSet>) -> Self {
        self.implicit_roles = roles;
        self
    }

    /// Calls on it never make task records.
    pub const fn no_task(mut self) -> Self {
        self.no_task = true;
        self
    }

    /// Destruction of an object is logged.
    pub const fn log_destroy(mut self) -> Self {
        self.log_destroy = true;
        self
    }

    /// Documentation group.
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// Notes on methods that exist by rule.
    pub const fn notes(mut self, notes: &'static [ImplicitNote]) -> Self {
        self.implicit_notes = notes;
        self
    }
}
