//! Volume groups of this machine: `lvm`, and what `lvmoiscsi` has in common with it once its device is there. Makes,
//! finds, leaves and deletes groups named after their SR, and no others.

use std::{path::Path, sync::Arc};

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::{Result, errors};

use super::{Ground, local, probe, value};
use crate::{
    images::Images,
    lvm::{
        MAKING, MGT, PREFIX, VolumeGroup,
        group::Reach,
        group_of,
        report::{self, Group, Physical},
        tools::{self, BadName, Command, Tools},
    },
    naming::{Naming, is_uuid},
};

async fn run(
    ground: &Ground,
    command: std::result::Result<Command, BadName>,
) -> std::result::Result<String, String> {
    let command = command.map_err(|e| e.to_string())?;
    let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
    ground.host.succeed(command.program, &args).await
}

/// The devices of an SR of type `lvm`.
///
/// # Errors
/// SR_BACKEND_FAILURE_90 without any, 91 for one that is none.
pub fn devices(ground: &Ground, sr: &SrConfig) -> Result<Vec<String>> {
    let devices = local::devices(sr)?;
    for device in &devices {
        let bad =
            |why: &str| backend_failure(91, "The device parameter is invalid", &format!("{device}: {why}"));
        tools::device(device).map_err(|e| bad(&e.to_string()))?;
        if !ground.exists(device) {
            return Err(bad("there is no such device"));
        }
    }
    Ok(devices)
}

/// The physical volumes with their groups, on some devices or on all.
async fn physicals(ground: &Ground, devices: &[String]) -> std::result::Result<Vec<Physical>, String> {
    report::physicals(&run(ground, tools::physical(devices)).await?)
}

/// Makes a group over devices that hold nothing. What an earlier attempt was killed over goes first.
///
/// # Errors
/// As [`local::assert_free`]; SR_BACKEND_FAILURE_77 with what the tools say. Then the devices are as free as before.
pub async fn create(ground: &Ground, sr: &SrConfig, devices: &[String]) -> Result<()> {
    let failed = |e: String| backend_failure(77, "Error creating Volume Group", &e);
    let there = physicals(ground, &[]).await.map_err(failed)?;
    for device in devices {
        let on = there.iter().find(|p| p.device == *device || same(&p.device, device));
        let group = on.and_then(|p| p.group.as_ref());
        if let Some(half) = group.filter(|g| g.name.starts_with(PREFIX) && g.tags.iter().any(|t| t == MAKING))
        {
            let all: Vec<String> =
                there.iter().filter(|p| p.is_of(&half.name)).map(|p| p.device.clone()).collect();
            let tools = Tools::new(&half.name, &all).map_err(|e| failed(e.to_string()))?;
            unmake(ground, &tools, &all).await.map_err(failed)?;
        } else if let Some(other) = group.filter(|g| g.volumes > 0) {
            // Not even where it is forced: a group of somebody's is never torn apart.
            let told = format!("{device} belongs to the volume group {}", other.name);
            return Err(backend_failure(55, "Partition in use", &told));
        }
    }
    for device in devices {
        local::assert_free(ground, sr, device).await?;
    }
    let forced = value(&sr.sm_config, "force").or(value(&sr.device_config, "force")) == Some("true");
    if forced {
        for device in devices {
            run(ground, tools::wipe(device)).await.map_err(failed)?;
        }
    }
    let tools = Tools::new(&group_of(&sr.uuid), devices).map_err(|e| failed(e.to_string()))?;
    run(ground, Ok(tools.make())).await.map_err(failed)?;
    let group = Arc::new(open(ground, sr, tools.clone(), None));
    let made = async {
        let founding = group.clone();
        let made = tokio::task::spawn_blocking(move || founding.found()).await;
        made.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        // From here on it is whole.
        run(ground, tools.tags(&[], &[MAKING.to_owned()])).await
    };
    if let Err(e) = made.await {
        let _ = unmake(ground, &tools, devices).await;
        return Err(failed(e));
    }
    Ok(())
}

/// Do two names mean the same device?
fn same(a: &str, b: &str) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

async fn unmake(ground: &Ground, tools: &Tools, devices: &[String]) -> std::result::Result<(), String> {
    run(ground, Ok(tools.unmake())).await?;
    for device in devices {
        run(ground, tools::forget(device)).await?;
    }
    Ok(())
}

fn open(ground: &Ground, sr: &SrConfig, tools: Tools, seen: Option<Group>) -> VolumeGroup {
    let allocation = value(&sr.sm_config, "allocation").or(value(&sr.device_config, "allocation"));
    let dir = ground.dev.join(tools.group());
    let reach = Reach {
        tools,
        host: ground.host.clone(),
        dir,
        policies: ground.policies.clone(),
        thin: allocation == Some("thin"),
        seen,
    };
    VolumeGroup::new(&sr.uuid, reach)
}

