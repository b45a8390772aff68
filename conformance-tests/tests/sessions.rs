//! Sessions over the wire: users of a directory and their roles, pool members, limits, and what is left of a
//! login after the daemon was killed.

use conformance_tests::{
    rpc::{Client, Failure},
    server::{Options, ROOT_PASSWORD, Server},
    wire::Connection,
};
use serde_json::{Value, json};

/// Hash of the root password, which these users share.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$mF4xbmoWFTXySoPuFYZJcA$TcMnHayzKHdyFeHd5DcDw9YBeZuMIlj7jHU6hZi70Eo";

fn server() -> Server {
    let users = json!({
        "ann": { "hash": HASH, "sid": "S-1-5-1" },
        "bob": { "hash": HASH, "sid": "S-1-5-2", "groups": ["staff"] },
    });
    let options = Options { files: vec![("users.json".into(), users.to_string())], ..Options::golden() };
    Server::start(&options).expect("the daemon starts")
}

fn ask(client: &mut Client, method: &str, args: &[Value]) -> Value {
    client.expect(method, args).expect(method)
}

fn refused(client: &mut Client, method: &str, args: &[Value]) -> Failure {
    client.call(method, args).expect("an answer").expect_err(method)
}

fn login_refused(server: &Server, user: &str, password: &str) -> String {
    Client::try_log_in(server, user, password).expect("an answer").map(|_| ()).expect_err(user).code
}

fn log_in(server: &Server, user: &str) -> Client {
    Client::log_in(server, user, ROOT_PASSWORD).expect(user)
}

fn pool(root: &mut Client) -> Value {
    ask(root, "pool.get_all", &[])[0].clone()
}

fn subject(root: &mut Client, sid: &str) -> Value {
    ask(root, "subject.create", &[json!({ "subject_identifier": sid, "other_config": { "mine": "1" } })])
}

fn give(root: &mut Client, subject: &Value, role: &str) {
    let role = ask(root, "role.get_by_name_label", &[json!(role)])[0].clone();
    ask(root, "subject.add_to_roles", &[subject.clone(), role]);
}

#[test]
fn users_of_a_directory_get_in_by_their_subject_or_a_group() {
    let server = server();
    let mut root = log_in(&server, "root");
    let pool = pool(&mut root);
    let name = |name: &str| [json!(name)];
    assert_eq!(refused(&mut root, "auth.get_subject_identifier", &name("ann")).code, "AUTH_IS_DISABLED");
    assert_eq!(login_refused(&server, "ann", ROOT_PASSWORD), "SESSION_AUTHENTICATION_FAILED");

    let join = |kind: &str| [pool.clone(), json!({"user": "x", "pass": "hush"}), json!("here"), json!(kind)];
    let unknown = refused(&mut root, "pool.enable_external_auth", &join("AD"));
    assert_eq!((unknown.code.as_str(), &unknown.params[0][..]), ("AUTH_UNKNOWN_TYPE", "AD"));
    ask(&mut root, "pool.enable_external_auth", &join("file"));
    assert_eq!(
        refused(&mut root, "pool.enable_external_auth", &join("file")).code,
        "POOL_AUTH_ALREADY_ENABLED"
    );
    let host = ask(&mut root, "host.get_all", &[])[0].clone();
    let again = [host.clone(), json!({}), json!("there"), json!("file")];
    let failure = refused(&mut root, "host.enable_external_auth", &again);
    assert_eq!(
        (failure.code.as_str(), failure.params),
        ("AUTH_ALREADY_ENABLED", vec!["file".into(), "here".into()])
    );
    let kept = ask(&mut root, "host.get_external_auth_configuration", std::slice::from_ref(&host));
    assert_eq!(kept, json!({ "user": "x" }), "no password is kept");

    assert_eq!(ask(&mut root, "auth.get_subject_identifier", &name("ann")), json!("S-1-5-1"));
    assert_eq!(ask(&mut root, "auth.get_group_membership", &name("S-1-5-2")), json!(["staff"]));
    let nobody = refused(&mut root, "auth.get_subject_identifier", &name("nobody"));
    assert_eq!(nobody.code, "SUBJECT_CANNOT_BE_RESOLVED");

    assert_eq!(login_refused(&server, "ann", ROOT_PASSWORD), "SESSION_AUTHORIZATION_FAILED");
    let ann = subject(&mut root, "S-1-5-1");
    let about = ask(&mut root, "subject.get_other_config", std::slice::from_ref(&ann));
    assert_eq!((&about["subject-name"], &about["mine"]), (&json!("ann"), &Value::Null));
    assert_eq!(login_refused(&server, "ann", ROOT_PASSWORD), "RBAC_PERMISSION_DENIED");
    assert_eq!(login_refused(&server, "ann", "wrong"), "SESSION_AUTHENTICATION_FAILED");
    give(&mut root, &ann, "vm-operator");
    let mut client = log_in(&server, "ann");
    let session = json!(client.session());
    let this = std::slice::from_ref(&session);
    assert_eq!(ask(&mut root, "session.get_auth_user_sid", this), json!("S-1-5-1"));
    assert_eq!(ask(&mut root, "session.get_subject", this), ann);
    assert_eq!(ask(&mut root, "session.get_is_local_superuser", this), json!(false));
    let denied = refused(&mut client, "pool.set_name_label", &[pool.clone(), json!("mine")]);
    assert_eq!(
        (denied.code.as_str(), &denied.params[0][..]),
        ("RBAC_PERMISSION_DENIED", "pool.set_name_label")
    );

    let staff = subject(&mut root, "staff");
    give(&mut root, &staff, "read-only");
    let mut bob = log_in(&server, "bob");
    ask(&mut bob, "host.get_all", &[]);
    ask(&mut root, "session.logout_subject_identifier", &name("staff"));
    assert_eq!(refused(&mut bob, "host.get_all", &[]).code, "SESSION_INVALID");
    let mut bob = log_in(&server, "bob");
    ask(&mut root, "subject.destroy", &[staff]);
    assert_eq!(refused(&mut bob, "host.get_all", &[]).code, "SESSION_INVALID");

    ask(&mut root, "pool.disable_external_auth", &[pool.clone(), json!({})]);
    ask(&mut root, "pool.disable_external_auth", &[pool, json!({})]);
    assert_eq!(refused(&mut client, "host.get_all", &[]).code, "SESSION_INVALID", "leaving ends sessions");
    assert_eq!(login_refused(&server, "ann", ROOT_PASSWORD), "SESSION_AUTHENTICATION_FAILED");
    ask(&mut root, "host.get_all", &[]);
}

