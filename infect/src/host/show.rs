//! A host for people: one screen, nothing secret.

use super::networkd::{V4, V6};
use super::system_disk::Part;
use super::{Host, role::Role};
use std::fmt;

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, value: &str| {
            if value.is_empty() { Ok(()) } else { writeln!(f, "{name:<14} {value}") }
        };
        line(f, "host", self.hostname.as_deref().unwrap_or("(no name)"))?;
        if let Some(inventory) = &self.inventory {
            line(
                f,
                "release",
                &format!("{} (platform {})", inventory.product(), inventory.get("PLATFORM_VERSION")),
            )?;
            line(f, "uuid", inventory.host_uuid())?;
            line(f, "dom0", inventory.get("CONTROL_DOMAIN_UUID"))?;
            line(f, "disk", inventory.get("PRIMARY_DISK"))?;
            line(f, "layout", inventory.get("PARTITION_LAYOUT"))?;
            line(f, "management", inventory.management().unwrap_or("(switched off)"))?;
        }
        let role = match &self.role {
            Some(Role::Master) => "coordinator".to_owned(),
            Some(Role::Member(of)) => format!("member of {of}"),
            Some(Role::Broken) => "broken".to_owned(),
            None => "(unknown)".to_owned(),
        };
        line(f, "role", &role)?;
        line(f, "firmware", if self.is_uefi() { "UEFI" } else { "BIOS" })?;
        if let Some(entry) = self.grub().and_then(|grub| grub.default_entry()) {
            line(f, "boots", &entry.title)?;
            line(f, "xen", &entry.xen.join(" "))?;
            line(f, "kernel", &entry.kernel.join(" "))?;
        }
        line(f, "time zone", self.timezone.as_deref().unwrap_or(""))?;
        line(f, "time servers", &self.time.servers.join(", "))?;
        line(f, "name servers", &self.resolver.servers.join(", "))?;
        line(f, "initiator", self.initiator.as_deref().unwrap_or(""))?;
        for seen in &self.rename.lastboot {
            line(f, &seen.name, &format!("{} at {}", seen.mac, seen.pci))?;
        }
        self.network(f)?;
        if let Some(disk) = &self.disk {
            for (part, name) in [
                (Part::Root, "root"),
                (Part::Backup, "backup"),
                (Part::Esp, "EFI"),
                (Part::BiosBoot, "BIOS boot"),
                (Part::Logs, "logs"),
                (Part::Swap, "swap"),
                (Part::Storage, "storage"),
            ] {
                if let Some(one) = disk.part(part) {
                    line(f, name, &format!("partition {}, {} MiB", one.number, one.size >> 20))?;
                }
            }
            for group in disk.groups.values() {
                line(f, "volume group", &format!("{}, {} volumes", group.name, group.logical.len()))?;
            }
        }
        for (file, pem) in &self.certificates {
            for one in &pem.certificates {
                line(f, "certificate", &format!("{file}: {}, {} {} bits", one.subject, one.kind, one.bits))?;
            }
        }
        let history = &self.history;
        line(
            f,
            "kept",
            &format!(
                "{} graphs, {} payloads, {} alerts",
                history.rrds.len(),
                history.blobs.len(),
                history.messages
            ),
        )?;
        for problem in &self.problems {
            writeln!(f, "problem        {problem}")?;
        }
        Ok(())
    }
}

impl Host {
    fn network(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(networkd) = &self.networkd else { return Ok(()) };
        for (name, bridge) in &networkd.bridges {
            let ports: Vec<String> = bridge
                .ports
                .iter()
                .map(|(port, one)| match one.interfaces.len() {
                    0 | 1 => port.clone(),
                    _ => format!("{port} ({})", one.interfaces.join(" + ")),
                })
                .collect();
            let mut words = vec![ports.join(", ")];
            if let Some((parent, tag)) = &bridge.vlan {
                words.push(format!("VLAN {tag} on {parent}"));
            }
            if let Some(interface) = networkd.interfaces.get(name) {
                match &interface.v4 {
                    V4::None => {}
                    V4::Dhcp => words.push("DHCP".into()),
                    V4::Static(all) => {
                        words.extend(all.iter().map(|(address, prefix)| format!("{address}/{prefix}")))
                    }
                }
                match &interface.v6 {
                    V6::Static(all) => {
                        words.extend(all.iter().map(|(address, prefix)| format!("{address}/{prefix}")))
                    }
                    V6::Dhcp => words.push("DHCPv6".into()),
                    V6::Autoconf => words.push("IPv6 autoconf".into()),
                    V6::None | V6::LinkLocal => {}
                }
                words.extend(interface.mtu.filter(|mtu| *mtu != 1500).map(|mtu| format!("MTU {mtu}")));
            }
            words.retain(|word| !word.is_empty());
            writeln!(f, "{name:<14} {}", words.join(", "))?;
        }
        Ok(())
    }
}
