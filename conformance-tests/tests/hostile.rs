//! Input nobody means well with: bombs, depth, strange text, stolen and guessed sessions, floods.

use conformance_tests::{
    rpc::Client,
    server::{Options, Server},
    wire::Connection,
};
use serde_json::{Value, json};

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
        let answer = Connection::new(server.http()).post("/", "text/xml", body).expect(what);
        assert!(!answer.body.contains("root:"), "{what} shows a file");
        assert!(answer.status == 500 || answer.body.contains("Failure"), "{what}: {}", answer.status);
    }
    let arrays = "[".repeat(200_000);
    let number = format!("{{\"id\":1,\"method\":\"x\",\"params\":[{}]}}", "9".repeat(1_000_000));
    let keys = format!("{{\"id\":1,\"method\":\"x\",\"params\":[{{{}}}]}}", "\"a\":1,".repeat(100_000));
    for (what, body) in [("arrays", &arrays), ("number", &number), ("keys", &keys)] {
        let answer = Connection::new(server.http()).post("/jsonrpc", "application/json", body).expect(what);
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
fn a_changed_password_is_the_only_one() {
    let server = server();
    let mut client = Client::root(&server).expect("root logs in");
    ask(&mut client, "session.change_password", &[json!("xenroot"), json!("another")]);
    assert!(Client::log_in(&server, "root", "xenroot").is_err(), "the old one is wrong now");
    Client::log_in(&server, "root", "another").expect("the new one is right");
}

#[test]
fn guessing_passwords_does_not_keep_others_out() {
    let server = server();
    let mut known = Client::root(&server).expect("root logs in");
    let guesses: Vec<_> = (0..8)
        .map(|worker| {
            let address = server.http();
            std::thread::spawn(move || {
                let mut connection = Connection::new(address);
                for n in 0..3 {
                    let user = format!("guess{worker}");
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
    }
    Client::root(&server).expect("a right password still opens");
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
