//! [`describe`]: the whole model as one JSON document, for other languages and for comparison with
//! the published facts. Shapes follow those facts where they have one.

use serde_json::{Map, Value as Json, json};

use crate::{
    Class, Default, FieldDef, Holds, Kind, Lifecycle, Message, Param, Qualifier, RoleSet, State, Transition,
    Ty, classes, errors, http, schema,
};

/// Classes, enumerations, errors, permissions and handlers.
pub fn describe() -> Json {
    json!({
        "api_version": format!("{}.{}", crate::API_VERSION.0, crate::API_VERSION.1),
        "classes": Class::all().iter().map(|class| class_json(class)).collect::<Vec<_>>(),
        "enums": classes::ENUMS.iter().map(|def| (def.name.to_string(), json!({
            "doc": def.doc,
            "values": def.values.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>(),
        }))).collect::<Map<_, _>>(),
        "errors": errors::ALL.iter().map(|def| (def.code.to_string(), json!({ "params": def.params, "doc": def.doc }))).collect::<Map<_, _>>(),
        "alerts": errors::ALERTS.iter().map(|(name, priority)| (name.to_string(), json!(priority))).collect::<Map<_, _>>(),
        "permissions": schema().permissions().iter().map(|p| (p.name.clone(), roles(p.roles))).collect::<Map<_, _>>(),
        "handlers": http::HANDLERS.iter().map(|h| json!({
            "name": h.name, "method": h.method, "path": h.path, "sdk": h.sdk, "roles": roles(h.roles),
            "params": h.params.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect::<Vec<_>>(),
            "sub_actions": h.sub_actions.iter().map(|(k, r)| (k.to_string(), roles(*r))).collect::<Map<_, _>>(),
            "rbac_checked": h.rbac_checked, "own_rate_limit": h.own_rate_limit,
        })).collect::<Vec<_>>(),
    })
}

fn roles(set: RoleSet) -> Json {
    json!(set.iter().map(|role| role.name()).collect::<Vec<_>>())
}

fn key_roles(keys: &[(&str, RoleSet)]) -> Json {
    Json::Object(keys.iter().map(|(key, set)| (key.to_string(), roles(*set))).collect())
}

fn ty(ty: Ty) -> Json {
    match ty {
        Ty::String => json!("string"),
        Ty::Secret => json!("secret_string"),
        Ty::Int => json!("int"),
        Ty::Float => json!("float"),
        Ty::Bool => json!("bool"),
        Ty::DateTime => json!("datetime"),
        Ty::Enum(def) => json!({ "enum": def.name }),
        Ty::Set(item) => json!({ "set": self::ty(*item) }),
        Ty::Map(key, item) => json!({ "map": [self::ty(*key), self::ty(*item)] }),
        Ty::Ref(class) => json!({ "ref": Class::of(class).name }),
        Ty::Record(class) => json!({ "record": Class::of(class).name }),
        Ty::Option(item) => json!({ "option": self::ty(*item) }),
        Ty::Void => Json::Null,
        Ty::Any => json!("any"),
    }
}

fn default(value: &Default) -> Json {
    match value {
        Default::None => Json::Null,
        Default::Str(text) | Default::Time(text) => json!(text),
        Default::Int(number) => json!(number),
        Default::Float(number) => json!(number),
        Default::Bool(truth) => json!(truth),
        Default::Set(items) => Json::Array(items.iter().map(default).collect()),
        Default::Map(pairs) => Json::Object(pairs.iter().map(|(k, v)| (k.to_string(), default(v))).collect()),
    }
}

fn lifecycle(life: &Lifecycle) -> Json {
    let name = |transition| match transition {
        Transition::Prototyped => "prototyped",
        Transition::Published => "published",
        Transition::Extended => "extended",
        Transition::Changed => "changed",
        Transition::Deprecated => "deprecated",
        Transition::Removed => "removed",
    };
    Json::Array(life.iter().map(|(transition, release)| json!([name(transition), release])).collect())
}

fn state(life: &Lifecycle) -> &'static str {
    match life.state() {
        State::Unreleased => "unreleased",
        State::Prototyped => "prototyped",
        State::Published => "published",
        State::Deprecated => "deprecated",
        State::Removed => "removed",
    }
}

