//! An in-memory server: records of the schema, the calls every class has, a log of the others.

#![allow(dead_code)] // each test file uses its own part

use std::sync::{Arc, Mutex};

use xapi_schema::{Class, Failure, Kind, Record, Value, errors, schema};
use xe_cli::{
    Api, Boxed, Credentials, Login,
    protocol::{
        Blob, Command, Message, Response, read_handshake, read_message, write_handshake, write_message,
    },
};

type Answer = Result<Value, Failure>;

/// What the fake server holds.
#[derive(Default)]
pub struct State {
    pub objects: Vec<(String, Arc<Record>)>,
    /// Calls outside the ones every class has, as `method(arguments)`.
    pub calls: Vec<String>,
    /// Answers given to methods by name.
    pub answers: Vec<(String, Answer)>,
    made: usize,
}

/// A server that is only records.
#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<State>>);

impl Fake {
    /// Adds an object; fields not named have their zero value.
    pub fn add(&self, class: &str, reference: &str, uuid: &str, members: &[(&str, Value)]) {
        let class = Class::by_name(class).unwrap_or_else(|| panic!("class {class}"));
        let all = members.iter().cloned().chain([("uuid", Value::from(uuid))]);
        let record = class.complete(&Value::map(all));
        self.0.lock().unwrap().objects.push((format!("OpaqueRef:{reference}"), Arc::new(record)));
    }

    /// Answers a method from now on.
    pub fn answer(&self, method: &str, answer: Answer) {
        self.0.lock().unwrap().answers.push((method.into(), answer));
    }

    /// The calls made so far.
    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    fn run(&self, method: &str, args: Vec<Value>) -> Answer {
        let mut state = self.0.lock().unwrap();
        if let Some((_, answer)) = state.answers.iter().find(|(name, _)| name == method) {
            let answer = answer.clone();
            state.calls.push(format!("{method}({})", show(&args)));
            return answer;
        }
        let plain = method.strip_prefix("Async.").unwrap_or(method);
        let message = schema().message(plain).unwrap_or_else(|| panic!("no method {method}"));
        assert!(
            (message.required_params()..=message.params.len()).contains(&args.len()),
            "{method} takes {:?}, got {args:?}",
            message.params
        );
        let class = Class::of(message.class);
        match message.kind {
            Kind::GetAllRecordsWhere | Kind::GetAllRecords => {
                let wanted = args.first().and_then(Value::as_str).map(conditions).unwrap_or_default();
                let fits = |record: &Record| {
                    wanted.is_empty()
                        || wanted.iter().any(|(field, text)| {
                            record.by_name(field).and_then(Value::as_str) == Some(text.as_str())
                        })
                };
                let found = state.of(class).filter(|(_, record)| fits(record));
                Ok(Value::map(found.map(|(r, record)| (r.as_str(), Value::Record(record.clone())))))
            }
            Kind::GetAll => Ok(Value::set(state.of(class).map(|(r, _)| r.as_str().into()))),
            Kind::GetByUuid => {
                let uuid = args[0].as_str().unwrap();
                let found = state.of(class).find(|(_, r)| r.by_name("uuid") == Some(&args[0]));
                found
                    .map(|(r, _)| r.as_str().into())
                    .ok_or_else(|| errors::UUID_INVALID.with([class.name, uuid]))
            }
            Kind::GetByNameLabel => {
                let found = state.of(class).filter(|(_, r)| r.by_name("name_label") == Some(&args[0]));
                Ok(Value::set(found.map(|(r, _)| r.as_str().into())))
            }
            Kind::GetRecord => state.record(class, &args[0]).map(Value::Record),
            Kind::FieldGet => {
                let record = state.record(class, &args[0])?;
                Ok(record.at(message.field.unwrap()).clone())
            }
            Kind::FieldSet => {
                let record = state.record(class, &args[0])?.with(message.field.unwrap(), args[1].clone());
                state.calls.push(format!("{method}({})", show(&args)));
                state.replace(&args[0], record);
                Ok(Value::EMPTY)
            }
            Kind::Create => {
                state.calls.push(format!("{method}({})", show(&args)));
                state.made += 1;
                let n = state.made;
                let record = class.complete(&args[0]);
                let at = class.field("uuid").unwrap().0;
                let record = record.with(at, format!("made-{n}").into());
                state.objects.push((format!("OpaqueRef:made-{n}"), Arc::new(record)));
                Ok(format!("OpaqueRef:made-{n}").into())
            }
            _ => {
                state.calls.push(format!("{method}({})", show(&args)));
                Ok(Value::EMPTY)
            }
        }
    }
}

