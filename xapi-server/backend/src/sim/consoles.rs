//! What simulated guests show and say: a display that tells how the guest is, and a login on a serial line. Everything
//! typed is echoed; a guest that is paused says nothing.

use std::{io, net::Ipv4Addr, os::unix::net::UnixStream, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use xapi_console::{Hub, Line, rfb};

use crate::hypervisor::{Activity, ConsolePlace, DomainSpec, Happened};

/// How a guest is; `None` once it has ended.
pub type Look = Box<dyn Fn() -> Option<(Activity, DomainSpec)> + Send + Sync>;

/// How often a guest's end is looked for.
const LOOKS: Duration = Duration::from_millis(200);
/// Longest somebody may take to come to a display that was opened for him.
const ARRIVAL: Duration = Duration::from_secs(30);

/// A program at the other end of a line.
trait Program: Send + 'static {
    /// What it says when the line opens, and when something about the guest has changed.
    fn begin(&mut self, activity: Activity, spec: Option<&DomainSpec>) -> String;
    /// What it says to something typed, and what it does to the guest.
    fn typed(&mut self, bytes: &[u8]) -> (String, Option<Happened>);
    /// It has to be begun again when the guest changes.
    const SHOWS_STATE: bool;
}

/// Lets a program run at the far end of a new line.
fn run(
    mut program: impl Program,
    look: Option<Look>,
    told: impl Fn(Happened) + Send + Sync + 'static,
) -> io::Result<UnixStream> {
    let (near, far) = UnixStream::pair()?;
    let line = Line::new(far.into())?;
    tokio::spawn(async move {
        if let Err(error) = converse(&mut program, &line, look, told).await {
            tracing::debug!(%error, "a simulated console was closed");
        }
    });
    Ok(near)
}

async fn converse<P: Program>(
    program: &mut P,
    line: &Line,
    look: Option<Look>,
    told: impl Fn(Happened),
) -> io::Result<()> {
    let state = || match &look {
        Some(look) => look().map(|(activity, spec)| (activity, Some(spec))),
        None => Some((Activity::Running, None)),
    };
    let Some((mut activity, spec)) = state() else { return Ok(()) };
    line.write_all(program.begin(activity, spec.as_ref()).as_bytes()).await?;
    let mut buffer = [0; 1024];
    loop {
        let read = tokio::select! {
            read = line.read(&mut buffer), if activity == Activity::Running => Some(read?),
            () = tokio::time::sleep(LOOKS) => None,
        };
        let Some((now, spec)) = state() else { return Ok(()) };
        if P::SHOWS_STATE && now != activity {
            line.write_all(program.begin(now, spec.as_ref()).as_bytes()).await?;
        }
        activity = now;
        match read {
            Some(0) => return Ok(()),
            Some(n) => {
                let (said, happened) = program.typed(&buffer[..n]);
                line.write_all(said.as_bytes()).await?;
                happened.into_iter().for_each(&told);
            }
            None => {}
        }
    }
}

/// A login on a guest's serial line.
pub fn text(look: Look, told: impl Fn(Happened) + Send + Sync + 'static) -> io::Result<ConsolePlace> {
    let name = look().map(|(_, spec)| spec.name).unwrap_or_default();
    run(Login::new(name), Some(look), told).map(|near| ConsolePlace::Line(near.into()))
}

/// A login of the simulated host itself.
pub fn host() -> io::Result<ConsolePlace> {
    run(Login::new("host".into()), None, |_| {}).map(|near| ConsolePlace::Line(near.into()))
}

/// A guest's display: an RFB server for the one who asked for it.
pub async fn display(look: Look) -> io::Result<ConsolePlace> {
    let name = look().map(|(_, spec)| spec.name).unwrap_or_default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let Ok(Ok((stream, _))) = tokio::time::timeout(ARRIVAL, listener.accept()).await else { return };
        let near = match run(Display::default(), Some(look), |_| {}) {
            Ok(near) => near,
            Err(error) => return tracing::warn!(%error, "a simulated display has no line"),
        };
        let Ok(line) = Line::new(near.into()) else { return };
        let hub = Arc::new(Hub::open(line, Arc::default()));
        if let Err(error) = rfb::serve(stream, hub, &name).await {
            tracing::debug!(%error, "a simulated display was closed");
        }
    });
    Ok(ConsolePlace::Tcp(address))
}

/// Shows how the guest is and what was typed.
#[derive(Default)]
struct Display {
    typed: String,
}

impl Program for Display {
    const SHOWS_STATE: bool = true;

