//! Input nobody means well with: bombs, depth, strange text, stolen and guessed sessions, floods.

use conformance_tests::{
    rpc::Client,
    server::{Options, Server},
    wire::{Answer, Connection},
};
use serde_json::{Value, json};

/// Hash of the root password.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$mF4xbmoWFTXySoPuFYZJcA$TcMnHayzKHdyFeHd5DcDw9YBeZuMIlj7jHU6hZi70Eo";

fn server() -> Server {
    Server::start(&Options::golden()).expect("the server starts")
}

/// Kilobytes the server holds in memory.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}

/// What a call that must succeed answers.
fn ask(client: &mut Client, method: &str, args: &[Value]) -> Value {
    client.expect(method, args).expect(method)
}

/// A call answered properly: whatever came before has done no harm.
fn assert_alive(server: &Server) {
    let mut client = Client::root(server).expect("somebody can still log in");
    ask(&mut client, "host.get_all", &[]);
}

/// The answer to a bomb; `None` where the server hung up on it while it was still being sent, which is a refusal.
fn thrown(server: &Server, path: &str, kind: &str, body: &str) -> Option<Answer> {
    match Connection::new(server.http()).post(path, kind, body) {
        Ok(answer) => Some(answer),
        Err(why) if why.contains("Broken pipe") || why.contains("reset") => None,
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn bombs_are_refused_and_cost_nothing() {
    let server = server();
    assert_alive(&server);
    let before = memory(&server);
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                  <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><methodCall><methodName>&c;</methodName></methodCall>";
    let outside = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>\
                   <methodCall><methodName>&a;</methodName></methodCall>";
    let open = "<value><array><data>".repeat(100_000);
    let deep = format!("<methodCall><methodName>x</methodName><params><param>{open}");
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect();
    let wide = format!("<methodCall{attributes}><methodName>x</methodName></methodCall>");
    for (what, body) in [("laughs", laughs), ("outside", outside), ("deep", &deep), ("wide", &wide)] {
        let Some(answer) = thrown(&server, "/", "text/xml", body) else { continue };
        assert!(!answer.body.contains("root:"), "{what} shows a file");
        assert!(answer.status == 500 || answer.body.contains("Failure"), "{what}: {}", answer.status);
    }
    let arrays = "[".repeat(200_000);
    let number = format!("{{\"id\":1,\"method\":\"x\",\"params\":[{}]}}", "9".repeat(1_000_000));
    let keys = format!("{{\"id\":1,\"method\":\"x\",\"params\":[{{{}}}]}}", "\"a\":1,".repeat(100_000));
    for (what, body) in [("arrays", &arrays), ("number", &number), ("keys", &keys)] {
        let Some(answer) = thrown(&server, "/jsonrpc", "application/json", body) else { continue };
        assert!(answer.status == 500 || answer.body.contains("error"), "{what}: {}", answer.status);
    }
    assert_alive(&server);
    // A bomb would need gigabytes; buffers of what was sent may stay.
    assert!(memory(&server) < before + 100_000, "{} KB before, {} KB after", before, memory(&server));
}

#[test]
fn strange_text_survives_the_round_trip_or_is_refused() {
    let server = server();
    let mut client = Client::root(&server).expect("root logs in");
    let pool = ask(&mut client, "pool.get_all", &[])[0].clone();
    let plain = [
        "\u{e9} & < > \" ' \u{2603}",
        "\u{1F600}",
        " leading and trailing ",
        "line1\nline2\ttab",
        "]]>",
        "",
        "\u{FFFD}",
        "a\u{300}",
    ];
    for text in plain {
        ask(&mut client, "pool.set_name_label", &[pool.clone(), json!(text)]);
        assert_eq!(ask(&mut client, "pool.get_name_label", std::slice::from_ref(&pool)), json!(text));
        ask(&mut client, "pool.set_other_config", &[pool.clone(), json!({ text: text })]);
        assert_eq!(
            ask(&mut client, "pool.get_other_config", std::slice::from_ref(&pool)),
            json!({ text: text })
        );
    }
    for text in ["\u{0}", "a\u{1}b", "\u{FFFE}", "\u{FFFF}", "\u{1b}[31m"] {
        let outcome = client.call("pool.set_name_label", &[pool.clone(), json!(text)]).expect("an answer");
        if outcome.is_ok() {
            // What is taken must come back, and must not break the other wire for everybody.
            let back = ask(&mut client, "pool.get_name_label", std::slice::from_ref(&pool));
            assert_eq!(back, json!(text));
            let call = format!(
                "<methodCall><methodName>pool.get_name_label</methodName><params><param><value>{}</value></param>\
                 <param><value>{}</value></param></params></methodCall>",
                client.session(),
                pool.as_str().expect("a reference")
            );
            let answer = Connection::new(server.http()).post("/", "text/xml", &call).expect("an answer");
            assert_eq!(answer.status, 200);
        }
    }
    for raw in ["{\"id\":1,\"method\":\"\\ud800\",\"params\":[]}", "{\"id\":1,\"method\":\"\u{0}\"}"] {
        let answer =
            Connection::new(server.http()).post("/jsonrpc", "application/json", raw).expect("an answer");
        assert!(answer.status == 500 || answer.body.contains("error"), "{raw:?}");
    }
    assert_alive(&server);
}

#[test]
fn a_session_is_only_what_the_server_gave() {
    let server = server();
    let mut client = Client::root(&server).expect("root logs in");
    let mine = client.session().to_string();
    let mut stranger = Connection::new(server.http());
    let mut hosts = |session: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "host.get_all", "params": [session]});
        stranger.post("/jsonrpc", "application/json", &body.to_string()).expect("an answer").body
    };
    for guess in [json!("OpaqueRef:NULL"), json!(""), json!("OpaqueRef:00000000-0000-0000-0000-000000000000")]
    {
        assert!(hosts(guess.clone()).contains("SESSION_INVALID"), "{guess}");
    }
    for shape in [json!({"ref": mine}), json!([mine]), json!(1), json!(null), json!(true)] {
        let answer = hosts(shape.clone());
        assert!(answer.contains("error") && !answer.contains("\"result\""), "{shape}: {answer}");
    }
    assert!(hosts(json!(mine)).contains("\"result\""), "the real one works from another connection");
    ask(&mut client, "session.logout", &[]);
    assert!(hosts(json!(mine)).contains("SESSION_INVALID"), "a session that ended is gone");
}

