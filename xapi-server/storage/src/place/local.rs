//! Files of this machine: `ext` and `xfs` in a logical volume over whole devices, `file` in any directory.

use std::{
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::Result;

use super::{Ground, needed, value};

/// What the names of volume groups of local SRs begin with, as in the original stack.
pub fn prefix(kind: &str) -> &'static str {
    if kind == "xfs" { "XSLocalXFS-" } else { "XSLocalEXT-" }
}

/// The volume group of a local SR.
fn group(sr: &SrConfig) -> String {
    format!("{}{}", prefix(&sr.kind), sr.uuid)
}

/// A volume group of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What it lies on.
    pub devices: Vec<String>,
}

/// All volume groups.
///
/// # Errors
/// SR_BACKEND_FAILURE_47 with what the program says.
pub async fn groups(ground: &Ground) -> Result<Vec<Group>> {
    let fields =
        ["--noheadings", "--units", "b", "--nosuffix", "--separator", "|", "-o", "vg_name,vg_size,pv_name"];
    let told = ground.host.succeed("pvs", &fields).await;
    let told = told.map_err(|e| backend_failure(47, "The SR is not available", &e))?;
    let mut all: Vec<Group> = Vec::new();
    for line in told.lines() {
        let mut fields = line.trim().split('|');
        let (Some(name), Some(size), Some(device)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if name.is_empty() {
            continue;
        }
        match all.iter_mut().find(|group| group.name == name) {
            Some(group) => group.devices.push(device.into()),
            None => all.push(Group {
                name: name.into(),
                size: size.parse().unwrap_or(0),
                devices: vec![device.into()],
            }),
        }
    }
    Ok(all)
}

/// The devices of a local SR.
///
/// # Errors
/// SR_BACKEND_FAILURE_90 without any, 91 for one that is no block device.
pub fn devices(sr: &SrConfig) -> Result<Vec<String>> {
    let text = needed(&sr.device_config, "device", 90, "The request is missing the device parameter")?;
    let devices: Vec<String> =
        text.split(',').map(|d| d.trim().to_owned()).filter(|d| !d.is_empty()).collect();
    for device in &devices {
        if !device.starts_with('/') {
            return Err(backend_failure(91, "The device parameter is invalid", device));
        }
    }
    Ok(devices)
}

/// Refuses what is no block device.
///
/// # Errors
/// SR_BACKEND_FAILURE_91.
fn assert_block(device: &str) -> Result<()> {
    let block = fs::metadata(device).is_ok_and(|m| m.file_type().is_block_device());
    if block {
        return Ok(());
    }
    Err(backend_failure(91, "The device parameter is invalid", &format!("{device} is no block device")))
}

/// Refuses a device that is in use or that holds something: making an SR there would destroy it. The original asks
/// for the same with `force`.
///
/// # Errors
/// SR_BACKEND_FAILURE_55 for one in use, 42 for one that holds something.
pub async fn assert_free(ground: &Ground, sr: &SrConfig, device: &str) -> Result<()> {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if mounts.lines().any(|line| line.split(' ').next().is_some_and(|m| m == device)) {
        return Err(backend_failure(55, "Partition in use", &format!("{device} is mounted")));
    }
    let looked = ground.host.run("blkid", &["-p", "-o", "value", "-s", "TYPE", device], &[]).await;
    let looked = looked.map_err(|e| backend_failure(91, "The device parameter is invalid", &e))?;
    let forced = value(&sr.sm_config, "force").or(value(&sr.device_config, "force")) == Some("true");
    match looked.status {
        // Nothing was recognised.
        2 => Ok(()),
        0 if forced => Ok(()),
        0 => {
            let told = format!(
                "{device} holds {}; wipe it first, or say force=true in sm_config",
                looked.stdout.trim()
            );
            Err(backend_failure(42, "The SR already exists", &told))
        }
        _ => Err(backend_failure(91, "The device parameter is invalid", looked.stderr.trim())),
    }
}

/// Makes the file system of a local SR.
///
/// # Errors
/// As [`devices`], [`assert_free`]; 77 and 57 with what the programs say.
pub async fn create(ground: &Ground, sr: &SrConfig) -> Result<()> {
    let devices = devices(sr)?;
    for device in &devices {
        assert_block(device)?;
        assert_free(ground, sr, device).await?;
    }
    let group = group(sr);
    let failed = |e: String| backend_failure(77, "Error creating Volume Group", &e);
    let mut made = vec!["--metadatasize", "10M", "-y", "-ff"];
    made.extend(devices.iter().map(String::as_str));
    ground.host.succeed("pvcreate", &made).await.map_err(failed)?;
    let mut grouped = vec![group.as_str()];
    grouped.extend(devices.iter().map(String::as_str));
    ground.host.succeed("vgcreate", &grouped).await.map_err(failed)?;
    let made = async {
        let volume = ["-y", "-Wy", "-n", sr.uuid.as_str(), "-l", "100%VG", group.as_str()];
        ground.host.succeed("lvcreate", &volume).await.map_err(failed)?;
        let device = format!("/dev/{group}/{}", sr.uuid);
        let no_fs = |e: String| backend_failure(57, "Logical Volume filesystem creation error", &e);
        let made = match sr.kind.as_str() {
            "xfs" => ground.host.succeed("mkfs.xfs", &["-f", &device]).await,
            _ => ground.host.succeed("mkfs.ext4", &["-F", "-q", &device]).await,
        };
        made.map_err(no_fs)?;
        ground.host.succeed("lvchange", &["-an", &device]).await.map_err(failed)
    };
    if let Err(failure) = made.await {
        // The devices were free before; they are again.
        let _ = ground.host.succeed("vgremove", &["-ff", "-y", &group]).await;
        let mut gone = vec!["-ff", "-y"];
        gone.extend(devices.iter().map(String::as_str));
        let _ = ground.host.succeed("pvremove", &gone).await;
        return Err(failure);
    }
    Ok(())
}

/// Mounts a local SR.
///
/// # Errors
/// SR_BACKEND_FAILURE_52 with what the programs say.
pub async fn attach(ground: &Ground, sr: &SrConfig) -> Result<PathBuf> {
    let dir = ground.mount_point(sr);
    if is_mount_point(&dir) {
        return Ok(dir);
    }
    let failed = |e: String| backend_failure(52, "Logical Volume mount/activate error", &e);
    let device = format!("/dev/{}/{}", group(sr), sr.uuid);
    ground.host.succeed("lvchange", &["-ay", &device]).await.map_err(failed)?;
    let mounted = async {
        // Of a guarded SR nothing is put right but what mounting itself does: guests' writes need it mounted.
        if sr.kind != "xfs" && !ground.policies.sr(&sr.uuid).guarded {
            // 1: errors were corrected. More means that people have to look.
            let checked = ground.host.run("fsck", &["-a", &device], &[]).await.map_err(failed)?;
            if checked.status > 1 {
                return Err(failed(format!("fsck ended with {}: {}", checked.status, checked.stdout.trim())));
            }
        }
        fs::create_dir_all(&dir).map_err(|e| failed(e.to_string()))?;
        ground.host.succeed("mount", &[&device, &dir.to_string_lossy()]).await.map_err(failed)
    };
    if let Err(failure) = mounted.await {
        let _ = ground.host.succeed("lvchange", &["-an", &device]).await;
        return Err(failure);
    }
    Ok(dir)
}

/// Unmounts a local SR.
///
/// # Errors
/// SR_BACKEND_FAILURE_53 with what the programs say.
pub async fn detach(ground: &Ground, sr: &SrConfig) -> Result<()> {
    unmount(ground, &ground.mount_point(sr), 53, "Logical Volume unmount/deactivate error").await?;
    let device = format!("/dev/{}/{}", group(sr), sr.uuid);
    let failed = |e: String| backend_failure(53, "Logical Volume unmount/deactivate error", &e);
    ground.host.succeed("lvchange", &["-an", &device]).await.map(drop).map_err(failed)
}

/// Removes the volume group of a local SR.
///
/// # Errors
/// SR_BACKEND_FAILURE_51 with what the programs say.
pub async fn delete(ground: &Ground, sr: &SrConfig) -> Result<()> {
    detach(ground, sr).await?;
    let failed = |e: String| backend_failure(51, "Logical Volume deletion error", &e);
    ground.host.succeed("vgremove", &["-f", "-y", &group(sr)]).await.map_err(failed)?;
    for device in devices(sr)? {
        ground.host.succeed("pvremove", &["-y", &device]).await.map_err(failed)?;
    }
    Ok(())
}

/// Is something mounted on a directory?
pub fn is_mount_point(dir: &Path) -> bool {
    let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let wanted = dir.to_string_lossy();
    text.lines().any(|line| line.split(' ').nth(1).is_some_and(|at| at.replace("\\040", " ") == wanted))
}

/// Unmounts a directory, which goes as well when it is empty; one that is not mounted is fine.
///
/// # Errors
/// SR_BACKEND_FAILURE with the number and text given.
pub async fn unmount(ground: &Ground, dir: &Path, number: u32, text: &str) -> Result<()> {
    if is_mount_point(dir) {
        let told = ground.host.succeed("umount", &[&dir.to_string_lossy()]).await;
        told.map_err(|e| backend_failure(number, text, &e))?;
    }
    // Never more than an empty directory.
    let _ = fs::remove_dir(dir);
    Ok(())
}

fn location(sr: &SrConfig) -> Result<PathBuf> {
    let text = needed(&sr.device_config, "location", 94, "The request is missing the location parameter")?;
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err(backend_failure(
            94,
            "The request is missing the location parameter",
            "a whole path is needed",
        ));
    }
    Ok(path)
}

