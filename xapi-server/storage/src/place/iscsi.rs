//! LUNs of iSCSI targets: `lvmoiscsi`, a volume group on one of them. Finds targets and LUNs, logs in and out by the
//! system's own initiator; a session is ended when the last SR that needs it lets go.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    time::Duration,
};

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::{Failure, Result};

use super::{
    Ground, lvm, needed,
    probe::{choice, escape},
    value,
};
use crate::{
    images::Images,
    lun::{self, Lun},
    repository::lock,
};

/// Where targets usually listen.
const PORT: u16 = 3260;
/// How long a target may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long its LUNs may take to appear after a login, in steps.
const STEPS: u32 = 150;
const STEP: Duration = Duration::from_millis(200);
/// For so many steps nothing new may appear before they are taken for all.
const QUIET: u32 = 5;

/// Exit status of `iscsiadm` for a session that is there already.
const SESSION_EXISTS: i32 = 15;
/// For nothing that could be ended.
const NO_OBJECTS: i32 = 21;

/// A target as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As given.
    text: String,
    /// Where it listens.
    portal: SocketAddr,
    /// Its name; nothing when any is meant.
    iqn: Option<String>,
}

impl Target {
    fn portal(&self) -> String {
        self.portal.to_string()
    }
}

/// Is it a name of a target or an initiator?
fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    let begins = ["iqn.", "eui.", "naa."].iter().any(|b| text.starts_with(b));
    begins && text.len() <= 223 && text.chars().all(good)
}

/// What the configuration says of the target, but for its address; pure.
fn wanted(config: &[(String, String)]) -> Result<(String, u16, Option<String>)> {
    let target = needed(config, "target", 95, "The request is missing the target parameter")?;
    let port = match value(config, "port") {
        None => PORT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|p| *p != 0)
            .ok_or_else(|| backend_failure(142, "The iSCSI port is invalid", text))?,
    };
    let iqn = value(config, "targetIQN").filter(|iqn| *iqn != "*");
    if let Some(iqn) = iqn.filter(|iqn| !is_name(iqn)) {
        return Err(backend_failure(106, "Invalid IQN", iqn));
    }
    // Several addresses of one target: the first that answers.
    Ok((target.to_owned(), port, iqn.map(str::to_owned)))
}

/// The target that the configuration names, once one of its addresses answers.
async fn target(config: &[(String, String)]) -> Result<Target> {
    let (text, port, iqn) = wanted(config)?;
    let names = text.clone();
    let reached = tokio::task::spawn_blocking(move || {
        let mut last = backend_failure(140, "DNS error, hostname is unknown", &names);
        for name in names.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
                Ok(ip) => vec![SocketAddr::new(ip, port)],
                Err(_) => (bare, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default(),
            };
            for address in found {
                match std::net::TcpStream::connect_timeout(&address, PATIENCE) {
                    Ok(_) => return Ok(address),
                    Err(e) => {
                        let told = format!("{address}: {e}");
                        last = backend_failure(141, "Unable to connect to ISCSI service on target", &told);
                    }
                }
            }
        }
        Err(last)
    });
    let portal = reached.await.map_err(|_| Failure::internal("a look-up ended unexpectedly"))??;
    Ok(Target { text, portal, iqn })
}

/// A line of what a target offers: where, and by which name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    address: String,
    port: u16,
    iqn: String,
}

/// What `iscsiadm` prints of a discovery; pure.
fn offers(told: &str) -> Vec<Offer> {
    let mut found = Vec::new();
    for line in told.lines() {
        let Some((portal, iqn)) = line.split_once(' ') else { continue };
        let Some((portal, _)) = portal.rsplit_once(',') else { continue };
        let Some((address, port)) = portal.rsplit_once(':') else { continue };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        if let Ok(port) = port.parse()
            && is_name(iqn.trim())
        {
            found.push(Offer { address: address.into(), port, iqn: iqn.trim().into() });
        }
    }
    found
}

/// The list of targets that clients choose from; pure.
fn offers_xml(text: &str, offers: &[Offer]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" ?>\n<iscsi-target-iqns>\n");
    let any = Offer { address: text.into(), port: PORT, iqn: "*".into() };
    for (index, offer) in offers.iter().chain([&any]).enumerate() {
        out.push_str("\t<TGT>\n");
        let port = (offer.port != PORT).then(|| offer.port.to_string());
        let tags = [
            ("Index", Some(index.to_string())),
            ("IPAddress", Some(offer.address.clone())),
            ("Port", port),
            ("TargetIQN", Some(offer.iqn.clone())),
        ];
        for (tag, text) in tags.iter().filter_map(|(tag, text)| text.as_ref().map(|t| (tag, t))) {
            out.push_str(&format!("\t\t<{tag}>\n\t\t\t{}\n\t\t</{tag}>\n", escape(text)));
        }
        out.push_str("\t</TGT>\n");
    }
    out + "</iscsi-target-iqns>\n"
}

