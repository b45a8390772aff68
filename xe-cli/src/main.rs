//! `xe`: the command line of the toolstack.

use xe_cli::client::{self, Environment};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rc = std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".xe"));
    let environment = Environment {
        extra_args: std::env::var("XE_EXTRA_ARGS").ok(),
        server: std::env::var("XE_SERVER").ok(),
        rc: rc.and_then(|path| std::fs::read_to_string(path).ok()),
        traceparent: std::env::var("TRACEPARENT").ok(),
        baggage: std::env::var("BAGGAGE").ok(),
        directory: std::env::current_dir().unwrap_or_default(),
    };
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let status = client::main(args, &environment).await;
    // Reading the keyboard may still be pending; the runtime would wait for it.
    std::process::exit(status)
}
