//! The one table of what may differ between the old database and the new state: field, rule, reason. The importer
//! follows it, the verifier accepts nothing else, and the page in `docs` is made from it.

use std::fmt::Write;

use xapi_schema::{NULL_REF, Ty, Value};
use xapi_statedb::{Row, value};

use super::world::World;

/// Key in `SR.other_config` of an SR nothing may be changed on yet.
pub const GUARD: &str = "xennix:guarded";

/// Who makes the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The import.
    Import,
    /// Each start of the server.
    Server,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Gets this stored text.
    Becomes(&'static str),
    /// Gets this stored text, but not in a control domain's row.
    GuestBecomes(&'static str),
    /// Gets this stored text in the rows of guests that are halted by it.
    HaltedBecomes(&'static str),
    /// Running and paused guests are halted; halted and suspended ones stay so.
    Halts,
    /// What was left open is decided by the way the VM boots.
    Decides,
    /// Loses these keys; one may end in `*`.
    Loses(&'static [&'static str]),
    /// Gets a pair.
    Gains(&'static str, &'static str),
    /// These keys may hold anything.
    KeysRewritten(&'static [&'static str]),
    /// May hold anything.
    Rewritten,
}

/// A difference that is meant.
#[derive(Debug)]
pub struct Difference {
    /// Class.
    pub class: &'static str,
    /// Field, by its name on the wire.
    pub field: &'static str,
    /// Who makes it.
    pub by: By,
    /// What it is.
    pub effect: Effect,
    /// Why.
    pub reason: &'static str,
}

/// Objects that are not carried over as objects, or that the server makes.
#[derive(Debug)]
pub struct RowRule {
    /// Class.
    pub class: &'static str,
    /// Who makes the difference.
    pub by: By,
    /// What happens.
    pub rule: &'static str,
    /// May an object of the old database be missing in the new state?
    pub gone: bool,
    /// Why.
    pub reason: &'static str,
}

const fn import(
    class: &'static str,
    field: &'static str,
    effect: Effect,
    reason: &'static str,
) -> Difference {
    Difference { class, field, by: By::Import, effect, reason }
}

const fn server(
    class: &'static str,
    field: &'static str,
    effect: Effect,
    reason: &'static str,
) -> Difference {
    Difference { class, field, by: By::Server, effect, reason }
}

const GONE: &str = "no domain outlives the change of the hypervisor; a restart of the host resets it as well";
const MACHINE: &str = "the server says at each start what machine it runs on";
const OURS: &str = "it describes the software that serves the pool";

