//! The crates xmlrpc and jsonrpsee, whose codecs know nothing of ours, work against the daemon.

use std::{error::Error, io::Cursor};

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server},
    wire::Connection,
};
use jsonrpsee_core::{
    client::{ClientT, Error as RpcError},
    params::ArrayParams,
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use xmlrpc::{Request, Transport, Value};

/// Carries what the crate wrote and read; HTTP itself is not what it is here for.
struct Wire<'a>(&'a mut Connection);

impl Transport for Wire<'_> {
    type Stream = Cursor<Vec<u8>>;

    fn transmit(self, request: &Request<'_>) -> Result<Self::Stream, Box<dyn Error + Send + Sync>> {
        let mut body = Vec::new();
        request.write_as_xml(&mut body)?;
        let answer = self.0.post("/", "text/xml", &String::from_utf8(body)?)?;
        match answer.status {
            200 => Ok(Cursor::new(answer.body.into_bytes())),
            other => Err(format!("HTTP {other}").into()),
        }
    }
}

/// Calls and takes the answer out of its envelope.
fn call(connection: &mut Connection, method: &str, args: Vec<Value>) -> Result<Value, Vec<String>> {
    let request = args.into_iter().fold(Request::new(method), Request::arg);
    let answer = request.call(Wire(connection)).expect("an answer the crate understands");
    match answer.get("Status").and_then(Value::as_str) {
        Some("Success") => Ok(answer.get("Value").cloned().expect("a success has a value")),
        Some("Failure") => {
            let error = answer.get("ErrorDescription").and_then(Value::as_array).expect("an error");
            Err(error.iter().filter_map(Value::as_str).map(str::to_string).collect())
        }
        other => panic!("unknown status {other:?}"),
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn xmlrpc_crate() {
    let server = Server::start(&Options::golden()).expect("the daemon starts");
    let mut connection = Connection::new(server.http());
    let log_in = |connection: &mut Connection, password: &str| {
        call(connection, "session.login_with_password", ["root", password].map(text).into())
    };
    let refused = log_in(&mut connection, "wrong").expect_err("a wrong password is refused");
    assert_eq!(refused[0], "SESSION_AUTHENTICATION_FAILED");
    let session = log_in(&mut connection, ROOT_PASSWORD).expect("root logs in");
    let mut with_session = |method: &str, args: Vec<Value>| {
        call(&mut connection, method, std::iter::once(session.clone()).chain(args).collect())
    };

    let hosts = with_session("host.get_all_records", vec![]).expect("hosts");
    let hosts = hosts.as_struct().expect("records by reference");
    let host = hosts.values().next().expect("one host");
    assert_eq!(host["uuid"].as_str(), Some("11111111-1111-4111-8111-111111111111"));
    assert_eq!(host["enabled"].as_bool(), Some(true));

    let pools = with_session("pool.get_all", vec![]).expect("pools");
    let pool = pools[0].clone();
    let from = |token: &Value| vec![Value::Array(vec![text("pool")]), token.clone(), Value::Double(30.0)];
    let before = with_session("event.from", from(&text(""))).expect("the first events");
    let name = "renamed <by> Rust & ☃";
    with_session("pool.set_name_label", vec![pool.clone(), text(name)]).expect("the name is changed");
    let after = with_session("event.from", from(&before["token"])).expect("further events");
    let events = after["events"].as_array().expect("events");
    let change = events.iter().find(|event| event["ref"] == pool).expect("an event of the pool");
    assert_eq!(change["operation"].as_str(), Some("mod"));
    assert_eq!(change["snapshot"]["name_label"].as_str(), Some(name));

    let missing = with_session("VM.get_record", vec![text("OpaqueRef:NULL")]);
    assert_eq!(missing, Err(["HANDLE_INVALID", "VM", "OpaqueRef:NULL"].map(String::from).into()));
}

async fn ask(
    client: &HttpClient,
    method: &str,
    args: Vec<serde_json::Value>,
) -> Result<serde_json::Value, RpcError> {
    let mut params = ArrayParams::new();
    for arg in args {
        params.insert(arg).expect("a value can be written");
    }
    client.request(method, params).await
}

#[tokio::test]
async fn jsonrpsee_crate() {
    use serde_json::json;

    let server = Server::start(&Options::golden()).expect("the daemon starts");
    let client = HttpClientBuilder::default().build(format!("{}/jsonrpc", server.url())).expect("a client");
    let refused = ask(&client, "session.login_with_password", vec![json!("root"), json!("wrong")]).await;
    match refused {
        Err(RpcError::Call(error)) => assert_eq!(error.message(), "SESSION_AUTHENTICATION_FAILED"),
        other => panic!("a wrong password is answered by {other:?}"),
    }
    let session = ask(&client, "session.login_with_password", vec![json!("root"), json!(ROOT_PASSWORD)])
        .await
        .expect("root logs in");

    let hosts = ask(&client, "host.get_all_records", vec![session.clone()]).await.expect("hosts");
    let host = hosts.as_object().and_then(|hosts| hosts.values().next()).expect("one host");
    assert_eq!(host["uuid"], "11111111-1111-4111-8111-111111111111");
    assert_eq!(host["API_version_major"], 2);

    let pools = ask(&client, "pool.get_all", vec![session.clone()]).await.expect("pools");
    let pool = &pools[0];
    let from = |token: serde_json::Value| vec![session.clone(), json!(["pool"]), token, json!(30.0)];
    let before = ask(&client, "event.from", from(json!(""))).await.expect("the first events");
    let name = "renamed by jsonrpsee ☃";
    let renamed = vec![session.clone(), pool.clone(), json!(name)];
    ask(&client, "pool.set_name_label", renamed).await.expect("the name is changed");
    let after = ask(&client, "event.from", from(before["token"].clone())).await.expect("further events");
    let change = after["events"].as_array().and_then(|events| events.iter().find(|e| e["ref"] == *pool));
    assert_eq!(change.expect("an event of the pool")["snapshot"]["name_label"], name);
}
