//! The console relay: the terminal in raw mode, both ways, until Ctrl-] is typed.

use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::run::Stream;

/// The key that ends the relay.
const QUIT: u8 = 0x1d;

/// Puts the terminal back as it was when dropped.
struct Raw(Option<String>);

impl Raw {
    fn set() -> Raw {
        let saved = stty(&["-g"]).filter(|text| !text.is_empty());
        if saved.is_some() {
            stty(&["raw", "-echo"]);
        }
        Raw(saved)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(saved) = &self.0 {
            stty(&[saved]);
        }
    }
}

/// Runs `stty` on our terminal; `None` when there is none.
fn stty(args: &[&str]) -> Option<String> {
    let output =
        Command::new("stty").args(args).stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Relays until the key is typed (true) or the server ends the connection (false).
pub(super) async fn relay(stream: Box<dyn Stream>) -> bool {
    let _raw = Raw::set();
    let (mut from, mut to) = tokio::io::split(stream);
    let down = async {
        let (mut buffer, mut out) = ([0; 4096], tokio::io::stdout());
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            if out.write_all(&buffer[..n]).await.is_err() || out.flush().await.is_err() {
                break;
            }
        }
        false
    };
    let up = async {
        let (mut buffer, mut keys) = ([0; 1024], tokio::io::stdin());
        while let Ok(n @ 1..) = keys.read(&mut buffer).await {
            let typed = &buffer[..n];
            let quit = typed.iter().position(|byte| *byte == QUIT);
            if to.write_all(&typed[..quit.unwrap_or(n)]).await.is_err() || to.flush().await.is_err() {
                return false;
            }
            if quit.is_some() {
                return true;
            }
        }
        true
    };
    tokio::select! { ended = down => ended, ended = up => ended }
}
