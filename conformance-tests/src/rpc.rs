//! Calls in JSON-RPC 2.0 for tests that are about what is answered, not how it is written.

use serde_json::{Value, json};

use crate::{
    server::{ROOT_PASSWORD, Server},
    wire::Connection,
};

/// An error answer: code and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Such as HANDLE_INVALID.
    pub code: String,
    /// In order.
    pub params: Vec<String>,
}

/// A connection with a session.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    session: String,
}

impl Client {
    /// Logs in as root.
    ///
    /// # Errors
    /// A refusal or a broken connection, as text.
    pub fn root(server: &Server) -> Result<Client, String> {
        Client::log_in(server, "root", ROOT_PASSWORD)
    }

    /// Logs in.
    ///
    /// # Errors
    /// A refusal or a broken connection, as text.
    pub fn log_in(server: &Server, user: &str, password: &str) -> Result<Client, String> {
        match Client::try_log_in(server, user, password)? {
            Ok(client) => Ok(client),
            Err(failure) => Err(format!("{user} can't log in: {failure:?}")),
        }
    }

    /// Logs in, or says how that was refused.
    ///
    /// # Errors
    /// A broken connection, as text.
    pub fn try_log_in(
        server: &Server,
        user: &str,
        password: &str,
    ) -> Result<Result<Client, Failure>, String> {
        let params = json!([user, password, "2.20", "conformance"]);
        Client::open(Connection::new(server.http()), "session.login_with_password", params)
    }

    /// Opens a session with one of the logins.
    ///
    /// # Errors
    /// A broken connection, as text.
    pub fn open(
        mut connection: Connection,
        method: &str,
        params: Value,
    ) -> Result<Result<Client, Failure>, String> {
        match send(&mut connection, method, params)? {
            Ok(Value::String(session)) => Ok(Ok(Client { connection, session })),
            Ok(other) => Err(format!("{method}: {other}")),
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Reference of the session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Calls with the session before the arguments.
    ///
    /// # Errors
    /// The outer one when there was no proper answer.
    pub fn call(&mut self, method: &str, args: &[Value]) -> Result<Result<Value, Failure>, String> {
        let params = std::iter::once(json!(self.session)).chain(args.iter().cloned()).collect();
        send(&mut self.connection, method, params)
    }

    /// Calls what must succeed.
    ///
    /// # Errors
    /// An error answer or none.
    pub fn expect(&mut self, method: &str, args: &[Value]) -> Result<Value, String> {
        self.call(method, args)?.map_err(|failure| format!("{method}: {failure:?}"))
    }
}

fn send(connection: &mut Connection, method: &str, params: Value) -> Result<Result<Value, Failure>, String> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = connection.post("/jsonrpc", "application/json", &body.to_string())?;
    let mut tree: Value =
        serde_json::from_str(&answer.body).map_err(|e| format!("{method}: {e}: {}", answer.body))?;
    if let Some(result) = tree.get_mut("result") {
        return Ok(Ok(result.take()));
    }
    let error = &tree["error"];
    let params = error["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    match error["message"].as_str() {
        Some(code) => Ok(Err(Failure {
            code: code.into(),
            params: params.iter().filter_map(Value::as_str).map(str::to_string).collect(),
        })),
        None => Err(format!("{method}: {}", answer.body)),
    }
}
