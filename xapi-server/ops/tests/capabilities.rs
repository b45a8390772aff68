//! Every row of `SM` says what its driver does: each word it has is tried, by a call that has to have its effect, and
//! each word it lacks is refused as clients know it. Rows that others wrote are set right at the next start.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_backend::{features::KNOWN, storage::NewVolume};
use xapi_schema::{
    Failure, Map, Ref, Result, Value,
    classes::{Sm, sm},
};

const MIB: i64 = 1 << 20;

/// Words whose lack refuses nothing, as with the original: its rows of image drivers lack some of them, and those attach,
/// scan and vanish all the same.
const WITHOUT_RULE: &[&str] = &[
    "SR_CREATE",
    "SR_DELETE",
    "SR_ATTACH",
    "SR_DETACH",
    "SR_SCAN",
    "VDI_ATTACH",
    "VDI_DETACH",
    "VDI_ACTIVATE",
    "VDI_DEACTIVATE",
    "THIN_PROVISIONING",
];

/// Words for which the API has no call at all: nobody may claim them.
const WITHOUT_CALL: &[&str] = &[
    "SR_TRIM",
    "SR_MULTIPATH",
    "SR_CACHING",
    "SR_STATS",
    "VDI_MIRROR_IN",
    "VDI_ACTIVATE_READONLY",
    "VDI_ATTACH_OFFLINE",
    "VDI_COMPOSE",
    "LARGE_VDI",
    "VDI_READ_CACHING",
];

fn none() -> Value {
    Value::map::<&str>([])
}

/// One SR and what is tried there.
struct Bench<'a> {
    host: &'a Host,
    home: String,
    kind: String,
    sr: String,
    uuid: String,
}