#[test]
fn pool_members_come_in_by_their_secret() {
    let server = server();
    let secret = std::fs::read_to_string(server.dir().join("state/pool-secret")).expect("the secret");
    let mut root = log_in(&server, "root");
    let host = ask(&mut root, "host.get_all", &[])[0].clone();
    let open = |method: &str, params: Value| {
        Client::open(Connection::new(server.http()), method, params).expect("an answer")
    };
    for wrong in ["", "x", &secret[1..]] {
        let failure = open("session.slave_login", json!([host, wrong])).map(|_| ()).expect_err("refused");
        assert_eq!(failure.code, "SESSION_AUTHENTICATION_FAILED");
    }
    let mut member = open("session.slave_login", json!([host, secret.trim()])).expect("a member");
    let session = json!(member.session());
    assert_eq!(ask(&mut root, "session.get_pool", std::slice::from_ref(&session)), json!(true));
    // For members only; root is told so.
    let internal = [json!("OpaqueRef:NULL")];
    assert_eq!(refused(&mut root, "host.get_vms_which_prevent_evacuation", &internal).code, "HANDLE_INVALID");
    let told = refused(&mut root, "VM.atomic_set_resident_on", &[internal[0].clone(), internal[0].clone()]);
    assert!(
        told.code == "INTERNAL_ERROR" && told.params[0].contains("VM.atomic_set_resident_on"),
        "{told:?}"
    );
    let asked =
        refused(&mut member, "VM.atomic_set_resident_on", &[internal[0].clone(), internal[0].clone()]);
    assert_ne!(asked.code, "INTERNAL_ERROR", "{asked:?}");
    let local = json!(["root", ROOT_PASSWORD]);
    open("session.slave_local_login_with_password", local).expect("a session of this host");
    open("session.slave_local_login", json!([secret.trim()])).expect("a session of this host");
}

