//! Bonds, tunnels, management and locking on a simulated machine: what moves where, and what a failure leaves.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_ops::{CallInfo, Peer};
use xapi_schema::{Failure, Value};

impl Host {
    /// PIFs of both cards, in order.
    async fn cards(&self) -> (String, String) {
        let home = self.xapi.host.text().to_string();
        self.ok("PIF.scan", [str(&home)]).await;
        let mut found = vec![String::new(); 2];
        for this in self.all("PIF").await {
            let device = self.text("PIF.get_device", [str(&this)]).await;
            found[usize::from(device == "eth1")] = this;
        }
        (found[0].clone(), found[1].clone())
    }

    async fn network(&self, name: &str) -> String {
        let members = [("name_label", Value::str(name)), ("other_config", Value::map::<&str>([]))];
        self.text("network.create", [Value::map(members)]).await
    }

    async fn fixed(&self, this: &str, ip: &str) {
        let rest = ["Static", ip, "255.255.255.0", "192.0.2.1", ""].map(Value::str);
        self.ok("PIF.reconfigure_ip", std::iter::once(str(this)).chain(rest)).await;
    }

    async fn bond(&self, network: &str, members: &[&String], mode: &str) -> xapi_schema::Result<Value> {
        let members = Value::set(members.iter().map(|m| str(m)));
        self.call(
            "Bond.create",
            [str(network), members, Value::str(""), Value::str(mode), Value::map::<&str>([])],
        )
        .await
    }
}

#[tokio::test]
async fn a_bond_takes_over_and_gives_back() {
    let host = Host::new().await;
    let (first, second) = host.cards().await;
    for this in [&first, &second] {
        host.ok("PIF.plug", [str(this)]).await;
    }
    host.fixed(&second, "192.0.2.7").await;
    let theirs = host.text("PIF.get_network", [str(&second)]).await;
    let tagged = host.network("tagged").await;
    host.ok("VLAN.create", [str(&second), Value::Int(42), str(&tagged)]).await;
    let vm = host.vm("guest").await;
    let vif = host.vif(&vm, &theirs).await;
    let joined = host.network("bonded").await;

    let bond = host.bond(&joined, &[&first, &second], "lacp").await.unwrap();
    let bond = bond.as_str().unwrap().to_string();
    let master = host.text("Bond.get_master", [str(&bond)]).await;
    assert_eq!(host.text("PIF.get_device", [str(&master)]).await, "bond0");
    assert_eq!(host.text("Bond.get_primary_slave", [str(&bond)]).await, second, "the one with an address");
    assert_eq!(host.text("PIF.get_IP", [str(&master)]).await, "192.0.2.7");
    assert_eq!(host.text("PIF.get_IP", [str(&second)]).await, "");
    assert_eq!(host.text("PIF.get_MAC", [str(&master)]).await, "aa:bb:cc:00:00:02");
    assert_eq!(host.get("PIF", "currently_attached", &first).await, no());
    assert_eq!(host.text("VIF.get_network", [str(&vif)]).await, joined);
    let properties = host.get("Bond", "properties", &bond).await;
    assert_eq!(properties.get("hashing_algorithm"), Some(&Value::str("tcpudp_ports")));
    let vlan = &host.all("VLAN").await[0];
    assert_eq!(host.text("VLAN.get_tagged_PIF", [str(vlan)]).await, master);
    assert_eq!(host.err("PIF.plug", [str(&first)]).await.code, "CANNOT_PLUG_BOND_SLAVE");
    let other = host.network("other").await;
    assert_eq!(host.bond(&other, &[&first, &second], "lacp").await.unwrap_err().code, "PIF_ALREADY_BONDED");

    let wrong = [str(&bond), Value::str("lacp-time"), Value::str("sometimes")];
    assert_eq!(host.err("Bond.set_property", wrong).await.code, "INVALID_VALUE");
    host.ok("Bond.set_mode", [str(&bond), Value::str("active-backup")]).await;
    assert_eq!(host.get("Bond", "properties", &bond).await, Value::map::<&str>([]));

    host.ok("Bond.destroy", [str(&bond)]).await;
    assert!(host.all("Bond").await.is_empty());
    assert_eq!(host.all("PIF").await.len(), 3, "two cards and the VLAN");
    assert_eq!(host.text("PIF.get_IP", [str(&second)]).await, "192.0.2.7");
    assert_eq!(host.text("VIF.get_network", [str(&vif)]).await, theirs);
    let vlan = &host.all("VLAN").await[0];
    assert_eq!(host.text("VLAN.get_tagged_PIF", [str(vlan)]).await, second);
}

#[tokio::test]
async fn a_bond_that_cannot_be_made_is_undone() {
    let host = Host::new().await;
    let (first, second) = host.cards().await;
    host.ok("PIF.plug", [str(&first)]).await;
    host.fixed(&first, "192.0.2.7").await;
    let joined = host.network("bonded").await;
    let broken = Failure::internal("no bonding");
    host.levers.faults.fail_next("bring_up", broken.clone());
    assert_eq!(host.bond(&joined, &[&first, &second], "lacp").await.unwrap_err(), broken);
    assert!(host.all("Bond").await.is_empty());
    assert_eq!(host.all("PIF").await.len(), 2);
    assert_eq!(host.text("PIF.get_IP", [str(&first)]).await, "192.0.2.7");
}