/// The table.
#[rustfmt::skip]
pub const FIELDS: &[Difference] = &[
    import("VM", "power_state", Effect::Halts, GONE),
    import("VM", "memory_target", Effect::HaltedBecomes("0"), GONE),
    import("VM", "guest_metrics", Effect::HaltedBecomes("OpaqueRef:NULL"), GONE),
    import("VM", "domid", Effect::GuestBecomes("-1"), GONE),
    import("VM", "resident_on", Effect::GuestBecomes("OpaqueRef:NULL"), GONE),
    import("VM", "scheduled_to_be_resident_on", Effect::Becomes("OpaqueRef:NULL"), "no start is under way"),
    import("VM", "domain_type", Effect::Decides, "left open by old versions; the original decides it the same way when it loads the file"),
    import("VBD", "currently_attached", Effect::Becomes("false"), GONE),
    import("VBD", "reserved", Effect::Becomes("false"), GONE),
    import("VBD", "device", Effect::Becomes(""), "named anew when the disk is attached"),
    import("VIF", "currently_attached", Effect::Becomes("false"), GONE),
    import("VIF", "reserved", Effect::Becomes("false"), GONE),
    import("VIF", "reserved_pci", Effect::Becomes("OpaqueRef:NULL"), GONE),
    import("VGPU", "currently_attached", Effect::Becomes("false"), GONE),
    import("VGPU", "resident_on", Effect::Becomes("OpaqueRef:NULL"), GONE),
    import("VM", "attached_PCIs", Effect::Becomes("()"), GONE),
    import("PCI", "attached_VMs", Effect::Becomes("()"), GONE),
    import("VUSB", "currently_attached", Effect::Becomes("false"), GONE),
    import("PBD", "currently_attached", Effect::Becomes("false"), "an SR is attached by the server when it starts, not before"),
    import("VDI", "sm_config", Effect::Loses(&["host_*", "activating", "paused", "relinking"]), "marks of attached disks; nothing is attached. They stay readable in the object's origin"),
    import("host", "enabled", Effect::Becomes("false"), "a host is enabled when its server has started"),
    import("host_metrics", "live", Effect::Becomes("false"), "a host is live when it has been heard of; members that are not there stay so"),
    import("SR", "other_config", Effect::Gains(GUARD, "true"), "nothing on the SR may be changed until the conversion is committed; the export takes it out again"),
    server("host", "API_version_major", Effect::Rewritten, OURS),
    server("host", "API_version_minor", Effect::Rewritten, OURS),
    server("host", "software_version", Effect::Rewritten, OURS),
    server("host", "capabilities", Effect::Rewritten, MACHINE),
    server("host", "cpu_info", Effect::Rewritten, MACHINE),
    server("host", "chipset_info", Effect::Rewritten, MACHINE),
    server("host", "bios_strings", Effect::Rewritten, MACHINE),
    server("host", "secure_boot", Effect::Rewritten, MACHINE),
    server("host", "timezone", Effect::Rewritten, MACHINE),
    server("host", "memory_overhead", Effect::Rewritten, MACHINE),
    server("host", "enabled", Effect::Rewritten, "the host is enabled when its server has started"),
    server("host", "other_config", Effect::KeysRewritten(&["boot_time", "agent_start_time"]), "times of this start"),
    server("host", "control_domain", Effect::Rewritten, "older versions left it open"),
    server("SM", "capabilities", Effect::Rewritten, OURS),
    server("SM", "features", Effect::Rewritten, OURS),
    server("host_metrics", "live", Effect::Rewritten, "the host is live when its server has started"),
    server("host_metrics", "memory_total", Effect::Rewritten, MACHINE),
    server("host_metrics", "memory_free", Effect::Rewritten, MACHINE),
    server("host_metrics", "last_updated", Effect::Rewritten, "time of this start"),
    server("VM", "memory_static_max", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "memory_static_min", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "memory_dynamic_max", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "memory_dynamic_min", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "memory_target", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "memory_overhead", Effect::Rewritten, "of this host's control domain: follows from its memory"),
    server("VM", "VCPUs_max", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "VCPUs_at_startup", Effect::Rewritten, "of this host's control domain: what the machine gave it"),
    server("VM", "resident_on", Effect::Rewritten, "of this host's control domain: it is here"),
    server("console", "location", Effect::Rewritten, "of this host's control domain: it names the server's address"),
    server("pool", "cpu_info", Effect::Rewritten, MACHINE),
    server("pool", "restrictions", Effect::Rewritten, OURS),
    server("PBD", "currently_attached", Effect::Rewritten, "of this host: its SRs are attached when its server starts"),
    server("PIF", "currently_attached", Effect::Rewritten, "of this host: its interfaces are brought up when its server starts"),
    server("PIF", "IP", Effect::Rewritten, "of this host: what the network tells where addresses are not static"),
    server("PIF", "netmask", Effect::Rewritten, "of this host: what the network tells where addresses are not static"),
    server("PIF", "gateway", Effect::Rewritten, "of this host: what the network tells where addresses are not static"),
    server("PIF", "IPv6", Effect::Rewritten, "of this host: what the network tells where addresses are not static"),
    server("PIF", "ipv6_gateway", Effect::Rewritten, "of this host: what the network tells where addresses are not static"),
    server("VDI", "cbt_enabled", Effect::Becomes("false"), "before anything of an adopted SR is written, changes it does not follow would be missing from the next backup"),
    server("host_cpu", "vendor", Effect::Rewritten, MACHINE),
    server("host_cpu", "speed", Effect::Rewritten, MACHINE),
    server("host_cpu", "modelname", Effect::Rewritten, MACHINE),
    server("host_cpu", "family", Effect::Rewritten, MACHINE),
    server("host_cpu", "model", Effect::Rewritten, MACHINE),
    server("host_cpu", "stepping", Effect::Rewritten, MACHINE),
    server("host_cpu", "flags", Effect::Rewritten, MACHINE),
    server("PIF_metrics", "carrier", Effect::Rewritten, MACHINE),
    server("PIF_metrics", "speed", Effect::Rewritten, MACHINE),
    server("PIF_metrics", "duplex", Effect::Rewritten, MACHINE),
    server("PIF_metrics", "last_updated", Effect::Rewritten, MACHINE),
];

