//! A toolstack on a simulated machine, in memory, called as a client would.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

use std::{future::Future, pin::Pin, sync::Arc};

use xapi_backend::{
    Backends,
    sim::{Levers, Machine, SimCard},
};
use xapi_ops::{
    CallInfo, Clock, Peer, Settings, SystemClock, Xapi,
    first_boot::{self, Hardware, Identity, Pairs, Seed},
    session::{Grant, PasswordCheck, Refusal},
};
use xapi_schema::{Failure, Result, Value};
use xapi_store::Store;

/// What root logs in with over the network.
pub const PASSWORD: &str = "right";

/// Only root logs in over the network here.
struct Root;

type Answer<'a, T> = Pin<Box<dyn Future<Output = std::result::Result<T, Refusal>> + Send + 'a>>;

impl PasswordCheck for Root {
    fn check<'a>(&'a self, user: &'a str, password: &'a str) -> Answer<'a, Grant> {
        let known = (user, password) == ("root", PASSWORD);
        let grant = Grant { superuser: true, sid: String::new(), groups: vec![] };
        Box::pin(async move { known.then_some(grant).ok_or(Refusal::Authentication("nobody".into())) })
    }
    fn change<'a>(&'a self, _: &'a str, _: Option<&'a str>, _: &'a str) -> Answer<'a, ()> {
        Box::pin(async { Err(Refusal::Authentication("nobody".into())) })
    }
}

fn seed() -> Seed {
    let uuid = || uuid::Uuid::new_v4().to_string();
    Seed {
        identity: Identity {
            host_uuid: uuid(),
            control_domain_uuid: uuid(),
            hostname: "testhost".into(),
            address: "127.0.0.1".into(),
            management_interface: "xenbr0".into(),
            management: None,
            api_version: (2, 21),
        },
        hardware: Hardware {
            cpus: 4,
            cpu_info: Pairs::of(&[("cpu_count", "4"), ("socket_count", "1"), ("vendor", "GenuineIntel")]),
            memory_total: 16 << 30,
            memory_overhead: 256 << 20,
            control_domain_memory: 1 << 30,
            control_domain_vcpus: 1,
            capabilities: vec!["xen-3.0-x86_64".into(), "hvm-3.0-x86_64".into()],
            bios_strings: Pairs::default(),
            chipset_info: Pairs::default(),
            boot_time: 0.0,
            guests_running: false,
            secure_boot: false,
            timezone: String::new(),
            nics: vec![],
        },
        software_version: Pairs::default(),
        templates: "none".into(),
        sm: None,
        storage_repositories: true,
        scan_networks: false,
    }
}

fn card(number: u8) -> SimCard {
    SimCard {
        device: format!("eth{number}"),
        mac: format!("aa:bb:cc:00:00:0{}", number + 1),
        mtu: 1500,
        carrier: true,
        speed: 1000,
    }
}

/// A host to make calls to.
pub struct Host {
    pub xapi: Arc<Xapi>,
    pub levers: Levers,
    pub session: Value,
    _dir: tempfile::TempDir,
}

impl Host {
    pub async fn new() -> Host {
        Host::on(Machine::default()).await
    }

    pub async fn on(machine: Machine) -> Host {
        Host::with(machine, Store::in_memory().unwrap(), |_| {}).await
    }

    /// On another store, with some of the backends exchanged.
    pub async fn with(machine: Machine, store: Store, exchange: impl FnOnce(&mut Backends)) -> Host {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine { memory: 14 << 30, cards: vec![card(0), card(1)], ..machine };
        let seed = seed();
        let this = {
            let (seed, now) = (seed.clone(), SystemClock.date());
            store.commit(move |tx| first_boot::establish(tx, &seed, now)).await.unwrap()
        };
        let (mut backends, levers) = xapi_backend::sim::open(dir.path(), machine).unwrap();
        exchange(&mut backends);
        let xapi =
            Xapi::new(store, Arc::new(SystemClock), Arc::new(Root), backends, Settings::default(), this);
        xapi_ops::startup::run(&xapi, true).await;
        tokio::spawn(xapi_ops::startup::watch(xapi.clone()));
        let session = xapi_ops::session::open_local(&xapi, "test").await.unwrap();
        let session = Value::Str(session.text().clone());
        // The watcher must listen before a test lets something happen.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Host { xapi, levers, session, _dir: dir }
    }

    pub async fn call(&self, method: &str, args: impl IntoIterator<Item = Value>) -> Result<Value> {
        let args = std::iter::once(self.session.clone()).chain(args).collect();
        self.xapi.call(&CallInfo::from(Peer::Local), method, args).await
    }

    /// A call that must succeed, answering a text.
    pub async fn text(&self, method: &str, args: impl IntoIterator<Item = Value>) -> String {
        let answer = self.call(method, args).await;
        answer
            .unwrap_or_else(|failure| panic!("{method}: {failure}"))
            .as_str()
            .unwrap_or_default()
            .to_string()
    }

    /// A call that must succeed.
    pub async fn ok(&self, method: &str, args: impl IntoIterator<Item = Value>) -> Value {
        self.call(method, args).await.unwrap_or_else(|failure| panic!("{method}: {failure}"))
    }

