//! What a running domain is told: its memory, its processors, keys and triggers.

use xapi_backend::hypervisor::DomainKind;
use xapi_schema::{Result, errors};

use crate::{config::mib, host, records::Record, shared::Shared};

/// What can be done to a domain's virtual machine from outside, by xl's names.
const TRIGGERS: &[&str] = &["nmi", "reset", "init", "power", "sleep", "s3resume"];

/// The one letter of a magic key.
///
/// # Errors
/// INVALID_VALUE ["key", text].
pub fn magic_key(text: &str) -> Result<&str> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphanumeric() => Ok(text),
        _ => Err(errors::INVALID_VALUE.with(["key", text])),
    }
}

/// A trigger xl knows.
///
/// # Errors
/// INVALID_VALUE ["trigger", text].
pub fn trigger(text: &str) -> Result<&str> {
    match TRIGGERS.iter().find(|known| **known == text) {
        Some(known) => Ok(known),
        None => Err(errors::INVALID_VALUE.with(["trigger", text])),
    }
}

impl Shared {
    /// Weight and cap, told to whichever scheduler the hypervisor runs.
    pub async fn set_schedule(&self, uuid: &str, weight: i64, cap: i64) -> Result<()> {
        let domid = self.need(uuid).await?.to_string();
        let info = host::info(&self.xl.quick(&["info"]).await?);
        let scheduler = info.get("xen_scheduler").map_or("credit2", String::as_str);
        if !["credit", "credit2"].contains(&scheduler) {
            let text = format!("weight and cap mean nothing to the scheduler {scheduler}");
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
        let (command, weight, cap) = (format!("sched-{scheduler}"), weight.to_string(), cap.to_string());
        self.xl.quick(&[&command, "-d", &domid, "-w", &weight, "-c", &cap]).await.map(|_| ())
    }

    /// MiB of a domain that a shim has and not its guest: what it was built with beyond what its guest may have. One that
    /// was built by an earlier version has none.
    pub async fn shim_mib(&self, record: &Record, domid: u32) -> Result<i64> {
        if record.spec.kind != DomainKind::PvInPvh {
            return Ok(0);
        }
        let built = self.store.find(&format!("/local/domain/{domid}/memory/static-max")).await?;
        let kib: i64 = built.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok((kib / 1024 - mib(record.spec.memory_max)).max(0))
    }

    /// Moves the balloon.
    pub async fn set_memory_target(&self, uuid: &str, bytes: i64) -> Result<()> {
        let domid = self.need(uuid).await?;
        let shim = match self.records.get(uuid)? {
            Some(record) => self.shim_mib(&record, domid).await?,
            None => 0,
        };
        let (whole, own) = (bytes / 1024 + 1024 * shim, (bytes / 1024).to_string());
        self.xl.slow(&["mem-set", &domid.to_string(), &format!("{whole}k")]).await?;
        let at = |node: &str| format!("/local/domain/{domid}/memory/{node}");
        if shim > 0 {
            // xl has told the guest, which has no part in what the shim has.
            self.store.write(&at("target"), &own).await?;
        }
        self.store.write(&at("dynamic-max"), &own).await?;
        Ok(())
    }

    /// Plugs or unplugs processors.
    pub async fn set_vcpus(&self, uuid: &str, count: i64) -> Result<()> {
        let domid = self.need(uuid).await?;
        // Whether there may be more than the machine has was decided when it started.
        self.xl
            .quick(&["vcpu-set", "--ignore-host", &domid.to_string(), &count.to_string()])
            .await
            .map(|_| ())
    }

    /// Presses a magic key.
    pub async fn send_sysrq(&self, uuid: &str, key: &str) -> Result<()> {
        let key = magic_key(key)?;
        let domid = self.need(uuid).await?;
        self.xl.quick(&["sysrq", &domid.to_string(), key]).await.map(|_| ())
    }

    /// Pulls a trigger of the virtual machine.
    pub async fn send_trigger(&self, uuid: &str, what: &str) -> Result<()> {
        let what = trigger(what)?;
        let domid = self.need(uuid).await?;
        self.xl.quick(&["trigger", &domid.to_string(), what]).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_xl_knows_is_sent() {
        assert_eq!(magic_key("s"), Ok("s"));
        for bad in ["", "ss", "-", "\n", "ß"] {
            assert_eq!(magic_key(bad).map_err(|e| e.code), Err("INVALID_VALUE".into()), "{bad:?}");
        }
        assert_eq!(trigger("nmi"), Ok("nmi"));
        for bad in ["", "NMI", "--help", "nmi 1"] {
            assert_eq!(trigger(bad).map_err(|e| e.code), Err("INVALID_VALUE".into()), "{bad:?}");
        }
    }
}