/// Differences of whole objects.
#[rustfmt::skip]
pub const ROWS: &[RowRule] = &[
    RowRule { class: "console", by: By::Import, rule: "a guest's are kept aside, not carried over", gone: false, reason: "they end with the guest's domain" },
    RowRule { class: "host_cpu", by: By::Server, rule: "made where a processor has none, gone where there is no such processor", gone: true, reason: MACHINE },
    RowRule { class: "console", by: By::Server, rule: "a control domain's are made where it lacks one", gone: false, reason: "it has a text and a graphical one" },
    RowRule { class: "SM", by: By::Server, rule: "made where a driver has none", gone: false, reason: "the server tells what types of SR it serves" },
    RowRule { class: "user", by: By::Server, rule: "root's is made where there is none", gone: false, reason: "the file need not have it" },
    RowRule { class: "network", by: By::Server, rule: "the internal one (bridge xenapi) is made where there is none", gone: false, reason: "guests' agents expect it" },
];

/// Classes whose objects the original forgets at each start, so that a file has none; rows are kept aside.
pub const FORGOTTEN: &[&str] = &["session", "task", "VIF_metrics", "VBD_metrics"];

/// The differences a field may have.
pub fn of(class: &str, field: &str) -> impl Iterator<Item = &'static Difference> {
    FIELDS.iter().filter(move |known| known.class == class && known.field == field)
}

/// The rule about objects of a class.
pub fn of_rows(class: &str, by: By) -> Option<&'static RowRule> {
    ROWS.iter().find(|known| known.class == class && known.by == by)
}

impl Difference {
    /// What the field holds after it, from what the old row holds.
    pub fn apply(&self, world: &World, row: &Row, ty: Ty, before: &Value) -> Value {
        let guest = !world.control_domains.contains(&row.reference);
        let stored = |text: &str| value::read(ty, text).unwrap_or_else(|_| before.clone());
        match self.effect {
            Effect::Becomes(text) => stored(text),
            Effect::GuestBecomes(text) if guest => stored(text),
            Effect::HaltedBecomes(text) if guest && runs(row.get("power__state")) => stored(text),
            Effect::Halts if guest && runs(before.as_str()) => stored("Halted"),
            Effect::Decides if before.as_str() == Some("unspecified") => {
                // Snapshots and templates boot as the VMs that come of them.
                let policy = row.get("HVM__boot_policy").unwrap_or_default();
                stored(if guest && !policy.is_empty() { "hvm" } else { "pv" })
            }
            Effect::Loses(keys) => without(before, keys),
            Effect::Gains(key, text) => {
                let others = before.as_map().unwrap_or_default().iter().filter(|(known, _)| known != key);
                Value::map(others.cloned().chain([(key.into(), Value::str(text))]))
            }
            _ => before.clone(),
        }
    }

    /// Whether the field may hold `now` where `before` is expected.
    pub fn allows(&self, world: &World, row: &Row, ty: Ty, before: &Value, now: &Value) -> bool {
        if self.by == By::Server && !self.concerns(world, row) {
            return false;
        }
        match self.effect {
            Effect::Rewritten => true,
            Effect::KeysRewritten(keys) => same(ty, &without(before, keys), &without(now, keys)),
            _ => same(ty, &self.apply(world, row, ty, before), now),
        }
    }

