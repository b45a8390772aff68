//! Files of another machine: `nfs` and `smb`, each SR in a directory of its own below what is exported.

use std::{fs, path::PathBuf};

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::Result;

use super::{Ground, local, needed, value};

/// Seconds a mount waits for a server before an operation fails, in tenths, and how often it tries.
const SOFT: &str = "soft,proto=tcp,timeo=100,retrans=12,acdirmin=0,acdirmax=0";

/// What is mounted: the program's arguments without the directory, and secrets in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    source: String,
    kind: &'static str,
    options: String,
    environment: Vec<(&'static str, String)>,
}

/// What the configuration asks for; pure.
///
/// # Errors
/// SR_BACKEND_FAILURE_102, 101 and 72 for nfs, 115 for smb.
pub fn remote(sr: &SrConfig) -> Result<Remote> {
    let config = &sr.device_config;
    if sr.kind == "nfs" {
        let server = needed(config, "server", 102, "The request is missing the server parameter")?;
        let path = needed(config, "serverpath", 101, "The request is missing the serverpath parameter")?;
        let version = value(config, "nfsversion").unwrap_or("3");
        if !["3", "4", "4.0", "4.1", "4.2"].contains(&version) {
            return Err(backend_failure(72, "NFS version invalid", version));
        }
        let mut options = format!("{SOFT},vers={version}");
        if let Some(more) = value(config, "options") {
            options = format!("{options},{more}");
        }
        let host = if server.contains(':') { format!("[{server}]") } else { server.to_owned() };
        return Ok(Remote { source: format!("{host}:{path}"), kind: "nfs", options, environment: vec![] });
    }
    let server = needed(config, "server", 115, "The request is missing the server parameter")?;
    smb(server, config, "3.0")
}

/// A share of SMB; the password goes through the environment, never over the command line.
///
/// # Errors
/// SR_BACKEND_FAILURE_111.
pub fn smb(server: &str, config: &[(String, String)], version: &str) -> Result<Remote> {
    let source = server.replace('\\', "/");
    if !source.starts_with("//") {
        return Err(backend_failure(111, "SMB mount error", "the server has to be //host/share"));
    }
    let mut options = format!("cache=loose,vers={version},actimeo=0");
    let mut environment = Vec::new();
    match value(config, "username") {
        Some(user) => {
            let (domain, user) = user.split_once('\\').map_or((None, user), |(d, u)| (Some(d), u));
            environment.push(("USER", user.to_owned()));
            let password = value(config, "password").or(value(config, "cifspassword")).unwrap_or("");
            environment.push(("PASSWD", password.to_owned()));
            if let Some(domain) = domain.or(value(config, "domain")) {
                options = format!("{options},domain={domain}");
            }
        }
        None => options.push_str(",guest"),
    }
    Ok(Remote { source, kind: "cifs", options, environment })
}

/// Mounts something on a directory, which is made.
///
/// # Errors
/// SR_BACKEND_FAILURE with the number and text given, and what mount says.
pub async fn mount(
    ground: &Ground,
    remote: &Remote,
    dir: &std::path::Path,
    (number, text): (u32, &str),
) -> Result<()> {
    if local::is_mount_point(dir) {
        return Ok(());
    }
    let failed = |e: String| backend_failure(number, text, &e);
    fs::create_dir_all(dir).map_err(|e| failed(e.to_string()))?;
    let environment: Vec<(&str, &str)> = remote.environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let target = dir.to_string_lossy();
    let args = ["-t", remote.kind, "-o", &remote.options, &remote.source, &target];
    let told = ground.host.run("mount", &args, &environment).await.map_err(failed)?;
    if told.status != 0 {
        let _ = fs::remove_dir(dir);
        return Err(failed(told.stderr.trim().to_owned()));
    }
    Ok(())
}

fn mount_error(sr: &SrConfig) -> (u32, &'static str) {
    if sr.kind == "nfs" { (73, "NFS mount error") } else { (111, "SMB mount error") }
}

/// Does the SR live in what is exported itself?
fn whole(sr: &SrConfig) -> bool {
    value(&sr.sm_config, "nosubdir") == Some("true")
}

fn below(sr: &SrConfig, remote: Remote) -> Remote {
    if whole(sr) { remote } else { Remote { source: format!("{}/{}", remote.source, sr.uuid), ..remote } }
}

