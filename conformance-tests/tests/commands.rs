//! Every generated command of `xe` over the wire: lists with all their fields, one object of each kind read
//! whole and field by field, and maps set, added to, removed from and cleared.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use conformance_tests::server::{Options, ROOT_PASSWORD, Server, xe};

/// What a command said.
struct Said {
    exit: i32,
    out: String,
    err: String,
}

fn run(server: &Server, args: &[&str]) -> Said {
    let address = server.http();
    let output = Command::new(xe().expect("xe is built"))
        .args(["-s", &address.ip().to_string(), "-p", &address.port().to_string()])
        .args(["-u", "root", "-pw", ROOT_PASSWORD])
        .args(args)
        .env("HOME", server.dir())
        .stdin(Stdio::null())
        .output()
        .expect("xe runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { exit: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Output of a command that must succeed.
fn ok(server: &Server, args: &[&str]) -> String {
    let said = run(server, args);
    assert_eq!(said.exit, 0, "xe {}: {}{}", args.join(" "), said.out, said.err);
    said.out
}

fn split(line: &str) -> Vec<String> {
    line.trim().split(',').filter(|word| !word.is_empty()).map(str::to_string).collect()
}

/// Names of the fields in a block of output, with what may be done to them.
fn fields(block: &str) -> Vec<(String, String)> {
    let lines = block.lines().filter_map(|line| line.split_once('('));
    let fields = lines.filter_map(|(name, rest)| Some((name.trim(), rest.split_once(')')?.0.trim())));
    fields.map(|(name, rights)| (name.to_string(), rights.to_string())).collect()
}

#[test]
fn every_generated_command() {
    let server = Server::start(&Options::default()).expect("the daemon starts");
    let known: BTreeSet<String> = split(&ok(&server, &["help", "--all", "--minimal"])).into_iter().collect();
    let nouns: Vec<&str> = known.iter().filter_map(|name| name.strip_suffix("-param-list")).collect();
    assert_eq!(nouns.len(), 55, "{nouns:?}");
    let (mut with_objects, mut read, mut changed) = (0, 0, 0);
    for noun in nouns {
        let verb = |verb: &str| format!("{noun}-{verb}");
        let listed = ok(&server, &[&verb("list"), "params=all"]);
        let id = listed.lines().find_map(|line| line.trim_start().strip_prefix("uuid"));
        let Some(id) = id.and_then(|rest| rest.split_once(": ")).map(|(_, id)| id.trim()) else {
            assert!(listed.trim().is_empty(), "{noun}: {listed}");
            continue;
        };
        with_objects += 1;
        let uuid = format!("uuid={id}");
        let whole = ok(&server, &[&verb("param-list"), &uuid]);
        let fields = fields(&whole);
        assert!(fields.iter().any(|(name, _)| name == "uuid"), "{noun}: {whole}");
        // Each field of each noun would take long.
        for (name, _) in fields.iter().step_by(if noun == "vm" { 9 } else { 25 }) {
            ok(&server, &[&verb("param-get"), &uuid, &format!("param-name={name}")]);
            read += 1;
        }
        if !["vm", "host", "pool", "sr", "network"].contains(&noun) {
            continue;
        }
        let missing = run(&server, &[&verb("param-list"), "uuid=00000000-0000-0000-0000-000000000000"]);
        assert_eq!(missing.exit, 1, "{noun}: {}", missing.out);
        let wrong = run(&server, &[&verb("param-get"), &uuid, "param-name=no-such-field"]);
        assert_eq!(wrong.exit, 1, "{noun}: {}", wrong.out);
        let get = |key: &str| {
            let key = format!("param-key={key}");
            run(&server, &[&verb("param-get"), &uuid, "param-name=other-config", &key])
        };
        ok(&server, &[&verb("param-set"), &uuid, "other-config:conformance=first"]);
        assert_eq!(get("conformance").out.trim(), "first", "{noun}");
        ok(&server, &[&verb("param-add"), &uuid, "param-name=other-config", "second=2"]);
        assert_eq!(get("second").out.trim(), "2", "{noun}");
        let gone = ["param-name=other-config", "param-key=conformance"];
        ok(&server, &[&verb("param-remove"), &uuid, gone[0], gone[1]]);
        assert_eq!(get("conformance").exit, 1, "{noun}");
        changed += 1;
        if noun == "network" {
            ok(&server, &[&verb("param-clear"), &uuid, "param-name=other-config"]);
            assert_eq!(get("second").exit, 1, "all are gone");
        }
    }
    assert!(with_objects >= 12 && read > 25 && changed == 5, "{with_objects} {read} {changed}");
}

/// Shells complete names of commands and of their parameters by our script.
#[test]
fn a_shell_completes() {
    let script = Command::new(xe().expect("xe is built")).args(["completion", "bash"]).output();
    let script = String::from_utf8(script.expect("xe runs").stdout).expect("text");
    let complete = |words: &str, at: usize| {
        let program = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}; _xe; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["--norc", "-c", &program]).output().expect("bash runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let names = complete("xe vm-clo", 1);
    assert_eq!(names.trim(), "vm-clone", "{names}");
    let params = complete("xe vm-clone new-name-l", 2);
    assert_eq!(params.trim(), "new-name-label=", "{params}");
}

/// A pipe that is closed early is no reason to fall over.
#[test]
fn whoever_hangs_up_early_gets_no_panic() {
    let program = format!("{} completion bash | head -c 1", xe().expect("xe is built").display());
    let output = Command::new("bash").args(["--norc", "-c", &program]).output().expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
}
