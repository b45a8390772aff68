//! The LVM tools as far as storage uses them, over sparse files: for machines without a device mapper. What it knows
//! is on the disk, so that a process that is killed can be followed by another one. Strict where the real tools are:
//! what is open is neither let go of nor removed, a group has only so many extents, and a new volume holds the bytes
//! of an earlier one.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, symlink},
    path::{Path, PathBuf},
    sync::Mutex,
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use xapi_backend::program::Output;
use xapi_storage::host::Host;

const EXTENT: u64 = 4 << 20;

/// The tools over a directory.
pub struct FakeLvm {
    dir: PathBuf,
    one: Mutex<()>,
}

type Told = Result<String, String>;

/// Everything there is: devices by name with their extents and group; groups; volumes.
#[derive(Default)]
struct World(Map<String, Value>);

impl World {
    fn part(&mut self, key: &str) -> &mut Map<String, Value> {
        let part = self.0.entry(key).or_insert_with(|| json!({}));
        part.as_object_mut().unwrap()
    }

    fn group(&mut self, name: &str) -> Result<&mut Map<String, Value>, String> {
        let found = self.part("groups").get_mut(name).and_then(Value::as_object_mut);
        found.ok_or_else(|| format!("  Volume group \"{name}\" not found"))
    }

    fn volumes(&mut self, group: &str) -> Result<&mut Map<String, Value>, String> {
        Ok(self.group(group)?["volumes"].as_object_mut().unwrap())
    }

    fn volume(&mut self, path: &str) -> Result<(&mut Map<String, Value>, String, String), String> {
        let (group, name) = path.split_once('/').ok_or("no path")?;
        let found = self.volumes(group)?.get_mut(name).and_then(Value::as_object_mut);
        let found = found.ok_or_else(|| format!("  Failed to find logical volume \"{path}\""))?;
        Ok((found, group.to_owned(), name.to_owned()))
    }

    fn size(&mut self, group: &str) -> Result<u64, String> {
        let devices: Vec<String> = strings(&self.group(group)?["devices"]);
        Ok(devices.iter().map(|d| self.part("devices")[d]["extents"].as_u64().unwrap()).sum())
    }

    /// A group as reports show it.
    fn row(&mut self, name: &str) -> Result<Value, String> {
        let (size, free) = (self.size(name)? * EXTENT, self.free(name)? * EXTENT);
        let count = self.volumes(name)?.len();
        let tags = strings(&self.group(name)?["tags"]).join(",");
        Ok(json!({"vg_name": name, "vg_size": size.to_string(), "vg_free": free.to_string(),
            "vg_extent_size": EXTENT.to_string(), "vg_missing_pv_count": "0", "vg_attr": "wz--n-",
            "lv_count": count.to_string(), "vg_tags": tags}))
    }

