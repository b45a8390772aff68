//! Counters of the kernel that only grow, and what is measured at once.

use crate::Root;

/// Bytes and errors of a network device since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Kernel name.
    pub device: String,
    /// Bytes received.
    pub rx: i64,
    /// Bytes sent.
    pub tx: i64,
    /// Errors receiving.
    pub rx_errors: i64,
    /// Errors sending.
    pub tx_errors: i64,
}

/// Requests and bytes of a guest's disk since it was plugged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// Number of the guest's domain.
    pub domid: i64,
    /// Number of the device in the guest.
    pub device: u32,
    /// Bytes read.
    pub read: i64,
    /// Bytes written.
    pub written: i64,
    /// Requests to read.
    pub reads: i64,
    /// Requests to write.
    pub writes: i64,
}

/// All network devices.
pub fn links(root: &Root) -> Vec<Link> {
    let one = |device: String| {
        let count = |name: &str| root.number(format!("sys/class/net/{device}/statistics/{name}"));
        Some(Link {
            rx: count("rx_bytes")?,
            tx: count("tx_bytes")?,
            rx_errors: count("rx_errors").unwrap_or(0),
            tx_errors: count("tx_errors").unwrap_or(0),
            device,
        })
    };
    root.names("sys/class/net").into_iter().filter_map(one).collect()
}

/// Disks of guests served by the kernel.
pub fn disks(root: &Root) -> Vec<Disk> {
    const DEVICES: &str = "sys/bus/xen-backend/devices";
    /// The kernel counts in these.
    const SECTOR: i64 = 512;
    let one = |name: String| {
        let mut parts = name.strip_prefix("vbd-")?.split('-');
        let (domid, device) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let count = |what: &str| root.number(format!("{DEVICES}/{name}/statistics/{what}"));
        Some(Disk {
            domid,
            device,
            read: count("rd_sect")? * SECTOR,
            written: count("wr_sect")? * SECTOR,
            reads: count("rd_req")?,
            writes: count("wr_req")?,
        })
    };
    root.names(DEVICES).into_iter().filter_map(one).collect()
}

/// What waits to run, on average over the last minute.
pub fn load(root: &Root) -> f64 {
    root.text("proc/loadavg").split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// Bytes of memory this process occupies.
pub fn own_memory(root: &Root) -> i64 {
    const PAGE: i64 = 4096;
    let statm = root.text("proc/self/statm");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<i64>().ok()).unwrap_or(0) * PAGE
}

/// Files this process has open.
pub fn own_files(root: &Root) -> i64 {
    root.names("proc/self/fd").len() as i64
}

/// Time all processors of this system were busy and idle, in the kernel's units.
pub fn processors(root: &Root) -> Vec<(i64, i64)> {
    let line = |line: &str| {
        let rest = line.strip_prefix("cpu").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
        let times: Vec<i64> = rest.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let idle = times.get(3)? + times.get(4).copied().unwrap_or(0);
        Some((times.iter().take(8).sum::<i64>() - idle, idle))
    };
    root.text("proc/stat").lines().filter_map(line).collect()
}
