//! The server side of one `POST /cli` exchange.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xapi_schema::errors;

use crate::{
    api::{Api, Credentials, Login},
    args::Args,
    commands::{self, Part},
    failure::report,
    fault::{Fault, Outcome, internal_exception},
    protocol::{Command, Message, read_handshake, write_handshake, write_message},
    run::{Run, Stream},
    table,
};

/// Largest argument list accepted, in bytes.
pub const MAX_BODY: usize = 200 * 1024;

/// Runs one exchange on a stream that stands right after the header of the request.
///
/// `body` is the request's content length in bytes; `local_superuser` says that the caller came
/// through the host's own socket and needs no password. Answers an error only when the client is gone
/// or does not speak the protocol; everything else is told to the client.
pub async fn serve<S: Stream>(
    mut stream: S,
    body: usize,
    login: &dyn Login,
    local_superuser: bool,
) -> io::Result<()> {
    if body > MAX_BODY {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "argument list too long"));
    }
    let mut bytes = vec![0; body];
    stream.read_exact(&mut bytes).await?;
    write_handshake(&mut stream).await?;
    read_handshake(&mut stream).await?;
    let lines = lines(&bytes);
    let status = match exchange(&mut stream, &lines, login, local_superuser).await {
        Ok(status) => status,
        Err(Fault::Wire(error)) => return Err(error),
        Err(_) => 1,
    };
    write_message(&mut stream, &Message::Command(Command::Exit(status))).await?;
    stream.shutdown().await
}

/// The arguments of a request's body: lines, without the carriage returns of some callers.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned()).collect()
}

/// Runs the command and tells the client of a failure. Answers the exit status.
async fn exchange<S: Stream>(
    stream: &mut S,
    lines: &[String],
    login: &dyn Login,
    local_superuser: bool,
) -> Outcome<i32> {
    let (session, lines) = match lines.split_first() {
        Some((first, rest)) => match first.strip_prefix("session_id=") {
            Some(session) => (Some(session.to_owned()), rest),
            None => (None, lines),
        },
        None => (None, lines),
    };
    let prepared = match prepare(lines) {
        Ok(prepared) => prepared,
        Err(fault) => return tell(stream, None, &fault, false).await,
    };
    let (args, minimal, def) = prepared;
    let Some(def) = def else {
        return help(stream, &args, minimal).await;
    };
    let trace = args.get("trace").is_some_and(|text| crate::values::boolean("trace", text).unwrap_or(false));
    if !def.stays
        && session.is_none()
        && let Some(master) = login.master()
    {
        let fault = Fault::Api(errors::HOST_IS_SLAVE.with([master]));
        return tell(stream, None, &fault, trace).await;
    }
    let given = session.is_some();
    let credentials = match session {
        Some(session) => Credentials::Session(session),
        None => match credentials(&args, def.local_login, local_superuser) {
            Ok(credentials) => credentials,
            Err(fault) => return tell(stream, None, &fault, trace).await,
        },
    };
    let api = match login.login(credentials).await {
        Ok(api) => api,
        Err(failure) => {
            let fault = match failure.is(&errors::SESSION_AUTHENTICATION_FAILED) {
                true => Fault::Authentication,
                false => Fault::Api(failure),
            };
            return tell(stream, None, &fault, trace).await;
        }
    };
    let outcome = run(stream, &*api, &args, minimal).await;
    let told = match outcome {
        Ok(()) => Ok(0),
        Err(fault) => tell(stream, Some(&*api), &fault, trace).await,
    };
    if !given {
        login.logout(&*api).await;
    }
    told
}

