//! File systems on loop devices: made, mounted, mounted again read-only, gone with their value.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

const MIB: u64 = 1 << 20;

/// A file system on a loop device.
pub struct Mounted {
    pub at: PathBuf,
    pub device: String,
}

/// Runs a program to its end.
pub fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let told = Command::new(program).args(args).output().map_err(|e| format!("{program}: {e}"))?;
    if !told.status.success() {
        return Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&told.stderr)));
    }
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

/// A loop device over a file of holes.
pub fn device(dir: &Path, name: &str, mib: u64) -> Result<String, String> {
    let image = dir.join(name);
    std::fs::File::create(&image).and_then(|f| f.set_len(mib * MIB)).map_err(|e| e.to_string())?;
    run("losetup", &["--find", "--show", &image.to_string_lossy()])
}

impl Mounted {
    /// One of `kind`: ext4 or xfs.
    pub fn new(dir: &Path, kind: &str, mib: u64) -> Result<Mounted, String> {
        let at = dir.join("mounted");
        std::fs::create_dir(&at).map_err(|e| e.to_string())?;
        let mounted = Mounted { at, device: device(dir, "device", mib)? };
        let force = if kind == "xfs" { "-f" } else { "-F" };
        run(&format!("mkfs.{kind}"), &["-q", force, &mounted.device])?;
        run("mount", &[&mounted.device, &mounted.at.to_string_lossy()])?;
        Ok(mounted)
    }

    /// Lets it be written or not from now on.
    pub fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), &self.at.to_string_lossy()]).expect("mounted again");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let at = self.at.to_string_lossy();
        // A test that panics may have files open there still.
        if run("umount", &[&at]).is_err() {
            let _ = run("umount", &["--lazy", &at]);
        }
        let _ = run("losetup", &["--detach", &self.device]);
    }
}
