//! What the two sides say to each other. Pure data.

/// One framed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Server to client: do something.
    Command(Command),
    /// Client to server: how it went.
    Response(Response),
    /// Either way: file content.
    Blob(Blob),
}

/// What the server asks of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Write the text and one line feed to standard output.
    Print(String),
    /// Send the content of this file.
    Load(String),
    /// Read one line from standard input.
    Prompt,
    /// Leave with this status.
    Exit(i32),
    /// Fetch a path into a file; an empty file name means standard output.
    HttpGet {
        /// Target file name.
        file: String,
        /// Path and query, or an absolute `https://` address.
        path: String,
    },
    /// Send a file to a path.
    HttpPut {
        /// Source file name.
        file: String,
        /// Path and query, or an absolute `https://` address.
        path: String,
    },
    /// Relay the terminal to a path.
    HttpConnect(String),
    /// Show an error code and its parameters.
    Error(String, Vec<String>),
    /// Shown only with debugging on.
    Debug(String),
    /// Write the text unchanged to standard error.
    PrintStderr(String),
}

/// The client's answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// It worked.
    Ok,
    /// It did not work.
    Failed,
    /// Still busy.
    Wait,
}

/// A piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blob {
    /// This many raw bytes follow outside the message.
    Chunk(u32),
    /// No more pieces.
    End,
}
