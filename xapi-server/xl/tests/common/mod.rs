//! A xenstore in memory on a socket, and an `xl` that is a shell script with a table of domains in a directory.
//! Both do only what the tests need; neither is proof of what real Xen does.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

pub mod bench;

use std::{
    collections::{BTreeMap, HashMap},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

pub type Nodes = Arc<Mutex<BTreeMap<String, String>>>;
type Watches = Arc<Mutex<HashMap<usize, (String, String, mpsc::UnboundedSender<Vec<u8>>)>>>;

/// The daemon.
pub struct Daemon {
    pub nodes: Nodes,
    pub socket: PathBuf,
    watches: Watches,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn pack(kind: u32, request: u32, body: &[u8]) -> Vec<u8> {
    let words = [kind, request, 0, body.len() as u32];
    words.iter().flat_map(|w| w.to_le_bytes()).chain(body.iter().copied()).collect()
}

fn fire(watches: &Watches, path: &str) {
    for (at, token, sender) in watches.lock().unwrap().values() {
        if path == at || path.starts_with(&format!("{at}/")) {
            let _ = sender.send(pack(15, 0, format!("{path}\0{token}\0").as_bytes()));
        }
    }
}

impl Daemon {
    /// With a table of domains, each row is a domain here too, as libxl would make it.
    pub fn start(socket: &Path, nodes: Nodes) -> Daemon {
        Daemon::beside(socket, nodes, PathBuf::new())
    }

    pub fn beside(socket: &Path, nodes: Nodes, table: PathBuf) -> Daemon {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let watches: Watches = Arc::default();
        let (served, seen) = (nodes.clone(), watches.clone());
        let task = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1_000_000;
                clients.spawn(serve(stream, served.clone(), seen.clone(), number, table.clone()));
            }
        });
        Daemon { nodes, socket: socket.to_path_buf(), watches, task }
    }

    /// What somebody else writes.
    pub fn set(&self, path: &str, value: &str) {
        self.nodes.lock().unwrap().insert(path.into(), value.into());
        fire(&self.watches, path);
    }

    pub fn get(&self, path: &str) -> Option<String> {
        self.nodes.lock().unwrap().get(path).cloned()
    }

    /// It is gone, as after a kill.
    pub fn stop(&self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }

    /// As `@releaseDomain`.
    pub fn fire(&self, what: &str) {
        fire(&self.watches, what);
    }
}

/// Domains of the table are there, others are not.
fn follow(table: &Path, nodes: &Nodes) {
    if table.as_os_str().is_empty() {
        return;
    }
    let rows = std::fs::read_to_string(table).unwrap_or_default();
    let mut nodes = nodes.lock().unwrap();
    let mut there = Vec::new();
    for row in rows.lines() {
        let words: Vec<&str> = row.split_whitespace().collect();
        let (domid, uuid) = (words[1], words[0]);
        let domain = format!("/local/domain/{domid}");
        nodes.insert(format!("{domain}/vm"), format!("/vm/{uuid}"));
        nodes.insert(format!("{domain}/domid"), domid.to_string());
        let backend = format!("/local/domain/0/backend/qdisk/{domid}/51712");
        nodes.insert(format!("{domain}/device/vbd/51712/backend"), backend);
        there.push(format!("{domain}/"));
    }
    nodes.retain(|path, _| {
        let other = path.starts_with("/local/domain/") && !path.starts_with("/local/domain/0/");
        !other || there.iter().any(|domain| path.starts_with(domain))
    });
}

