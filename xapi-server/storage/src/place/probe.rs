//! What could be used at a place, in the XML clients parse. Missing parameters are failures that carry what there is
//! to choose from, as the original's.

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::{Failure, Result};

use super::{Ground, iscsi, local, lvm, needed, network, refused, value};

/// A list of SRs; each a list of tags and texts.
pub fn sr_list(srs: &[Vec<(&str, String)>]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" ?>\n<SRlist>\n");
    for sr in srs {
        out.push_str("\t<SR>\n");
        for (tag, text) in sr {
            out.push_str(&format!("\t\t<{tag}>\n\t\t\t{}\n\t\t</{tag}>\n", escape(text)));
        }
        out.push_str("\t</SR>\n");
    }
    out.push_str("</SRlist>\n");
    out
}

/// Text as XML carries it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A failure whose third parameter is what there is to choose from.
pub fn choice(number: u32, text: &str, xml: String) -> Failure {
    let Failure { code, .. } = backend_failure(number, text, "");
    Failure::new(&code, [String::new(), text.to_owned(), xml])
}

/// Looks at what a configuration names.
///
/// # Errors
/// Those of the driver, choices among them.
pub async fn probe(ground: &Ground, kind: &str, device_config: &[(String, String)]) -> Result<String> {
    let sr = SrConfig {
        uuid: uuid::Uuid::new_v4().to_string(),
        kind: kind.to_owned(),
        device_config: device_config.to_vec(),
        sm_config: vec![],
    };
    match kind {
        "nfs" => nfs(ground, &sr).await,
        "smb" => {
            network::remote(&sr)?;
            below(ground, &sr).await
        }
        "file" => {
            needed(device_config, "location", 94, "The request is missing the location parameter")?;
            Ok(sr_list(&[]))
        }
        "lvm" => lvm::probe(ground, &lvm::devices(ground, &sr)?).await,
        "lvmoiscsi" => iscsi::probe(ground, &sr).await,
        "ext" | "xfs" => {
            let told = local::groups(ground).await?;
            Ok(on_devices(kind, &local::devices(&sr)?, &told))
        }
        // The original's drivers for these do not probe.
        "iso" | "udev" | "dummy" => Err(backend_failure(47, "The SR is not available", "nothing to probe")),
        other => Err(refused(other)),
    }
}

/// Local SRs on some devices, by what is known of all volume groups; pure but for links among the devices' names.
fn on_devices(kind: &str, devices: &[String], groups: &[local::Group]) -> String {
    let real = |name: &String| std::fs::canonicalize(name).unwrap_or_else(|_| name.into());
    let wanted: Vec<_> = devices.iter().map(real).collect();
    let prefix = local::prefix(kind);
    let mut found = Vec::new();
    for group in groups {
        let Some(uuid) = group.name.strip_prefix(prefix) else { continue };
        if crate::naming::is_uuid(uuid) && group.devices.iter().any(|device| wanted.contains(&real(device))) {
            found.push(vec![
                ("UUID", uuid.to_owned()),
                ("Devlist", group.devices.join(",")),
                ("size", group.size.to_string()),
            ]);
        }
    }
    sr_list(&found)
}

async fn nfs(ground: &Ground, sr: &SrConfig) -> Result<String> {
    let server = needed(&sr.device_config, "server", 102, "The request is missing the server parameter")?;
    if value(&sr.device_config, "serverpath").is_none() {
        let told = ground.host.succeed("showmount", &["--no-headers", "-e", server]).await;
        let told =
            told.map_err(|e| backend_failure(108, "Unable to detect an NFS service on this target.", &e))?;
        let xml = exports(server, &told);
        return Err(choice(101, "The request is missing the serverpath parameter", xml));
    }
    network::remote(sr)?;
    below(ground, sr).await
}

/// What `showmount` prints as the list clients choose from; pure.
fn exports(server: &str, told: &str) -> String {
    let mut out = String::from("<?xml version=\"1.0\" ?>\n<nfs-exports>\n");
    for line in told.lines().filter(|l| l.starts_with('/')) {
        let (path, access) = line.split_once(char::is_whitespace).unwrap_or((line, "*"));
        let access = if access.trim() == "(everyone)" { "*" } else { access.trim() };
        out.push_str("\t<Export>\n");
        for (tag, text) in [("Target", server), ("Path", path), ("Accesslist", access)] {
            out.push_str(&format!("\t\t<{tag}>\n\t\t\t{}\n\t\t</{tag}>\n", escape(text)));
        }
        out.push_str("\t</Export>\n");
    }
    out.push_str("</nfs-exports>\n");
    out
}

/// SRs in what is exported: directories named by a uuid.
async fn below(ground: &Ground, sr: &SrConfig) -> Result<String> {
    let whole = SrConfig { sm_config: vec![("nosubdir".into(), "true".into())], ..sr.clone() };
    let dir = network::attach(ground, &whole).await?;
    let entries = std::fs::read_dir(&dir).map(|entries| {
        let names =
            entries.flatten().filter(|e| e.path().is_dir()).filter_map(|e| e.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|n| crate::naming::is_uuid(n)).collect();
        names.sort();
        names
    });
    network::detach(ground, &whole).await?;
    let names = entries.map_err(|e| backend_failure(73, "mount error", &e.to_string()))?;
    Ok(sr_list(&names.into_iter().map(|uuid| vec![("UUID", uuid)]).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_srs_are_found_by_their_devices() {
        let group = |name: &str, devices: &[&str]| local::Group {
            name: name.into(),
            size: 4096,
            devices: devices.iter().map(|d| d.to_string()).collect(),
        };
        let uuid = "6f2c1a3e-0000-4000-8000-0123456789ab";
        let all = [
            group(&format!("XSLocalEXT-{uuid}"), &["/dev/a1", "/dev/b1"]),
            group("XSLocalEXT-not-a-uuid", &["/dev/a1"]),
            group(&format!("XSLocalXFS-{uuid}"), &["/dev/c1"]),
        ];
        let xml = on_devices("ext", &["/dev/b1".into()], &all);
        let wanted = format!(
            "<?xml version=\"1.0\" ?>\n<SRlist>\n\t<SR>\n\t\t<UUID>\n\t\t\t{uuid}\n\t\t</UUID>\n\t\t<Devlist>\n\t\t\t\
             /dev/a1,/dev/b1\n\t\t</Devlist>\n\t\t<size>\n\t\t\t4096\n\t\t</size>\n\t</SR>\n</SRlist>\n"
        );
        assert_eq!(xml, wanted);
        assert!(!on_devices("ext", &["/dev/c1".into()], &all).contains("UUID"));
        assert!(on_devices("xfs", &["/dev/c1".into()], &all).contains(uuid));
    }

    #[test]
    fn exports_are_told_to_choose_from() {
        let xml = exports("nas", "/srv/a  10.0.0.0/8,host\n/srv/b (everyone)\n");
        assert!(xml.contains("<Path>\n\t\t\t/srv/a\n"), "{xml}");
        assert!(xml.contains("10.0.0.0/8,host") && xml.contains("<Accesslist>\n\t\t\t*\n"), "{xml}");
        let told = choice(101, "missing", xml.clone());
        assert_eq!(told.code, "SR_BACKEND_FAILURE_101");
        assert_eq!(told.params[2], xml);
    }
}
