//! The looks themselves: each is about one thing and answers one line.

use std::{
    io::Write,
    net::{TcpListener, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, statfs};
use xapi_facts::Root;

use super::report::Line;
use crate::{config::Config, state};

/// The first release of the hypervisor this is tried with.
const OLDEST: (u32, u32) = (4, 17);

/// Everything, in the order it is needed.
pub fn all(config: &Config, root: &Root) -> Vec<Line> {
    let mut lines = vec![directory(&config.state_dir), time(root)];
    let busy = running(&config.state_dir);
    for (name, address) in [("http", &config.http), ("https", &config.https), ("nbd", &config.nbd)] {
        lines.extend(port(name, address.as_deref(), busy));
    }
    lines.push(passwords(config.pam, root));
    if config.backend == "xl" {
        lines.extend([hypervisor(root), xl(), store(root), consoles(root), emulator(root), root_user()]);
        lines.extend([network(config.network, root), filters(), firmware(root), tpm(root)]);
    } else {
        lines.push(Line::without(
            "xen",
            "the simulator is used: this is not the control domain of a Xen host",
            "boot the Xen hypervisor with this system as its control domain to run guests",
        ));
    }
    if config.storage == "native" {
        lines.extend([disk_server(), block_devices(root)]);
        if config.data_path == Some(xapi_datapath::Kind::Tapdisk) {
            lines.push(tapdisk(find("tap-ctl")));
        }
        let helpers = [
            ("lvm", "lvs", "lvm2", "SRs of type lvm, lvmoiscsi, ext and xfs do not work"),
            ("ext", "mkfs.ext4", "e2fsprogs", "SRs of type ext cannot be made"),
            ("xfs", "mkfs.xfs", "xfsprogs", "SRs of type xfs cannot be made"),
            ("nfs", "mount.nfs", "nfs-common", "SRs of type nfs do not work"),
            ("smb", "mount.cifs", "cifs-utils", "SRs of type smb do not work"),
            ("iscsi", "iscsiadm", "open-iscsi", "SRs of type lvmoiscsi do not work"),
        ];
        lines.extend(helpers.map(|(name, tool, package, loss)| program(name, tool, package, loss)));
    }
    lines
}

/// Where a program is that would be run.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|place| place.join(name)).find(|path| path.is_file())
}

fn program(name: &'static str, tool: &str, package: &str, loss: &str) -> Line {
    match find(tool) {
        Some(path) => Line::ok(name, path.display().to_string()),
        None => Line::without(name, format!("there is no {tool}: {loss}"), format!("install {package}")),
    }
}

/// Another daemon holds the state directory.
fn running(dir: &Path) -> bool {
    dir.join("lock").exists() && state::lock(dir).is_err()
}

/// The deepest directory on the way that is there.
fn existing(dir: &Path) -> PathBuf {
    let there = dir.ancestors().find(|path| path.is_dir());
    there.map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
}

/// What is acknowledged must be on a disk: the state cannot live in memory.
fn directory(dir: &Path) -> Line {
    let place = existing(dir);
    let name = format!(".check-{}", std::process::id());
    let path = place.join(name);
    let written = std::fs::File::create(&path).and_then(|mut file| {
        file.write_all(b"xapi")?;
        file.sync_all()
    });
    let _ = std::fs::remove_file(&path);
    let shown = dir.display();
    if let Err(error) = written {
        return Line::lacks(
            "state",
            format!("{shown} cannot be written: {error}"),
            "choose another --state-dir, or run as root",
        );
    }
    match statfs(&place).map(|found| found.filesystem_type()) {
        Ok(TMPFS_MAGIC) => Line::without(
            "state",
            format!("{shown} is kept in memory: a reboot forgets this host"),
            "put --state-dir on a disk",
        ),
        Ok(OVERLAYFS_SUPER_MAGIC) => Line::without(
            "state",
            format!("{shown} lies on an overlay, which may not outlive a reboot"),
            "put --state-dir on a file system of a disk",
        ),
        _ => Line::ok("state", shown.to_string()),
    }
}

/// Certificates, tasks and messages carry times.
fn time(root: &Root) -> Line {
    // Touched by systemd once a time server was heard.
    if root.has("run/systemd/timesync/synchronized") {
        return Line::ok("time", "synchronised");
    }
    let daemons = ["chronyd", "ntpd", "ntpsec", "systemd-timesyn"];
    match daemons.into_iter().find(|name| process(root, name)) {
        Some(name) => Line::ok("time", format!("{name} runs")),
        None => Line::without("time", "nothing keeps the clock", "install and start chrony"),
    }
}

