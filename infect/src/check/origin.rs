//! What the host is and whether it is in a state to be read at all.

use super::{Condition, Facts, Outcome, condition, when};
use crate::Severity::{Info, Refuse, Warn};
use crate::host::inventory::Release;
use crate::host::{inventory, networkd, role, services};

/// Files without which nothing can be carried over.
const NEEDED: [&str; 5] = [inventory::PATH, role::POOL_CONF, role::PTOKEN, networkd::PATH, services::SHADOW];

pub(super) const CODES: &[Condition] = &[
    condition(
        "REL_UNSUPPORTED",
        Refuse,
        "the release is neither 8.2 nor 8.3",
        "upgrade the host to XCP-ng 8.3 first",
        |f| release(f, Release::Unsupported),
    ),
    condition(
        "REL_BEST_EFFORT",
        Warn,
        "the release is a near relative nobody tried",
        "accept it, with a backup at hand",
        |f| release(f, Release::BestEffort),
    ),
    condition(
        "REL_SCHEMA",
        Warn,
        "release and database do not fit each other",
        "name the database of this very host",
        |f| {
            let (Some(inventory), Some(pool)) = (&f.host.inventory, f.pool) else {
                return Outcome::Unknown("no database");
            };
            let old = inventory.get("PRODUCT_VERSION").starts_with("8.2");
            when(old != (pool.schema < 700), format!("{} with schema 5.{}", inventory.product(), pool.schema))
        },
    ),
    condition("ROOT_NOT_DOM0", Refuse, "this is not the control domain", "run it in dom0 of the host", |f| {
        match f.host.machine.dom0 {
            Some(yes) => when(!yes, "Xen does not know this system as its control domain"),
            None => Outcome::Unknown("a copy of the files is no running host"),
        }
    }),
    condition("ROOT_NOT_PRIVILEGED", Refuse, "the program is not run by root", "run it as root", |f| match f
        .host
        .machine
        .root
    {
        Some(yes) => when(!yes, "not root"),
        None => Outcome::Unknown("a copy of the files is no running host"),
    }),
    condition(
        "FILE_MISSING",
        Refuse,
        "a file that must be there is not",
        "copy the whole root, or repair the host",
        |f| {
            let missing = NEEDED.iter().filter(|path| !f.tree.exists(path));
            Outcome::Found(missing.map(|path| ((*path).to_owned(), "not there".to_owned())).collect())
        },
    ),
    condition("FILE_MALFORMED", Refuse, "a file is not as it should be", "repair the named line", |f| {
        Outcome::Found(f.host.problems.iter().map(|one| (one.file.clone(), one.to_string())).collect())
    }),
    condition(
        "FIRSTBOOT_INCOMPLETE",
        Refuse,
        "the first boot did not finish",
        "start the host and let its first boot end",
        |f| {
            Outcome::Found(
                f.host
                    .firstboot_missing
                    .iter()
                    .map(|path| (path.clone(), "the marker is missing".into()))
                    .collect(),
            )
        },
    ),
    condition(
        "UPDATE_YUM",
        Refuse,
        "a package transaction is unfinished",
        "run yum-complete-transaction",
        |f| {
            let names = f.tree.list("/var/lib/yum").unwrap_or_default();
            let open = names.into_iter().filter(|name| name.starts_with("transaction-all."));
            Outcome::Found(open.map(|name| (name, "unfinished".into())).collect())
        },
    ),
    condition("UPDATE_REBOOT", Refuse, "an update waits for a reboot", "reboot the host first", |f| {
        let Some(row) = f.row() else { return Outcome::Unknown("no row of this host in a database") };
        let guidance = row.set("pending_guidances").contains(&"reboot_host".to_owned());
        when(
            guidance || !row.set("updates_requiring_reboot").is_empty(),
            "the old toolstack asks for a reboot",
        )
    }),
    condition(
        "UPDATE_ROLLING",
        Refuse,
        "a rolling upgrade of the pool is under way",
        "finish it on all hosts",
        |f| {
            let Some(pool) = f.pool else { return Outcome::Unknown("no database") };
            let version = |row: &crate::pool::Row| {
                row.map("software_version").get("product_version").cloned().unwrap_or_default()
            };
            let mut versions: Vec<String> = pool.rows("host").iter().map(version).collect();
            versions.sort();
            versions.dedup();
            let upgrading = pool
                .pool()
                .is_some_and(|row| row.map("other_config").contains_key("rolling_upgrade_in_progress"));
            when(versions.len() > 1 || upgrading, format!("versions in the pool: {}", versions.join(", ")))
        },
    ),
    condition("CUSTOM_CRON", Info, "jobs of cron are not carried over", "", |f| {
        let mut found = list(f, "/var/spool/cron", &[]);
        found.extend(list(
            f,
            "/etc/cron.d",
            &[
                "0hourly",
                "logrotate.cron",
                "sysstat",
                "xapi-logrotate.cron",
                "xapi-tracing-log-trim.cron",
                "ntp-sync",
                "raid-check",
            ],
        ));
        Outcome::Found(found)
    }),
    condition("CUSTOM_PLUGINS", Info, "plugins and hooks of the toolstack are not carried over", "", |f| {
        let mut found =
            list(f, "/etc/xapi.d/plugins", &["openvswitch-config-update", "echo", "perfmon", "extauth-hook"]);
        found.extend(list(f, "/etc/xensource/master.d", &["01-example", "03-mpathalert-daemon"]));
        Outcome::Found(found)
    }),
    condition("CUSTOM_PACKS", Info, "supplemental packs are not carried over", "", |f| {
        Outcome::Found(list(f, "/etc/xensource/installed-repos", &["xs:main", "xcp-ng:main"]))
    }),
    condition("CUSTOM_FIREWALL", Info, "the host's own firewall rules are not carried over", "", |f| {
        let text = f.tree.read("/etc/sysconfig/iptables", 1 << 20).ok().flatten().unwrap_or_default();
        let own = String::from_utf8_lossy(&text)
            .lines()
            .filter(|line| line.starts_with("-A") && !VENDOR_RULES.iter().any(|rule| line.contains(rule)))
            .count();
        when(own > 0, format!("{own} rules beside the vendor's"))
    }),
    condition("CUSTOM_USERS", Info, "local users are not carried over", "", |f| {
        let bytes = f.tree.read(services::PASSWD, 1 << 20).ok().flatten().unwrap_or_default();
        let people = services::people(services::PASSWD, &bytes).unwrap_or_default();
        Outcome::Found(people.into_iter().map(|name| (name, "may log in".into())).collect())
    }),
];

/// What the rules the vendor ships have in them.
const VENDOR_RULES: [&str; 10] = [
    "RH-Firewall-1-INPUT",
    "xapi-INPUT",
    "-i lo",
    "icmp",
    "--dport 22 ",
    "--dport 80 ",
    "--dport 443 ",
    "--dport 694 ",
    "ESTABLISHED",
    "REJECT",
];

fn list(f: &Facts<'_>, directory: &str, usual: &[&str]) -> Vec<(String, String)> {
    let names = f.tree.list(directory).unwrap_or_default();
    names
        .into_iter()
        .filter(|name| !usual.contains(&name.as_str()))
        .map(|name| (format!("{directory}/{name}"), "not the vendor's".into()))
        .collect()
}

fn release(f: &Facts<'_>, kind: Release) -> Outcome {
    match &f.host.inventory {
        Some(inventory) => when(inventory.release() == kind, inventory.product()),
        None => when(kind == Release::Unsupported, "no inventory that can be read"),
    }
}