    fn free(&mut self, group: &str) -> Result<u64, String> {
        let used: u64 = self.volumes(group)?.values().map(|v| v["extents"].as_u64().unwrap()).sum();
        Ok(self.size(group)? - used)
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// A command line taken apart: flags with their values, and the rest.
struct Line {
    flags: Vec<(String, String)>,
    rest: Vec<String>,
}

impl Line {
    fn of(args: &[&str]) -> Line {
        const ALONE: [&str; 5] = ["--yes", "--force", "--nosuffix", "--all", "-p"];
        let (mut flags, mut rest) = (Vec::new(), Vec::new());
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if ALONE.contains(arg) {
                flags.push(((*arg).into(), String::new()));
            } else if arg.starts_with('-') {
                flags.push(((*arg).into(), (*args.next().unwrap()).into()));
            } else {
                rest.push((*arg).into());
            }
        }
        Line { flags, rest }
    }

    fn get(&self, flag: &str) -> Option<&str> {
        self.flags.iter().find(|(f, _)| f == flag).map(|(_, v)| v.as_str())
    }

    fn all(&self, flag: &str) -> Vec<String> {
        self.flags.iter().filter(|(f, _)| f == flag).map(|(_, v)| v.clone()).collect()
    }

    fn extents(&self) -> Result<u64, String> {
        let size: u64 = self.get("--size").unwrap().strip_suffix('b').unwrap().parse().unwrap();
        if !size.is_multiple_of(512) {
            return Err("  Size is not a multiple of 512. Try using 0 or 512.".into());
        }
        Ok(size.div_ceil(EXTENT))
    }
}

impl FakeLvm {
    /// The tools over `dir`, which has one device `/dev/fake` of so many MiB unless it has one already.
    pub fn new(dir: &Path, mib: u64) -> FakeLvm {
        fs::create_dir_all(dir.join("dev")).unwrap();
        fs::create_dir_all(dir.join("store")).unwrap();
        let fake = FakeLvm { dir: dir.into(), one: Mutex::default() };
        if !dir.join("state").exists() {
            let mut world = World::default();
            world.part("devices").insert("/dev/fake".into(), json!({"extents": mib / 4, "group": ""}));
            fs::write(dir.join("dev/fake"), "").unwrap();
            fake.save(&world);
        }
        fake
    }

    /// Where its device nodes are.
    pub fn dev(&self) -> PathBuf {
        self.dir.join("dev")
    }

    fn load(&self) -> World {
        let text = fs::read_to_string(self.dir.join("state")).unwrap();
        World(serde_json::from_str(&text).unwrap())
    }

    fn save(&self, world: &World) {
        let new = self.dir.join("state.new");
        fs::write(&new, serde_json::to_string(&world.0).unwrap()).unwrap();
        fs::rename(new, self.dir.join("state")).unwrap();
    }

    fn node(&self, group: &str, name: &str) -> PathBuf {
        self.dev().join(group).join(name)
    }

    fn show(&self, group: &str, name: &str, id: &str, shown: bool) -> io::Result<()> {
        let node = self.node(group, name);
        let _ = fs::remove_file(&node);
        if shown {
            fs::create_dir_all(node.parent().unwrap())?;
            symlink(self.dir.join("store").join(id), node)?;
        }
        Ok(())
    }