/// What a new file system has in it already.
const LOST_AND_FOUND: &str = "lost+found";

/// Makes a directory an SR, as the original does: it must be empty, or its parent must be there. A whole file system may
/// be one, too.
///
/// # Errors
/// SR_BACKEND_FAILURE_61 with why.
pub fn create_directory(sr: &SrConfig) -> Result<()> {
    let dir = location(sr)?;
    let failed = |told: String| backend_failure(61, "File SR creation error", &told);
    let wrong = |e: std::io::Error| failed(format!("{}: {e}", dir.display()));
    match fs::create_dir(&dir) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(wrong(e)),
    }
    for entry in fs::read_dir(&dir).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        if name != LOST_AND_FOUND {
            return Err(failed(format!(
                "{} is not empty: {name:?} is in it; a directory that is an SR already is introduced",
                dir.display()
            )));
        }
    }
    Ok(())
}

/// The directory of an SR.
///
/// # Errors
/// SR_BACKEND_FAILURE_47 when it is not there.
pub fn attach_directory(sr: &SrConfig) -> Result<PathBuf> {
    let dir = location(sr)?;
    if dir.is_dir() {
        return Ok(dir);
    }
    Err(backend_failure(47, "The SR is not available", &format!("no such directory: {}", dir.display())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        host::Script,
        policy::{Policies, SrPolicy},
    };

    struct Guarded(bool);

    impl Policies for Guarded {
        fn sr(&self, _: &str) -> SrPolicy {
            SrPolicy { guarded: self.0, ..SrPolicy::default() }
        }
        fn volume(&self, _: &str, _: &str) -> SrPolicy {
            SrPolicy::default()
        }
    }

    #[test]
    fn a_directory_becomes_an_sr_only_when_it_is_empty_and_where_its_parent_is() {
        let dir = tempfile::tempdir().unwrap();
        let create = |path: &Path| {
            let device_config = vec![("location".to_owned(), path.to_string_lossy().into_owned())];
            let sr = SrConfig { uuid: String::new(), kind: "file".into(), device_config, sm_config: vec![] };
            create_directory(&sr).map_err(|failure| (failure.code.to_string(), failure.params.join(" ")))
        };
        let (new, far) = (dir.path().join("new"), dir.path().join("no/where"));
        create(&new).unwrap();
        assert!(new.is_dir());
        create(&new).unwrap();
        let (code, told) = create(&far).unwrap_err();
        assert!(code == "SR_BACKEND_FAILURE_61" && told.contains("no/where"), "{code} {told}");
        assert!(!dir.path().join("no").exists(), "no parents are made");
        fs::create_dir(new.join(LOST_AND_FOUND)).unwrap();
        create(&new).unwrap();
        fs::write(new.join("mine.txt"), "text").unwrap();
        let (code, told) = create(&new).unwrap_err();
        assert!(code == "SR_BACKEND_FAILURE_61" && told.contains("mine.txt"), "{code} {told}");
        let (code, _) = create(&new.join("mine.txt")).unwrap_err();
        assert_eq!(code, "SR_BACKEND_FAILURE_61", "a file is no directory");
    }

    #[tokio::test]
    async fn a_guarded_file_system_is_mounted_and_not_put_right() {
        let uuid = "6f2c1a3e-0000-4000-8000-0123456789ab";
        let sr = SrConfig { uuid: uuid.into(), kind: "ext".into(), device_config: vec![], sm_config: vec![] };
        for guarded in [false, true] {
            let (dir, host) = (tempfile::tempdir().unwrap(), Arc::new(Script::default()));
            for program in ["lvchange", "fsck", "mount"] {
                host.answer(program, 0, "", "");
            }
            let ground = Ground {
                host: host.clone(),
                mounts: dir.path().to_owned(),
                dev: "/dev".into(),
                policies: Arc::new(Guarded(guarded)),
                sys: "/sys".into(),
                sessions: Arc::default(),
            };
            attach(&ground, &sr).await.unwrap();
            let asked = host.asked();
            let programs: Vec<&str> = asked.iter().filter_map(|line| line.split(' ').next()).collect();
            let wanted: &[&str] =
                if guarded { &["lvchange", "mount"] } else { &["lvchange", "fsck", "mount"] };
            assert_eq!(programs, wanted);
        }
    }
}
