//! Bridges, addresses, tunnels and filters on a real kernel, each test in a network namespace of its own.
//!
//! They need root; without it they say so and prove nothing. VLANs and bonds need a kernel that has them.

use std::{net::Ipv4Addr, path::Path, process::Command};

use nix::sched::{CloneFlags, unshare};
use xapi_backend::network::{Addressing, Addressing6, Below, Filter, Link, Network};
use xapi_network::{Kernel, OpenVswitch, Places};

/// Runs a test in a fresh network namespace, on a thread that is thrown away with it.
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce(Host) -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "these tests need root");
        eprintln!("SKIPPED: needs root");
        return;
    }
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            ip("link set lo up");
            test(Host::new()).await;
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A host whose files are in a directory of the test.
struct Host {
    network: Kernel,
    directory: tempfile::TempDir,
}

impl Host {
    fn new() -> Host {
        let directory = tempfile::tempdir().expect("a directory");
        Host { network: Kernel::open(places(directory.path())).expect("netlink"), directory }
    }

    fn places(&self) -> Places {
        places(self.directory.path())
    }

    fn resolv_conf(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("resolv.conf")).unwrap_or_default()
    }
}

fn places(directory: &Path) -> Places {
    let at = |name: &str| directory.join(name);
    Places { sys: "/sys".into(), resolv_conf: at("resolv.conf"), run: at("run"), units: at("units") }
}

/// A second namespace, as a guest or another host has it, held by a process of ours.
struct Elsewhere(std::process::Child);

