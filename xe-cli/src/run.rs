//! [`Run`]: one command being run; calls, output and the client's answers.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use xapi_schema::{NULL_REF, Value};

use crate::{
    api::Api,
    args::Args,
    fault::{Fault, Outcome},
    output::{self, Pairs},
    protocol::{Blob, Command, MAX_LOAD, Message, Response, read_message, write_message},
    render::Reader,
    values,
};

/// Any byte stream the exchange can run on.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// One command being run.
pub struct Run<'a> {
    /// The server's calls.
    pub api: &'a dyn Api,
    /// The command line.
    pub args: &'a Args,
    /// Reads records and names, remembering what it has read.
    pub reader: Reader<'a>,
    wire: &'a mut dyn Stream,
    minimal: bool,
    /// Outputs of a `--minimal` run, in order.
    held: Vec<String>,
}

impl<'a> Run<'a> {
    /// A command about to start.
    pub fn new(api: &'a dyn Api, args: &'a Args, wire: &'a mut dyn Stream, minimal: bool) -> Run<'a> {
        Run { api, args, reader: Reader::new(api), wire, minimal, held: Vec::new() }
    }

    /// One API call.
    pub async fn call(&self, method: &str, args: impl IntoIterator<Item = Value> + Send) -> Outcome<Value> {
        let args: Vec<Value> = args.into_iter().collect();
        Ok(self.api.call(method, args).await?)
    }

    /// The object of a class with the uuid a parameter gives.
    pub async fn object(&self, class: &str, param: &str) -> Outcome<Value> {
        let uuid = self.args.get(param).ok_or_else(crate::fault::not_found)?;
        self.by_uuid(class, uuid).await
    }

    /// The object of a class with this uuid.
    pub async fn by_uuid(&self, class: &str, uuid: &str) -> Outcome<Value> {
        self.call(&format!("{class}.get_by_uuid"), [uuid.into()]).await
    }

    /// Like [`Run::object`], the null reference when the parameter is absent.
    pub async fn object_or_null(&self, class: &str, param: &str) -> Outcome<Value> {
        match self.args.has(param) {
            true => self.object(class, param).await,
            false => Ok(NULL_REF.into()),
        }
    }

    /// A boolean parameter, or its default.
    pub fn flag_or(&self, name: &str, default: bool) -> Outcome<bool> {
        self.args.get(name).map_or(Ok(default), |text| values::boolean(name, text))
    }

    /// A boolean parameter, false when absent.
    pub fn flag(&self, name: &str) -> Outcome<bool> {
        self.flag_or(name, false)
    }

    /// A size parameter that the table requires.
    pub fn size(&self, name: &str) -> Outcome<i64> {
        values::size(name, self.args.get(name).ok_or_else(crate::fault::not_found)?)
    }

    /// Text of a parameter the table requires, as a value.
    pub fn text(&self, name: &str) -> Value {
        self.args.text(name).into()
    }

    /// The `name:key=value` parameters as an API map; the first of a repeated key counts.
    pub fn map(&self, name: &str) -> Value {
        let mut pairs: Vec<(String, Value)> = Vec::new();
        for (key, value) in self.args.map(name) {
            if !pairs.iter().any(|(known, _)| *known == key) {
                pairs.push((key, value.into()));
            }
        }
        Value::map(pairs)
    }

    /// Stops unless `force` is true.
    pub fn must_force(&self, why: &str) -> Outcome {
        match self.flag("force")? {
            true => Ok(()),
            false => crate::fault::command(format!("{why} This operation must be forced (use --force).")),
        }
    }

    async fn send(&mut self, command: Command) -> Outcome {
        Ok(write_message(&mut self.wire, &Message::Command(command)).await?)
    }

    async fn receive(&mut self) -> Outcome<Message> {
        Ok(read_message(&mut self.wire).await?)
    }

    /// Lists strings, one line each.
    pub async fn list<T: Into<String> + Send>(
        &mut self,
        lines: impl IntoIterator<Item = T> + Send,
    ) -> Outcome {
        let lines: Vec<String> = lines.into_iter().map(Into::into).collect();
        if self.minimal {
            let escaped: Vec<String> = lines.iter().map(|line| output::escape(line)).collect();
            self.held.push(escaped.join(","));
        } else {
            for line in lines {
                self.send(Command::Print(line)).await?;
            }
        }
        Ok(())
    }

    /// Lists one string.
    pub async fn line(&mut self, text: impl Into<String>) -> Outcome {
        self.list([text.into()]).await
    }

    /// Prints records.
    pub async fn table(&mut self, records: Vec<Pairs>) -> Outcome {
        if self.minimal {
            let firsts: Vec<String> = records
                .iter()
                .filter_map(|pairs| pairs.first())
                .map(|(_, value)| output::escape(value))
                .collect();
            self.held.push(firsts.join(","));
        } else {
            for pairs in records {
                self.send(Command::Print(output::table(&pairs))).await?;
            }
        }
        Ok(())
    }

    /// A line for people; `--minimal` drops it.
    pub async fn msg(&mut self, text: impl Into<String>) -> Outcome {
        match self.minimal {
            true => Ok(()),
            false => self.send(Command::Print(text.into())).await,
        }
    }

    /// A line printed whatever the mode.
    pub async fn raw(&mut self, text: impl Into<String>) -> Outcome {
        self.send(Command::Print(text.into())).await
    }

    /// Text on standard error exactly as given.
    pub async fn err(&mut self, text: impl Into<String>) -> Outcome {
        self.send(Command::PrintStderr(text.into())).await
    }

    /// A line on standard error; `--minimal` drops it.
    pub async fn perr(&mut self, text: &str) -> Outcome {
        match self.minimal {
            true => Ok(()),
            false => self.send(Command::PrintStderr(format!("{text}\n"))).await,
        }
    }

    /// Prints what `--minimal` held back: one line, latest output first.
    pub async fn flush(&mut self) -> Outcome {
        if !self.minimal {
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        held.reverse();
        self.send(Command::Print(held.join(","))).await
    }

    /// Lists the uuid of a new object.
    pub async fn uuid_of(&mut self, class: &str, reference: Value) -> Outcome {
        let uuid = self.call(&format!("{class}.get_uuid"), [reference]).await?;
        self.line(uuid.as_str().unwrap_or_default()).await
    }

    /// Asks for `yes`. False (after saying so) when the answer is something else.
    pub async fn confirm(&mut self) -> Outcome<bool> {
        self.raw("Type 'yes' to continue").await?;
        self.send(Command::Prompt).await?;
        let answer = self.blob().await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if answer.trim().eq_ignore_ascii_case("yes") {
            return Ok(true);
        }
        self.raw(format!("Aborted (you typed: '{answer}')")).await?;
        Ok(false)
    }

    /// Reads chunks until the end mark.
    async fn blob(&mut self) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            match self.receive().await? {
                Message::Blob(Blob::Chunk(length)) => {
                    let length = length as usize;
                    if bytes.len() + length > MAX_LOAD {
                        return Err(protocol_error("file too large"));
                    }
                    let got = (&mut self.wire).take(length as u64).read_to_end(&mut bytes).await?;
                    if got < length {
                        return Err(Fault::Wire(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                Message::Blob(Blob::End) => return Ok(bytes),
                _ => return Err(protocol_error("unexpected message")),
            }
        }
    }

    /// The content of a file on the client's side, `None` when it cannot be read.
    pub async fn load(&mut self, file: &str) -> Outcome<Option<Vec<u8>>> {
        self.send(Command::Load(file.into())).await?;
        match self.receive().await? {
            Message::Response(Response::Ok) => Ok(Some(self.blob().await?)),
            Message::Response(Response::Failed) => Ok(None),
            _ => Err(protocol_error("unexpected message")),
        }
    }

    /// Sends a transfer command and waits for the client's answer: true when it worked.
    pub async fn transfer(&mut self, command: Command) -> Outcome<bool> {
        self.send(command).await?;
        loop {
            match self.receive().await? {
                Message::Response(Response::Ok) => return Ok(true),
                Message::Response(Response::Failed) => return Ok(false),
                Message::Response(Response::Wait) => {}
                _ => return Err(protocol_error("unexpected message")),
            }
        }
    }
}

fn protocol_error(text: &str) -> Fault {
    Fault::Wire(io::Error::new(io::ErrorKind::InvalidData, text))
}