/// Makes the directory of a new SR in what is exported.
///
/// # Errors
/// As [`remote`] and [`mount`]; 88 or 116 when the directory can't be made, 42 when it holds something.
pub async fn create(ground: &Ground, sr: &SrConfig) -> Result<()> {
    let remote = remote(sr)?;
    if whole(sr) {
        return Ok(());
    }
    let (number, text) = if sr.kind == "nfs" { (88, "NFS create error") } else { (116, "SMB create error") };
    in_export(ground, sr, &remote, |top| {
        let dir = top.join(&sr.uuid);
        match fs::create_dir(&dir) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                let empty = fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_none());
                if empty { Ok(()) } else { Err(backend_failure(42, "The SR already exists", &sr.uuid)) }
            }
            Err(e) => Err(backend_failure(number, text, &e.to_string())),
        }
    })
    .await
}

/// Works in what is exported, mounted beside the SRs for as long as that takes.
async fn in_export(
    ground: &Ground,
    sr: &SrConfig,
    remote: &Remote,
    work: impl FnOnce(&std::path::Path) -> Result<()>,
) -> Result<()> {
    let top = ground.mounts.join(format!("{}.export", sr.uuid));
    mount(ground, remote, &top, mount_error(sr)).await?;
    let done = work(&top);
    let left = local::unmount(ground, &top, 74, "Unmount error").await;
    done.and(left)
}

/// Mounts an SR.
///
/// # Errors
/// As [`remote`] and [`mount`].
pub async fn attach(ground: &Ground, sr: &SrConfig) -> Result<PathBuf> {
    let dir = ground.mount_point(sr);
    mount(ground, &below(sr, remote(sr)?), &dir, mount_error(sr)).await?;
    Ok(dir)
}

/// Unmounts an SR.
///
/// # Errors
/// SR_BACKEND_FAILURE_74 or 112.
pub async fn detach(ground: &Ground, sr: &SrConfig) -> Result<()> {
    let (number, text) =
        if sr.kind == "nfs" { (74, "NFS unmount error") } else { (112, "SMB unmount error") };
    local::unmount(ground, &ground.mount_point(sr), number, text).await
}

/// Removes the directory of an SR, which holds no volumes any more.
///
/// # Errors
/// SR_BACKEND_FAILURE_76 or 114.
pub async fn delete(ground: &Ground, sr: &SrConfig) -> Result<()> {
    detach(ground, sr).await?;
    if whole(sr) {
        return Ok(());
    }
    let (number, text) = if sr.kind == "nfs" { (76, "NFS delete error") } else { (114, "SMB delete error") };
    in_export(ground, sr, &remote(sr)?, |top| {
        fs::remove_dir_all(top.join(&sr.uuid)).map_err(|e| backend_failure(number, text, &e.to_string()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sr(kind: &str, config: &[(&str, &str)]) -> SrConfig {
        let device_config = config.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        SrConfig { uuid: "u".into(), kind: kind.into(), device_config, sm_config: vec![] }
    }

    #[test]
    fn what_is_mounted_follows_from_the_configuration() {
        let nfs = remote(&sr("nfs", &[("server", "fd00::1"), ("serverpath", "/e"), ("nfsversion", "4.1")]))
            .unwrap();
        assert_eq!(nfs.source, "[fd00::1]:/e");
        assert!(nfs.options.contains("vers=4.1") && nfs.options.starts_with("soft"));
        assert_eq!(remote(&sr("nfs", &[])).unwrap_err().code, "SR_BACKEND_FAILURE_102");
        assert_eq!(remote(&sr("nfs", &[("server", "s")])).unwrap_err().code, "SR_BACKEND_FAILURE_101");
        let old = sr("nfs", &[("server", "s"), ("serverpath", "/"), ("nfsversion", "2")]);
        assert_eq!(remote(&old).unwrap_err().code, "SR_BACKEND_FAILURE_72");
        let share = sr("smb", &[("server", r"\\h\s"), ("username", r"D\me"), ("password", "secret")]);
        let smb = remote(&share).unwrap();
        assert_eq!(smb.source, "//h/s");
        assert!(smb.options.contains("domain=D") && !smb.options.contains("secret"));
        assert!(smb.environment.contains(&("PASSWD", "secret".into())));
        assert!(below(&share, smb).source.ends_with("/s/u"));
    }
}