impl State {
    fn of(&self, class: &'static Class) -> impl Iterator<Item = &(String, Arc<Record>)> {
        self.objects.iter().filter(move |(_, record)| std::ptr::eq(record.class, class))
    }

    fn record(&self, class: &'static Class, reference: &Value) -> Result<Arc<Record>, Failure> {
        let text = reference.as_str().unwrap_or_default();
        let found = self.of(class).find(|(known, _)| known == text);
        found.map(|(_, r)| r.clone()).ok_or_else(|| errors::HANDLE_INVALID.with([class.name, text]))
    }

    fn replace(&mut self, reference: &Value, record: Record) {
        let text = reference.as_str().unwrap_or_default();
        let slot = self.objects.iter_mut().find(|(known, _)| known == text);
        slot.unwrap().1 = Arc::new(record);
    }
}

fn show(args: &[Value]) -> String {
    fn one(value: &Value) -> String {
        match value {
            Value::Set(items) => format!("[{}]", items.iter().map(one).collect::<Vec<_>>().join(", ")),
            Value::Map(pairs) => {
                let texts: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={}", one(v))).collect();
                format!("{{{}}}", texts.join(", "))
            }
            other => xe_cli::render::plain(other),
        }
    }
    args.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The `(field "f"="v")` parts of an expression.
fn conditions(expr: &str) -> Vec<(String, String)> {
    let parts = expr.split("(field \"").skip(1);
    parts
        .map(|part| {
            let (field, rest) = part.split_once("\"=\"").unwrap();
            let value = rest.split("\")").next().unwrap();
            (field.replace("__", "_"), value.replace("\\\"", "\""))
        })
        .collect()
}

impl Api for Fake {
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>) -> Boxed<'a, Answer> {
        Box::pin(async move { self.run(method, args) })
    }

    fn session(&self) -> String {
        "OpaqueRef:session".into()
    }
}

impl Login for Fake {
    fn login<'a>(&'a self, credentials: Credentials) -> Boxed<'a, Result<Box<dyn Api>, Failure>> {
        Box::pin(async move {
            match credentials {
                Credentials::User { name, password } if password != "secret" => {
                    Err(errors::SESSION_AUTHENTICATION_FAILED.with([name, "wrong".into()]))
                }
                _ => Ok(Box::new(self.clone()) as Box<dyn Api>),
            }
        })
    }

    fn logout<'a>(&'a self, _: &'a dyn Api) -> Boxed<'a, ()> {
        Box::pin(async {})
    }
}

/// What a client of the fake server saw.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command against the fake server through the protocol. `typed` answers prompts; every
/// transfer is answered with success.
pub async fn xe(fake: &Fake, args: &[&str], typed: &str) -> Seen {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let body = format!("{}\nusername=root\npassword=secret", args.join("\n"));
    let (server, length) = (fake.clone(), body.len());
    let serving = tokio::spawn(async move { xe_cli::serve(ours, length, &server, false).await });
    tokio::io::AsyncWriteExt::write_all(&mut theirs, body.as_bytes()).await.unwrap();
    read_handshake(&mut theirs).await.unwrap();
    write_handshake(&mut theirs).await.unwrap();
    let mut seen = Seen::default();
    loop {
        let Message::Command(command) = read_message(&mut theirs).await.unwrap() else {
            panic!("not a command")
        };
        match command {
            Command::Print(text) => seen.stdout.push_str(&(text + "\n")),
            Command::PrintStderr(text) => seen.stderr.push_str(&text),
            Command::Error(code, params) => {
                let params = params.join(", ");
                seen.stderr.push_str(&format!("Error code: {code}\nError parameters: {params}\n"));
            }
            Command::Prompt => {
                let chunk = Message::Blob(Blob::Chunk(typed.len() as u32));
                write_message(&mut theirs, &chunk).await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut theirs, typed.as_bytes()).await.unwrap();
                write_message(&mut theirs, &Message::Blob(Blob::End)).await.unwrap();
            }
            Command::Exit(status) => {
                seen.exit = status;
                break;
            }
            Command::HttpGet { file, path } | Command::HttpPut { file, path } => {
                fake.0.lock().unwrap().calls.push(format!("transfer {file} {path}"));
                write_message(&mut theirs, &Message::Response(Response::Ok)).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    serving.await.unwrap().unwrap();
    seen
}
