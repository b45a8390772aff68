//! The argument list of one invocation: command name and `key=value` parameters in order.

use crate::table::STANDARD;

/// A parsed command line. An argument list that cannot be parsed is a syntax error without detail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args {
    /// Command name.
    pub command: String,
    /// Parameters in order; repeats are kept.
    pub params: Vec<(String, String)>,
}

/// The command line has a form that is not understood.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxError;

/// `-x value` switches of the server side.
const VALUED: [(&str, &str); 5] =
    [("-u", "username"), ("-pw", "password"), ("-s", "server"), ("-h", "server"), ("-p", "port")];

impl Args {
    /// Reads the lines of a request body.
    pub fn parse(lines: &[String]) -> Result<Args, SyntaxError> {
        let Some((command, rest)) = lines.split_first() else { return Err(SyntaxError) };
        if command.contains('=') {
            return Err(SyntaxError);
        }
        let mut params = Vec::new();
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            if let Some(name) = word.strip_prefix("--") {
                params.push((name.into(), "true".into()));
            } else if word.starts_with('-') {
                let (_, name) = VALUED.iter().find(|(switch, _)| switch == word).ok_or(SyntaxError)?;
                let value = rest.next().ok_or(SyntaxError)?;
                params.push(((*name).into(), value.clone()));
            } else {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                params.push((name.into(), value.into()));
            }
        }
        Ok(Args { command: command.clone(), params })
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The parameter is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The first value of a parameter, or empty text.
    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().into()
    }

    /// `name:key=value` pairs, also with another separator character, in order.
    pub fn map(&self, name: &str) -> Vec<(String, String)> {
        let pairs = self.params.iter().filter_map(|(key, value)| {
            let mut rest = key.strip_prefix(name)?.chars();
            rest.next()?;
            let rest = rest.as_str();
            (!rest.is_empty()).then(|| (rest.to_owned(), value.clone()))
        });
        pairs.collect()
    }

    /// Parameters that are neither standard nor in the given list.
    pub fn others(&self, known: &[&str]) -> Vec<(String, String)> {
        let plain = |key: &str| !STANDARD.contains(&key) && !known.contains(&key);
        self.params.iter().filter(|(key, _)| plain(key)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Args, SyntaxError> {
        Args::parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn parameters_keep_order_and_repeats() {
        let args = parse(&["vm-list", "a=1", "--minimal", "a=2=3", "b", "-u", "root"]).unwrap();
        assert_eq!(args.get("a"), Some("1"));
        assert_eq!(args.params[2].1, "2=3");
        assert_eq!(args.get("b"), Some(""));
        assert_eq!(args.get("minimal"), Some("true"));
        assert_eq!(args.get("username"), Some("root"));
    }

    #[test]
    fn syntax_errors() {
        assert_eq!(parse(&["a=b"]), Err(SyntaxError));
        assert_eq!(parse(&["x", "-q", "1"]), Err(SyntaxError));
        assert_eq!(parse(&["x", "-u"]), Err(SyntaxError));
        assert_eq!(parse(&[]), Err(SyntaxError));
        assert!(parse(&["-q"]).is_ok());
    }

    #[test]
    fn maps_take_any_separator() {
        let args =
            parse(&["c", "device-config:a=1", "device-config-b=2", "device-config=3", "other=4"]).unwrap();
        assert_eq!(args.map("device-config"), [("a".into(), "1".into()), ("b".into(), "2".into())]);
    }
}
