//! What the client itself understands of a command line, `XE_EXTRA_ARGS` and `~/.xe`. Pure.

use std::path::PathBuf;

/// What the client reads from outside its command line.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `XE_EXTRA_ARGS`.
    pub extra_args: Option<String>,
    /// `XE_SERVER`: the server unless an option names one.
    pub server: Option<String>,
    /// Content of `~/.xe`.
    pub rc: Option<String>,
    /// `TRACEPARENT`.
    pub traceparent: Option<String>,
    /// `BAGGAGE`.
    pub baggage: Option<String>,
    /// Current directory.
    pub directory: PathBuf,
}

/// A command line understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Host name or address.
    pub server: String,
    /// Port, when one was given.
    pub port: Option<u16>,
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// TLS to servers other than this machine.
    pub tls: bool,
    /// Debugging to standard error.
    pub debug: bool,
    /// Debugging shown only on failure.
    pub debug_on_fail: bool,
    /// `traceparent` header.
    pub traceparent: Option<String>,
    /// `baggage` header.
    pub baggage: Option<String>,
    /// Arguments for the server, without credentials.
    pub rest: Vec<String>,
    /// Current directory.
    pub directory: PathBuf,
    /// Lines for standard error before anything else.
    pub notes: Vec<String>,
}

/// What a command line asks of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// Print the protocol's version.
    Version,
    /// Print usage.
    Usage,
    /// Say this and fail.
    Fail(String),
    /// Run a command on a server.
    Run(Box<Options>),
}

/// Options seen so far; later ones overwrite earlier ones.
#[derive(Default)]
struct Seen {
    server: Option<String>,
    port: Option<u16>,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<String>,
    no_tls: bool,
    debug: bool,
    debug_on_fail: bool,
    traceparent: Option<String>,
}

/// A port that is not one.
struct BadOption;

impl Seen {
    /// Takes `key=value` if it is the client's; false when it is the server's.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, BadOption> {
        let flag = || matches!(value, "true" | "");
        match key {
            "server" => self.server = Some(value.into()),
            "port" => self.port = Some(value.parse().map_err(|_| BadOption)?),
            "username" => self.username = Some(value.into()),
            "password" => self.password = Some(value.into()),
            "passwordfile" => self.password_file = Some(value.into()),
            "nossl" => self.no_tls = flag(),
            "debug" => self.debug = flag(),
            "debugonfail" => self.debug_on_fail = flag(),
            "traceparent" => self.traceparent = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the client's words out of an argument list and answers the rest.
    fn take_all(&mut self, words: &[String]) -> Result<Vec<String>, BadOption> {
        let mut rest = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let key = match word.as_str() {
                "-s" | "-h" => "server",
                "-p" => "port",
                "-u" => "username",
                "-pw" => "password",
                "-pwf" => "passwordfile",
                "--traceparent" => "traceparent",
                "--nossl" => {
                    self.no_tls = true;
                    continue;
                }
                "--debug" => {
                    self.debug = true;
                    continue;
                }
                "--debug-on-fail" => {
                    self.debug_on_fail = true;
                    continue;
                }
                other => {
                    let taken = match other.split_once('=') {
                        Some((key, value)) => self.take(key, value)?,
                        None => false,
                    };
                    if !taken {
                        rest.push(word.clone());
                    }
                    continue;
                }
            };
            self.take(key, words.next().ok_or(BadOption)?)?;
        }
        Ok(rest)
    }
}