/// A process of this name runs.
fn process(root: &Root, name: &str) -> bool {
    let numbered = |entry: &String| entry.bytes().all(|b| b.is_ascii_digit());
    root.names("proc").into_iter().filter(numbered).any(|pid| root.word(format!("proc/{pid}/comm")) == name)
}

fn port(name: &'static str, address: Option<&str>, busy: bool) -> Option<Line> {
    let text = address.filter(|text| *text != "none")?;
    let Some(address) = text.to_socket_addrs().ok().and_then(|mut all| all.next()) else {
        return Some(Line::lacks(
            name,
            format!("{text} is no address with a port"),
            format!("correct --{name}"),
        ));
    };
    Some(match TcpListener::bind(address) {
        Ok(_) => Line::ok(name, format!("{address} is free")),
        Err(_) if busy => Line::ok(name, format!("{address} is in use, and a xapi runs")),
        Err(error) => Line::lacks(
            name,
            format!("{address}: {error}"),
            format!("end what listens there, or choose another --{name}"),
        ),
    })
}

fn passwords(pam: bool, root: &Root) -> Line {
    match pam {
        false => Line::ok("passwords", "kept in a file of the state"),
        true if root.has("etc/pam.d/xapi") => Line::ok("passwords", "checked by the system: /etc/pam.d/xapi"),
        true => Line::lacks(
            "passwords",
            "the system has no rules for xapi: nobody can log in",
            "install packaging/pam/xapi as /etc/pam.d/xapi",
        ),
    }
}

fn hypervisor(root: &Root) -> Line {
    let capabilities = root.text("proc/xen/capabilities");
    match capabilities.split_whitespace().any(|word| word == "control_d") {
        true => Line::ok("xen", "this is a control domain"),
        false => Line::lacks(
            "xen",
            "this is not the control domain of a Xen host",
            "boot the Xen hypervisor; mount xenfs on /proc/xen",
        ),
    }
}