#[test]
fn a_crowd_of_sessions_costs_its_own_user_the_oldest_only() {
    let server = server();
    let mut root = log_in(&server, "root");
    let open = |user: &str, program: &str| {
        // Nobody asks for a password on the local socket.
        let params = json!([user, "", "1.0", program]);
        let connection = Connection::local(&server.socket());
        Client::open(connection, "session.login_with_password", params)
            .expect("an answer")
            .expect("a session")
            .session()
            .to_string()
    };
    let quiet = open("crowd", "quiet");
    let other = open("else", "quiet");
    let crowd: Vec<String> = (0..520).map(|_| open("crowd", "loud")).collect();
    let mut alive = |session: &str| {
        let answer = root.call("session.get_uuid", &[json!(session)]).expect("an answer");
        answer.is_ok()
    };
    assert!(alive(&quiet), "another program of the same user keeps its session");
    assert!(alive(&other), "another user keeps its session");
    let left = crowd.iter().filter(|session| alive(session)).count();
    assert_eq!(left, 499, "500 in all");
    assert!(crowd.last().is_some_and(|newest| alive(newest)));
    ask(&mut root, "host.get_all", &[]);
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let mut server = Server::start(&Options::default()).expect("the daemon starts");
    let mut root = log_in(&server, "root");
    let identity = |root: &mut Client| -> Vec<Value> {
        let classes = ["host", "pool", "SR", "PBD", "network", "PIF", "VM", "SM"];
        classes.iter().map(|class| ask(root, &format!("{class}.get_all_records"), &[])).collect()
    };
    // Moments of this start, and figures of the machine, are not what identity is.
    let names = |records: &[Value]| -> Vec<Vec<(String, Value)>> {
        let of = |class: &Value| {
            let all = class.as_object().expect("records");
            let mut found: Vec<_> = all.iter().map(|(r, one)| (r.clone(), one["uuid"].clone())).collect();
            found.sort_by(|a, b| a.0.cmp(&b.0));
            found
        };
        records.iter().map(of).collect()
    };
    let before = identity(&mut root);
    let pool = pool(&mut root);
    let since = ask(&mut root, "event.from", &[json!(["pool"]), json!(""), json!(1.0)])["token"].clone();
    for n in 0..50 {
        ask(&mut root, "pool.set_name_label", &[pool.clone(), json!(format!("name {n}"))]);
        ask(&mut root, "pool.add_to_other_config", &[pool.clone(), json!(format!("k{n}")), json!("v")]);
    }
    ask(&mut root, "session.change_password", &[json!(ROOT_PASSWORD), json!("another")]);
    server.restart().expect("it starts again");
    let mut fresh = Connection::new(server.http());
    let old = json!({"jsonrpc": "2.0", "id": 1, "method": "host.get_all", "params": [root.session()]});
    let answer = fresh.post("/jsonrpc", "application/json", &old.to_string()).expect("an answer");
    assert!(answer.body.contains("SESSION_INVALID"), "sessions end with the daemon: {}", answer.body);
    assert_eq!(login_refused(&server, "root", ROOT_PASSWORD), "SESSION_AUTHENTICATION_FAILED");
    let mut root = Client::log_in(&server, "root", "another").expect("the new password");
    assert!(names(&identity(&mut root)) == names(&before), "nothing is made anew");
    assert_eq!(ask(&mut root, "pool.get_name_label", std::slice::from_ref(&pool)), json!("name 49"));
    let config = ask(&mut root, "pool.get_other_config", std::slice::from_ref(&pool));
    assert!((0..50).all(|n| config[format!("k{n}")] == json!("v")), "{config}");
    // A token of before is answered completely or not at all.
    let lost = refused(&mut root, "event.from", &[json!(["pool"]), since, json!(1.0)]);
    assert_eq!(lost.code, "EVENTS_LOST");
}

#[test]
fn the_daemon_begins_anew_when_asked() {
    let server = server();
    let mut root = log_in(&server, "root");
    let host = ask(&mut root, "host.get_all", &[])[0].clone();
    let pem = ask(&mut root, "host.get_server_certificate", std::slice::from_ref(&host));
    let pem = pem.as_str().expect("a text");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE KEY"), "{pem}");
    let old = json!(root.session());
    ask(&mut root, "host.restart_agent", &[host]);
    // The address may be another afterwards; the socket is where it was.
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "host.get_all", "params": [old]}).to_string();
    let begun = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let answer = Connection::local(&server.socket()).post("/jsonrpc", "application/json", &asked);
        answer.is_ok_and(|answer| answer.body.contains("SESSION_INVALID"))
    });
    assert!(begun, "a fresh daemon answers and knows no session of the old one");
}