impl Elsewhere {
    fn new() -> Elsewhere {
        let child = Command::new("unshare").args(["-n", "sleep", "infinity"]).spawn().expect("unshare");
        let there = Elsewhere(child);
        let mine = std::fs::read_link("/proc/thread-self/ns/net").expect("a namespace");
        for _ in 0..600 {
            let now = std::fs::read_link(format!("/proc/{}/ns/net", there.0.id()));
            if now.is_ok_and(|now| now != mine) {
                there.run("ip link set lo up");
                return there;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no second namespace");
    }

    fn takes(&self, device: &str) {
        ip(&format!("link set {device} netns {}", self.0.id()));
    }

    fn run(&self, command: &str) -> bool {
        let pid = self.0.id().to_string();
        let mut told = Command::new("nsenter");
        told.args(["-t", &pid, "-n"]).args(command.split_whitespace());
        told.output().expect("nsenter").status.success()
    }

    fn reaches(&self, address: &str) -> bool {
        self.run(&format!("ping -c 1 -W 2 {address}")) || self.run(&format!("ping -c 1 -W 2 {address}"))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split_whitespace()).status().expect("ip");
    assert!(status.success(), "ip {arguments}");
}

fn told(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("ip");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn card(name: &str) {
    ip(&format!("link add {name} type veth peer name far-{name}"));
    ip(&format!("link set far-{name} up"));
}

fn link(bridge: &str, below: Below) -> Link {
    Link { bridge: bridge.into(), below, mtu: 1500, mac: String::new(), settings: vec![] }
}

fn fixed(ip: &str, gateway: &str, servers: &[&str]) -> Addressing {
    let servers = servers.iter().map(|server| (*server).to_string()).collect();
    Addressing::Static(ip.into(), "255.255.255.0".into(), gateway.into(), servers)
}

#[test]
fn a_bridge_takes_over_what_its_card_was_reached_by() {
    in_namespace(|host| async move {
        card("eth0");
        ip("link set eth0 up");
        ip("addr add 192.0.2.2/24 dev eth0");
        ip("route add default via 192.0.2.1");
        let wanted = Link { mtu: 1400, ..link("xenbr0", Below::Device("eth0".into())) };
        host.network.bring_up(&wanted).await.expect("up");
        let addresses = host.network.addresses("xenbr0").await.expect("told");
        assert_eq!(addresses.v4, Some((Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(255, 255, 255, 0))));
        assert_eq!(addresses.gateway, Some(Ipv4Addr::new(192, 0, 2, 1)));
        let port = told("-o link show eth0");
        assert!(port.contains("master xenbr0") && port.contains("mtu 1400"), "{port}");
        let mac = |name: &str| {
            let line = told(&format!("-o link show {name}"));
            line.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_string)
        };
        assert_eq!(mac("xenbr0"), mac("eth0"));

        let before = told("-o addr");
        host.network.bring_up(&wanted).await.expect("again");
        assert_eq!(told("-o addr"), before, "a second call changes nothing");

        host.network.bring_down("xenbr0").await.expect("down");
        host.network.bring_down("xenbr0").await.expect("gone is fine");
        assert!(host.network.bridges().await.expect("told").is_empty());
        assert!(!told("-o link show eth0").contains("master"));
    });
}

#[test]
fn addresses_are_replaced_and_removed() {
    in_namespace(|host| async move {
        host.network.bring_up(&link("xapi0", Below::Nothing)).await.expect("up");
        let set = async |how: Addressing| host.network.address("xapi0", &how).await;
        set(fixed("192.0.2.2", "192.0.2.1", &["192.0.2.53"])).await.expect("set");
        set(fixed("198.51.100.2", "198.51.100.1", &[])).await.expect("changed");
        let now = host.network.addresses("xapi0").await.expect("told");
        assert_eq!(now.v4.expect("an address").0, Ipv4Addr::new(198, 51, 100, 2));
        assert_eq!(now.gateway, Some(Ipv4Addr::new(198, 51, 100, 1)));
        assert!(!told("-o addr").contains("192.0.2.2"));
        assert!(host.resolv_conf().contains("nameserver 192.0.2.53"));
        set(Addressing::None).await.expect("removed");
        assert_eq!(host.network.addresses("xapi0").await.expect("told").v4, None);

        let six = Addressing6::Static(vec!["2001:db8::2/64".into()], "2001:db8::1".into());
        host.network.address_v6("xapi0", &six).await.expect("set");
        let now = host.network.addresses("xapi0").await.expect("told");
        assert_eq!(now.v6, [("2001:db8::2".parse().expect("an address"), 64)]);
        assert_eq!(now.gateway6, Some("2001:db8::1".parse().expect("an address")));
        host.network.address_v6("xapi0", &Addressing6::None).await.expect("removed");
        assert!(host.network.addresses("xapi0").await.expect("told").v6.is_empty());
    });
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    in_namespace(|host| async move {
        let failed = host.network.bring_up(&link("xenbr7", Below::Device("eth7".into()))).await;
        assert!(failed.is_err());
        assert!(host.network.bridges().await.expect("told").is_empty());
        let failed = host.network.bring_up(&link("a-bridge-with-a-long-name", Below::Nothing)).await;
        assert!(failed.is_err());
        card("xenbr1");
        let failed = host.network.bring_up(&link("xenbr1", Below::Nothing)).await;
        assert!(failed.is_err(), "a name that is somebody else's is left alone");
        assert!(told("-o link show xenbr1").contains("xenbr1"));
    });
}

#[test]
fn a_bridge_with_guests_is_not_removed() {
    in_namespace(|host| async move {
        card("vif1.0");
        host.network.bring_up(&link("xapi1", Below::Nothing)).await.expect("up");
        ip("link set vif1.0 master xapi1");
        host.network.bring_up(&link("xapi1", Below::Nothing)).await.expect("again");
        assert!(told("-o link show vif1.0").contains("master xapi1"), "guests stay on their bridge");
        assert!(host.network.bring_down("xapi1").await.is_err());
        ip("link set vif1.0 nomaster");
        host.network.bring_down("xapi1").await.expect("down");
    });
}

#[test]
fn a_card_changes_bridges() {
    in_namespace(|host| async move {
        card("eth0");
        host.network.bring_up(&link("xenbr0", Below::Device("eth0".into()))).await.expect("up");
        host.network.address("xenbr0", &fixed("192.0.2.2", "", &[])).await.expect("set");
        host.network.bring_up(&link("xenbr0", Below::Nothing)).await.expect("alone");
        assert!(!told("-o link show eth0").contains("master"));
        let kept = host.network.addresses("xenbr0").await.expect("told");
        assert!(kept.v4.is_some(), "the bridge keeps its address");
    });
}

#[test]
fn a_tunnel_joins_networks_of_two_hosts() {
    in_namespace(|host| async move {
        let other = Elsewhere::new();
        ip("link add eth0 type veth peer name eth0x");
        other.takes("eth0x");
        ip("addr add 192.0.2.1/24 dev eth0");
        ip("link set eth0 up");
        assert!(other.run("ip addr add 192.0.2.2/24 dev eth0x") && other.run("ip link set eth0x up"));
        assert!(other.run("ip link add vx type vxlan id 7 remote 192.0.2.1 dstport 4789"));
        assert!(other.run("ip addr add 198.51.100.2/24 dev vx") && other.run("ip link set vx up"));
        let below = Below::Tunnel {
            device: "tunnel0".into(),
            protocol: "vxlan".into(),
            key: 7,
            local: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
            remotes: vec![Ipv4Addr::new(192, 0, 2, 2).into()],
        };
        host.network.bring_up(&Link { mtu: 1450, ..link("xapi3", below.clone()) }).await.expect("up");
        host.network.bring_up(&Link { mtu: 1450, ..link("xapi3", below) }).await.expect("again");
        host.network.address("xapi3", &fixed("198.51.100.1", "", &[])).await.expect("set");
        assert!(other.reaches("198.51.100.1"), "frames pass the tunnel");
        host.network.bring_down("xapi3").await.expect("down");
        assert!(!told("-o link").contains("tunnel0"), "the tunnel goes with its bridge");
    });
}

#[test]
fn the_port_of_a_guest_is_locked() {
    in_namespace(|host| async move {
        let guest = Elsewhere::new();
        host.network.bring_up(&link("xapi0", Below::Nothing)).await.expect("up");
        host.network.address("xapi0", &fixed("192.0.2.1", "", &[])).await.expect("set");
        ip("link add vif1.0 type veth peer name eth9 address 02:00:00:00:00:05");
        guest.takes("eth9");
        ip("link set vif1.0 master xapi0 up");
        assert!(guest.run("ip addr add 192.0.2.5/24 dev eth9") && guest.run("ip link set eth9 up"));
        let locked = |address: [u8; 4]| Filter::Locked {
            mac: "02:00:00:00:00:05".into(),
            v4: vec![address.into()],
            v6: vec![],
        };
        assert!(guest.reaches("192.0.2.1"), "without a rule everything passes");
        let expectations = [
            (Filter::Closed, false),
            (locked([192, 0, 2, 5]), true),
            (locked([192, 0, 2, 9]), false),
            (Filter::Open, true),
            (
                Filter::Locked {
                    mac: "02:00:00:00:00:06".into(),
                    v4: vec![[192, 0, 2, 5].into()],
                    v6: vec![],
                },
                false,
            ),
            (Filter::Open, true),
        ];
        for (rule, passes) in expectations {
            host.network.filter("vif1.0", &rule).await.expect("loaded");
            assert_eq!(guest.reaches("192.0.2.1"), passes, "{rule:?}");
        }
    });
}

#[test]
fn vlans_and_bonds_where_the_kernel_has_them() {
    in_namespace(|host| async move {
        card("eth0");
        card("eth1");
        let below = Below::Vlan { device: "eth0".into(), bridge: "xenbr0".into(), tag: 42 };
        let has = |kind: &str| Path::new("/sys/module").join(kind).exists();
        match host.network.bring_up(&link("xapi5", below)).await {
            Ok(()) => assert!(told("-o link show eth0.42").contains("master xapi5")),
            Err(failure) => {
                assert!(!has("8021q"), "{failure}");
                eprintln!("SKIPPED: this kernel has no VLANs; the test bed's has");
            }
        }
        let below = Below::Bond {
            device: "bond0".into(),
            members: vec!["eth0".into(), "eth1".into()],
            mode: "active-backup".into(),
            properties: vec![],
        };
        match host.network.bring_up(&link("xapi6", below)).await {
            Ok(()) => assert!(told("-o link show eth1").contains("master bond0")),
            Err(failure) => {
                assert!(!has("bonding"), "{failure}");
                eprintln!("SKIPPED: this kernel has no bonds; the test bed's has");
            }
        }
    });
}

#[test]
fn an_address_in_the_same_subnet_replaces_another() {
    in_namespace(|host| async move {
        host.network.bring_up(&link("xapi0", Below::Nothing)).await.expect("up");
        host.network.address("xapi0", &fixed("192.0.2.2", "", &[])).await.expect("set");
        host.network.address("xapi0", &fixed("192.0.2.3", "", &[])).await.expect("changed");
        let now = told("-4 -o addr show dev xapi0");
        assert!(now.contains("192.0.2.3/24") && !now.contains("192.0.2.2/24"), "{now}");
    });
}

/// A stand-in for a DHCP client: it gives its interface an address for a while, as dhclient does, or fails.
const CLIENT: &str = r#"#!/bin/sh
for last; do
    [ "$before" = -pf ] && echo $$ >"$last"
    before=$last
done
[ ! -e "$(dirname "$0")/broken" ] || exit 1
ip addr add 192.0.2.100/24 valid_lft 600 preferred_lft 600 dev "$last"
"#;

/// Programs are looked for in `PATH`, so a test with a program of its own runs itself again with that in front there, and is
/// told then where it is.
fn with_program(test: &str, name: &str, text: &str) -> Option<std::path::PathBuf> {
    const INNER: &str = "XENNIX_TEST_PROGRAM";
    if let Some(place) = std::env::var_os(INNER) {
        return Some(place.into());
    }
    let place = tempfile::tempdir().expect("a directory");
    let program = place.path().join(name);
    std::fs::write(&program, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("made a program");
    // A client that is tried before others, and is not there.
    std::os::unix::fs::symlink("/nowhere", place.path().join("udhcpc")).expect("linked");
    let path = std::env::var("PATH").unwrap_or_default();
    let told = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env(INNER, place.path())
        .env("PATH", format!("{}:{path}", place.path().display()))
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{text}");
    None
}

#[test]
fn a_lease_takes_the_place_of_a_fixed_address() {
    if let Some(place) = with_program("a_lease_takes_the_place_of_a_fixed_address", "dhclient", CLIENT) {
        in_namespace(move |host| leased(host, place.join("broken")));
    }
}

async fn leased(host: Host, broken: std::path::PathBuf) {
    let address = || async {
        let now = host.network.addresses("xapi0").await.expect("told");
        now.v4.map(|(address, _)| address.to_string()).unwrap_or_default()
    };
    host.network.bring_up(&link("xapi0", Below::Nothing)).await.expect("up");
    host.network.address("xapi0", &fixed("192.0.2.2", "192.0.2.1", &[])).await.expect("set");
    std::fs::write(&broken, "").expect("written");
    host.network.address("xapi0", &Addressing::Dhcp).await.expect_err("no client does it");
    assert_eq!(address().await, "192.0.2.2", "an address that nothing takes the place of stays");
    assert!(told("route").contains("default via 192.0.2.1"));
    std::fs::remove_file(&broken).expect("removed");
    host.network.address("xapi0", &Addressing::Dhcp).await.expect("leased");
    assert_eq!(address().await, "192.0.2.100");
    assert!(!told("-o addr").contains("192.0.2.2/24"));
    assert!(!told("route").contains("default via 192.0.2.1"));

    // Another bridge takes over what the first was reached by, for as long as it was leased.
    card("eth0");
    host.network.bring_up(&link("xapi0", Below::Device("eth0".into()))).await.expect("up");
    host.network.bring_up(&link("xapi1", Below::Device("eth0".into()))).await.expect("up");
    let now = told("-4 -o addr show dev xapi1");
    assert!(now.contains("192.0.2.100/24") && !now.contains("valid_lft forever"), "{now}");
    host.network.address("xapi1", &fixed("192.0.2.2", "", &[])).await.expect("set");
    let now = told("-4 -o addr show dev xapi1");
    assert!(now.contains("192.0.2.2/24") && !now.contains("192.0.2.100"), "{now}");
}

/// A stand-in for `ovs-vsctl`: it has nothing, and makes a bridge's own port where it is told of one. When it is told of a
/// bond, that port's size says so to whoever listens to the kernel.
const SWITCH: &str = r#"#!/bin/sh
case "$*" in
    *"add-bond xapi0 bond0 eth0 eth1 "*)
        ip link add xapi0 type veth peer name other && ip link set xapi0 mtu 1400 ;;
    *"list bridge"*) for table in bridge port interface; do echo '{"headings":[],"data":[]}'; done ;;
esac
"#;

#[test]
fn open_vswitch_hears_of_a_bonds_cards_when_it_has_its_settings() {
    let test = "open_vswitch_hears_of_a_bonds_cards_when_it_has_its_settings";
    if with_program(test, "ovs-vsctl", SWITCH).is_some() {
        in_namespace(|host| async move {
            for name in ["eth0", "eth1"] {
                card(name);
                ip(&format!("link set {name} up"));
            }
            ip("link set eth0 alias kept");
            let mut told_of = Listener::new(&host);
            let network = OpenVswitch::open(host.places()).expect("netlink");
            let below = Below::Bond {
                device: "bond0".into(),
                members: vec!["eth0".into(), "eth1".into()],
                mode: "balance-slb".into(),
                properties: vec![],
            };
            network.bring_up(&link("xapi0", below)).await.expect("up");
            let heard = told_of.all();
            let (_, after) = heard.split_once("mtu 1400").expect("the switch was told");
            assert!(after.contains(" eth0@") && after.contains(" eth1@"), "{heard}");
            assert!(told("link show eth0").contains("alias kept"), "it is as it was");
        });
    }
}

/// What the kernel tells of links, from its making on.
struct Listener(std::process::Child, std::path::PathBuf);

impl Listener {
    fn new(host: &Host) -> Listener {
        let place = host.directory.path().join("links");
        let file = std::fs::File::create(&place).expect("a file");
        let child = Command::new("ip").args(["-o", "monitor", "link"]).stdout(file).spawn().expect("ip");
        let listener = Listener(child, place);
        listener.until("9000");
        listener
    }

    /// Changes a size until it is heard of.
    fn until(&self, size: &str) {
        for _ in 0..600 {
            ip("link set lo mtu 8000");
            ip(&format!("link set lo mtu {size}"));
            if self.text().contains(&format!("mtu {size}")) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nothing is heard");
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.1).expect("text")
    }

    fn all(&mut self) -> String {
        self.until("9100");
        self.text()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
