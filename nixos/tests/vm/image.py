"""Disks of stand-in machines: Debian with systemd in the outer shape of a NixOS system. Never anything of nixpkgs, and
never a device of this machine: only files below the cache."""

import glob
import hashlib
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
CACHE = os.path.join(os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(REPO, "target"))), "nixos", "vm")
ROOT = os.path.join(CACHE, "root")
KERNEL = os.path.join(CACHE, "vmlinuz")
INITRD = os.path.join(CACHE, "initrd")
SUITE = "trixie"
PACKAGES = (
    "systemd,systemd-sysv,udev,dbus,iproute2,kmod,dnsmasq-base,busybox-static,grub-pc-bin,grub-common,procps,jq,curl"
)
# Not what a dom0 has drivers for, only what QEMU shows it.
WITHOUT = "drivers/gpu drivers/media drivers/iio drivers/hwmon drivers/infiniband drivers/staging drivers/isdn drivers/usb drivers/scsi drivers/mtd drivers/platform drivers/net/wireless drivers/net/ethernet drivers/net/usb drivers/net/can drivers/net/wwan drivers/net/phy drivers/bluetooth drivers/ata drivers/md drivers/input drivers/power drivers/crypto sound net/bluetooth net/wireless net/mac80211 net/sctp net/ceph fs/xfs fs/btrfs fs/nfs fs/nfsd fs/smb fs/ocfs2 fs/gfs2 fs/ceph"
BOOT_MODULES = ["virtio_pci", "virtio_blk", "ext4", "virtio_rng"]


def run(*command, **more):
    answer = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if answer.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))}: {(answer.stderr or answer.stdout).strip()[-800:]}")
    return answer.stdout


def missing():
    """Programs this needs and does not find."""
    needed = ["mmdebstrap", "qemu-system-x86_64", "mke2fs", "debugfs", "cpio", "xz", "dpkg-deb", "chroot", "nix-instantiate"]
    return [name for name in needed if not shutil.which(name)]


def mirror():
    """Where this machine's apt has Debian from."""
    sites = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian")
    return sites.split()[0].rstrip("/")


def base():
    """The tree all disks are made of, its kernel and initial RAM disk. Kept until what it is made of changes."""
    inputs = f"{SUITE} {PACKAGES} {WITHOUT} {BOOT_MODULES}" + open(os.path.join(HERE, "guest/initrd-init")).read()
    stamp = hashlib.sha256(inputs.encode()).hexdigest()
    path = os.path.join(CACHE, "stamp")
    if os.path.exists(path) and open(path).read() == stamp:
        return
    shutil.rmtree(CACHE, ignore_errors=True)
    os.makedirs(CACHE)
    fetch = (
        'mkdir -p "$1/kdeb" && chroot "$1" sh -ec "cd /kdeb; k=\\$(apt-cache depends linux-image-amd64 '
        '| sed -n \\"s/^ *Depends: *\\(linux-image-[0-9]\\S*\\).*/\\1/p\\" | head -n1); apt-get -q download \\"\\$k\\""'
    )
    excluded = ["man", "locale", "doc"]
    run(
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--format=directory", f"--include={PACKAGES}",
        "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"", "--aptopt=Acquire::Retries \"3\"",
        *[f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in excluded],
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--customize-hook={fetch}", "--skip=cleanup/reproducible", SUITE, ROOT, f"deb {mirror()} {SUITE} main",
        timeout=1500,
    )
    kernel()
    shutil.rmtree(f"{ROOT}/var/lib/apt/lists")
    os.makedirs(f"{ROOT}/var/lib/apt/lists")
    with open(path, "w") as out:
        out.write(stamp)


