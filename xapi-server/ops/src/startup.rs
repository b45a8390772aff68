//! What the toolstack does each time it starts, after the rows of this host are there and before clients
//! come: storage of a fresh host, what runs, what is allowed.

use std::sync::Arc;

use xapi_schema::{
    Map, Ref, Result,
    classes::{Cls, Host, Pool, Sr, Vbd, Vdi, Vif, Vm, VmAppliance, host, pool, sr},
};
use xapi_store::{Read, Tx};

use crate::{
    Cx, Xapi,
    first_boot::{Served, agree_drivers},
    handlers::{
        console,
        host::way_back,
        message::{self, Note},
        pbd, pif, sr as repository,
        vm::{self, reconcile::When},
        vtpm,
    },
    rules,
};

/// How often links and leased addresses are looked at.
const LOOKS: std::time::Duration = std::time::Duration::from_secs(5);

/// How often free memory is looked at.
const MEMORY: std::time::Duration = std::time::Duration::from_secs(30);

/// One SR of a fresh host.
struct Fresh {
    name: &'static str,
    description: &'static str,
    kind: &'static str,
    content: &'static str,
    shared: bool,
    device_config: &'static [(&'static str, &'static str)],
    sm_config: &'static [(&'static str, &'static str)],
    other_config: &'static [(&'static str, &'static str)],
}

/// Names and keys are those clients look for and translate.
const FRESH: &[Fresh] = &[
    Fresh {
        name: "Local storage",
        description: "",
        kind: "ext",
        content: "user",
        shared: false,
        device_config: &[("device", "/dev/simulated")],
        sm_config: &[],
        other_config: &[("i18n-key", "local-storage"), ("i18n-original-value-name_label", "Local storage")],
    },
    Fresh {
        name: "Removable storage",
        description: "",
        kind: "udev",
        content: "disk",
        shared: false,
        device_config: &[("location", "/dev/xapi/block")],
        sm_config: &[("type", "block")],
        other_config: &[
            ("i18n-key", "local-hotplug-disk"),
            ("i18n-original-value-name_label", "Removable storage"),
        ],
    },
    Fresh {
        name: "DVD drives",
        description: "Physical DVD drives",
        kind: "udev",
        content: "iso",
        shared: false,
        device_config: &[("location", "/dev/xapi/cd")],
        sm_config: &[("type", "cd")],
        other_config: &[
            ("i18n-key", "local-hotplug-cd"),
            ("i18n-original-value-name_label", "DVD drives"),
            ("i18n-original-value-name_description", "Physical DVD drives"),
        ],
    },
    Fresh {
        name: "XCP-ng Tools",
        description: "XCP-ng Tools ISOs",
        kind: "iso",
        content: "iso",
        shared: true,
        device_config: &[
            ("location", "/opt/xensource/packages/iso"),
            ("path", "/opt/xensource/packages/iso"),
            ("legacy_mode", "true"),
        ],
        sm_config: &[],
        other_config: &[
            ("xensource_internal", "true"),
            ("xenserver_tools_sr", "true"),
            ("i18n-key", "xenserver-tools"),
            ("i18n-original-value-name_label", "XCP-ng Tools"),
            ("i18n-original-value-name_description", "XCP-ng Tools ISOs"),
        ],
    },
];

/// How often a hypervisor that did not answer is asked again.
const ASKS: std::time::Duration = std::time::Duration::from_secs(2);