#[test]
fn a_session_is_written_down_nowhere() {
    let server = server();
    let mut client = Client::root(&server).expect("root logs in");
    let mine = client.session().to_string();
    let pool = ask(&mut client, "pool.get_all", &[])[0].clone();
    ask(&mut client, "pool.set_name_label", &[pool, json!("line\nbreak\u{1b}[31m")]);
    let secret = json!({ "value": "hush-hush", "other_config": {} });
    ask(&mut client, "secret.create", &[secret]);
    ask(&mut client, "session.change_password", &[json!("xenroot"), json!("very-secret")]);
    let path = format!("/audit_log?session_id={mine}");
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nReferer: http://x{path}\r\n\r\n");
    let mut stream = std::net::TcpStream::connect(server.http()).expect("a connection");
    std::io::Write::write_all(&mut stream, head.as_bytes()).expect("the request is sent");
    let mut shown = String::new();
    std::io::Read::read_to_string(&mut stream, &mut shown).ok();
    ask(&mut client, "session.logout", &[]);
    let kept = std::fs::read_to_string(server.dir().join("state/audit.log")).expect("the audit log");
    assert!(kept.contains("pool.set_name_label") && kept.contains("session.change_password"), "{kept}");
    let uuid = mine.trim_start_matches("OpaqueRef:");
    for secret in [uuid, "xenroot", "very-secret", "hush-hush"] {
        assert!(!kept.contains(secret) && !shown.contains(secret), "{secret} is in the log");
    }
    assert!(kept.lines().all(|line| line.contains("method=")), "one line a call");
}