/// Output of a helper that answers at once, if it does within reason.
fn ask(program: &str, args: &[&str]) -> Result<String, String> {
    // `timeout` is part of every base system; a hypervisor that hangs must not hang this.
    let mut command = Command::new(find("timeout").unwrap_or_else(|| PathBuf::from(program)));
    if find("timeout").is_some() {
        command.args(["30", program]);
    }
    match command.args(args).output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .lines()
            .last()
            .unwrap_or("no answer")
            .to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// The release in what `xl info` prints.
pub(super) fn release(info: &str) -> Option<(u32, u32)> {
    let told = xapi_xl::host::info(info);
    Some((told.get("xen_major")?.parse().ok()?, told.get("xen_minor")?.parse().ok()?))
}

fn xl() -> Line {
    const PACKAGE: &str = "install the Xen tools of this distribution (xen-utils)";
    if find("xl").is_none() {
        return Line::lacks("xl", "there is no xl", PACKAGE);
    }
    match ask("xl", &["info"]) {
        Err(error) => {
            Line::lacks("xl", format!("xl info failed: {error}"), "start the services of Xen; see xl info")
        }
        Ok(text) => match release(&text) {
            Some(found) if found >= OLDEST => Line::ok("xl", format!("Xen {}.{}", found.0, found.1)),
            Some((major, minor)) => Line::without(
                "xl",
                format!(
                    "Xen {major}.{minor} is older than {}.{}, the first that was tried",
                    OLDEST.0, OLDEST.1
                ),
                "upgrade Xen",
            ),
            None => Line::lacks("xl", "xl info tells no release", PACKAGE),
        },
    }
}

fn store(root: &Root) -> Line {
    let places = ["run/xenstored/socket", "var/run/xenstored/socket"];
    let socket = places.iter().map(|place| root.path(place)).find(|path| UnixStream::connect(path).is_ok());
    match socket {
        Some(path) => Line::ok("xenstore", path.display().to_string()),
        None if root.has("dev/xen/xenbus") => Line::ok("xenstore", "/dev/xen/xenbus"),
        None => Line::lacks("xenstore", "no xenstored answers", "start xenstored"),
    }
}

fn consoles(root: &Root) -> Line {
    match process(root, "xenconsoled") {
        true => Line::ok("consoles", "xenconsoled runs"),
        false => Line::lacks(
            "consoles",
            "no xenconsoled runs: guests without emulator do not start",
            "start xenconsoled",
        ),
    }
}

fn emulator(root: &Root) -> Line {
    let found = xapi_xl::emulator::find(root).or_else(|| find("qemu-system-i386"));
    match found {
        Some(path) => Line::ok("emulator", path.display().to_string()),
        None => Line::without(
            "emulator",
            "there is no qemu for Xen: only PV and PVH guests run",
            "install qemu-system-xen",
        ),
    }
}

/// A TPM is a program beside the emulator, and the emulator must know how to speak with it.
fn tpm(root: &Root) -> Line {
    let Some(program) = find("swtpm") else {
        return Line::without("tpm", "there is no swtpm: guests cannot have a TPM", "install swtpm");
    };
    let Some(emulator) = xapi_xl::emulator::find(root) else {
        return Line::without(
            "tpm",
            "there is no emulator: guests cannot have a TPM",
            "install qemu for Xen",
        );
    };
    // It prints the list as if it were a mistake to ask.
    let asked = Command::new(&emulator).args(["-tpmdev", "help"]).output();
    let known = |bytes: &[u8]| xapi_xl::emulator::knows_tpm(&String::from_utf8_lossy(bytes));
    match asked.is_ok_and(|output| known(&output.stdout) || known(&output.stderr)) {
        true => Line::ok("tpm", program.display().to_string()),
        false => Line::without(
            "tpm",
            format!("{} is built without TPMs: guests cannot have one", emulator.display()),
            "install a qemu for Xen that knows -tpmdev emulator",
        ),
    }
}

fn root_user() -> Line {
    match nix::unistd::geteuid().is_root() {
        true => Line::ok("root", "runs as root"),
        false => Line::lacks("root", "does not run as root, as which xl must be run", "run as root"),
    }
}

fn network(kind: &str, root: &Root) -> Line {
    match kind {
        "openvswitch" => match find("ovs-vsctl") {
            Some(path) => Line::ok("network", path.display().to_string()),
            None => Line::lacks("network", "there is no ovs-vsctl", "install openvswitch-switch"),
        },
        "networkd" => match process(root, "systemd-network") {
            true => Line::ok("network", "systemd-networkd runs"),
            false => Line::lacks(
                "network",
                "systemd-networkd does not run",
                "systemctl enable --now systemd-networkd",
            ),
        },
        "kernel" => Line::ok("network", "made through the kernel"),
        _ => {
            let bridges = root.names("sys/class/net").into_iter();
            let bridges: Vec<String> =
                bridges.filter(|name| root.has(format!("sys/class/net/{name}/bridge"))).collect();
            let switch = root.has(xapi_network::SWITCH_SOCKET.trim_start_matches('/'));
            match (bridges.is_empty(), switch) {
                (false, false) => Line::ok("network", format!("bridges: {}", bridges.join(", "))),
                (false, true) => {
                    Line::ok("network", format!("bridges: {}; Open vSwitch", bridges.join(", ")))
                }
                (true, true) => Line::ok("network", "Open vSwitch runs"),
                (true, false) => Line::without(
                    "network",
                    "there is no bridge, and none is made",
                    "make a bridge xenbr0, or use --network kernel",
                ),
            }
        }
    }
}

fn filters() -> Line {
    program("filters", "nft", "nftables", "cards of guests cannot be locked")
}

fn firmware(root: &Root) -> Line {
    let releases = root.names("usr/lib").into_iter().filter(|name| name.starts_with("xen-"));
    let own = releases.map(|name| format!("usr/lib/{name}/boot/ovmf.bin"));
    let others = [
        "usr/share/ovmf/OVMF.fd",
        "usr/share/OVMF/OVMF_CODE.fd",
        "usr/share/qemu/ovmf-x86_64.bin",
        "usr/lib/xen/boot/ovmf.bin",
    ];
    match own.chain(others.map(String::from)).find(|path| root.has(path)) {
        Some(path) => Line::ok("firmware", format!("/{path}")),
        None => Line::without("firmware", "there is no OVMF: guests cannot start by UEFI", "install ovmf"),
    }
}

fn disk_server() -> Line {
    let beside =
        std::env::current_exe().ok().and_then(|own| own.parent().map(|place| place.join("xennix-disk")));
    match beside.filter(|path| path.is_file()).or_else(|| find("xennix-disk")) {
        Some(path) => Line::ok("disks", path.display().to_string()),
        None => Line::lacks(
            "disks",
            "there is no xennix-disk: no disk can be served",
            "install xennix-disk beside xapi",
        ),
    }
}

/// The original stack's disk process, where somebody asked for it.
fn tapdisk(found: Option<PathBuf>) -> Line {
    match found {
        Some(path) => Line::ok("tapdisk", path.display().to_string()),
        None => Line::lacks(
            "tapdisk",
            "data-path asks for it, and there is no tap-ctl: no disk can be served",
            "install blktap, or leave data-path away",
        ),
    }
}

/// Something through which the kernel can show a served disk as a device.
fn block_devices(root: &Root) -> Line {
    let modules = root.text(format!("lib/modules/{}/modules.dep", xapi_facts::system::kernel(root)));
    let module = |name: &str| {
        let file = format!("/{name}.ko");
        root.has(format!("sys/module/{name}"))
            || modules.lines().any(|line| line.split(':').next().is_some_and(|path| path.contains(&file)))
    };
    let found: Vec<&str> = [("ublk_drv", "ublk"), ("nbd", "nbd")]
        .into_iter()
        .filter(|(name, _)| module(name) || (*name == "ublk_drv" && root.has("dev/ublk-control")))
        .map(|(_, shown)| shown)
        .collect();
    match found.is_empty() {
        false => Line::ok("devices", found.join(", ")),
        true => Line::lacks(
            "devices",
            "the kernel has neither ublk nor nbd: disks of PV and PVH guests cannot be served",
            "use a kernel with ublk_drv or nbd",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::State;

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let root = Root::at(dir.path());
        (dir, root)
    }

    #[test]
    fn a_bare_machine_lacks_what_guests_need() {
        let (_dir, bare) = root(&[]);
        for line in
            [hypervisor(&bare), store(&bare), consoles(&bare), block_devices(&bare), passwords(true, &bare)]
        {
            assert_eq!(line.state, State::Lacks, "{line:?}");
            assert!(!line.advice.is_empty(), "{line:?}");
        }
        assert_eq!(tapdisk(None).state, State::Lacks);
        for line in [network("existing", &bare), firmware(&bare), time(&bare)] {
            assert_eq!(line.state, State::Without, "{line:?}");
        }
    }

    #[test]
    fn a_host_has_it() {
        let (_dir, host) = root(&[
            ("proc/xen/capabilities", "control_d\n"),
            ("proc/77/comm", "xenconsoled\n"),
            ("proc/78/comm", "chronyd\n"),
            ("proc/sys/kernel/osrelease", "6.12\n"),
            ("lib/modules/6.12/modules.dep", "kernel/drivers/block/nbd.ko.xz:\n"),
            ("sys/class/net/xenbr0/bridge/stp_state", "0\n"),
            ("etc/pam.d/xapi", "\n"),
            ("dev/xen/xenbus", ""),
            ("usr/lib/xen-4.20/bin/qemu-system-i386", ""),
            ("usr/lib/xen-4.20/boot/ovmf.bin", ""),
        ]);
        let lines = [
            hypervisor(&host),
            store(&host),
            consoles(&host),
            time(&host),
            block_devices(&host),
            network("existing", &host),
            passwords(true, &host),
            emulator(&host),
            firmware(&host),
        ];
        for line in lines {
            assert_eq!(line.state, State::Ok, "{line:?}");
        }
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("xen_major : 4\nxen_minor : 20\n"), Some((4, 20)));
        assert_eq!(release("xen_major : x\n"), None);
        assert!((4, 9) < OLDEST && (4, 20) >= OLDEST);
    }

    #[test]
    fn what_listens_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = taken.local_addr().expect("an address").to_string();
        assert_eq!(port("http", Some(&address), false).expect("a line").state, State::Lacks);
        assert_eq!(port("http", Some(&address), true).expect("a line").state, State::Ok);
        assert_eq!(port("http", Some("none"), false), None);
        assert_eq!(port("http", Some("nonsense"), false).expect("a line").state, State::Lacks);
    }
}