fn class_json(class: &'static Class) -> Json {
    json!({
        "name": class.name,
        "doc": class.doc,
        "state": state(&class.lifecycle),
        "lifecycle": lifecycle(&class.lifecycle),
        "in_database": class.in_database,
        "persistent": class.persistent,
        "gen_events": class.gen_events,
        "gen_constructor_destructor": class.creatable,
        "explicit_default_roles": class.explicit_roles.map(roles),
        "implicit_roles": class.implicit_roles.map(roles),
        "no_task": class.no_task,
        "db_log_destroy": class.log_destroy,
        "doc_tags": class.tags,
        "fields": class.fields.iter().map(field_json).collect::<Vec<_>>(),
        "messages": schema().messages().iter().filter(|m| m.class == class.id).map(|m| message_json(class, m)).collect::<Vec<_>>(),
    })
}

fn field_json(field: &FieldDef) -> Json {
    let holds = |end| match end {
        Holds::One => "one",
        Holds::Many => "many",
        Holds::ManySelf => "many_self",
    };
    json!({
        "name": field.name,
        "doc": field.doc,
        "type": ty(field.ty),
        "qualifier": match field.qualifier {
            Qualifier::ReadWrite => "RW",
            Qualifier::StaticRo => "StaticRO",
            Qualifier::DynamicRo => "DynamicRO",
        },
        "has_default": field.default != Default::None,
        "default": default(&field.default),
        "state": state(&field.lifecycle),
        "lifecycle": lifecycle(&field.lifecycle),
        "in_record": field.in_record,
        "internal_only": field.internal_only,
        "persist": field.persist,
        "ignore_foreign_key": field.ignore_foreign_key,
        "has_effect": field.has_effect,
        "getter_roles": roles(field.getter_roles),
        "setter_roles": field.setter_roles.map(roles),
        "map_keys_roles": key_roles(field.map_keys),
        "relation": field.relation.map(|r| json!({
            "class": Class::of(r.class).name, "field": r.field, "this_holds": holds(r.this), "other_holds": holds(r.other),
        })),
        "column": field.column_name(),
        "doc_tags": field.tags,
    })
}

fn message_json(class: &'static Class, message: &Message) -> Json {
    let note = class.implicit_notes.iter().find(|note| note.name == message.short_name());
    let def = message.def;
    json!({
        "name": message.name,
        "doc": def.map(|d| d.doc),
        "kind": message.kind.name(),
        "field": message.field.map(|at| class.fields[at].name),
        "session": message.session,
        "params": message.params.iter().map(param_json).collect::<Vec<_>>(),
        "ctor_fields": (message.kind == Kind::Create).then(|| class.constructor_fields().map(|(at, required)| {
            let field = &class.fields[at];
            json!({ "name": field.name, "type": ty(field.ty), "required": required })
        }).collect::<Vec<_>>()),
        "result": ty(message.result),
        "custom_marshaller": matches!(message.result, Ty::Any),
        "errors": def.map_or(&[][..], |d| d.errors),
        "roles": roles(message.roles),
        "map_keys_roles": key_roles(message.map_keys),
        "async": message.has_async,
        "server": if def.is_some_and(|d| d.forward_to.is_some()) { "forward" } else if message.custom_code { "custom" } else { "db" },
        "forward_to": def.and_then(|d| d.forward_to),
        "secret": message.secret(),
        "pool_internal": message.pool_internal(),
        "emergency": def.is_some_and(|d| d.emergency),
        "no_slave_forward": def.is_some_and(|d| d.no_slave_forward),
        "hide_from_docs": message.hidden,
        "no_current_operations": def.is_some_and(|d| d.no_current_operations),
        "forwarding": def.map(|d| d.forwarding).or(note.map(|n| n.forwarding)),
        "op_guards": def.map(|d| d.guards).or(note.map(|n| n.guards)),
        "state": state(&message.lifecycle),
        "lifecycle": lifecycle(&message.lifecycle),
        "doc_tags": def.map_or(&[][..], |d| d.tags),
    })
}

fn param_json(param: &Param) -> Json {
    let mut json = json!({ "name": param.name, "type": ty(param.ty), "since": param.since });
    if param.default != Default::None {
        json["default"] = default(&param.default);
    }
    json
}