/// The list of LUNs that clients choose from; pure.
fn luns_xml(luns: &[Lun]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" ?>\n<iscsi-target>\n");
    for lun in luns {
        out.push_str("\t<LUN>\n");
        let tags = [
            ("vendor", lun.vendor.clone()),
            ("serial", lun.serial.clone()),
            ("LUNid", lun.number.to_string()),
            ("size", lun.size.to_string()),
            ("SCSIid", lun.id.clone()),
        ];
        for (tag, text) in tags.iter().filter(|(_, text)| !text.is_empty()) {
            out.push_str(&format!("\t\t<{tag}>\n\t\t\t{}\n\t\t</{tag}>\n", escape(text)));
        }
        out.push_str("\t</LUN>\n");
    }
    out + "</iscsi-target>\n"
}

async fn iscsiadm(ground: &Ground, args: &[&str]) -> std::result::Result<(i32, String), String> {
    let told = ground.host.run("iscsiadm", args, &[]).await?;
    let text = if told.status == 0 { told.stdout } else { told.stderr.trim().to_owned() };
    Ok((told.status, text))
}

/// What a target offers. Leaves nothing behind in the initiator's own records.
async fn discover(ground: &Ground, target: &Target) -> Result<Vec<Offer>> {
    let failed = |e: String| backend_failure(83, "Failed to detect iSCSI targets", &e);
    let portal = target.portal();
    let args = ["-m", "discovery", "-t", "st", "-o", "nonpersistent", "-p", &portal];
    let (status, told) = iscsiadm(ground, &args).await.map_err(failed)?;
    match status {
        0 => Ok(offers(&told)),
        NO_OBJECTS => Ok(vec![]),
        _ => Err(failed(told)),
    }
}

/// Settings of a session: how to prove who we are, and how not to come back by itself.
fn settings(config: &[(String, String)]) -> Result<Vec<(&'static str, String)>> {
    let mut settings = vec![("node.startup", "manual".to_owned())];
    for (user, password, names) in [
        ("chapuser", "chappassword", ("node.session.auth.username", "node.session.auth.password")),
        (
            "incoming_chapuser",
            "incoming_chappassword",
            ("node.session.auth.username_in", "node.session.auth.password_in"),
        ),
    ] {
        let (Some(user), Some(password)) = (value(config, user), value(config, password)) else { continue };
        for text in [user, password] {
            if text.starts_with('-') || text.chars().any(char::is_control) {
                let told = "a CHAP name or password with characters that can't be passed on";
                return Err(backend_failure(68, "ISCSI login failed, verify CHAP credentials", told));
            }
        }
        settings.push(("node.session.auth.authmethod", "CHAP".into()));
        settings.push((names.0, user.into()));
        settings.push((names.1, password.into()));
    }
    Ok(settings)
}

/// Logs in, which is fine where this host is logged in already. The record that the initiator needs for it is made
/// for this target alone.
async fn login(ground: &Ground, target: &Target, iqn: &str, config: &[(String, String)]) -> Result<()> {
    let refused = |e: String| backend_failure(68, "ISCSI login failed, verify CHAP credentials", &e);
    let portal = target.portal();
    let node = ["-m", "node", "-T", iqn, "-p", &portal];
    let settings = settings(config)?;
    if lun::sessions(&ground.sys).contains(iqn) {
        return Ok(());
    }
    let (status, told) = iscsiadm(ground, &[&node[..], &["-o", "new"]].concat()).await.map_err(refused)?;
    if status != 0 && status != SESSION_EXISTS {
        return Err(refused(told));
    }
    let logged_in = async {
        for (name, value) in &settings {
            let update = [&node[..], &["-o", "update", "-n", name, "-v", value]].concat();
            let (status, told) = iscsiadm(ground, &update).await?;
            if status != 0 {
                return Err(told);
            }
        }
        match iscsiadm(ground, &[&node[..], &["--login"]].concat()).await? {
            (0 | SESSION_EXISTS, _) => Ok(()),
            (_, told) => Err(told),
        }
    };
    if let Err(e) = logged_in.await {
        let _ = iscsiadm(ground, &[&node[..], &["-o", "delete"]].concat()).await;
        return Err(refused(e));
    }
    Ok(())
}

