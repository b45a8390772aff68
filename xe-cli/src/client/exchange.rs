//! One command: sends the arguments and does what the server asks until it says exit.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{
    Log, Options,
    connect::{Target, connect},
    files::permitted,
    http, terminal,
};
use crate::{
    protocol::{
        Blob, Command, HANDSHAKE_LEN, MAX_LOAD, Message, Response, parse_handshake, read_message,
        write_handshake, write_message,
    },
    run::Stream,
};

/// Said when the server goes away.
const LOST: &str = "Lost connection to the server.";

/// How often the server hears that a transfer is still going.
const HEARTBEAT: Duration = Duration::from_secs(300);

/// Why a file could not be used or the server asked for too much; ends the client.
type Stop = String;

/// Runs the command of these options. Answers the exit status, or a text to say before status 1.
pub(super) async fn run(options: &Options, log: &mut Log) -> Result<i32, Stop> {
    let mut stream = connect(&Target::of(options)).await?;
    let mut lines = options.rest.clone();
    lines.push(format!("username={}", options.username));
    lines.push(format!("password={}", options.password));
    let body = lines.join("\n");
    let mut head = String::from("POST /cli HTTP/1.0\r\nUser-agent: xe-cli/Unix/0.2\r\noriginator: cli\r\n");
    for (name, value) in [("traceparent", &options.traceparent), ("baggage", &options.baggage)] {
        if let Some(value) = value {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    log.add(format!("Sending {} arguments to {}", options.rest.len(), options.server));
    let sent = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await
    };
    sent.await.map_err(|_| LOST)?;
    greet(&mut stream, log).await?;
    let mut client = Client { options, stream, log, keyboard: BufReader::new(tokio::io::stdin()) };
    loop {
        let message = read_message(&mut client.stream).await.map_err(|_| LOST)?;
        let Message::Command(command) = message else { return Err("Error: unexpected message".into()) };
        client.log.add(format!("Server asks: {}", name(&command)));
        if let Some(status) = client.obey(command).await? {
            return Ok(status);
        }
    }
}

async fn greet(stream: &mut Box<dyn Stream>, log: &mut Log) -> Result<(), Stop> {
    let mut bytes = [0; HANDSHAKE_LEN];
    stream.read_exact(&mut bytes).await.map_err(|_| LOST)?;
    if bytes.starts_with(b"HTTP") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        return Err(format!("Error: the server refused: {}", text.lines().next().unwrap_or_default()));
    }
    let version = parse_handshake(&bytes).ok_or("Error: the server does not speak the thin CLI protocol")?;
    log.add(format!("Server speaks version {}.{}", version.major, version.minor));
    if version.major != crate::protocol::VERSION.major {
        return Err(format!("Error: protocol version {}.{} is not understood", version.major, version.minor));
    }
    write_handshake(stream).await.map_err(|_| LOST.to_owned())
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::Print(_) => "print",
        Command::Load(_) => "load",
        Command::Prompt => "prompt",
        Command::Exit(_) => "exit",
        Command::HttpGet { .. } => "get",
        Command::HttpPut { .. } => "put",
        Command::HttpConnect(_) => "connect",
        Command::Error(..) => "error",
        Command::Debug(_) => "debug",
        Command::PrintStderr(_) => "print to stderr",
    }
}

struct Client<'a> {
    options: &'a Options,
    stream: Box<dyn Stream>,
    log: &'a mut Log,
    keyboard: BufReader<tokio::io::Stdin>,
}

