//! Messages to bytes and back. All integers are 32-bit little-endian; text is length and bytes.

use thiserror::Error;

use super::{Blob, Command, Message, Response};

/// Why the payload of a message could not be understood.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The payload ends before its fields do.
    #[error("message too short")]
    Short,
    /// The payload goes on after its fields.
    #[error("{0} bytes too many in message")]
    Surplus(usize),
    /// The tags name no known message.
    #[error("unknown message tag {0}/{1}")]
    Tag(i32, i32),
    /// A count is negative or larger than the message.
    #[error("bad length {0} in message")]
    Length(i32),
}

const OUTER_COMMAND: i32 = 9;
const OUTER_RESPONSE: i32 = 10;
const OUTER_BLOB: i32 = 11;

/// The payload of a message, without the length in front.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    match message {
        Message::Command(command) => {
            int(&mut out, OUTER_COMMAND);
            encode_command(&mut out, command);
        }
        Message::Response(response) => {
            int(&mut out, OUTER_RESPONSE);
            int(
                &mut out,
                match response {
                    Response::Ok => 5,
                    Response::Failed => 6,
                    Response::Wait => 18,
                },
            );
        }
        Message::Blob(blob) => {
            int(&mut out, OUTER_BLOB);
            match blob {
                Blob::Chunk(length) => {
                    int(&mut out, 7);
                    out.extend_from_slice(&length.to_le_bytes());
                }
                Blob::End => int(&mut out, 8),
            }
        }
    }
    out
}

fn encode_command(out: &mut Vec<u8>, command: &Command) {
    match command {
        Command::Print(s) => tagged(out, 0, &[s]),
        Command::Load(s) => tagged(out, 1, &[s]),
        Command::Prompt => tagged(out, 3, &[]),
        Command::Exit(code) => {
            int(out, 4);
            int(out, *code);
        }
        Command::HttpGet { file, path } => tagged(out, 12, &[file, path]),
        Command::HttpPut { file, path } => tagged(out, 13, &[file, path]),
        Command::Error(code, params) => {
            tagged(out, 14, &[code]);
            int(out, params.len() as i32);
            for param in params {
                text(out, param);
            }
        }
        Command::Debug(s) => tagged(out, 15, &[s]),
        Command::PrintStderr(s) => tagged(out, 16, &[s]),
        Command::HttpConnect(s) => tagged(out, 17, &[s]),
    }
}

fn int(out: &mut Vec<u8>, n: i32) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn text(out: &mut Vec<u8>, s: &str) {
    int(out, s.len() as i32);
    out.extend_from_slice(s.as_bytes());
}

fn tagged(out: &mut Vec<u8>, tag: i32, fields: &[&str]) {
    int(out, tag);
    for field in fields {
        text(out, field);
    }
}

/// Reads one payload (without the length in front). Text that is not UTF-8 is read lossily: the
/// protocol does not say which encoding it is.
pub fn decode(payload: &[u8]) -> Result<Message, DecodeError> {
    let mut input = Input { rest: payload };
    let outer = input.int()?;
    let inner = input.int()?;
    let message = match (outer, inner) {
        (OUTER_COMMAND, 0) => Message::Command(Command::Print(input.text()?)),
        (OUTER_COMMAND, 1) => Message::Command(Command::Load(input.text()?)),
        (OUTER_COMMAND, 3) => Message::Command(Command::Prompt),
        (OUTER_COMMAND, 4) => Message::Command(Command::Exit(input.int()?)),
        (OUTER_COMMAND, 12) => {
            Message::Command(Command::HttpGet { file: input.text()?, path: input.text()? })
        }
        (OUTER_COMMAND, 13) => {
            Message::Command(Command::HttpPut { file: input.text()?, path: input.text()? })
        }
        (OUTER_COMMAND, 14) => {
            let code = input.text()?;
            Message::Command(Command::Error(code, input.list()?))
        }
        (OUTER_COMMAND, 15) => Message::Command(Command::Debug(input.text()?)),
        (OUTER_COMMAND, 16) => Message::Command(Command::PrintStderr(input.text()?)),
        (OUTER_COMMAND, 17) => Message::Command(Command::HttpConnect(input.text()?)),
        (OUTER_RESPONSE, 5) => Message::Response(Response::Ok),
        (OUTER_RESPONSE, 6) => Message::Response(Response::Failed),
        (OUTER_RESPONSE, 18) => Message::Response(Response::Wait),
        (OUTER_BLOB, 7) => Message::Blob(Blob::Chunk(input.int()? as u32)),
        (OUTER_BLOB, 8) => Message::Blob(Blob::End),
        _ => return Err(DecodeError::Tag(outer, inner)),
    };
    match input.rest.len() {
        0 => Ok(message),
        surplus => Err(DecodeError::Surplus(surplus)),
    }
}

struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn int(&mut self) -> Result<i32, DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<4>().ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(i32::from_le_bytes(*head))
    }

    fn count(&mut self) -> Result<usize, DecodeError> {
        let n = self.int()?;
        match usize::try_from(n) {
            Ok(len) if len <= self.rest.len() => Ok(len),
            Ok(_) => Err(DecodeError::Short),
            Err(_) => Err(DecodeError::Length(n)),
        }
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        let len = self.count()?;
        let (head, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(String::from_utf8_lossy(head).into_owned())
    }

    fn list(&mut self) -> Result<Vec<String>, DecodeError> {
        let len = self.count()?;
        (0..len).map(|_| self.text()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_message() -> impl Strategy<Value = Message> {
        let s = ".{0,40}";
        let command = prop_oneof![
            s.prop_map(Command::Print),
            s.prop_map(Command::Load),
            Just(Command::Prompt),
            any::<i32>().prop_map(Command::Exit),
            (s, s).prop_map(|(file, path)| Command::HttpGet { file, path }),
            (s, s).prop_map(|(file, path)| Command::HttpPut { file, path }),
            s.prop_map(Command::HttpConnect),
            (s, prop::collection::vec(s, 0..5)).prop_map(|(c, p)| Command::Error(c, p)),
            s.prop_map(Command::Debug),
            s.prop_map(Command::PrintStderr),
        ];
        prop_oneof![
            command.prop_map(Message::Command),
            prop_oneof![Just(Response::Ok), Just(Response::Failed), Just(Response::Wait)]
                .prop_map(Message::Response),
            prop_oneof![any::<u32>().prop_map(Blob::Chunk), Just(Blob::End)].prop_map(Message::Blob),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(message in any_message()) {
            prop_assert_eq!(decode(&encode(&message)), Ok(message));
        }

        #[test]
        fn any_cut_is_refused(message in any_message(), cut in 1usize..8) {
            let bytes = encode(&message);
            prop_assume!(cut <= bytes.len());
            prop_assert!(decode(&bytes[..bytes.len() - cut]).is_err());
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn recorded_exit_and_print() {
        // From a recorded exchange of the original pair.
        let exit = [9, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(decode(&exit), Ok(Message::Command(Command::Exit(0))));
        let print = [9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, b'o', b'k'];
        assert_eq!(encode(&Message::Command(Command::Print("ok".into()))), print);
    }
}
