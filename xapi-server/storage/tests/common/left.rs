//! What a test must not leave behind when it panics: disk servers, volume groups on a device that is not its own. Each goes
//! with its value; what has gone by itself is fine.

use std::{path::PathBuf, process::Command, time::Duration};

use xapi_datapath::{DataPaths, Kind, Settings};

/// The disk servers of a directory, ended with this value.
pub struct Servers(pub PathBuf);

impl Drop for Servers {
    fn drop(&mut self) {
        if !self.0.is_dir() {
            return;
        }
        let settings = Settings {
            run: self.0.clone(),
            program: PathBuf::from("/nonexistent"),
            tap_ctl: Some(self.0.with_file_name("tap-ctl")).filter(|path| path.exists()),
            kind: Some(Kind::Nbd),
            blocks: false,
            patience: Duration::from_secs(10),
        };
        let Ok(paths) = DataPaths::start(settings) else { return };
        for record in paths.list() {
            if let Err(e) = paths.close(&record.spec.id) {
                eprintln!("the server of {} may have stayed: {e}", record.spec.id);
            }
        }
    }
}

/// The volume group of an SR on a real device, removed with this value and all in it.
pub struct Group {
    pub device: String,
    pub name: String,
}

impl Drop for Group {
    fn drop(&mut self) {
        let own = ["--devices", self.device.as_str()];
        let run = |program: &str, args: &[&str]| {
            Command::new(program).args(own).args(args).output().is_ok_and(|told| told.status.success())
        };
        if run("vgs", &[&self.name]) {
            run("vgchange", &["--activate", "n", &self.name]);
            if !run("vgremove", &["--force", "--force", "--yes", &self.name]) {
                eprintln!("the volume group {} stayed on {}", self.name, self.device);
            }
            run("pvremove", &["--force", "--force", "--yes", &self.device]);
        }
    }
}