impl Client<'_> {
    async fn obey(&mut self, command: Command) -> Result<Option<i32>, Stop> {
        match command {
            Command::Print(text) => {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
                let _ = out.flush();
            }
            Command::PrintStderr(text) => eprint!("{text}"),
            Command::Debug(text) => self.log.add(text),
            Command::Error(code, params) => {
                eprintln!("Error code: {code}");
                eprintln!("Error parameters: {}", params.join(", "));
            }
            Command::Exit(status) => return Ok(Some(status)),
            Command::Prompt => {
                let mut line = Vec::new();
                let read =
                    self.keyboard.read_until(b'\n', &mut line).await.map_err(|e| format!("Error: {e}"))?;
                if read == 0 {
                    return Err(LOST.into());
                }
                if line.ends_with(b"\n") {
                    line.pop();
                }
                self.chunks(&line).await?;
            }
            Command::Load(file) => self.load(&file).await?,
            Command::HttpGet { file, path } => self.get(&file, &path).await?,
            Command::HttpPut { file, path } => self.put(&file, &path).await?,
            Command::HttpConnect(path) => self.console(&path).await?,
        }
        Ok(None)
    }

    async fn say(&mut self, message: Message) -> Result<(), Stop> {
        write_message(&mut self.stream, &message).await.map_err(|_| LOST.into())
    }

    async fn answer(&mut self, response: Response) -> Result<(), Stop> {
        self.say(Message::Response(response)).await
    }

    async fn chunks(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.say(Message::Blob(Blob::Chunk(bytes.len() as u32))).await?;
        self.stream.write_all(bytes).await.map_err(|_| LOST)?;
        self.say(Message::Blob(Blob::End)).await
    }

    fn permit(&self, file: &str, get: bool) -> Result<(), Stop> {
        match permitted(&self.options.directory, &self.options.rest, file, get) {
            true => Ok(()),
            false => Err(format!("File not permitted: {file}.")),
        }
    }

    async fn load(&mut self, file: &str) -> Result<(), Stop> {
        self.permit(file, false)?;
        match tokio::fs::read(file).await {
            Ok(bytes) if bytes.len() <= MAX_LOAD => {
                self.answer(Response::Ok).await?;
                self.chunks(&bytes).await
            }
            _ => self.answer(Response::Failed).await,
        }
    }

    async fn get(&mut self, file: &str, path: &str) -> Result<(), Stop> {
        self.permit(file, true)?;
        let mut answer = match http::request(self.options, "GET", path, "").await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => {
                self.log.add(format!("GET answered {}", answer.status));
                return self.answer(Response::Failed).await;
            }
            Err(text) => {
                self.log.add(text);
                return self.answer(Response::Failed).await;
            }
        };
        let mut target: Box<dyn tokio::io::AsyncWrite + Unpin + Send> = match file {
            "" => Box::new(tokio::io::stdout()),
            name => {
                let mut open = tokio::fs::OpenOptions::new();
                let opened = open.write(true).create_new(true).mode(0o600).open(name).await;
                Box::new(opened.map_err(|e| operation_failed(name, &e))?)
            }
        };
        let mut source = (&mut answer.stream).take(answer.length.unwrap_or(u64::MAX));
        let copied = self.copy(&mut source, &mut target).await?;
        let complete = copied.is_some_and(|copied| answer.length.is_none_or(|length| length == copied));
        self.answer(if complete { Response::Ok } else { Response::Failed }).await
    }

    async fn put(&mut self, file: &str, path: &str) -> Result<(), Stop> {
        self.permit(file, false)?;
        let Ok(mut source) = tokio::fs::File::open(file).await else {
            return Err(format!("Operation failed. Error: file '{file}' does not exist"));
        };
        let metadata = source.metadata().await.map_err(|e| operation_failed(file, &e))?;
        let headers = match metadata.is_file() {
            true => format!("Content-length: {}\r\n", metadata.len()),
            false => String::new(),
        };
        let mut answer = match http::request(self.options, "PUT", path, &headers).await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => {
                self.log.add(format!("PUT answered {}", answer.status));
                return self.answer(Response::Failed).await;
            }
            Err(text) => {
                self.log.add(text);
                return self.answer(Response::Failed).await;
            }
        };
        let copied = self.copy(&mut source, &mut answer.stream).await?;
        let _ = answer.stream.shutdown().await;
        self.answer(if copied.is_some() { Response::Ok } else { Response::Failed }).await
    }

    /// Copies to the end, telling the server now and then. `None` when either side failed.
    async fn copy<R, W>(&mut self, from: &mut R, to: &mut W) -> Result<Option<u64>, Stop>
    where
        R: tokio::io::AsyncRead + Unpin,
        W: tokio::io::AsyncWrite + Unpin,
    {
        let (mut buffer, mut total, mut told) = (vec![0; 64 * 1024], 0, Instant::now());
        loop {
            match from.read(&mut buffer).await {
                Ok(0) => break,
                Ok(n) if to.write_all(&buffer[..n]).await.is_ok() => total += n as u64,
                _ => return Ok(None),
            }
            if told.elapsed() >= HEARTBEAT {
                told = Instant::now();
                self.answer(Response::Wait).await?;
            }
        }
        Ok(to.flush().await.is_ok().then_some(total))
    }

    async fn console(&mut self, path: &str) -> Result<(), Stop> {
        let mut pause = Duration::from_millis(100);
        loop {
            match http::request(self.options, "CONNECT", path, "content-length: 0\r\n").await {
                Ok(answer) if answer.status == 200 => {
                    pause = Duration::from_millis(100);
                    if terminal::relay(answer.stream).await {
                        return self.answer(Response::Ok).await;
                    }
                }
                Ok(answer) => {
                    eprintln!("The server refused the console (status {}).", answer.status);
                    return self.answer(Response::Failed).await;
                }
                Err(text) => self.log.add(text),
            }
            tokio::time::sleep(pause).await;
            pause = (pause + Duration::from_millis(100)).min(Duration::from_secs(5));
        }
    }
}

/// A file that cannot be used, in the words scripts know.
fn operation_failed(name: &str, error: &std::io::Error) -> Stop {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or_default();
    format!("Operation failed. Error: Sys_error(\"{name}: {reason}\")")
}
