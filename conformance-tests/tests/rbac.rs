//! Every method with every role, called directly, by its other spelling and as a task: allowed or
//! refused exactly as the facts say.
//!
//! Arguments are of wrong types, so that a call that is allowed ends before it does anything.

use conformance_tests::{
    rbac::{self, Key, Method, ROLES},
    rpc::{Client, Failure},
    server::{Options, ROOT_PASSWORD, Server},
};
use serde_json::{Value, json};

/// Hash of the root password, which these users share.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$mF4xbmoWFTXySoPuFYZJcA$TcMnHayzKHdyFeHd5DcDw9YBeZuMIlj7jHU6hZi70Eo";

/// Without parameters and not without effect: where allowed they would end the session or the daemon,
/// wait, or change how the daemon is reached.
const WOULD_ACT: [&str; 9] = [
    "session.logout",
    "session.local_logout",
    "event.next",
    "host.shutdown_agent",
    "host.management_disable",
    "pool.emergency_transition_to_master",
    "pool.rotate_secret",
    "pool.enable_tls_verification",
    "pool.certificate_sync",
];

type Answer = Result<Value, Failure>;

/// A server with a user for each role, named as the role.
fn server() -> Server {
    let users: serde_json::Map<String, Value> =
        ROLES.iter().map(|role| (role.to_string(), json!({ "hash": HASH }))).collect();
    let options =
        Options { files: vec![("users.json".into(), Value::Object(users).to_string())], ..Options::golden() };
    let server = Server::start(&options).expect("the daemon starts");
    let mut root = Client::root(&server).expect("root logs in");
    let pool = root.expect("pool.get_all", &[]).expect("a pool")[0].clone();
    let joined = [pool, json!({}), json!("here"), json!("file")];
    root.expect("pool.enable_external_auth", &joined).expect("the directory is joined");
    for role in ROLES {
        let subject = json!({ "subject_identifier": role, "other_config": {} });
        let subject = root.expect("subject.create", &[subject]).expect("a subject");
        let found = root.expect("role.get_by_name_label", &[json!(role)]).expect("a role");
        let found = found.get(0).cloned().expect("one role");
        root.expect("subject.add_to_roles", &[subject, found]).expect("the role is given");
    }
    server
}

/// Runs a check for each role at the same time; the answer is what was wrong.
fn for_each_role(server: &Server, check: impl Fn(usize, &mut Client) -> Vec<String> + Sync) -> Vec<String> {
    std::thread::scope(|scope| {
        let check = &check;
        let started: Vec<_> = (0..ROLES.len())
            .map(|at| {
                scope.spawn(move || {
                    let mut client =
                        Client::log_in(server, ROLES[at], ROOT_PASSWORD).expect("the user logs in");
                    check(at, &mut client)
                })
            })
            .collect();
        started.into_iter().flat_map(|thread| thread.join().expect("the check ends")).collect()
    })
}

fn assert_none(wrong: &[String]) {
    let shown: Vec<&str> = wrong.iter().take(60).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), shown.join("\n"));
}

fn spellings(method: &Method) -> Vec<String> {
    let mut spellings = vec![method.name.clone(), method.name.replacen('.', "_", 1)];
    if method.has_async {
        spellings.push(format!("Async.{}", method.name));
    }
    spellings
}

/// Something that is not of the type.
fn misfit(ty: &str) -> Value {
    if ty.starts_with("bool") { json!("neither") } else { json!(true) }
}

fn verdict(method: &Method, allowed: bool, permission: &str, answer: &Answer) -> Result<(), String> {
    let denied = |failure: &Failure| {
        failure.code == "RBAC_PERMISSION_DENIED"
            && failure.params.len() == 2
            && failure.params.first().is_some_and(|first| first == permission)
    };
    let right = match answer {
        Err(failure) if method.internal => failure.code == "INTERNAL_ERROR",
        Err(failure) if !allowed => denied(failure),
        // Nothing may have happened, except for methods that have no argument to be wrong about.
        Err(failure) if !method.params.is_empty() => failure.code == "INTERNAL_ERROR",
        Err(failure) => failure.code != "RBAC_PERMISSION_DENIED",
        Ok(_) => allowed && !method.internal && method.params.is_empty(),
    };
    if right { Ok(()) } else { Err(format!("allowed={allowed}: {answer:?}")) }
}

#[test]
fn every_method_for_every_role() {
    let server = server();
    let methods = rbac::methods().expect("the facts are readable");
    let wrong = for_each_role(&server, |at, client| {
        let mut wrong = Vec::new();
        for method in methods.iter().filter(|method| !method.removed && !method.of_removed_class) {
            let allowed = method.allowed[at];
            if allowed && WOULD_ACT.contains(&method.name.as_str()) {
                continue;
            }
            let args: Vec<Value> = method.params.iter().map(|ty| misfit(ty)).collect();
            for spelling in spellings(method) {
                let answer = client.call(&spelling, &args).expect("an answer");
                if let Err(why) = verdict(method, allowed, &method.name.to_lowercase(), &answer) {
                    wrong.push(format!("{} {spelling}: {why}", ROLES[at]));
                }
            }
        }
        // What every role may do, last because it ends the session.
        if let Err(failure) = client.call("session.logout", &[]).expect("an answer") {
            wrong.push(format!("{} session.logout: {failure:?}", ROLES[at]));
        }
        wrong
    });
    assert_none(&wrong);
}

#[test]
fn removed_methods_for_every_role() {
    let server = server();
    let methods = rbac::methods().expect("the facts are readable");
    let wrong = for_each_role(&server, |at, client| {
        let mut wrong = Vec::new();
        for method in methods.iter().filter(|method| method.removed || method.of_removed_class) {
            let args: Vec<Value> = method.params.iter().map(|ty| misfit(ty)).collect();
            for spelling in spellings(method) {
                let answer = client.call(&spelling, &args).expect("an answer");
                let removed = matches!(&answer, Err(failure) if failure.code == "MESSAGE_REMOVED");
                if removed != method.removed {
                    wrong.push(format!("{} {spelling}: {answer:?}", ROLES[at]));
                }
            }
        }
        wrong
    });
    assert_none(&wrong);
}

#[test]
fn every_key_with_roles_of_its_own() {
    let server = server();
    let methods = rbac::methods().expect("the facts are readable");
    let keys = rbac::keys().expect("the facts are readable");
    let method_of = |key: &Key| methods.iter().find(|method| method.name == key.method);
    let wrong = for_each_role(&server, |at, client| {
        let mut wrong = Vec::new();
        for key in &keys {
            let method = method_of(key).expect("the method of a key is listed");
            let text = key.key.replace('*', "anything");
            let mut args: Vec<Value> = method.params.iter().map(|ty| misfit(ty)).collect();
            args[1] = json!(text);
            let permission = format!("{}/key:{}", method.name, key.key).to_lowercase();
            let answer = client.call(&method.name, &args).expect("an answer");
            if let Err(why) = verdict(method, key.allowed[at], &permission, &answer) {
                wrong.push(format!("{} {} {text}: {why}", ROLES[at], method.name));
            }
            // Any other key is a matter of the method.
            args[1] = json!("conformance-other");
            let answer = client.call(&method.name, &args).expect("an answer");
            if let Err(why) = verdict(method, method.allowed[at], &method.name.to_lowercase(), &answer) {
                wrong.push(format!("{} {} other key: {why}", ROLES[at], method.name));
            }
        }
        wrong
    });
    assert_none(&wrong);
}
