//! `role` and `subject`: the fixed table of roles, and who holds which.

use xapi_schema::{
    ApiType, ClassId, Ref, Result, Role as RoleName, Value,
    classes::{Role, Subject, role, subject},
    errors, schema,
};
use xapi_store::Read;

use crate::{Cx, Registry, auto::Source, role as table};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(role::call::get_permissions, get_permissions);
    on.on(role::call::get_permissions_name_label, get_permissions_name_label);
    on.on(role::call::get_by_permission, get_by_permission);
    on.on(role::call::get_by_permission_name_label, get_by_permission_name_label);
    on.on_create(create_subject);
    on.on_destroy(destroy_subject);
    on.on(subject::call::add_to_roles, add_to_roles);
    on.on(subject::call::remove_from_roles, remove_from_roles);
    on.on(subject::call::get_permissions_name_label, subject_permissions);
}

/// The record of a role or permission.
fn find(this: &Ref<Role>) -> Result<&'static std::sync::Arc<xapi_schema::Record>> {
    match table::table().find(ClassId::Role, this.as_str()) {
        Some((_, record)) => Ok(record),
        None => Err(errors::HANDLE_INVALID.with(["role", this.as_str()])),
    }
}

async fn get_permissions(_: Cx, this: Ref<Role>) -> Result<Vec<Ref<Role>>> {
    Ok(find(&this)?.get(role::subroles))
}

async fn get_permissions_name_label(_: Cx, this: Ref<Role>) -> Result<Vec<String>> {
    find(&this)?.get(role::subroles).iter().map(|r| Ok(find(r)?.get(role::name_label))).collect()
}

async fn get_by_permission(_: Cx, permission: Ref<Role>) -> Result<Vec<Ref<Role>>> {
    holders(&find(&permission)?.get(role::name_label))
}

async fn get_by_permission_name_label(_: Cx, label: String) -> Result<Vec<Ref<Role>>> {
    holders(&label)
}

fn holders(permission: &str) -> Result<Vec<Ref<Role>>> {
    let found = schema().permissions().iter().find(|p| p.name.eq_ignore_ascii_case(permission));
    Ok(found
        .map(|p| p.roles.iter().map(|role| Ref::new(table::reference(role))).collect())
        .unwrap_or_default())
}

async fn create_subject(cx: Cx, members: Value) -> Result<Ref<Subject>> {
    let identifier =
        members.get("subject_identifier").and_then(Value::as_str).unwrap_or_default().to_string();
    // Where there is a directory, it knows better than the caller.
    let members = match super::auth::information(&cx, &identifier) {
        Some(known) => super::overlay(&members, [("other_config", known.into_value())]),
        None => members,
    };
    cx.commit(move |tx| {
        for existing in tx.all::<Subject>() {
            if tx.get(&existing, subject::subject_identifier)? == identifier {
                return Err(errors::SUBJECT_ALREADY_EXISTS.bare());
            }
        }
        tx.create_value(ClassId::Subject, None, &without(&members, "roles")).map(Ref::new)
    })
    .await
}

/// A subject starts without a role whatever its constructor was given.
fn without(members: &Value, name: &str) -> Value {
    let kept = members.as_map().unwrap_or_default().iter().filter(|(key, _)| key != name).cloned();
    let empty = [(arcstr::ArcStr::from(name), Value::set([]))];
    Value::Map(kept.chain(empty).collect())
}

async fn destroy_subject(cx: Cx, this: Ref<Subject>) -> Result<()> {
    let sid = cx.snapshot().get(&this, subject::subject_identifier)?;
    cx.commit(move |tx| tx.destroy(&this)).await?;
    // Who is no longer a subject is no longer logged in.
    let theirs = cx.xapi.sessions.all().into_iter().filter(|s| s.is_of(&sid));
    for session in theirs.collect::<Vec<_>>() {
        crate::session::close(&cx.xapi, &session.reference).await;
    }
    Ok(())
}

fn assignable(role: &Ref<Role>) -> Result<()> {
    match table::of_reference(role.as_str()) {
        Some(name) if !name.is_internal() => Ok(()),
        _ => Err(errors::ROLE_NOT_FOUND.bare()),
    }
}

async fn add_to_roles(cx: Cx, this: Ref<Subject>, role: Ref<Role>) -> Result<()> {
    assignable(&role)?;
    cx.commit(move |tx| {
        let mut roles = tx.get(&this, subject::roles)?;
        if roles.contains(&role) {
            return Err(errors::ROLE_ALREADY_EXISTS.bare());
        }
        roles.insert(0, role);
        tx.set(&this, subject::roles, roles)
    })
    .await
}

async fn remove_from_roles(cx: Cx, this: Ref<Subject>, role: Ref<Role>) -> Result<()> {
    cx.commit(move |tx| {
        let mut roles = tx.get(&this, subject::roles)?;
        let before = roles.len();
        roles.retain(|held| *held != role);
        if roles.len() == before {
            return Err(errors::ROLE_NOT_FOUND.bare());
        }
        tx.set(&this, subject::roles, roles)
    })
    .await
}

async fn subject_permissions(cx: Cx, this: Ref<Subject>) -> Result<Vec<String>> {
    let roles: Vec<RoleName> = cx
        .snapshot()
        .get(&this, subject::roles)?
        .iter()
        .filter_map(|r| table::of_reference(r.as_str()))
        .collect();
    let held = schema().permissions().iter().filter(|p| roles.iter().any(|role| p.roles.contains(*role)));
    let mut names: Vec<String> = held.map(|p| p.name.to_lowercase()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