/// The group of an SR and the devices it lies on now, whatever they were called when it was made.
async fn find(ground: &Ground, sr: &SrConfig) -> Result<(Group, Vec<String>)> {
    let gone = |e: String| backend_failure(47, "The SR is not available", &e);
    let name = group_of(&sr.uuid);
    let there = physicals(ground, &[]).await.map_err(gone)?;
    let on: Vec<Physical> = there.into_iter().filter(|p| p.is_of(&name)).collect();
    let group = on.first().and_then(|p| p.group.clone());
    let group = group.ok_or_else(|| gone(format!("no such volume group: {name}")))?;
    if group.missing > 0 {
        return Err(gone(format!("{} devices of {name} are not here", group.missing)));
    }
    if group.exported {
        return Err(gone(format!("{name} has been exported to another host")));
    }
    if group.tags.iter().any(|t| t == MAKING) {
        return Err(gone(format!("{name} was never finished; make the SR again")));
    }
    Ok((group, on.into_iter().map(|p| p.device).collect()))
}

/// Opens the group of an SR. Activates nothing yet.
///
/// # Errors
/// SR_BACKEND_FAILURE_47 when it is not here, or not all of it.
pub async fn attach(ground: &Ground, sr: &SrConfig) -> Result<Images> {
    let (group, devices) = find(ground, sr).await?;
    let told = |e: BadName| backend_failure(47, "The SR is not available", &e.to_string());
    let tools = Tools::new(&group_of(&sr.uuid), &devices).map_err(told)?;
    let dir = ground.dev.join(tools.group());
    let volumes = Arc::new(open(ground, sr, tools, Some(group)));
    Ok(Images { sr: sr.uuid.clone(), volumes, naming: Naming::Volumes, dir, stuck: Arc::default() })
}

/// Lets go of everything that is still active.
///
/// # Errors
/// SR_BACKEND_FAILURE_53 when something is in use.
pub async fn detach(ground: &Ground, sr: &SrConfig) -> Result<()> {
    let failed = |e: String| backend_failure(53, "Logical Volume unmount/deactivate error", &e);
    // A device that is gone has nothing to let go of.
    let Ok((_, devices)) = find(ground, sr).await else { return Ok(()) };
    let tools = Tools::new(&group_of(&sr.uuid), &devices).map_err(|e| failed(e.to_string()))?;
    let volumes = report::volumes(&run(ground, Ok(tools.list())).await.map_err(failed)?).map_err(failed)?;
    let active: Vec<String> = volumes.into_iter().filter(|v| v.active).map(|v| v.name).collect();
    for names in active.chunks(200) {
        run(ground, tools.deactivate(names)).await.map_err(failed)?;
    }
    Ok(())
}

/// Removes the group of an SR, which holds no images any more.
///
/// # Errors
/// SR_NOT_EMPTY when there is anything else in it; SR_BACKEND_FAILURE_51 with what the tools say.
pub async fn delete(ground: &Ground, sr: &SrConfig) -> Result<()> {
    let failed = |e: String| backend_failure(51, "Logical Volume deletion error", &e);
    let (_, devices) = find(ground, sr).await?;
    let tools = Tools::new(&group_of(&sr.uuid), &devices).map_err(|e| failed(e.to_string()))?;
    let volumes = report::volumes(&run(ground, Ok(tools.list())).await.map_err(failed)?).map_err(failed)?;
    if let Some(other) = volumes.iter().find(|v| v.name != MGT) {
        tracing::warn!(
            sr = sr.uuid,
            volume = other.name,
            "an SR is not deleted: there is something else in it"
        );
        return Err(errors::SR_NOT_EMPTY.with(Vec::<String>::new()));
    }
    // Killed from here on, it is taken for one that was never finished.
    run(ground, tools.tags(&[MAKING.to_owned()], &[])).await.map_err(failed)?;
    unmake(ground, &tools, &devices).await.map_err(failed)
}

/// What there is on some devices, for people to choose from.
///
/// # Errors
/// SR_BACKEND_FAILURE_91 when they can't be read.
pub async fn probe(ground: &Ground, devices: &[String]) -> Result<String> {
    let failed = |e: String| backend_failure(91, "The device parameter is invalid", &e);
    let there = physicals(ground, devices).await.map_err(failed)?;
    let mut found = Vec::new();
    let mut groups: Vec<&Group> = there.iter().filter_map(|p| p.group.as_ref()).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups.dedup_by(|a, b| a.name == b.name);
    for group in groups {
        let Some(uuid) = group.name.strip_prefix(PREFIX).filter(|uuid| is_uuid(uuid)) else { continue };
        let on: Vec<&str> =
            there.iter().filter(|p| p.is_of(&group.name)).map(|p| p.device.as_str()).collect();
        found.push(vec![
            ("UUID", uuid.to_owned()),
            ("Devlist", on.join(",")),
            ("size", group.size.to_string()),
        ]);
    }
    Ok(probe::sr_list(&found))
}

impl Ground {
    /// Is there such a device node?
    pub(super) fn exists(&self, device: &str) -> bool {
        // Below another directory than /dev the nodes are stand-ins.
        device.strip_prefix("/dev/").is_some_and(|name| self.dev.join(name).exists())
            || Path::new(device).exists()
    }
}