def kernel():
    """Debian's kernel with the modules a stand-in needs, and the RAM disk that finds the root."""
    unpacked = os.path.join(CACHE, "kernel")
    run("dpkg-deb", "-x", *glob.glob(f"{ROOT}/kdeb/*.deb"), unpacked)
    shutil.rmtree(f"{ROOT}/kdeb")
    image = glob.glob(f"{unpacked}/boot/vmlinuz-*")[0]
    version = os.path.basename(image)[len("vmlinuz-"):]
    shutil.copy(image, KERNEL)
    modules = [path for path in (f"{unpacked}/usr/lib/modules/{version}", f"{unpacked}/lib/modules/{version}") if os.path.isdir(path)][0]
    for part in WITHOUT.split():
        shutil.rmtree(f"{modules}/kernel/{part}", ignore_errors=True)
    target = f"{ROOT}/usr/lib/modules/{version}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(modules, target, symlinks=True)
    shutil.rmtree(unpacked)
    run("chroot", ROOT, "depmod", version)

    work = os.path.join(CACHE, "initrd.d")
    shutil.rmtree(work, ignore_errors=True)
    for part in ("bin", "proc", "sys", "dev", "mnt", "mods"):
        os.makedirs(f"{work}/{part}")
    shutil.copy(f"{ROOT}/usr/bin/busybox", f"{work}/bin/busybox")
    os.symlink("busybox", f"{work}/bin/sh")
    order = []
    for module in BOOT_MODULES:
        for line in run("chroot", ROOT, "modprobe", "-S", version, "--show-depends", module).splitlines():
            found = re.match(r"insmod (\S+)", line)
            name = found and os.path.basename(found[1]).split(".ko")[0] + ".ko"
            if not found or name in order:
                continue
            content = ["xz", "-dc"] if found[1].endswith(".xz") else ["cat"]
            with open(f"{work}/mods/{name}", "wb") as out:
                subprocess.run([*content, ROOT + found[1]], stdout=out, check=True)
            order.append(name)
    with open(f"{work}/mods/order", "w") as out:
        out.write("".join(f"{name}\n" for name in order))
    shutil.copy(os.path.join(HERE, "guest/initrd-init"), f"{work}/init")
    os.chmod(f"{work}/init", 0o755)
    with open(INITRD, "wb") as out:
        names = subprocess.run(["find", ".", "-print0"], cwd=work, capture_output=True, check=True).stdout
        packed = subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=work, input=names, capture_output=True, check=True)
        subprocess.run(["gzip", "-n", "-1"], input=packed.stdout, stdout=out, check=True)
    shutil.rmtree(work)


class Tree:
    """A copy of the base with more in it."""

    def __init__(self, name):
        self.name = name
        self.path = os.path.join(CACHE, f"{name}.d")
        shutil.rmtree(self.path, ignore_errors=True)
        # Hard links: what is written goes into new files.
        run("cp", "-al", ROOT, self.path)
        self.write("/etc/hostname", "dom0\n")
        self.write("/etc/fstab", "")
        self.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("/etc/systemd/journald.conf.d/all.conf", "[Journal]\nStorage=persistent\nRateLimitBurst=0\n")

    def at(self, path):
        """Where a path of the machine is here: never through a link that leaves the tree."""
        full = self.path + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.lexists(full) and not os.path.isdir(full):
            os.unlink(full)
        return full

    def write(self, path, text, mode=0o644):
        full = self.at(path)
        with open(full, "w") as out:
            out.write(text)
        os.chmod(full, mode)

    def copy(self, source, path, mode=None):
        full = self.at(path)
        if os.path.isdir(source):
            shutil.copytree(source, full, symlinks=True)
        else:
            shutil.copy(source, full)
            if mode is not None:
                os.chmod(full, mode)

    def program(self, source, path):
        """A program without what debuggers want."""
        full = self.at(path)
        if not shutil.which("strip") or subprocess.run(["strip", "-o", full, source]).returncode != 0:
            shutil.copy(source, full)
        os.chmod(full, 0o755)

    def link(self, target, path):
        os.symlink(target, self.at(path))

    def unit(self, name, text, wanted_by=(), required_by=()):
        self.write(f"/etc/systemd/system/{name}", text)
        for kind, targets in (("wants", wanted_by), ("requires", required_by)):
            for target in targets:
                self.link(f"/etc/systemd/system/{name}", f"/etc/systemd/system/{target}.{kind}/{name}")

    def last_word(self, script):
        """What the machine does by itself once it runs."""
        self.copy(os.path.join(HERE, "guest", script), "/stand-in/check", 0o755)
        self.copy(os.path.join(HERE, "guest", "common.sh"), "/stand-in/common.sh")
        self.unit(
            "stand-in-check.service",
            "[Unit]\nDescription=What the test looks at\nAfter=dbus.service\n[Service]\nType=exec\nExecStart=/stand-in/check\nStandardOutput=journal+console\n",
            wanted_by=["multi-user.target"],
        )

    def disk(self, megabytes=1200, label="xennix-root", uuid=None, features=None):
        """The tree as a disk without partitions; the tree goes."""
        path = os.path.join(CACHE, f"{self.name}.img")
        with open(path, "w") as out:
            out.truncate(megabytes << 20)
        extra = (["-U", uuid] if uuid else []) + (["-O", features] if features else [])
        run("mke2fs", "-q", "-t", "ext4", "-L", label, "-m", "0", *extra, "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", self.path, path)
        shutil.rmtree(self.path)
        return path


def evidence(disk, name, offset=0):
    """What a stopped machine left in /evidence, as a directory here."""
    into = os.path.join(CACHE, f"{name}.evidence")
    shutil.rmtree(into, ignore_errors=True)
    os.makedirs(into)
    where = f"{disk}?offset={offset}" if offset else disk
    run("debugfs", "-R", f"rdump /evidence {into}", where)
    return os.path.join(into, "evidence")