/// Brings objects in line with the world. Failures are logged: a host with a broken SR must still start.
pub async fn run(xapi: &Arc<Xapi>, make_storage: bool) {
    let cx = Cx::internal(xapi, "xapi.startup");
    let mut cut = match vm::reconcile::all(&cx, When::AtStart).await {
        Ok(cut) => Some(cut),
        Err(failure) => {
            tracing::error!(%failure, "the hypervisor does not say what runs; it is asked again while clients are served");
            let what =
                format!("It is not known what runs: {failure}. What is shown is as it was last known.");
            tell(&cx, SILENT, &what).await;
            None
        }
    };
    xapi.known.set(cut.is_some());
    if !cx.xapi.settings.given_drivers {
        let served = Served::by(&*cx.xapi.backends.storage);
        let agreed = cx.commit(move |tx| agree_drivers(tx, &served)).await;
        if let Err(failure) = agreed {
            tracing::error!(%failure, "what storage drivers say of themselves could not be written down");
        }
    }
    if make_storage && let Err(failure) = storage(&cx).await {
        tracing::error!(%failure, "the storage of a fresh host could not be made");
    }
    pbd::plug_all(&cx).await;
    // First what is used is counted, so that what goes next takes nothing from anybody.
    if cut.is_some() {
        count_used(&cx).await;
    }
    if let Err(failure) = vtpm::settle(&cx).await {
        tracing::error!(%failure, "what TPMs keep could not be found out");
    }
    if let Some(cut) = &mut cut {
        vm::reconcile::end_half_made(&cx, cut).await;
    }
    if let Err(failure) = cx.commit(crate::transfer::sweep).await {
        tracing::error!(%failure, "disks held by an earlier process could not be let go of");
    }
    crate::unfinished::sweep(&cx).await;
    if cut.is_some() {
        settle(&cx).await;
    }
    if let Err(failure) = cx.commit(recompute).await {
        tracing::error!(%failure, "what is allowed could not be worked out");
    }
    if let Err(failure) = crate::devices::refresh(&cx).await {
        tracing::warn!(%failure, "what is plugged into this host could not be found out");
    }
    pif::plug_all(&cx).await;
    way_back::resume(&cx).await;
    if let Err(failure) = pif::watch(&cx).await {
        tracing::warn!(%failure, "the network cards do not say how they are");
    }
    if let Some(cut) = cut {
        vm::reconcile::restart(&cx, cut).await;
    }
}

/// Opens what domains use, and closes what nobody does.
async fn count_used(cx: &Cx) {
    if let Err(failure) = cx.xapi.backends.hypervisor.settle().await {
        tracing::error!(%failure, "what domains use could not be sorted out");
    }
}

/// Sorts out what was cut short in the middle of a domain's life.
async fn settle(cx: &Cx) {
    if let Err(failure) = vm::suspend::settle(cx).await {
        tracing::error!(%failure, "suspends that were cut short could not be sorted out");
    }
    vm::reconcile::agree_devices(cx).await;
}

/// Messages about this host when its hypervisor does not answer, and when it does.
const SILENT: &str = "HYPERVISOR_SILENT";
const ANSWERS: &str = "HYPERVISOR_ANSWERS";

/// Leaves a message about this host.
async fn tell(cx: &Cx, name: &str, what: &str) {
    let (home, now) = (cx.host().clone(), cx.clock().date());
    let (name, body) = (name.to_string(), what.to_string());
    let written = cx.commit(move |tx| {
        let obj_uuid = tx.get(&home, host::uuid)?;
        message::write(tx, &Note { name, priority: 2, cls: Cls::Host, obj_uuid, body }, now)
    });
    if let Err(failure) = written.await {
        tracing::warn!(%failure, "a message could not be written");
    }
}

/// Makes up for what a start could not find out, as often as one could not.
async fn catch_up(cx: &Cx) {
    loop {
        cx.xapi.known.wait(false).await;
        tokio::time::sleep(ASKS).await;
        let mut cut = match vm::reconcile::all(cx, When::Late).await {
            Ok(cut) => cut,
            Err(failure) => {
                tracing::debug!(%failure, "the hypervisor still does not say what runs");
                continue;
            }
        };
        count_used(cx).await;
        vm::reconcile::end_half_made(cx, &mut cut).await;
        settle(cx).await;
        cx.xapi.known.set(true);
        tracing::info!("the hypervisor has said what runs");
        tell(cx, ANSWERS, "It is known again what runs.").await;
        vm::reconcile::restart(cx, cut).await;
    }
}