    fn begin(&mut self, activity: Activity, spec: Option<&DomainSpec>) -> String {
        let state = match activity {
            Activity::Running => "\x1b[1;32mrunning\x1b[0m",
            Activity::Paused => "\x1b[1;33mpaused\x1b[0m",
        };
        let mut text = format!("\x1b[2J\x1b[H\r\n  Simulated guest, {state}\r\n\r\n");
        if let Some(spec) = spec {
            let clean: String = spec.name.chars().filter(|c| !c.is_control()).collect();
            text += &format!("  name        {clean}\r\n  uuid        {}\r\n", spec.uuid);
            text += &format!("  memory      {} MiB\r\n", spec.memory_target >> 20);
            text += &format!("  processors  {}\r\n", spec.vcpus);
            text += &format!("  disks       {}\r\n", spec.disks.len());
            text += &format!("  cards       {}\r\n", spec.nics.len());
        }
        text + "\r\n  Keys: " + &self.typed
    }

    fn typed(&mut self, bytes: &[u8]) -> (String, Option<Happened>) {
        let shown = bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte).to_string(),
            other => format!("<{other:02x}>"),
        });
        let shown: String = shown.collect();
        self.typed.push_str(&shown);
        (shown, None)
    }
}

/// A login that lets everybody in, and a shell that knows a few words.
struct Login {
    host: String,
    user: Option<String>,
    line: Vec<u8>,
}

/// Longest line that is remembered.
const LONGEST: usize = 1_024;

impl Login {
    fn new(host: String) -> Login {
        let host: String = host.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
        Login { host: if host.is_empty() { "guest".into() } else { host }, user: None, line: Vec::new() }
    }

    fn prompt(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}:~$ ", self.host),
            None => format!("{} login: ", self.host),
        }
    }

    fn entered(&mut self, line: &str) -> (String, Option<Happened>) {
        let Some(user) = self.user.clone() else {
            if !line.is_empty() {
                self.user = Some(line.to_string());
                return ("Simulated guests ask for no password.\r\n".into(), None);
            }
            return (String::new(), None);
        };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => (String::new(), None),
            "echo" => (format!("{rest}\r\n"), None),
            "uname" => ("Linux\r\n".into(), None),
            "hostname" => (format!("{}\r\n", self.host), None),
            "whoami" => (format!("{user}\r\n"), None),
            "exit" | "logout" => {
                self.user = None;
                ("\r\n".into(), None)
            }
            "poweroff" => ("The guest powers off.\r\n".into(), Some(Happened::Poweroff)),
            "reboot" => ("The guest reboots.\r\n".into(), Some(Happened::Reboot)),
            other => (format!("sh: {other}: not found\r\n"), None),
        }
    }
}

impl Program for Login {
    const SHOWS_STATE: bool = false;

    fn begin(&mut self, _: Activity, _: Option<&DomainSpec>) -> String {
        format!("\r\nSimulated Linux 6.12.0 {} console\r\n\r\n{}", self.host, self.prompt())
    }

    fn typed(&mut self, bytes: &[u8]) -> (String, Option<Happened>) {
        let (mut said, mut happened) = (String::new(), None);
        for byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_string();
                    let (answer, what) = self.entered(&line);
                    said += "\r\n";
                    said += &answer;
                    said += &self.prompt();
                    happened = happened.or(what);
                }
                0x7f | 0x08 if self.line.pop().is_some() => {
                    said += "\x08 \x08";
                }
                0x03 => {
                    self.line.clear();
                    said += "^C\r\n";
                    said += &self.prompt();
                }
                b' '..=b'~' if self.line.len() < LONGEST => {
                    self.line.push(*byte);
                    said.push(char::from(*byte));
                }
                _ => {}
            }
        }
        (said, happened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_and_a_few_words() {
        let mut login = Login::new("web 1\x1b".into());
        assert_eq!(
            login.begin(Activity::Running, None),
            "\r\nSimulated Linux 6.12.0 web1 console\r\n\r\nweb1 login: "
        );
        assert_eq!(login.typed(b"ro").0, "ro");
        let (said, _) = login.typed(b"ox\x7ft\r");
        assert_eq!(said, "ox\x08 \x08t\r\nSimulated guests ask for no password.\r\nroot@web1:~$ ");
        assert_eq!(login.typed(b"echo a b\r").0, "echo a b\r\na b\r\nroot@web1:~$ ");
        assert_eq!(login.typed(b"poweroff\r").1, Some(Happened::Poweroff));
        assert_eq!(login.typed(b"oops\x03").0, "oops^C\r\nroot@web1:~$ ");
        assert!(login.typed(&[b'x'; 10_000]).0.len() <= LONGEST);
    }
}