#[tokio::test]
async fn an_address_the_host_refuses_is_taken_back() {
    let host = Host::new().await;
    let (first, _) = host.cards().await;
    host.ok("PIF.plug", [str(&first)]).await;
    host.fixed(&first, "192.0.2.7").await;
    let broken = Failure::internal("no address");
    host.levers.faults.fail_next("address", broken.clone());
    let wanted = ["Static", "192.0.2.8", "255.255.255.0", "", ""].map(Value::str);
    let failed = host.err("PIF.reconfigure_ip", std::iter::once(str(&first)).chain(wanted)).await;
    assert_eq!(failed, broken);
    assert_eq!(host.text("PIF.get_IP", [str(&first)]).await, "192.0.2.7");
    let leased = ["DHCP", "", "", "", ""].map(Value::str);
    host.ok("PIF.reconfigure_ip", std::iter::once(str(&first)).chain(leased)).await;
    assert_eq!(host.text("PIF.get_IP", [str(&first)]).await, "192.0.2.10", "what the server leased");
}

#[tokio::test]
async fn management_moves_with_the_hosts_address() {
    let host = Host::new().await;
    let home = host.xapi.host.text().to_string();
    let (first, second) = host.cards().await;
    let bare = host.err("host.management_reconfigure", [str(&first)]).await;
    assert_eq!(bare.code, "PIF_HAS_NO_NETWORK_CONFIGURATION");
    host.fixed(&first, "192.0.2.7").await;
    host.fixed(&second, "192.0.2.8").await;
    host.ok("host.management_reconfigure", [str(&first)]).await;
    assert_eq!(host.text("host.get_address", [str(&home)]).await, "192.0.2.7");
    host.ok("host.management_reconfigure", [str(&second)]).await;
    assert_eq!(host.text("host.get_address", [str(&home)]).await, "192.0.2.8");
    assert_eq!(host.get("PIF", "management", &first).await, no());
    host.fixed(&second, "192.0.2.9").await;
    assert_eq!(host.text("host.get_address", [str(&home)]).await, "192.0.2.9", "the address follows its PIF");
    assert_eq!(host.text("host.get_management_interface", [str(&home)]).await, second);
    let network = host.text("PIF.get_network", [str(&first)]).await;
    host.ok("pool.management_reconfigure", [str(&network)]).await;
    assert_eq!(host.text("host.get_management_interface", [str(&home)]).await, first);
    host.ok("host.management_disable", []).await;
    assert_eq!(host.text("host.get_address", [str(&home)]).await, "");
}

#[tokio::test]
async fn a_change_nobody_confirms_is_taken_back() {
    let host = Host::new().await;
    let home = host.xapi.host.text().to_string();
    let (first, second) = host.cards().await;
    host.fixed(&first, "192.0.2.7").await;
    host.fixed(&second, "192.0.2.8").await;
    host.ok("host.management_reconfigure", [str(&first)]).await;
    let key = [str(&home), Value::str("xennix:management-confirm"), Value::str("1")];
    host.ok("host.add_to_other_config", key).await;
    host.ok("host.management_reconfigure", [str(&second)]).await;
    assert_eq!(host.text("host.get_address", [str(&home)]).await, "192.0.2.8");
    for _ in 0..600 {
        if host.text("host.get_address", [str(&home)]).await == "192.0.2.7" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the change was not taken back");
}

impl Host {
    /// A host managed by its first card whose management was moved to the second a moment ago, to be confirmed
    /// within an hour. Answers both cards.
    async fn unconfirmed(&self) -> (String, String) {
        let home = self.xapi.host.text().to_string();
        let (first, second) = self.cards().await;
        self.fixed(&first, "192.0.2.7").await;
        self.fixed(&second, "192.0.2.8").await;
        self.ok("host.management_reconfigure", [str(&first)]).await;
        let key = [str(&home), Value::str("xennix:management-confirm"), Value::str("3600")];
        self.ok("host.add_to_other_config", key).await;
        self.ok("host.management_reconfigure", [str(&second)]).await;
        (first, second)
    }

    /// What is written down of changes that nobody confirmed yet.
    async fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for this in self.all("secret").await {
            let config = self.get("secret", "other_config", &this).await;
            notes.extend(config.get("xennix:network-before").map(|_| this));
        }
        notes
    }

    /// Somebody logs in from there and out again.
    async fn visited_by(&self, peer: Peer) {
        let info = CallInfo::from(peer);
        let words = ["root", common::PASSWORD, "2.21", "test"].map(Value::str);
        let session = self.xapi.call(&info, "session.login_with_password", words.to_vec()).await;
        self.xapi.call(&info, "session.logout", vec![session.expect("in")]).await.expect("out");
    }

    async fn address(&self) -> String {
        self.text("host.get_address", [str(self.xapi.host.text())]).await
    }

    /// The time to confirm is over, as what is written down says, and the toolstack starts again.
    async fn starts_too_late(&self) {
        for this in self.notes().await {
            let text = self.text("secret.get_value", [str(&this)]).await;
            let since = text.find("\"since\":").expect("when it was") + 8;
            let end = since + text[since..].find(',').expect("more");
            let long_ago = format!("{}1000{}", &text[..since], &text[end..]);
            self.ok("secret.set_value", [str(&this), Value::str(long_ago)]).await;
        }
        xapi_ops::startup::run(&self.xapi, false).await;
    }
}

