//! A machine for a page: a root directory in memory with the programs of this build and what the page takes for given,
//! in namespaces of its own. Nothing of the machine that runs the test can be reached, and all of it ends with it.

use std::{path::Path, process::Command};

use conformance_tests::server::{self, ROOT_PASSWORD};

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub said: String,
}

const ROOT: &str = r#"
set -eu
mount -t tmpfs -o mode=755 tmpfs "$ROOT"
cd "$ROOT"
mkdir -p usr dev proc sys etc tmp run root srv var/lib var/log programs nix/store nix/var/nix/profiles old
for one in bin sbin lib lib32 lib64; do
    if [ -L "/$one" ]; then ln -s "$(readlink "/$one")" "$one"
    elif [ -d "/$one" ]; then mkdir "$one"; mount --bind "/$one" "$one"; fi
done
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --rbind /dev dev
mount -t proc proc proc
# With the cards of this machine: the simulated one has as many.
mount --bind /sys sys
mount -o remount,bind,ro sys
mount --bind "$PROGRAMS" programs
mount -o remount,bind,ro programs
ip link set lo up
echo 'hosts: files' >etc/nsswitch.conf
printf '127.0.0.1 localhost dom0.example.org\n' >etc/hosts
printf 'root:x:0:0:root:/root:/bin/sh\n' >etc/passwd
inside() { env -i PATH=/programs:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "$ROOT" /bin/sh -ec "$1"; }
"#;

/// The toolstack runs, on its simulator, and the configuration of the page has left its manifest.
pub const TOOLSTACK: &str = r#"
mkdir -p etc/xennix srv/guests var/lib/xcp
cp "$REPO/nixos/tests/guide/declare-a-guest-1.json" etc/xennix/manifest.json
printf %s "$PASSWORD" >root/password
inside 'exec xapi --backend sim --state-dir /var/lib/xennix --socket /var/lib/xcp/xapi --http none --https 127.0.0.1:443 \
    --root-password-file /root/password >/var/log/xapi 2>&1' &
turns=0
until inside '[ -S /var/lib/xcp/xapi ]'; do
    turns=$((turns + 1)); [ $turns -lt 3000 ] || { cat var/log/xapi; exit 1; }
    sleep 0.1
done
"#;

/// A converted host was started into its first generation, which is not confirmed.
pub const GENERATIONS: &str = r#"
top=nix/store/00000000000000000000000000000000-nixos-system-dom0
mkdir -p "$top" old/boot/grub
printf 'set default=0\n' >old/boot/grub/grub.cfg
cat >"$top/boot.json" <<END
{"org.nixos.bootspec.v1": {"init": "/$top/init", "initrd": "/$top/initrd", "kernel": "/$top/kernel",
 "kernelParams": [], "label": "26.05", "system": "x86_64-linux", "toplevel": "/$top"}}
END
ln -s "/$top" nix/var/nix/profiles/system-1-link
inside "xennix-boot install --grub /old/boot/grub --root-uuid 2f1d9a9c-7a44-4a43-8e55-9f0c6f6e3a10 /$top"
printf 'init=/%s/init\n' "$top" >root/command-line
mount --bind root/command-line proc/cmdline
# What the modules say is made at each start.
grep -q '"d /run/xennix 0700 root root -"' "$REPO/nixos/tests/eval/boot-grub-foreign/expected.json"
mkdir run/xennix
"#;

/// The root of an XCP-ng host.
pub const CONVERTED: &str = r#"
cp -a "$REPO/infect/tests/data/single-8.3/host0/." .
gunzip -c "$REPO/infect/tests/data/single-8.3/state.db.gz" >var/lib/xcp/state.db
cp "$REPO/infect/tests/data/single-8.3/state.db.generation" var/lib/xcp/state.db.generation
printf 'hosts: files\n' >etc/nsswitch.conf
"#;

/// Makes a machine and runs commands in it, one after another, whatever becomes of them.
pub fn run(setup: &str, steps: &[(String, &str)]) -> Vec<Ran> {
    let programs = server::xapi().unwrap();
    let root = tempfile::tempdir().unwrap();
    let mut script = format!("{ROOT}{setup}");
    for (number, (command, before)) in steps.iter().enumerate() {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        if !before.is_empty() {
            script.push_str(&format!("inside {} >/dev/null\n", quoted(before)));
        }
        script.push_str(&format!(
            "code=0; inside {} >tmp/said 2>&1 || code=$?\ncat tmp/said\nprintf '\\n@@ {number} %s\\n' \"$code\"\n",
            quoted(command)
        ));
    }
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "/bin/sh",
            "-c",
        ])
        .arg(&script)
        .env("ROOT", root.path())
        .env("PROGRAMS", programs.parent().unwrap())
        .env("REPO", Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap())
        .env("PASSWORD", ROOT_PASSWORD)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut ran = Vec::new();
    let mut rest = said.as_str();
    for (number, step) in steps.iter().enumerate() {
        let mark = format!("\n@@ {number} ");
        let Some((before, after)) = rest.split_once(&mark) else {
            panic!("the machine stopped before {:?}: {rest}\n{complained}", step.0);
        };
        let (code, after) = after.split_once('\n').unwrap();
        ran.push(Ran { code: code.parse().unwrap(), said: before.to_string() });
        rest = after;
    }
    ran
}