    /// The server writes on what is this host's own.
    fn concerns(&self, world: &World, row: &Row) -> bool {
        let home = world.survey.pool.as_ref().map(|(_, _, master)| master.as_str());
        match self.class {
            "VM" => world.control_domains.contains(&row.reference),
            "console" => row.get("VM").is_some_and(|vm| world.control_domains.contains(vm)),
            "host" => home == Some(&row.reference),
            "host_metrics" => world.home_metrics.as_ref() == Some(&row.reference),
            "PBD" | "PIF" => row.get("host") == home,
            _ => true,
        }
    }

    /// The rule in words.
    pub fn rule(&self) -> String {
        match self.effect {
            Effect::Becomes("") => "becomes empty".into(),
            Effect::Becomes(text) => format!("becomes {text}"),
            Effect::GuestBecomes(text) => format!("becomes {text}, but not of control domains"),
            Effect::HaltedBecomes(text) => format!("becomes {text} in guests that were Running or Paused"),
            Effect::Halts => "Running and Paused become Halted, but not of control domains".into(),
            Effect::Decides => "unspecified becomes hvm where HVM_boot_policy is set, else pv".into(),
            Effect::Loses(keys) => format!("loses the keys {}", keys.join(", ")),
            Effect::Gains(key, text) => format!("gains {key}={text}"),
            Effect::KeysRewritten(keys) => format!("the keys {} are written anew", keys.join(", ")),
            Effect::Rewritten => "is written anew".into(),
        }
    }
}

/// Has a guest in this power state a domain?
fn runs(power_state: Option<&str>) -> bool {
    matches!(power_state, Some("Running" | "Paused"))
}

/// Equal as stored: not-a-number equals itself, and what order a map has does not matter.
pub fn same(ty: Ty, one: &Value, other: &Value) -> bool {
    if let (Value::Map(one), Value::Map(other)) = (one, other) {
        let sorted = |pairs: &[(xapi_schema::ArcStr, Value)]| {
            let mut pairs = pairs.to_vec();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            value::write(ty, &Value::map(pairs))
        };
        return one.len() == other.len() && sorted(one) == sorted(other);
    }
    one == other || value::write(ty, one) == value::write(ty, other)
}

fn without(map: &Value, keys: &[&str]) -> Value {
    let lost = |name: &str| {
        keys.iter().any(|key| match key.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *key,
        })
    };
    let pairs = map.as_map().unwrap_or_default().iter().filter(|(name, _)| !lost(name));
    Value::map(pairs.cloned())
}

/// The page of the documentation.
pub fn page() -> String {
    let mut page = String::from(
        "# What differs after an import\n\n\
         Made from the table in `infect/src/db/differences.rs`. Every field that is not named here holds what the\n\
         old database held; `infect verify` accepts no other difference.\n\n",
    );
    for (by, head) in [(By::Import, "Set by the import"), (By::Server, "Written by the server at each start")]
    {
        let _ = write!(page, "## {head}\n\n| Field | Rule | Reason |\n|---|---|---|\n");
        for known in FIELDS.iter().filter(|known| known.by == by) {
            let _ =
                writeln!(page, "| `{}.{}` | {} | {} |", known.class, known.field, known.rule(), known.reason);
        }
        for known in ROWS.iter().filter(|known| known.by == by) {
            let _ = writeln!(page, "| `{}` objects | {} | {} |", known.class, known.rule, known.reason);
        }
        page.push('\n');
    }
    let _ = write!(
        page,
        "## Of every class\n\n\
         | What | Rule | Reason |\n|---|---|---|\n\
         | fields the model marks as not kept (`allowed_operations`, `current_operations`, measurements) | begin empty | the original empties them when it loads the file |\n\
         | sets of references whose other end holds one reference (`VM.VBDs`, `SR.VDIs`, ...) | built from the other end | the original does so too; the single reference is the truth |\n\
         | fields the old schema lacks | get their default | the original gives them the same |\n\
         | texts that are no value of their field | the field gets its default, the text is kept aside | nothing is guessed; the export writes the text back |\n\
         | columns and tables nobody knows | kept aside, exported back | updates of a vendor may have added them |\n\
         | rows of {} | kept aside, exported back | the original forgets them at each start |\n\
         | an empty reference | reads `{NULL_REF}` | the two mean the same; the original does not load the former |\n",
        FORGOTTEN.join(", "),
    );
    page
}