impl<'a> Bench<'a> {
    async fn new(host: &'a Host, kind: &str) -> Bench<'a> {
        let home = host.all("host").await.remove(0);
        let args =
            [str(&home), none(), Value::Int(0), str(kind), str(""), str(kind), str("user"), no(), none()];
        let sr = host.text("SR.create", args).await;
        let uuid = host.text("SR.get_uuid", [str(&sr)]).await;
        Bench { host, home, kind: kind.into(), sr, uuid }
    }

    fn volume(&self, size: i64) -> NewVolume {
        NewVolume {
            uuid: None,
            name: "put there".into(),
            description: String::new(),
            virtual_size: size,
            kind: "user".into(),
            sm_config: vec![],
        }
    }

    /// A volume that is there without anybody having asked the API for it: a file somebody copied, a drive.
    async fn put(&self) -> String {
        let storage = &self.host.xapi.backends.storage;
        storage.create_volume(&self.uuid, self.volume(MIB)).await.unwrap().location
    }

    /// A disk with a row, made where disks can't be asked for.
    async fn disk(&self) -> String {
        let location = self.put().await;
        self.host.ok("SR.scan", [str(&self.sr)]).await;
        for disk in self.host.all("VDI").await {
            if self.host.text("VDI.get_location", [str(&disk)]).await == location {
                return disk;
            }
        }
        panic!("a scan of {} does not see {location}", self.kind)
    }

    async fn location(&self, disk: &str) -> String {
        self.host.text("VDI.get_location", [str(disk)]).await
    }

    async fn write(&self, disk: &str, bytes: &[u8]) {
        let location = self.location(disk).await;
        let storage = &self.host.xapi.backends.storage;
        storage.write(&self.uuid, &location, 4096, bytes.to_vec()).await.unwrap();
        storage.flush(&self.uuid, &location).await.unwrap();
    }

    async fn read(&self, disk: &str, length: usize) -> Vec<u8> {
        let location = self.location(disk).await;
        self.host.xapi.backends.storage.read(&self.uuid, &location, 4096, length).await.unwrap()
    }

    async fn create(&self, size: i64) -> Result<String> {
        let members = Value::map([
            ("name_label", str("made")),
            ("name_description", str("")),
            ("SR", str(&self.sr)),
            ("virtual_size", Value::Int(size)),
            ("type", str("user")),
            ("sharable", no()),
            ("read_only", no()),
            ("other_config", none()),
        ]);
        self.host.call("VDI.create", [members]).await.map(|made| made.as_str().unwrap().to_owned())
    }

    /// A guest that has the disk, started and ended with `between` in the middle.
    async fn used(&self, disk: &str) -> Result<()> {
        let vm = self.host.vm("guest").await;
        self.host.vbd(&vm, disk).await;
        self.host.call("VM.start", [str(&vm), no(), no()]).await?;
        assert_eq!(self.host.state(&vm).await, "Running");
        self.host.call("VM.hard_shutdown", [str(&vm)]).await?;
        self.host.call("VM.destroy", [str(&vm)]).await.map(drop)
    }

    /// Does what a word stands for; what comes back is the API's refusal.
    async fn attempt(&self, word: &str) -> Result<()> {
        let (host, sr) = (self.host, str(&self.sr));
        match word {
            "SR_PROBE" => {
                let args = [str(&self.home), none(), str(&self.kind), none()];
                let told = host.call("SR.probe", args).await?;
                assert!(told.as_str().unwrap().contains("SRlist"), "{told:?}");
            }
            "SR_UPDATE" => {
                host.call("SR.update", [sr.clone()]).await?;
                assert_ne!(host.get("SR", "physical_size", &self.sr).await, Value::Int(-1));
            }
            "SR_CREATE" | "SR_ATTACH" | "SR_DETACH" => {
                let link = host.ok("SR.get_PBDs", [sr]).await.as_set().unwrap()[0].clone();
                host.call("PBD.unplug", [link.clone()]).await?;
                host.call("PBD.plug", [link.clone()]).await?;
                assert_eq!(host.ok("PBD.get_currently_attached", [link]).await, Value::Bool(true));
            }
            "SR_DELETE" => {
                let other = Bench::new(host, &self.kind).await;
                let link = host.ok("SR.get_PBDs", [str(&other.sr)]).await.as_set().unwrap()[0].clone();
                host.call("PBD.unplug", [link]).await?;
                host.call("SR.destroy", [str(&other.sr)]).await?;
                assert!(!host.all("SR").await.contains(&other.sr));
            }
            "SR_SCAN" => drop(self.disk().await),
            "SR_SUPPORTS_LOCAL_CACHING" => {
                host.call("host.enable_local_storage_caching", [str(&self.home), sr]).await?;
            }
            "SR_METADATA" => drop(host.call("SR.assert_supports_database_replication", [sr]).await?),
            "VDI_CREATE" => {
                let disk = self.create(16 * MIB).await?;
                let location = self.location(&disk).await;
                let known = host.xapi.backends.storage.stat_volume(&self.uuid, &location).await;
                assert_eq!(known.unwrap().virtual_size, 16 * MIB);
            }
            "VDI_DELETE" => {
                let disk = self.disk().await;
                let location = self.location(&disk).await;
                host.call("VDI.destroy", [str(&disk)]).await?;
                assert!(host.xapi.backends.storage.stat_volume(&self.uuid, &location).await.is_err());
            }
            "VDI_ATTACH" | "VDI_DETACH" | "VDI_ACTIVATE" | "VDI_DEACTIVATE" => {
                self.used(&self.disk().await).await?;
            }
            "VDI_MIRROR" => {
                let disk = self.disk().await;
                self.write(&disk, b"moved").await;
                let (vm, uuid) = (host.vm("owner").await, host.text("VDI.get_uuid", [str(&disk)]).await);
                host.vbd(&vm, &disk).await;
                let to = host.default_sr().await;
                let moved = host.call("VDI.pool_migrate", [str(&disk), str(&to), none()]).await;
                let moved = moved.map(|made| made.as_str().unwrap().to_owned());
                host.ok("VM.destroy", [str(&vm)]).await;
                let moved = moved?;
                assert_eq!(host.text("VDI.get_SR", [str(&moved)]).await, to, "{uuid}");
                assert!(!host.all("VDI").await.contains(&disk));
            }
            "VDI_RESIZE" | "VDI_RESIZE_ONLINE" => {
                let disk = self.disk().await;
                let call = if word == "VDI_RESIZE" { "VDI.resize" } else { "VDI.resize_online" };
                host.call(call, [str(&disk), Value::Int(8 * MIB)]).await?;
                assert_eq!(host.get("VDI", "virtual_size", &disk).await, Value::Int(8 * MIB));
            }
            "VDI_CLONE" | "VDI_SNAPSHOT" => {
                let disk = self.disk().await;
                self.write(&disk, b"shared").await;
                let call = if word == "VDI_CLONE" { "VDI.clone" } else { "VDI.snapshot" };
                let twin = host.call(call, [str(&disk), none()]).await?.as_str().unwrap().to_owned();
                assert_eq!(self.read(&twin, 6).await, b"shared");
            }
            "VDI_REVERT" => {
                let disk = self.disk().await;
                self.write(&disk, b"before").await;
                let snapshot = host.call("VDI.snapshot", [str(&disk), none()]).await?;
                self.write(&disk, b"after!").await;
                host.call("VDI.revert", [snapshot]).await?;
                assert_eq!(self.read(&disk, 6).await, b"before");
            }
            "VDI_UPDATE" => drop(host.call("VDI.update", [str(&self.disk().await)]).await?),
            "VDI_INTRODUCE" => {
                let location = self.put().await;
                let made = host.call("VDI.introduce", self.introduction(&location)).await?;
                assert_eq!(self.location(made.as_str().unwrap()).await, location);
            }
            "VDI_GENERATE_CONFIG" => {
                let disk = self.disk().await;
                host.call("VDI.generate_config", [str(&self.home), str(&disk)]).await?;
            }
            "VDI_RESET_ON_BOOT" => {
                let disk = self.disk().await;
                self.write(&disk, b"kept").await;
                host.call("VDI.set_on_boot", [str(&disk), str("reset")]).await?;
                self.write(&disk, b"lost").await;
                self.used(&disk).await?;
                assert_eq!(self.read(&disk, 4).await, b"kept");
            }
            "VDI_CONFIG_CBT" => {
                let disk = self.disk().await;
                host.call("VDI.enable_cbt", [str(&disk)]).await?;
                let before = host.ok("VDI.snapshot", [str(&disk), none()]).await;
                self.write(&disk, b"changed").await;
                let after = host.ok("VDI.snapshot", [str(&disk), none()]).await;
                let told = host.text("VDI.list_changed_blocks", [before, after]).await;
                assert!(told.starts_with('g'), "the first block changed: {told}");
            }
            "THIN_PROVISIONING" => {
                let disk = self.create(1 << 30).await?;
                let Value::Int(taken) = host.get("VDI", "physical_utilisation", &disk).await else {
                    panic!()
                };
                assert!(taken < 16 * MIB, "an empty disk of 1 GiB takes {taken} bytes");
            }
            other => panic!("nobody knows what {other} stands for"),
        }
        Ok(())
    }

    fn introduction(&self, location: &str) -> [Value; 11] {
        [
            str(&uuid::Uuid::new_v4().to_string()),
            str("introduced"),
            str(""),
            str(&self.sr),
            str("user"),
            no(),
            no(),
            none(),
            str(location),
            none(),
            none(),
        ]
    }
}

fn words(row: &Value) -> Vec<String> {
    let features = row.get("features").unwrap().as_map().unwrap();
    features.iter().map(|(name, _)| name.to_string()).collect()
}

#[tokio::test]
async fn every_row_says_what_its_driver_does() {
    let host = Host::new().await;
    let rows = host.ok("SM.get_all_records", []).await;
    let rows: Vec<Value> = rows.as_map().unwrap().iter().map(|(_, row)| row.clone()).collect();
    let mut kinds: Vec<String> =
        rows.iter().map(|row| row.get("type").unwrap().as_str().unwrap().to_owned()).collect();
    kinds.sort();
    let mut served = host.xapi.backends.storage.kinds();
    served.sort();
    assert_eq!(kinds, served, "a row for each driver, and for nothing else");
    for row in &rows {
        let (claimed, bench) =
            (words(row), Bench::new(&host, row.get("type").unwrap().as_str().unwrap()).await);
        let kind = &bench.kind;
        let told: Vec<&str> =
            row.get("capabilities").unwrap().as_set().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(told, claimed, "{kind}");
        for word in KNOWN {
            let has = claimed.iter().any(|claimed| claimed == word);
            if WITHOUT_CALL.contains(word) {
                assert!(!has, "{kind} claims {word}, which has no effect");
                continue;
            }
            if has {
                let tried = bench.attempt(word).await;
                tried.unwrap_or_else(|failure| panic!("{kind} claims {word}: {failure}"));
            } else if !WITHOUT_RULE.contains(word) {
                let refused: Failure = match bench.attempt(word).await {
                    Err(failure) => failure,
                    Ok(()) => panic!("{kind} does {word} and does not say so"),
                };
                let wanted = match *word {
                    "SR_PROBE" => "SR_BACKEND_FAILURE",
                    // A call nobody has written.
                    "SR_SUPPORTS_LOCAL_CACHING" => "NOT_IMPLEMENTED",
                    _ => "SR_OPERATION_NOT_SUPPORTED",
                };
                assert_eq!(refused.code, wanted, "{kind} lacks {word}: {refused}");
            }
        }
        host.assert_idle().await;
    }
}

#[tokio::test]
async fn rows_that_others_wrote_are_set_right_at_the_next_start() {
    let host = Host::new().await;
    let rows = host.all("SM").await;
    let mut of = std::collections::BTreeMap::new();
    for row in rows {
        of.insert(host.text("SM.get_type", [str(&row)]).await, row);
    }
    let (ext, iso, lvm) = (of["ext"].clone(), of["iso"].clone(), of["lvm"].clone());
    let before = host.ok("SM.get_record", [str(&ext)]).await;
    let home = host.all("host").await.remove(0);
    let local = [str(&home), none(), Value::Int(0), str("x"), str(""), str("xfs"), str("user"), no(), none()];
    host.ok("SR.create", local).await;
    let xfs = of["xfs"].clone();
    let (old, claims, gone, foreign) = (ext.clone(), iso.clone(), lvm.clone(), xfs.clone());
    let mangled = host.xapi.store.commit(move |tx| {
        // An older version's, one with too much, one that is missing, one of a driver nobody has.
        let less = [("VDI_CREATE".to_string(), 1)];
        tx.set(&Ref::<Sm>::new(old.as_str()), sm::features, Map(less.to_vec()))?;
        tx.set(&Ref::<Sm>::new(claims.as_str()), sm::capabilities, vec!["VDI_CREATE".into()])?;
        tx.set(&Ref::<Sm>::new(claims.as_str()), sm::features, Map(less.to_vec()))?;
        tx.destroy(&Ref::<Sm>::new(gone.as_str()))?;
        tx.set(&Ref::<Sm>::new(foreign.as_str()), sm::r#type, "linstor".to_string())
    });
    mangled.await.unwrap();
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.ok("SM.get_record", [str(&ext)]).await, before);
    let row = host.ok("SM.get_record", [str(&iso)]).await;
    assert!(!words(&row).contains(&"VDI_CREATE".to_string()), "{row:?}");
    let all = host.ok("SM.get_all_records", []).await;
    let kinds: Vec<&str> =
        all.as_map().unwrap().iter().map(|(_, row)| row.get("type").unwrap().as_str().unwrap()).collect();
    // One of a driver nobody has stays, and can do nothing.
    assert_eq!(kinds.len(), host.xapi.backends.storage.kinds().len() + 1, "{kinds:?}");
    assert!(kinds.contains(&"lvm") && kinds.contains(&"xfs"), "{kinds:?}");
    let row = host.ok("SM.get_record", [str(&xfs)]).await;
    assert_eq!(row.get("type").unwrap().as_str(), Some("linstor"));
    assert!(
        words(&row).is_empty() && row.get("capabilities").unwrap().as_set().unwrap().is_empty(),
        "{row:?}"
    );
}