#[test]
fn keys_that_reach_the_machine_are_for_those_who_may() {
    let users = json!({ "ann": { "hash": HASH } });
    let options = Options { files: vec![("users.json".into(), users.to_string())], ..Options::golden() };
    let server = Server::start(&options).expect("the server starts");
    let mut root = Client::root(&server).expect("root logs in");
    let pool = ask(&mut root, "pool.get_all", &[])[0].clone();
    ask(&mut root, "pool.enable_external_auth", &[pool, json!({}), json!("here"), json!("file")]);
    let subject = json!({ "subject_identifier": "ann", "other_config": {} });
    let subject = ask(&mut root, "subject.create", &[subject]);
    let role = ask(&mut root, "role.get_by_name_label", &[json!("vm-admin")])[0].clone();
    ask(&mut root, "subject.add_to_roles", &[subject, role]);
    let mut ann = Client::log_in(&server, "ann", "xenroot").expect("ann logs in");
    let vm = |config: Value, platform: Value| {
        json!({
            "name_label": "hers", "name_description": "", "user_version": "1", "is_a_template": false,
            "affinity": "OpaqueRef:NULL", "memory_target": "0", "memory_static_max": "268435456",
            "memory_dynamic_max": "268435456", "memory_dynamic_min": "134217728",
            "memory_static_min": "67108864", "VCPUs_params": {}, "VCPUs_max": "1", "VCPUs_at_startup": "1",
            "actions_after_shutdown": "destroy", "actions_after_reboot": "restart",
            "actions_after_crash": "restart", "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "",
            "PV_args": "", "PV_bootloader_args": "", "PV_legacy_args": "", "HVM_boot_policy": "BIOS order",
            "HVM_boot_params": {}, "platform": platform, "PCI_bus": "", "other_config": config,
            "recommendations": ""
        })
    };
    let this = ask(&mut ann, "VM.create", &[vm(json!({ "mine": "1" }), json!({}))]);
    let mut refused = |method: &str, args: &[Value]| {
        let failure = ann.call(method, args).expect("an answer").expect_err(method);
        assert_eq!(failure.code, "RBAC_PERMISSION_DENIED", "{method} {args:?}");
    };
    // Spelled as an attacker would.
    for key in ["pci", "PCI", "Pci", "hvm_serial", "HVM_SERIAL"] {
        refused("VM.add_to_other_config", &[this.clone(), json!(key), json!("x")]);
        refused("VM_add_to_other_config", &[this.clone(), json!(key), json!("x")]);
        refused("VM.remove_from_other_config", &[this.clone(), json!(key)]);
        refused("VM.set_other_config", &[this.clone(), json!({ key: "x" })]);
        refused("VM.create", &[vm(json!({ key: "x" }), json!({}))]);
    }
    for key in ["hvm_serial", "Hvm_Serial"] {
        refused("VM.add_to_platform", &[this.clone(), json!(key), json!("x")]);
        refused("VM.set_platform", &[this.clone(), json!({ key: "x" })]);
        refused("VM.create", &[vm(json!({}), json!({ key: "x" }))]);
    }
    ask(&mut root, "VM.add_to_other_config", &[this.clone(), json!("pci"), json!("0/0000:00:00.0")]);
    refused("VM.set_other_config", &[this.clone(), json!({ "mine": "2" })]);
    ask(&mut ann, "VM.add_to_other_config", &[this, json!("folder"), json!("x")]);
}

#[test]
fn a_changed_password_is_the_only_one() {
    let server = server();
    let mut client = Client::root(&server).expect("root logs in");
    let mut other = Client::root(&server).expect("root logs in twice");
    ask(&mut client, "session.change_password", &[json!("xenroot"), json!("another")]);
    let ended = other.call("host.get_all", &[]).expect("an answer").expect_err("the old password's session");
    assert_eq!(ended.code, "SESSION_INVALID");
    assert!(Client::log_in(&server, "root", "xenroot").is_err(), "the old one is wrong now");
    Client::log_in(&server, "root", "another").expect("the new one is right");
}

#[test]
fn guessing_passwords_does_not_keep_others_out() {
    let server = server();
    let mut known = Client::root(&server).expect("root logs in");
    let guesses: Vec<_> = (0..24)
        .map(|worker| {
            let address = server.http();
            std::thread::spawn(move || {
                let mut connection = Connection::new(address);
                for n in 0..3 {
                    let user = format!("guess{worker}-{n}");
                    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "session.login_with_password",
                                      "params": [user, format!("{n}")]});
                    let answer = connection.post("/jsonrpc", "application/json", &body.to_string());
                    assert!(answer.expect("an answer").body.contains("SESSION_AUTHENTICATION_FAILED"));
                }
            })
        })
        .collect();
    for _ in 0..50 {
        ask(&mut known, "host.get_all", &[]);
        let local = Connection::local(&server.socket());
        let opened = Client::open(local, "session.login_with_password", json!(["root", ""]));
        ask(&mut opened.expect("an answer").expect("root on the spot"), "session.logout", &[]);
    }
    Client::root(&server).expect("a right password still opens, from the same source too");
    for guess in guesses {
        guess.join().expect("every guess is refused");
    }
}

#[test]
fn logging_in_without_end_only_costs_the_one_who_does() {
    let server = server();
    let mut first = Client::root(&server).expect("root logs in");
    let before = memory(&server);
    for _ in 0..40 {
        Client::root(&server).expect("root logs in again");
    }
    ask(&mut first, "host.get_all", &[]);
    // A thousand unfinished tasks are enough for one; others still get theirs.
    let label = [json!("t"), json!("")];
    for _ in 0..1_000 {
        ask(&mut first, "task.create", &label);
    }
    let refused = first.call("task.create", &label).expect("an answer").expect_err("one too many");
    assert_eq!(refused.code, "TOO_MANY_PENDING_TASKS");
    ask(&mut first, "host.get_all", &[]);
    ask(&mut Client::root(&server).expect("root logs in"), "task.create", &label);
    assert!(memory(&server) < before + 100_000, "{} KB before, {} KB after", before, memory(&server));
}