#[tokio::test]
async fn a_change_nobody_confirmed_is_taken_back_by_the_next_start() {
    let host = Host::new().await;
    let (first, second) = host.unconfirmed().await;
    assert_eq!(host.address().await, "192.0.2.8");
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.address().await, "192.0.2.8", "somebody may still come");
    // A second change before anybody came leads back to where the first began.
    host.fixed(&second, "192.0.2.9").await;
    assert_eq!(host.notes().await.len(), 1);
    host.starts_too_late().await;
    assert_eq!(host.address().await, "192.0.2.7");
    assert_eq!(host.text("PIF.get_IP", [str(&second)]).await, "192.0.2.8");
    assert_eq!(host.get("PIF", "management", &first).await, Value::Bool(true));
    assert!(host.notes().await.is_empty(), "it is taken back once");
}

#[tokio::test]
async fn a_change_somebody_confirmed_stays_at_the_next_start() {
    let host = Host::new().await;
    host.unconfirmed().await;
    // Who asks something and goes at once has come, too.
    host.visited_by(Peer::Network([192, 0, 2, 1].into())).await;
    for _ in 0..600 {
        if host.notes().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(host.notes().await.is_empty(), "that somebody came is written down");
    host.starts_too_late().await;
    assert_eq!(host.address().await, "192.0.2.8");
}

#[tokio::test]
async fn who_is_on_the_host_itself_confirms_no_change() {
    let host = Host::new().await;
    host.unconfirmed().await;
    // Later than the change by the clock, and longer than it takes to see that somebody came.
    let a_while = || tokio::time::sleep(std::time::Duration::from_millis(1_500));
    a_while().await;
    host.visited_by(Peer::Local).await;
    let driver = xapi_ops::session::open_local(&host.xapi, "SM").await.unwrap();
    a_while().await;
    xapi_ops::session::close(&host.xapi, &driver).await;
    assert_eq!(host.notes().await.len(), 1);
    host.starts_too_late().await;
    assert_eq!(host.address().await, "192.0.2.7");
}

#[tokio::test]
async fn a_management_change_that_fails_leaves_the_host_where_it_was() {
    let host = Host::new().await;
    let (first, second) = host.cards().await;
    host.fixed(&first, "192.0.2.7").await;
    host.fixed(&second, "192.0.2.8").await;
    host.ok("host.management_reconfigure", [str(&first)]).await;
    let broken = Failure::internal("no address");
    host.levers.faults.fail_next("address", broken.clone());
    assert_eq!(host.err("host.management_reconfigure", [str(&second)]).await, broken);
    assert_eq!(host.address().await, "192.0.2.7");
    assert_eq!(host.get("PIF", "management", &second).await, Value::Bool(false));
}

#[tokio::test]
async fn a_tunnel_needs_an_address_below() {
    let host = Host::new().await;
    let (first, _) = host.cards().await;
    let network = host.network("far").await;
    let wanted = || [str(&first), str(&network), Value::str("vxlan")];
    assert_eq!(host.err("tunnel.create", wanted()).await.code, "TRANSPORT_PIF_NOT_CONFIGURED");
    assert!(host.all("tunnel").await.is_empty());
    host.fixed(&first, "192.0.2.7").await;
    let this = host.text("tunnel.create", wanted()).await;
    let access = host.text("tunnel.get_access_PIF", [str(&this)]).await;
    assert_eq!(host.text("PIF.get_device", [str(&access)]).await, "tunnel0");
    assert_eq!(host.err("tunnel.create", wanted()).await.code, "NETWORK_ALREADY_CONNECTED");
    host.ok("tunnel.destroy", [str(&this)]).await;
    assert_eq!(host.all("PIF").await.len(), 2);
}

#[tokio::test]
async fn a_card_that_cannot_be_limited_is_not_given_to_a_running_guest() {
    let host = Host::new().await;
    let network = host.network("guests").await;
    let vm = host.vm("guest").await;
    let vif = host.vif(&vm, &network).await;
    host.ok("VIF.set_locking_mode", [str(&vif), Value::str("disabled")]).await;
    let broken = Failure::internal("no filters");
    host.levers.faults.fail_next("filter", broken.clone());
    assert_eq!(host.err("VM.start", [str(&vm), no(), no()]).await, broken);
    assert_eq!(host.state(&vm).await, "Halted", "a guest never runs without its limits");
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.levers.faults.fail_next("filter", broken.clone());
    assert_eq!(host.err("VIF.set_locking_mode", [str(&vif), Value::str("unlocked")]).await, broken);
}