/// Logs out, and forgets the record; fine where this host is not logged in.
async fn logout(ground: &Ground, iqn: &str) -> Result<()> {
    let failed = |e: String| backend_failure(69, "ISCSI logout failed", &e);
    let node = ["-m", "node", "-T", iqn];
    for more in [&["--logout"][..], &["-o", "delete"]] {
        let (status, told) = iscsiadm(ground, &[&node[..], more].concat()).await.map_err(failed)?;
        if status != 0 && status != NO_OBJECTS {
            return Err(failed(told));
        }
    }
    Ok(())
}

/// Ends a session unless an SR needs it.
async fn leave(ground: &Ground, iqn: &str, sr: &str) -> Result<()> {
    let last = {
        let mut sessions = lock(&ground.sessions);
        let users = sessions.entry(iqn.to_owned()).or_default();
        users.remove(sr);
        let last = users.is_empty();
        if last {
            sessions.remove(iqn);
        }
        last
    };
    if last { logout(ground, iqn).await } else { Ok(()) }
}

fn claim(ground: &Ground, iqn: &str, sr: &str) {
    lock(&ground.sessions).entry(iqn.to_owned()).or_default().insert(sr.to_owned());
}

/// The LUNs of a session, once the wanted one has appeared, or all of them where none is named.
async fn luns(ground: &Ground, iqn: &str, config: &[(String, String)]) -> Vec<Lun> {
    let named = value(config, "SCSIid").is_some() || value(config, "LUNid").is_some();
    let (mut found, mut same) = (Vec::new(), 0);
    for _ in 0..STEPS {
        let settling = lun::is_settling(&ground.sys, iqn);
        let seen = lun::of_target(&ground.sys, iqn);
        let quiet = !settling && !seen.is_empty() && seen == found;
        same = if quiet { same + 1 } else { 0 };
        found = seen;
        if found.iter().any(|l| is_meant(config, l)) || !named && same >= QUIET {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    found
}

/// Which LUN the configuration means.
fn is_meant(config: &[(String, String)], lun: &Lun) -> bool {
    match (value(config, "SCSIid"), value(config, "LUNid")) {
        (Some(id), _) => lun.id == id,
        (None, Some(number)) => number.parse() == Ok(lun.number),
        (None, None) => false,
    }
}

/// Logs in and finds the LUN of an SR: the target's name and the device.
async fn reach(ground: &Ground, sr: &SrConfig) -> Result<(String, String)> {
    let config = &sr.device_config;
    let target = target(config).await?;
    let Some(iqn) = target.iqn.clone() else {
        return Err(choose_target(ground, &target).await?);
    };
    login(ground, &target, &iqn, config).await?;
    claim(ground, &iqn, &sr.uuid);
    let found = luns(ground, &iqn, config).await;
    let meant = found.iter().find(|l| is_meant(config, l)).map(|l| format!("/dev/{}", l.device));
    let outcome = match meant {
        Some(device) if ground.exists(&device) => return Ok((iqn, device)),
        Some(device) => backend_failure(67, "ISCSI device error", &format!("{device} did not appear")),
        None => choice(107, "The request is missing or has an incorrect SCSIid parameter", luns_xml(&found)),
    };
    leave(ground, &iqn, &sr.uuid).await?;
    Err(outcome)
}

/// The failure that carries the targets to choose from.
async fn choose_target(ground: &Ground, target: &Target) -> Result<Failure> {
    let offers = discover(ground, target).await?;
    let text = "The request is missing or has an incorrect target IQN parameter";
    Ok(choice(96, text, offers_xml(&target.text, &offers)))
}

/// Does work on the LUN of an SR; logged out when it fails, or when it was only to look.
async fn with_lun<T>(
    ground: &Ground,
    sr: &SrConfig,
    stays: bool,
    work: impl AsyncFnOnce(String) -> Result<T>,
) -> Result<T> {
    let (iqn, device) = reach(ground, sr).await?;
    let done = work(device).await;
    if done.is_err() || !stays {
        let left = leave(ground, &iqn, &sr.uuid).await;
        return done.and_then(|value| left.map(|()| value));
    }
    done
}

/// Makes a volume group on the LUN.
///
/// # Errors
/// Those of [`lvm::create`]; SR_BACKEND_FAILURE_95, 96, 107 and 68 with what is missing or refused.
pub async fn create(ground: &Ground, sr: &SrConfig) -> Result<()> {
    with_lun(ground, sr, false, async |device| lvm::create(ground, sr, &[device]).await).await
}

/// Opens the volume group on the LUN.
///
/// # Errors
/// As [`create`], and those of [`lvm::attach`].
pub async fn attach(ground: &Ground, sr: &SrConfig) -> Result<Images> {
    with_lun(ground, sr, true, async |_| lvm::attach(ground, sr).await).await
}

fn iqn_of(sr: &SrConfig) -> Option<String> {
    wanted(&sr.device_config).ok().and_then(|(_, _, iqn)| iqn)
}

/// Lets go of the volume group and logs out.
///
/// # Errors
/// Those of [`lvm::detach`]; SR_BACKEND_FAILURE_69.
pub async fn detach(ground: &Ground, sr: &SrConfig) -> Result<()> {
    lvm::detach(ground, sr).await?;
    match iqn_of(sr) {
        Some(iqn) => leave(ground, &iqn, &sr.uuid).await,
        None => Ok(()),
    }
}

/// Removes the volume group and logs out.
///
/// # Errors
/// Those of [`lvm::delete`]; SR_BACKEND_FAILURE_69.
pub async fn delete(ground: &Ground, sr: &SrConfig) -> Result<()> {
    lvm::delete(ground, sr).await?;
    match iqn_of(sr) {
        Some(iqn) => leave(ground, &iqn, &sr.uuid).await,
        None => Ok(()),
    }
}

/// Which SRs there are on the LUN; what to choose from where the configuration does not name one.
///
/// # Errors
/// As [`create`].
pub async fn probe(ground: &Ground, sr: &SrConfig) -> Result<String> {
    with_lun(ground, sr, false, async |device| lvm::probe(ground, &[device]).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn what_is_missing_or_wrong_has_its_number() {
        let code = |pairs: &[(&str, &str)]| wanted(&config(pairs)).unwrap_err().code.to_string();
        assert_eq!(code(&[]), "SR_BACKEND_FAILURE_95");
        assert_eq!(code(&[("target", "t"), ("port", "0")]), "SR_BACKEND_FAILURE_142");
        assert_eq!(code(&[("target", "t"), ("port", "x")]), "SR_BACKEND_FAILURE_142");
        assert_eq!(code(&[("target", "t"), ("targetIQN", "iqn.x -o delete")]), "SR_BACKEND_FAILURE_106");
        let (_, port, iqn) = wanted(&config(&[("target", "t"), ("targetIQN", "*")])).unwrap();
        assert_eq!((port, iqn), (3260, None));
    }

    #[test]
    fn targets_are_told_to_choose_from() {
        let told =
            "10.0.0.1:3260,1 iqn.2001-04.com.example:a\n[fd00::1]:3261,1 iqn.2001-04.com.example:b\nnoise\n";
        let read = offers(told);
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].address.as_str(), read[1].port), ("fd00::1", 3261));
        let xml = offers_xml("nas", &read);
        assert!(
            xml.starts_with("<?xml version=\"1.0\" ?>\n<iscsi-target-iqns>\n\t<TGT>\n\t\t<Index>\n\t\t\t0\n")
        );
        assert_eq!(xml.matches("<Port>").count(), 1);
        let last = "\t\t<Index>\n\t\t\t2\n\t\t</Index>\n\t\t<IPAddress>\n\t\t\tnas\n\t\t</IPAddress>\n\t\t<TargetIQN>\n\t\t\t*\n";
        assert!(xml.contains(last), "{xml}");
    }

    #[test]
    fn luns_are_told_without_what_is_not_known() {
        let lun = Lun {
            device: "sdb".into(),
            number: 1,
            vendor: "IET".into(),
            serial: String::new(),
            size: 1 << 30,
            id: "360000000000000000e00000000010001".into(),
        };
        let xml = luns_xml(std::slice::from_ref(&lun));
        assert!(
            xml.contains("<SCSIid>\n\t\t\t360000000000000000e00000000010001\n") && !xml.contains("serial")
        );
        assert!(is_meant(&config(&[("SCSIid", &lun.id)]), &lun));
        assert!(!is_meant(&config(&[("SCSIid", "x"), ("LUNid", "1")]), &lun));
        assert!(is_meant(&config(&[("LUNid", "1")]), &lun) && !is_meant(&[], &lun));
    }

    #[test]
    fn secrets_are_only_passed_on_as_they_are() {
        let good = settings(&config(&[("chapuser", "u"), ("chappassword", "p w;$(x)")])).unwrap();
        assert!(good.contains(&("node.session.auth.password", "p w;$(x)".into())));
        assert!(good.contains(&("node.startup", "manual".into())));
        for bad in ["-v", "a\nb"] {
            assert!(settings(&config(&[("chapuser", "u"), ("chappassword", bad)])).is_err());
        }
        assert_eq!(settings(&config(&[("chapuser", "u")])).unwrap().len(), 1);
    }
}
