//! The derived whole: every message by name and every permission.
//!
//! The files in `classes/` list fields and hand-written methods; this module adds the methods that
//! exist by rule (getters, setters, `get_all` and so on) and the permission table. Pure and made once.

use std::{collections::HashMap, sync::LazyLock};

use crate::{
    Class, Default, FieldDef, Kind, Message, Param, Permission, PermissionKind, Qualifier, RoleSet, Ty, http,
};

/// All messages and permissions.
#[derive(Debug)]
pub struct Schema {
    messages: Vec<Message>,
    by_name: HashMap<String, usize>,
    by_alias: HashMap<String, usize>,
    permissions: Vec<Permission>,
}

/// The one schema of this program.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::derive);
    &SCHEMA
}

impl Schema {
    /// Every message, class by class in model order.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// A message by `Class.method`, exact.
    pub fn message(&self, name: &str) -> Option<&Message> {
        self.by_name.get(name).map(|at| &self.messages[*at])
    }

    /// A message by `Class.method` or its `Class_method` alias.
    pub fn message_or_alias(&self, name: &str) -> Option<&Message> {
        self.message(name).or_else(|| self.by_alias.get(name).map(|at| &self.messages[*at]))
    }

    /// Every permission: methods, map keys, handlers and the rest.
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    fn derive() -> Schema {
        let messages: Vec<Message> = Class::all().iter().flat_map(|class| class_messages(class)).collect();
        let by_name = messages.iter().enumerate().map(|(at, m)| (m.name.clone(), at)).collect();
        let by_alias =
            messages.iter().enumerate().map(|(at, m)| (m.name.replacen('.', "_", 1), at)).collect();
        let permissions = permissions(&messages);
        Schema { messages, by_name, by_alias, permissions }
    }
}

fn param(name: &'static str, ty: Ty) -> Param {
    Param { name, ty, default: Default::None, since: None }
}

fn class_messages(class: &'static Class) -> Vec<Message> {
    let mut messages = Vec::new();
    if class.in_database {
        messages.extend(object_messages(class));
    }
    let fields = || class.fields.iter().enumerate().filter(|(_, f)| class.in_database && !f.internal_only);
    // The order of `system.listMethods`: all getters, then what changes each field.
    messages.extend(fields().map(|field| getter(class, field)));
    for field in fields().filter(|(_, f)| f.qualifier == Qualifier::ReadWrite) {
        messages.extend(setters(class, field));
    }
    // A hand-written method replaces the one of the same name that would exist by rule.
    messages.retain(|m| !class.methods.iter().any(|def| def.name == m.short_name()));
    messages.extend(class.methods.iter().map(|def| {
        Message {
            name: format!("{}.{}", class.name, def.name),
            class: class.id,
            kind: Kind::Custom,
            field: None,
            params: def
                .params
                .iter()
                .map(|p| Param { name: p.name, ty: p.ty, default: p.default, since: p.since })
                .collect(),
            result: def.result,
            roles: def.roles,
            map_keys: def.map_keys,
            session: def.session,
            has_async: def.has_async,
            lifecycle: def.lifecycle,
            hidden: def.hidden,
            custom_code: true,
            def: Some(def),
        }
    }));
    if class.in_database && class.listable {
        messages.extend(list_messages(class));
    }
    messages
}

fn rule(class: &'static Class, short: &str, kind: Kind, params: Vec<Param>, result: Ty) -> Message {
    Message {
        name: format!("{}.{short}", class.name),
        class: class.id,
        kind,
        field: None,
        params,
        result,
        roles: class.implicit_roles.unwrap_or(RoleSet::NOBODY),
        map_keys: &[],
        session: true,
        has_async: false,
        lifecycle: class.lifecycle,
        hidden: matches!(kind, Kind::GetAllWhere | Kind::GetAllRecordsWhere),
        custom_code: class.custom_accessors,
        def: None,
    }
}

/// Types that mention a class are built per class; leaking them once is how they become `'static`.
fn leaked(ty: Ty) -> &'static Ty {
    Box::leak(Box::new(ty))
}