/// Reads a command line with its surroundings.
pub fn parse(args: &[String], environment: &Environment) -> Parsed {
    if args.iter().any(|arg| arg == "-version") {
        return Parsed::Version;
    }
    if args.is_empty() || args.iter().any(|arg| arg == "-help" || arg == "--help") {
        return Parsed::Usage;
    }
    let mut notes = Vec::new();
    let rc = match environment.rc.as_deref().map(rc_words) {
        Some(Some(words)) => words,
        Some(None) => {
            notes.push("Ignoring ~/.xe: every line must be key=value".to_owned());
            Vec::new()
        }
        None => Vec::new(),
    };
    let extra = environment.extra_args.as_deref().map(extra_words).unwrap_or_default();
    let mut seen = Seen::default();
    let read = |seen: &mut Seen| -> Result<Vec<String>, BadOption> {
        let rc = seen.take_all(&rc)?;
        if let Some(server) = &environment.server {
            seen.server = Some(server.clone());
        }
        let extra = seen.take_all(&extra)?;
        let mut rest = seen.take_all(args)?;
        rest.extend(extra);
        rest.extend(rc);
        Ok(rest)
    };
    let Ok(rest) = read(&mut seen) else { return Parsed::Usage };
    if rest.is_empty() {
        return Parsed::Usage;
    }
    if let Some(file) = &seen.password_file {
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let mut lines = text.lines();
                seen.username = Some(lines.next().unwrap_or_default().into());
                seen.password = Some(lines.next().unwrap_or_default().into());
            }
            Err(error) => return Parsed::Fail(format!("Error: {error} (calling open {file})")),
        }
    }
    Parsed::Run(Box::new(Options {
        server: seen.server.unwrap_or_else(|| "127.0.0.1".into()),
        port: seen.port,
        username: seen.username.unwrap_or_else(|| "root".into()),
        password: seen.password.unwrap_or_else(|| "null".into()),
        tls: !seen.no_tls,
        debug: seen.debug,
        debug_on_fail: seen.debug_on_fail,
        traceparent: seen.traceparent.or_else(|| environment.traceparent.clone()),
        baggage: environment.baggage.clone(),
        rest,
        directory: environment.directory.clone(),
        notes,
    }))
}

/// The words of `XE_EXTRA_ARGS`: separated by commas, `\,` a comma, other backslashes dropped.
fn extra_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                if let Some(next) = letters.next()
                    && next != '\\'
                    && let Some(word) = words.last_mut()
                {
                    word.push(next);
                }
            }
            ',' => words.push(String::new()),
            other => {
                if let Some(word) = words.last_mut() {
                    word.push(other);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The words of `~/.xe`, or `None` when a line is not `key=value`.
fn rc_words(text: &str) -> Option<Vec<String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.contains('=').then(|| line.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str], environment: &Environment) -> Options {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        match parse(&args, environment) {
            Parsed::Run(options) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn later_sources_win_and_rests_keep_their_order() {
        let environment = Environment {
            extra_args: Some("server=b,other=x\\,y".into()),
            rc: Some("server=a\nusername=me\n\nthird=1\n".into()),
            ..Environment::default()
        };
        let options = run(&["vm-list", "-s", "c", "--minimal", "params=uuid"], &environment);
        assert_eq!(options.server, "c");
        assert_eq!(options.username, "me");
        assert_eq!(options.rest, ["vm-list", "--minimal", "params=uuid", "other=x,y", "third=1"]);
        assert_eq!(run(&["vm-list"], &environment).server, "b");
    }

    #[test]
    fn defaults() {
        let options = run(&["vm-list", "--nossl", "-pw", "p w"], &Environment::default());
        assert_eq!((options.server.as_str(), options.port, options.tls), ("127.0.0.1", None, false));
        assert_eq!((options.username.as_str(), options.password.as_str()), ("root", "p w"));
    }

    #[test]
    fn questions_to_the_client() {
        let ask = |args: &[&str]| {
            parse(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), &Environment::default())
        };
        assert_eq!(ask(&["vm-list", "-version"]), Parsed::Version);
        assert_eq!(ask(&[]), Parsed::Usage);
        assert_eq!(ask(&["vm-list", "-p", "70000"]), Parsed::Usage);
        assert_eq!(ask(&["vm-list", "-s"]), Parsed::Usage);
        assert!(matches!(ask(&["vm-list", "-pwf", "/nonexistent/file"]), Parsed::Fail(_)));
    }

    #[test]
    fn a_bad_rc_file_is_ignored_as_a_whole() {
        let environment = Environment { rc: Some("server=a\nnonsense\n".into()), ..Environment::default() };
        let options = run(&["vm-list"], &environment);
        assert_eq!((options.server.as_str(), options.notes.len()), ("127.0.0.1", 1));
    }
}