/// Tells clients where they reach consoles, once it is known which port that is.
pub async fn listening(xapi: &Arc<Xapi>, port: Option<u16>) {
    let home = xapi.host.clone();
    let port = port.filter(|port| *port != 443);
    if let Err(failure) = xapi.store.commit(move |tx| console::listening(tx, &home, port)).await {
        tracing::error!(%failure, "consoles could not be given this host's address");
    }
}

/// Follows domains and the network for as long as the toolstack runs.
pub async fn watch(xapi: Arc<Xapi>) {
    let cx = Cx::internal(&xapi, "xapi.network");
    let network = async {
        loop {
            tokio::time::sleep(LOOKS).await;
            if let Err(failure) = pif::watch(&cx).await {
                tracing::debug!(%failure, "the network does not say how it is");
            }
        }
    };
    let memory = async {
        loop {
            if let Err(failure) = crate::metrics::watch_memory(&cx).await {
                tracing::debug!(%failure, "the host does not say how much memory is free");
            }
            tokio::time::sleep(MEMORY).await;
        }
    };
    let known = Cx::internal(&xapi, "xapi.startup");
    tokio::join!(vm::guest::watch(xapi), catch_up(&known), network, memory);
}

/// Makes the SRs of a fresh host; one that has local storage is not fresh.
async fn storage(cx: &Cx) -> Result<()> {
    if !cx.snapshot().all::<Sr>().is_empty() {
        return Ok(());
    }
    let home = cx.host().clone();
    let made = cx
        .commit(move |tx| FRESH.iter().map(|fresh| fresh.write(tx, &home)).collect::<Result<Vec<_>>>())
        .await?;
    for (this, link) in &made {
        let snapshot = cx.snapshot();
        let device_config = snapshot.get(link, xapi_schema::classes::pbd::device_config)?;
        let config = repository::config(&*snapshot, this, &device_config)?;
        cx.xapi.backends.storage.create(&config, 0).await?;
        pbd::plug(cx.clone(), link.clone()).await?;
    }
    let Some((local, _)) = made.first().cloned() else { return Ok(()) };
    let home = cx.host().clone();
    cx.commit(move |tx| {
        for pool in tx.all::<Pool>() {
            tx.set(&pool, pool::default_SR, local.clone())?;
        }
        tx.set(&home, host::crash_dump_sr, local.clone())?;
        tx.set(&home, host::suspend_image_sr, local)
    })
    .await
}

fn texts(pairs: &[(&str, &str)]) -> Map<String, String> {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

impl Fresh {
    fn write(&self, tx: &mut Tx, home: &Ref<Host>) -> Result<(Ref<Sr>, Ref<xapi_schema::classes::Pbd>)> {
        let names = (self.name, self.description);
        let sm_config = texts(self.sm_config);
        let this = repository::introduce_row(tx, "", names, self.kind, self.content, self.shared, sm_config)?;
        tx.set(&this, sr::other_config, texts(self.other_config))?;
        tx.set(&this, sr::is_tools_sr, self.kind == "iso")?;
        let link = pbd::create_row(tx, &this, home, texts(self.device_config))?;
        Ok((this, link))
    }
}

/// What every object allows. Marks of operations died with the process that held them.
fn recompute(tx: &mut Tx) -> Result<()> {
    fresh_class::<Vbd>(tx)?;
    fresh_class::<Vif>(tx)?;
    fresh_class::<Vdi>(tx)?;
    fresh_class::<Sr>(tx)?;
    fresh_class::<Vm>(tx)?;
    fresh_class::<VmAppliance>(tx)?;
    fresh_class::<Host>(tx)?;
    fresh_class::<Pool>(tx)?;
    Ok(())
}

fn fresh_class<C: rules::Guarded>(tx: &mut Tx) -> Result<()> {
    for this in tx.all::<C>() {
        tx.set(&this, C::CURRENT, Map::default())?;
        rules::refresh(tx, &this)?;
    }
    Ok(())
}