type Prepared = (Args, bool, Option<&'static table::CommandDef>);

/// Everything that is checked before logging in; no command means `help`.
fn prepare(lines: &[String]) -> Outcome<Prepared> {
    let args = Args::parse(lines).map_err(|_| Fault::Syntax)?;
    let minimal = match args.get("minimal") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(internal_exception("Invalid_argument(\"bool_of_string\")")),
    };
    if args.command == "help" {
        return Ok((args, minimal, None));
    }
    let Some(def) = table::command(&args.command) else {
        return Err(Fault::UnknownCommand(args.command));
    };
    match def.required.iter().find(|name| !args.has(name)) {
        Some(name) => Err(Fault::MissingParam(name.clone())),
        None => Ok((args, minimal, Some(def))),
    }
}

fn credentials(args: &Args, local: bool, local_superuser: bool) -> Outcome<Credentials> {
    if local_superuser {
        return Ok(Credentials::Superuser { local });
    }
    let (name, password) = (args.text("username"), args.text("password"));
    match (name.is_empty(), local) {
        (true, _) => Err(Fault::NoUser),
        (_, true) => Ok(Credentials::Local { name, password }),
        (_, false) => Ok(Credentials::User { name, password }),
    }
}

async fn run<S: Stream>(stream: &mut S, api: &dyn Api, args: &Args, minimal: bool) -> Outcome {
    let mut run = Run::new(api, args, stream, minimal);
    commands::run(&mut run).await?;
    run.flush().await
}

async fn help<S: Stream>(stream: &mut S, args: &Args, minimal: bool) -> Outcome<i32> {
    let parts = commands::help(args, minimal);
    let texts: Vec<String> = match minimal {
        false => parts
            .into_iter()
            .map(|part| match part {
                Part::Line(text) => text,
                Part::Table(pairs) => crate::output::table(&pairs),
            })
            .collect(),
        true => {
            let firsts = parts.into_iter().map(|part| match part {
                Part::Line(text) => text,
                Part::Table(pairs) => pairs.into_iter().next().map(|(_, value)| value).unwrap_or_default(),
            });
            vec![firsts.collect::<Vec<_>>().join(",")]
        }
    };
    for text in texts {
        write_message(stream, &Message::Command(Command::Print(text))).await?;
    }
    Ok(0)
}

async fn tell<S: Stream>(stream: &mut S, api: Option<&dyn Api>, fault: &Fault, trace: bool) -> Outcome<i32> {
    if let Fault::Wire(error) = fault {
        return Err(Fault::Wire(io::Error::new(error.kind(), error.to_string())));
    }
    let (commands, status) = report(api, fault).await;
    for command in commands {
        write_message(stream, &Message::Command(command)).await?;
    }
    if trace && status != 0 {
        let raised = match fault {
            Fault::Api(failure) => crate::fault::exception_text(failure),
            other => format!("{other:?}"),
        };
        for text in [format!("Raised {raised}\n"), "Backtrace:\n".into()] {
            write_message(stream, &Message::Command(Command::PrintStderr(text))).await?;
        }
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange must be able to move between the server's threads.
    #[allow(dead_code)] // compiled, never called
    fn serve_is_send(stream: tokio::io::DuplexStream, login: &dyn Login) {
        fn check<T: Send>(_: T) {}
        check(serve(stream, 0, login, false));
    }

    #[test]
    fn bodies_are_split_into_lines() {
        assert_eq!(lines(b"vm-list\nusername=root\r\npassword="), ["vm-list", "username=root", "password="]);
        assert_eq!(lines(b"vm-list\n"), ["vm-list"]);
    }

    #[test]
    fn checks_before_login_come_in_order() {
        let try_it = |words: &[&str]| prepare(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert!(matches!(try_it(&["a=b"]), Err(Fault::Syntax)));
        assert!(matches!(try_it(&["nosuch", "minimal=maybe"]), Err(Fault::Api(_))));
        assert!(matches!(try_it(&["nosuch"]), Err(Fault::UnknownCommand(_))));
        assert!(
            matches!(try_it(&["network-create"]), Err(Fault::MissingParam(name)) if name == "name-label")
        );
        assert!(
            try_it(&["network-create", "name-label="])
                .is_ok_and(|(_, minimal, def)| !minimal && def.is_some())
        );
    }
}
