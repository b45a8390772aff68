//! The words between the toolstack and a driver: one document in, one out, numbers of failures as the original stack
//! counts them. Knows no SR.

use std::{path::Path, time::Duration};

use xapi_backend::program::Program;
use xapi_codec::{
    Call, Limits,
    xml::{Fault, read_plain_response, write_call},
};
use xapi_schema::{Failure, Value, errors};

/// Most a driver may print.
const MOST: usize = 16 << 20;

/// The one argument of a call.
#[derive(Debug, Clone)]
pub struct Members {
    command: &'static str,
    members: Vec<(&'static str, Value)>,
}

impl Members {
    /// A call with its positional arguments.
    pub fn new(command: &'static str, args: Vec<String>) -> Members {
        let args = Value::set(args.into_iter().map(Value::from));
        Members { command, members: vec![("command", Value::str(command)), ("args", args)] }
    }

    /// One more text.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Members {
        self.members.push((name, Value::from(value.into())));
        self
    }

    /// One more map.
    #[must_use]
    pub fn map(mut self, name: &'static str, value: &[(String, String)]) -> Members {
        let entries = value.iter().map(|(k, v)| (k.as_str(), Value::str(v.as_str())));
        self.members.push((name, Value::map(entries)));
        self
    }

    /// What is called.
    pub fn command(&self) -> &'static str {
        self.command
    }
}

/// Why a call gave no answer.
#[derive(Debug)]
pub enum Refused {
    /// The driver answered with a number and a text; also what it said to standard error.
    Fault(Fault, String),
    /// It crashed, printed what is no answer, or was killed.
    Broken {
        /// Why.
        reason: String,
        /// What it printed.
        stdout: String,
        /// What it said to standard error.
        stderr: String,
    },
}

impl Refused {
    /// As clients see it; some numbers are failures with names of their own.
    pub fn failure(self, sr: &str, volume: &str) -> Failure {
        match self {
            Refused::Fault(Fault { code, text }, stderr) => match code {
                16 => errors::SR_DEVICE_IN_USE.bare(),
                24 => Failure::new("VDI_IN_USE", Vec::<String>::new()),
                38 => errors::SR_OPERATION_NOT_SUPPORTED.with([sr]),
                39 => errors::SR_NOT_EMPTY.bare(),
                144 => errors::VDI_MISSING.with([sr, volume]),
                n => Failure::new(&format!("SR_BACKEND_FAILURE_{n}"), [String::new(), text, stderr]),
            },
            Refused::Broken { reason, stdout, stderr } => {
                Failure::new("SR_BACKEND_FAILURE", [reason, stdout, stderr])
            }
        }
    }
}

/// Calls a driver.
///
/// # Errors
/// [`Refused`].
pub async fn call(program: &Path, members: &Members, patience: Duration) -> Result<Value, Refused> {
    let argument = Value::map(members.members.clone());
    let document = write_call(&Call { method: members.command.into(), args: vec![argument] });
    let document = String::from_utf8(document).unwrap_or_default();
    let broken = |reason: String, stdout: &str, stderr: &str| Refused::Broken {
        reason,
        stdout: stdout.into(),
        stderr: stderr.into(),
    };
    let run = Program::new(program).arg(document).variable("ORIGINATOR", "SM").deadline(patience).limit(MOST);
    let told = run.run().await.map_err(|e| broken(e.to_string(), "", ""))?;
    if told.status != 0 {
        return Err(broken(format!("exit status {}", told.status), &told.stdout, &told.stderr));
    }
    match read_plain_response(told.stdout.trim().as_bytes(), &Limits { max_bytes: MOST, ..Limits::ANSWER }) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fault)) => Err(Refused::Fault(fault, told.stderr)),
        Err(e) => Err(broken(format!("no answer: {e}"), &told.stdout, &told.stderr)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(dir: &Path, script: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join("xSR");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn told(script: &str) -> Result<Value, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let members = Members::new("sr_scan", vec!["a".into()]).text("sr_uuid", "<u&>");
        let told = call(&shell(dir.path(), script), &members, Duration::from_secs(60)).await;
        told.map_err(|e| e.failure("s", "v"))
    }

    const FAULT: &str = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>N</int>\
                         </value></member><member><name>faultString</name><value><string>T [opterr=d]</string>\
                         </value></member></struct></value></fault></methodResponse>";

    #[tokio::test]
    async fn answers_and_faults_are_read() {
        let answer = "echo '<methodResponse>\n<params>\n<param>\n<value><string>x</string></value>\n</param>\n</params>\n</methodResponse>'";
        assert_eq!(told(answer).await.unwrap().as_str(), Some("x"));
        let bare = "echo '<?xml version=\"1.0\"?><params><param><value><nil/></value></param></params>'";
        assert_eq!(told(bare).await.unwrap(), Value::Nil);
        // It gets the document as its one argument.
        let echo = "case \"$1\" in *sr_scan*'&lt;u&amp;&gt;'*) test $# = 1 && test $ORIGINATOR = SM && ";
        assert!(told(&format!("{echo}{answer} ;; esac")).await.is_ok());
        for (number, code) in [("44", "SR_BACKEND_FAILURE_44"), ("24", "VDI_IN_USE"), ("39", "SR_NOT_EMPTY")]
        {
            let failed = told(&format!("echo why >&2; echo '{}'", FAULT.replace('N', number))).await;
            let failed = failed.unwrap_err();
            assert_eq!(failed.code, code);
            if number == "44" {
                assert_eq!(failed.params, ["", "T [opterr=d]", "why\n"]);
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told() {
        for script in ["echo nonsense", "exit 3", "kill -9 $$", "true", "echo '<methodResponse>'"] {
            assert_eq!(told(script).await.unwrap_err().code, "SR_BACKEND_FAILURE", "{script}");
        }
    }
}
