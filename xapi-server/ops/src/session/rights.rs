//! Who may call what: the role check, with the finer rule for single map keys.
//!
//! A permission is the method's name; adding, removing or setting a map entry whose key the schema
//! lists is a permission of its own, `vm.add_to_other_config/key:folder`. Setting a whole map needs the
//! right to every listed key it changes, so `set_` is no way around `add_to_`. Pure.

use xapi_schema::{Class, Kind, Message, Record, Result, RoleSet, Value, errors};

use super::Session;

/// Lets the call pass or answers RBAC_PERMISSION_DENIED. `current` reads the value of the map that a
/// setter is about to replace.
///
/// # Errors
/// RBAC_PERMISSION_DENIED [permission, who has it].
pub fn check(
    session: &Session,
    message: &Message,
    args: &[Value],
    current: impl FnOnce() -> Option<Value>,
) -> Result<()> {
    if session.superuser || session.pool {
        return Ok(());
    }
    let allowed = |roles: RoleSet| session.roles.iter().any(|role| roles.contains(role));
    let permission = message.name.to_lowercase();
    if message.kind == Kind::Create {
        return created(message, args.first(), &allowed);
    }
    let keys = map_keys(message);
    if !keys.is_empty() {
        if let Some(key) = args.get(1).and_then(Value::as_str)
            && let Some((listed, roles)) = listed_key(keys, key)
        {
            return verdict(allowed(roles), format!("{permission}/key:{}", listed.to_lowercase()), roles);
        }
        if let Some(after) = args.get(1).and_then(Value::as_map) {
            verdict(allowed(message.roles), permission.clone(), message.roles)?;
            for key in changed_keys(current().as_ref(), after) {
                if let Some((listed, roles)) = listed_key(keys, &key) {
                    verdict(allowed(roles), format!("{permission}/key:{}", listed.to_lowercase()), roles)?;
                }
            }
            return Ok(());
        }
    }
    verdict(allowed(message.roles), permission, message.roles)
}

/// What a constructor sets needs the right to every listed key, as setting it afterwards does.
fn created(message: &Message, members: Option<&Value>, allowed: &dyn Fn(RoleSet) -> bool) -> Result<()> {
    let permission = message.name.to_lowercase();
    verdict(allowed(message.roles), permission.clone(), message.roles)?;
    for field in Class::of(message.class).fields {
        let map = members.and_then(|members| members.get(field.name)).and_then(Value::as_map);
        for (key, _) in map.unwrap_or_default() {
            if let Some((listed, roles)) = listed_key(field.map_keys, key) {
                verdict(allowed(roles), format!("{permission}/key:{}", listed.to_lowercase()), roles)?;
            }
        }
    }
    Ok(())
}

fn verdict(allowed: bool, permission: String, roles: RoleSet) -> Result<()> {
    if allowed {
        return Ok(());
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let who = if names.is_empty() { "local root only".to_string() } else { names.join(", ") };
    Err(errors::RBAC_PERMISSION_DENIED.with([permission, format!("roles with this permission: {who}")]))
}

type Keys = &'static [(&'static str, RoleSet)];

/// The listed keys of a method; a setter answers for those of the map it replaces.
fn map_keys(message: &Message) -> Keys {
    let replaced = message.short_name().strip_prefix("set_");
    let field = replaced.and_then(|name| Class::of(message.class).field(name));
    match field {
        Some((_, field)) if message.map_keys.is_empty() => field.map_keys,
        _ => message.map_keys,
    }
}

/// The listed key a text falls under; a listed key may end in `*`.
fn listed_key(keys: Keys, key: &str) -> Option<(&'static str, RoleSet)> {
    let key = key.to_lowercase();
    keys.iter().copied().find(|(listed, _)| {
        let listed = listed.to_lowercase();
        match listed.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == listed,
        }
    })
}

fn changed_keys(before: Option<&Value>, after: &[(arcstr::ArcStr, Value)]) -> Vec<String> {
    let before = before.and_then(Value::as_map).unwrap_or_default();
    let old = |key: &str| before.iter().find(|(k, _)| k == key).map(|(_, v)| v);
    let new = |key: &str| after.iter().any(|(k, _)| k == key);
    let set = after.iter().filter(|(key, value)| old(key) != Some(value)).map(|(key, _)| key.to_string());
    let gone = before.iter().filter(|(key, _)| !new(key)).map(|(key, _)| key.to_string());
    set.chain(gone).collect()
}

/// The map field a setter is about to replace: `set_platform` replaces `platform`.
pub fn replaced_field(message: &Message, record: &Record) -> Option<Value> {
    let field = match message.kind {
        Kind::FieldSet => return message.field.map(|at| record.at(at).clone()),
        Kind::Custom => message.short_name().strip_prefix("set_")?,
        _ => return None,
    };
    record.by_name(field).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use xapi_schema::{Role, schema};

    fn as_role(role: Role) -> Session {
        let mut session = Arc::unwrap_or_clone(Session::internal());
        session.superuser = false;
        session.pool = false;
        session.roles = match role {
            Role::PoolAdmin => RoleSet::POOL_ADMIN,
            _ => only(role),
        };
        session
    }

    fn only(role: Role) -> RoleSet {
        super::super::login::role_set([role])
    }

    fn call(role: Role, method: &str, args: &[Value]) -> Result<()> {
        check(&as_role(role), schema().message(method).unwrap(), args, || None)
    }

    #[test]
    fn listed_keys_have_rights_of_their_own() {
        let args = |key: &str| [Value::str("OpaqueRef:1"), Value::str(key), Value::str("v")];
        assert!(call(Role::VmOperator, "VM.add_to_other_config", &args("folder")).is_ok());
        assert!(call(Role::VmOperator, "VM.add_to_other_config", &args("XenCenter.CustomFields.x")).is_ok());
        assert!(call(Role::VmOperator, "VM.add_to_other_config", &args("else")).is_err());
        assert!(call(Role::VmAdmin, "VM.add_to_other_config", &args("else")).is_ok());
        let denied = call(Role::VmAdmin, "VM.add_to_other_config", &args("PCI")).unwrap_err();
        assert_eq!(denied.params[0], "vm.add_to_other_config/key:pci");
    }

    #[test]
    fn a_constructor_is_no_way_around() {
        let vm = |config: &'static str| {
            [Value::map([("other_config", Value::map([(config, Value::str("0/0000:00:00.0"))]))])]
        };
        assert!(call(Role::VmAdmin, "VM.create", &vm("folder")).is_ok());
        let denied = call(Role::VmAdmin, "VM.create", &vm("PCI")).unwrap_err();
        assert_eq!(denied.params[0], "vm.create/key:pci");
        assert!(call(Role::PoolAdmin, "VM.create", &vm("pci")).is_ok());
        assert!(call(Role::VmOperator, "VM.create", &vm("folder")).is_err());
    }

    #[test]
    fn setting_a_whole_map_is_no_way_around() {
        let map = Value::map([("hvm_serial", Value::str("/dev/x")), ("acpi", Value::str("1"))]);
        let args = [Value::str("OpaqueRef:1"), map.clone()];
        let message = schema().message("VM.set_platform").unwrap();
        assert!(check(&as_role(Role::VmAdmin), message, &args, || None).is_err());
        assert!(
            check(&as_role(Role::VmAdmin), message, &args, || Some(map)).is_ok(),
            "unchanged keys need no right"
        );
        assert!(check(&as_role(Role::PoolAdmin), message, &args, || None).is_ok());
    }
}