    /// A call that must fail.
    pub async fn err(&self, method: &str, args: impl IntoIterator<Item = Value>) -> Failure {
        match self.call(method, args).await {
            Err(failure) => failure,
            Ok(answer) => panic!("{method} answered {answer:?}"),
        }
    }

    pub async fn get(&self, class: &str, field: &str, this: &str) -> Value {
        self.ok(&format!("{class}.get_{field}"), [str(this)]).await
    }

    pub async fn state(&self, this: &str) -> String {
        self.text("VM.get_power_state", [str(this)]).await
    }

    /// References of a class.
    pub async fn all(&self, class: &str) -> Vec<String> {
        let all = self.ok(&format!("{class}.get_all"), []).await;
        all.as_set().unwrap().iter().map(|r| r.as_str().unwrap().to_string()).collect()
    }

    /// A halted HVM guest of 256 MiB.
    pub async fn vm(&self, name: &str) -> String {
        let mib = |n: i64| Value::Int(n << 20);
        let none = || Value::map::<&str>([]);
        let empty = || Value::str("");
        let members = Value::map([
            ("name_label", str(name)),
            ("name_description", empty()),
            ("user_version", Value::Int(1)),
            ("is_a_template", Value::Bool(false)),
            ("affinity", str("OpaqueRef:NULL")),
            ("memory_target", Value::Int(0)),
            ("memory_static_max", mib(256)),
            ("memory_dynamic_max", mib(256)),
            ("memory_dynamic_min", mib(128)),
            ("memory_static_min", mib(64)),
            ("VCPUs_params", none()),
            ("VCPUs_max", Value::Int(2)),
            ("VCPUs_at_startup", Value::Int(1)),
            ("actions_after_shutdown", str("destroy")),
            ("actions_after_reboot", str("restart")),
            ("actions_after_crash", str("restart")),
            ("PV_bootloader", empty()),
            ("PV_kernel", empty()),
            ("PV_ramdisk", empty()),
            ("PV_args", empty()),
            ("PV_bootloader_args", empty()),
            ("PV_legacy_args", empty()),
            ("HVM_boot_policy", str("BIOS order")),
            ("HVM_boot_params", none()),
            ("platform", none()),
            ("PCI_bus", empty()),
            ("other_config", none()),
            ("recommendations", empty()),
        ]);
        self.text("VM.create", [members]).await
    }

    pub async fn default_sr(&self) -> String {
        let pool = self.all("pool").await.remove(0);
        self.text("pool.get_default_SR", [str(&pool)]).await
    }

    /// A disk of 16 MiB on the default SR.
    pub async fn vdi(&self, name: &str) -> String {
        let sr = self.default_sr().await;
        let members = Value::map([
            ("name_label", str(name)),
            ("name_description", str("")),
            ("SR", str(&sr)),
            ("virtual_size", Value::Int(16 << 20)),
            ("type", str("user")),
            ("sharable", Value::Bool(false)),
            ("read_only", Value::Bool(false)),
            ("other_config", Value::map::<&str>([])),
        ]);
        self.text("VDI.create", [members]).await
    }

    pub async fn vbd(&self, vm: &str, vdi: &str) -> String {
        let members = Value::map([
            ("VM", str(vm)),
            ("VDI", str(vdi)),
            ("userdevice", str("autodetect")),
            ("bootable", Value::Bool(false)),
            ("mode", str("RW")),
            ("type", str("Disk")),
            ("unpluggable", Value::Bool(true)),
            ("empty", Value::Bool(false)),
            ("other_config", Value::map::<&str>([])),
            ("qos_algorithm_type", str("")),
            ("qos_algorithm_params", Value::map::<&str>([])),
        ]);
        self.text("VBD.create", [members]).await
    }

    /// A card of a VM on a network.
    pub async fn vif(&self, vm: &str, network: &str) -> String {
        let members = [
            ("device", str("0")),
            ("network", str(network)),
            ("VM", str(vm)),
            ("MAC", Value::EMPTY),
            ("MTU", Value::Int(1500)),
            ("other_config", Value::map::<&str>([])),
            ("qos_algorithm_type", Value::EMPTY),
            ("qos_algorithm_params", Value::map::<&str>([])),
        ];
        self.text("VIF.create", [Value::map(members)]).await
    }

    /// Nothing is marked as under way any more.
    pub async fn assert_idle(&self) {
        for class in ["VM", "VBD", "VIF", "VDI", "SR", "host"] {
            for this in self.all(class).await {
                let current = self.get(class, "current_operations", &this).await;
                assert_eq!(current, Value::map::<&str>([]), "{class} {this} is still marked");
            }
        }
    }

    /// Waits until a VM is in a state.
    pub async fn until(&self, vm: &str, state: &str) {
        for _ in 0..500 {
            if self.state(vm).await == state {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{vm} did not become {state}, it is {}", self.state(vm).await);
    }
}

pub fn str(text: &str) -> Value {
    Value::str(text)
}

pub fn no() -> Value {
    Value::Bool(false)
}