async fn serve(stream: UnixStream, nodes: Nodes, watches: Watches, first: usize, table: PathBuf) {
    let (mut reader, mut writer) = stream.into_split();
    let (sender, mut out) = mpsc::unbounded_channel::<Vec<u8>>();
    let writing = tokio::spawn(async move {
        while let Some(bytes) = out.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut mine = Vec::new();
    loop {
        let mut head = [0; 16];
        if reader.read_exact(&mut head).await.is_err() {
            break;
        }
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let (kind, request, length) = (word(0), word(4), word(12) as usize);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).await.is_err() {
            break;
        }
        follow(&table, &nodes);
        let end = body.iter().position(|b| *b == 0).unwrap_or(body.len());
        let path = String::from_utf8_lossy(&body[..end]).into_owned();
        let rest = body.get(end + 1..).unwrap_or_default().to_vec();
        let answer = |body: &[u8]| pack(kind, request, body);
        let missing = || pack(16, request, b"ENOENT\0");
        let reply = match kind {
            1 => {
                let nodes = nodes.lock().unwrap();
                let below = format!("{}/", path.trim_end_matches('/'));
                let mut names: Vec<&str> =
                    nodes.keys().filter_map(|key| key.strip_prefix(&below)?.split('/').next()).collect();
                names.dedup();
                if names.is_empty() && !nodes.contains_key(&path) {
                    missing()
                } else {
                    let list: String = names.iter().flat_map(|name| [*name, "\0"]).collect();
                    if list.len() > 4_000 { pack(16, request, b"E2BIG\0") } else { answer(list.as_bytes()) }
                }
            }
            22 => {
                let nodes = nodes.lock().unwrap();
                let below = format!("{path}/");
                let mut names: Vec<&str> =
                    nodes.keys().filter_map(|key| key.strip_prefix(&below)?.split('/').next()).collect();
                names.dedup();
                let list: String = names.iter().flat_map(|name| [*name, "\0"]).collect();
                let offset: usize = String::from_utf8_lossy(&rest).trim_end_matches('\0').parse().unwrap();
                let left = &list.as_bytes()[offset..];
                let mut part = b"1\0".to_vec();
                // Whole names only, as the daemon does.
                let mut take = left.len().min(2_000);
                while take > 0 && take < left.len() && left[take - 1] != 0 {
                    take -= 1;
                }
                part.extend_from_slice(&left[..take]);
                if take == left.len() {
                    part.push(0);
                }
                answer(&part)
            }
            2 => match nodes.lock().unwrap().get(&path) {
                Some(value) => answer(value.as_bytes()),
                None => missing(),
            },
            4 => {
                let token = String::from_utf8_lossy(&rest).trim_end_matches('\0').to_string();
                let id = first + mine.len();
                mine.push(id);
                watches.lock().unwrap().insert(id, (path.clone(), token.clone(), sender.clone()));
                let _ = sender.send(answer(b"OK\0"));
                pack(15, 0, format!("{path}\0{token}\0").as_bytes())
            }
            5 => {
                let token = String::from_utf8_lossy(&rest).trim_end_matches('\0').to_string();
                watches.lock().unwrap().retain(|_, watch| watch.1 != token);
                answer(b"OK\0")
            }
            6 => answer(b"1\0"),
            7 | 14 => answer(b"OK\0"),
            11 => {
                nodes.lock().unwrap().insert(path.clone(), String::from_utf8_lossy(&rest).into_owned());
                fire(&watches, &path);
                answer(b"OK\0")
            }
            13 => {
                let below = format!("{path}/");
                let mut nodes = nodes.lock().unwrap();
                let before = nodes.len();
                nodes.retain(|key, _| *key != path && !key.starts_with(&below));
                if nodes.len() == before { missing() } else { answer(b"OK\0") }
            }
            _ => pack(16, request, b"ENOSYS\0"),
        };
        if sender.send(reply).is_err() {
            break;
        }
    }
    watches.lock().unwrap().retain(|id, _| !mine.contains(id));
    writing.abort();
}

/// An `xl` in a directory; `table` there is what `xl list -v` prints below its heading, `calls` what was asked.
pub struct Stub {
    pub dir: PathBuf,
}

/// What the script does. `mode` can make the next call hang, abort or babble.
const SCRIPT: &str = r#"#!/bin/sh
d=$(dirname "$0")
echo "$*" >>"$d/calls"
case $(cat "$d/mode" 2>/dev/null) in
    hang) sleep 1000;;
    abort) kill -ABRT $$;;
    babble) head -c 10000000 /dev/zero;;
    fail) echo "libxl: error: no" >&2; exit 1;;
esac
mode=$(cat "$d/mode" 2>/dev/null)
[ "$mode" = create-fails ] && [ "$1" = create ] && { cat "$d/complaint" >&2; exit 3; }
[ "$mode" = destroy-fails ] && [ "$1" = destroy ] && exit 1
case $1 in
    info) cat "$d/info" 2>/dev/null;;
    list) echo "Name ID Mem VCPUs State Time(s) UUID Reason-Code Security Label"; cat "$d/table" 2>/dev/null;;
    create)
        for last; do :; done
        uuid=$(sed -n 's/^uuid = "\(.*\)"/\1/p' "$last")
        cp "$last" "$d/config"
        n=$(( $(cat "$d/last" 2>/dev/null || echo 0) + 1 )); echo $n >"$d/last"
        echo "$uuid $n 96 1 --p--- 0.0 $uuid - -" >>"$d/table"
        case $mode in create-hangs|destroy-fails) sleep 1000;; esac
        while [ "$(cat "$d/mode" 2>/dev/null)" = create-waits ]; do sleep 0.01; done
        [ "$(cat "$d/mode" 2>/dev/null)" != create-breaks ] || { sed -i "/ $n 96 /d" "$d/table"; exit 3; }
        [ "$mode" != noted ] || { sleep 0.1; echo "built $n" >>"$d/calls"; };;
    restore)
        cat "$4" >"$d/restored"
        uuid=$(sed -n 's/^uuid = "\(.*\)"/\1/p' "$4")
        cat "$5" >"$d/image"
        n=$(( $(cat "$d/last" 2>/dev/null || echo 0) + 1 )); echo $n >"$d/last"
        echo "$uuid $n 96 1 --p--- 1.0 $uuid - -" >>"$d/table";;
    save) cat "$d/memory" >"$4";;
    dump-core) echo "$2" >"$3"; [ "$mode" != half ] || exit 1;;
    destroy) sed -i "/ $2 96 /d" "$d/table";;
    pause) sed -i "s/ $2 96 1 ------/ $2 96 1 --p---/" "$d/table";;
    unpause) sed -i "s/ $2 96 1 --p---/ $2 96 1 ------/" "$d/table";;
esac
exit 0
"#;

impl Stub {
    pub fn new(dir: &Path) -> Stub {
        let dir = dir.join("stub");
        std::fs::create_dir(&dir).unwrap();
        let program = dir.join("xl");
        std::fs::write(&program, SCRIPT).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        // A child another test is about to start may still hold the file open, and then it cannot be run.
        let busy = |error: std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
        while std::process::Command::new(&program).arg("version").status().is_err_and(busy) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Stub { dir }
    }

    pub fn xl(&self, quick: Duration) -> xapi_xl::Xl {
        xapi_xl::Xl { program: self.dir.join("xl"), quick, ..xapi_xl::Xl::default() }
    }

    pub fn mode(&self, mode: &str) {
        std::fs::write(self.dir.join("mode"), mode).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }

    pub fn write(&self, name: &str, text: &str) {
        // Replaced whole: the script may read at any moment.
        let beside = self.dir.join("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.dir.join(name)).unwrap();
    }
}