fn object_messages(class: &'static Class) -> Vec<Message> {
    let reference = Ty::Ref(class.id);
    let mut messages = vec![
        rule(class, "get_record", Kind::GetRecord, vec![param("self", reference)], Ty::Record(class.id)),
        rule(class, "get_by_uuid", Kind::GetByUuid, vec![param("uuid", Ty::String)], reference),
    ];
    if class.creatable {
        let roles = class.explicit_roles.unwrap_or(RoleSet::NOBODY);
        let create =
            rule(class, "create", Kind::Create, vec![param("args", Ty::Record(class.id))], reference);
        let destroy = rule(class, "destroy", Kind::Destroy, vec![param("self", reference)], Ty::Void);
        messages.extend([create, destroy].map(|m| Message {
            roles,
            has_async: true,
            custom_code: true,
            ..m
        }));
    }
    if class.by_name && class.field("name_label").is_some() {
        let label = vec![param("label", Ty::String)];
        messages.push(rule(
            class,
            "get_by_name_label",
            Kind::GetByNameLabel,
            label,
            Ty::Set(leaked(reference)),
        ));
    }
    messages
}

fn list_messages(class: &'static Class) -> Vec<Message> {
    let reference = leaked(Ty::Ref(class.id));
    let records = Ty::Map(reference, leaked(Ty::Record(class.id)));
    let filter = || vec![param("expr", Ty::String)];
    vec![
        rule(class, "get_all", Kind::GetAll, vec![], Ty::Set(reference)),
        rule(class, "get_all_where", Kind::GetAllWhere, filter(), Ty::Set(reference)),
        rule(class, "get_all_records_where", Kind::GetAllRecordsWhere, filter(), records),
        rule(class, "get_all_records", Kind::GetAllRecords, vec![], records),
    ]
}

fn about_field(
    class: &'static Class,
    (at, field): (usize, &'static FieldDef),
    prefix: &str,
    kind: Kind,
    more: Vec<Param>,
    result: Ty,
) -> Message {
    let mut params = vec![param("self", Ty::Ref(class.id))];
    params.extend(more);
    let reads = kind == Kind::FieldGet;
    Message {
        field: Some(at),
        lifecycle: field.lifecycle,
        roles: if reads { field.getter_roles } else { field.setter_roles.unwrap_or(RoleSet::NOBODY) },
        map_keys: if matches!(kind, Kind::FieldAdd | Kind::FieldRemove) { field.map_keys } else { &[] },
        custom_code: class.custom_accessors || (kind == Kind::FieldSet && field.has_effect),
        ..rule(class, &format!("{prefix}{}", field.name), kind, params, result)
    }
}

fn getter(class: &'static Class, field: (usize, &'static FieldDef)) -> Message {
    about_field(class, field, "get_", Kind::FieldGet, vec![], field.1.ty)
}

fn setters(class: &'static Class, field: (usize, &'static FieldDef)) -> Vec<Message> {
    let make = |prefix, kind, more| about_field(class, field, prefix, kind, more, Ty::Void);
    let ty = field.1.ty;
    let mut messages = vec![make("set_", Kind::FieldSet, vec![param("value", ty)])];
    match ty {
        Ty::Set(item) => {
            messages.push(make("add_", Kind::FieldAdd, vec![param("value", *item)]));
            messages.push(make("remove_", Kind::FieldRemove, vec![param("value", *item)]));
        }
        Ty::Map(key, value) => {
            messages.push(make("add_to_", Kind::FieldAdd, vec![param("key", *key), param("value", *value)]));
            messages.push(make("remove_from_", Kind::FieldRemove, vec![param("key", *key)]));
        }
        _ => {}
    }
    messages
}

fn permissions(messages: &[Message]) -> Vec<Permission> {
    let mut all: Vec<Permission> = Vec::new();
    let mut add = |name: String, kind, roles| all.push(Permission { name, kind, roles });
    for message in messages {
        add(message.name.clone(), PermissionKind::Method, message.roles);
        for (key, roles) in message.map_keys {
            add(format!("{}/key:{key}", message.name), PermissionKind::Key, *roles);
        }
    }
    for handler in http::HANDLERS {
        add(format!("http/{}", handler.name), PermissionKind::Http, handler.roles);
        for (action, roles) in handler.sub_actions {
            add(format!("http/{}/{action}", handler.name), PermissionKind::Http, *roles);
        }
    }
    add("task.destroy/any".into(), PermissionKind::Extra, RoleSet::POOL_OP);
    all
}