    /// Does any process have it open?
    fn is_open(&self, id: &str) -> bool {
        let file = self.dir.join("store").join(id);
        let Ok(processes) = fs::read_dir("/proc") else { return false };
        processes
            .flatten()
            .filter_map(|p| fs::read_dir(p.path().join("fd")).ok())
            .any(|fds| fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == file)))
    }

    fn act(&self, program: &str, line: &Line, world: &mut World) -> Told {
        match program {
            "pvs" => {
                let devices: Vec<(String, Value)> = world
                    .part("devices")
                    .iter()
                    .map(|(name, d)| (name.clone(), d["group"].clone()))
                    .collect();
                let mut rows = Vec::new();
                for (device, group) in devices.iter().filter(|(_, group)| *group != "") {
                    let mut row = world.row(group.as_str().unwrap())?;
                    row["pv_name"] = json!(device);
                    rows.push(row);
                }
                Ok(json!({"report": [{"pv": rows}]}).to_string())
            }
            "vgs" => {
                let mut rows = Vec::new();
                let names: Vec<String> = world.part("groups").keys().cloned().collect();
                if let Some(asked) = line.rest.first() {
                    world.group(asked)?;
                }
                for name in names.iter().filter(|n| line.rest.is_empty() || line.rest.contains(n)) {
                    rows.push(world.row(name)?);
                }
                Ok(json!({"report": [{"vg": rows}]}).to_string())
            }
            "lvs" => {
                let volumes = world.volumes(&line.rest[0])?;
                let rows: Vec<Value> = volumes
                    .iter()
                    .map(|(name, v)| {
                        let (write, active) = (v["write"] == true, v["active"] == true);
                        let attr = format!(
                            "-{}i-{}-----",
                            if write { 'w' } else { 'r' },
                            if active { 'a' } else { '-' }
                        );
                        let size = v["extents"].as_u64().unwrap() * EXTENT;
                        json!({"lv_name": name, "lv_size": size.to_string(), "lv_attr": attr,
                            "lv_tags": strings(&v["tags"]).join(",")})
                    })
                    .collect();
                Ok(json!({"report": [{"lv": rows}]}).to_string())
            }
            "vgcreate" => {
                let (name, devices) = (line.rest[0].clone(), line.rest[1..].to_vec());
                if world.part("groups").contains_key(&name) {
                    return Err(format!("  A volume group called {name} already exists."));
                }
                for device in &devices {
                    let there = world.part("devices").get_mut(device).ok_or("  no such device")?;
                    if there["group"] != "" {
                        return Err(format!("  Physical volume '{device}' is already in a volume group"));
                    }
                    there["group"] = json!(name);
                }
                let group = json!({"devices": devices, "tags": line.all("--addtag"), "volumes": {}});
                world.part("groups").insert(name, group);
                Ok(String::new())
            }
            "vgremove" => {
                let names: Vec<String> = world.volumes(&line.rest[0])?.keys().cloned().collect();
                for name in names {
                    self.remove(world, &format!("{}/{name}", line.rest[0]))?;
                }
                world.part("groups").remove(&line.rest[0]);
                Ok(String::new())
            }
            "pvremove" => {
                for device in &line.rest {
                    world.part("devices").get_mut(device).ok_or("  no such device")?["group"] = json!("");
                }
                Ok(String::new())
            }
            "vgchange" => {
                let group = world.group(&line.rest[0])?;
                let mut tags = strings(&group["tags"]);
                tags.retain(|t| !line.all("--deltag").contains(t));
                tags.extend(line.all("--addtag"));
                group.insert("tags".into(), json!(tags));
                Ok(String::new())
            }
            "lvchange" => self.change(world, line),
            "lvcreate" => self.create(world, line),
            "lvextend" | "lvreduce" => {
                let want = line.extents()?;
                let free = world.free(line.rest[0].split('/').next().unwrap())?;
                let (volume, ..) = world.volume(&line.rest[0])?;
                let now = volume["extents"].as_u64().unwrap();
                if now == want {
                    return Err("  New size matches existing size.".into());
                }
                if want > now + free {
                    return Err(format!(
                        "  Insufficient free space: {} extents needed, but only {free} available",
                        want - now
                    ));
                }
                volume.insert("extents".into(), json!(want));
                let id = volume["id"].as_str().unwrap().to_owned();
                self.fit(&id, want).map_err(|e| e.to_string())?;
                Ok(String::new())
            }
            "lvrename" => {
                let (group, from, to) = (&line.rest[0], &line.rest[1], &line.rest[2]);
                let volumes = world.volumes(group)?;
                if volumes.contains_key(to) {
                    return Err(format!("  Logical volume \"{to}\" already exists"));
                }
                let volume = volumes.remove(from).ok_or("  Existing logical volume not found")?;
                let (id, active) = (volume["id"].as_str().unwrap().to_owned(), volume["active"] == true);
                volumes.insert(to.clone(), volume);
                self.show(group, from, &id, false).map_err(|e| e.to_string())?;
                self.show(group, to, &id, active).map_err(|e| e.to_string())?;
                Ok(String::new())
            }
            "lvremove" => line
                .rest
                .iter()
                .try_for_each(|path| self.remove(world, path).map(drop))
                .map(|()| String::new()),
            "wipefs" => Ok(String::new()),
            other => Err(format!("nobody knows {other}")),
        }
    }

    fn change(&self, world: &mut World, line: &Line) -> Told {
        for path in &line.rest {
            let (volume, group, name) = world.volume(path)?;
            let id = volume["id"].as_str().unwrap().to_owned();
            if let Some(activate) = line.get("--activate") {
                let on = activate == "y";
                if !on && volume["active"] == true && self.is_open(&id) {
                    return Err(format!("  Logical volume {path} in use."));
                }
                volume.insert("active".into(), json!(on));
                self.show(&group, &name, &id, on).map_err(|e| e.to_string())?;
            }
            if let Some(permission) = line.get("--permission") {
                let write = permission == "rw";
                if volume["write"] == write {
                    return Err(format!("  Logical volume {path} is already so"));
                }
                volume.insert("write".into(), json!(write));
            }
            let mut tags = strings(&volume["tags"]);
            tags.retain(|t| !line.all("--deltag").contains(t));
            tags.extend(line.all("--addtag"));
            volume.insert("tags".into(), json!(tags));
        }
        Ok(String::new())
    }

    /// A file of so many extents; what it did not have before is not zero.
    fn fit(&self, id: &str, extents: u64) -> io::Result<()> {
        let file = File::options()
            .write(true)
            .read(true)
            .create(true)
            .truncate(false)
            .open(self.dir.join("store").join(id))?;
        let (before, after) = (file.metadata()?.len(), extents * EXTENT);
        file.set_len(after)?;
        if after > before {
            file.write_all_at(&[0xa5; 64 << 10], after - (64 << 10))?;
        }
        Ok(())
    }

    fn create(&self, world: &mut World, line: &Line) -> Told {
        let (group, name, want) = (&line.rest[0], line.get("--name").unwrap(), line.extents()?);
        let free = world.free(group)?;
        if want > free {
            return Err(format!(
                "  Volume group \"{group}\" has insufficient free space ({free} extents): {want} required."
            ));
        }
        if world.volumes(group)?.contains_key(name) {
            return Err(format!("  Logical Volume \"{name}\" already exists"));
        }
        // The extents of one that was removed, if there is one.
        let mut old = world.0.get("old").map(strings).unwrap_or_default();
        let id = old.pop().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        world.0.insert("old".into(), json!(old));
        let made =
            json!({"id": id, "extents": want, "active": true, "write": true, "tags": line.all("--addtag")});
        world.volumes(group)?.insert(name.into(), made);
        let done = self.fit(&id, want).and_then(|()| {
            let file = File::options().write(true).open(self.dir.join("store").join(&id))?;
            file.write_all_at(&[0; 4096], 0)
        });
        done.and_then(|()| self.show(group, name, &id, true)).map_err(|e| e.to_string())?;
        Ok(String::new())
    }

    fn remove(&self, world: &mut World, path: &str) -> Told {
        let (volume, group, name) = world.volume(path)?;
        let id = volume["id"].as_str().unwrap().to_owned();
        if self.is_open(&id) {
            return Err(format!("  Logical volume {path} contains a filesystem in use."));
        }
        self.show(&group, &name, &id, false).map_err(|e| e.to_string())?;
        world.volumes(&group)?.remove(&name);
        let mut old = world.0.get("old").map(strings).unwrap_or_default();
        old.push(id);
        world.0.insert("old".into(), json!(old));
        Ok(String::new())
    }
}

#[async_trait]
impl Host for FakeLvm {
    async fn run(&self, program: &str, args: &[&str], _: &[(&str, &str)]) -> Result<Output, String> {
        let _one = self.one.lock().unwrap();
        if program == "blkid" {
            let device = args.last().unwrap();
            let used = self.load().part("devices").get(*device).is_some_and(|d| d["group"] != "");
            let (status, stdout) = if used { (0, "LVM2_member\n".to_owned()) } else { (2, String::new()) };
            return Ok(Output { status, stdout, stderr: String::new() });
        }
        let mut world = self.load();
        Ok(match self.act(program, &Line::of(args), &mut world) {
            Ok(stdout) => {
                self.save(&world);
                Output { status: 0, stdout, stderr: String::new() }
            }
            Err(stderr) => Output { status: 5, stdout: String::new(), stderr },
        })
    }
}
