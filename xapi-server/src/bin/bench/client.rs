//! One connection that stays open, as a plain client of either wire holds it.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

/// The encoding of calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wire {
    Json,
    Xml,
}

/// A connection; answers are read whole into one buffer that is used again.
pub struct Client {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::with_capacity(1 << 16, stream), body: Vec::new() })
    }

    /// Bytes of the answer.
    pub fn post(&mut self, path: &str, content_type: &str, body: &str) -> Result<usize> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all((head + body).as_bytes())?;
        let (mut line, mut length) = (String::new(), None);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the daemon closed the connection");
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
        self.body.resize(length.context("an answer without a length")?, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(self.body.len())
    }

    /// A call whose arguments are all text; bytes of the answer.
    ///
    /// # Errors
    /// Also when the call failed.
    pub fn call(&mut self, wire: Wire, method: &str, params: &[&str]) -> Result<usize> {
        let (bytes, failed) = match wire {
            Wire::Json => {
                let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
                let bytes = self.post("/jsonrpc", "application/json", &call.to_string())?;
                (bytes, self.body.starts_with(b"{\"jsonrpc\":\"2.0\",\"error\""))
            }
            Wire::Xml => {
                let mut call =
                    format!("<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params>");
                for param in params {
                    write!(call, "<param><value><string>{param}</string></value></param>")?;
                }
                let bytes = self.post("/", "text/xml", &(call + "</params></methodCall>"))?;
                let head = &self.body[..bytes.min(200)];
                (bytes, head.windows(16).any(|part| part == b"<value>Failure</"))
            }
        };
        if failed {
            bail!("{method}: {}", String::from_utf8_lossy(&self.body));
        }
        Ok(bytes)
    }

    /// A call and its result.
    pub fn json(&mut self, method: &str, params: &Value) -> Result<Value> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post("/jsonrpc", "application/json", &call.to_string())?;
        let mut answer: Value = serde_json::from_slice(&self.body)?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => bail!("{method}: {answer}"),
        }
    }
}

/// A text value.
pub fn text(value: Value) -> Result<String> {
    value.as_str().map(str::to_string).ok_or_else(|| anyhow!("text expected, got {value}"))
}
