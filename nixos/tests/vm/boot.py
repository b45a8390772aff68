"""Generations behind a real GRUB on a disk with BIOS: started once, confirmed, gone back from, switched and rolled back.
Generations are links to trees in the shape of NixOS systems; kernel and first stage are Debian's, and the hypervisor is
left out. The installer script, the unit that watches and the mount of the old system are those the modules evaluate to.
"""

import json
import os
import re
import shutil
import subprocess

import configuration
import image
import machine
import network
import programs
import report

CASE = "infected-coordinator"
STORE = "/nix/store/00000000000000000000000000000000-xennix"
# The evaluated watch waits ten minutes.
PATIENCE = "60"
FIRST = 2048
OLD = 96 << 20
CORE = "biosdisk part_msdos ext2 normal configfile linux search search_fs_uuid search_label loadenv test echo serial terminal minicmd"


def installer():
    """(script of the installer, UUID of the new root), as evaluated."""
    tests = os.path.join(image.REPO, "nixos/tests")
    expression = f"(import {tests}/evaluate.nix {{ lib = import {tests}/shim.nix; case = {tests}/eval/{CASE}/input.nix; }}).build.installBootLoader"
    text = configuration.evaluate(expression).split(" <- ", 1)[1]
    return text, re.search(r"--root-uuid (\S+)", text)[1]


def generation(tree, number, healthy):
    """A tree in the outer shape of a NixOS system."""
    top = f"/nix/store/{str(number) * 32}-nixos-system-dom0"
    fill = lambda name, activate="": (
        open(os.path.join(image.HERE, "guest", name)).read().replace("@top@", top).replace("@number@", str(number)).replace("@activate@", activate)
    )
    # What differs between the two: in the unhealthy one there is no toolstack.
    units = "rm -f /run/systemd/system/xapi.service" if healthy else "mkdir -p /run/systemd/system; ln -sf /dev/null /run/systemd/system/xapi.service; rm -f /etc/systemd/system/xapi.service"
    if healthy:
        units += "; cp /stand-in/xapi.service /etc/systemd/system/xapi.service"
    tree.write(f"{top}/init", fill("generation-init", units), 0o755)
    tree.write(f"{top}/bin/switch-to-configuration", fill("switch-to-configuration"), 0o755)
    tree.copy(image.KERNEL, f"{top}/kernel")
    tree.copy(image.INITRD, f"{top}/initrd")
    spec = {
        "init": f"{top}/init", "initrd": f"{top}/initrd", "kernel": f"{top}/kernel", "label": f"stand-in {number}", "system": "x86_64-linux", "toplevel": top,
        "kernelParams": ["root=/dev/vda2", "console=ttyS0", "panic=5", "mitigations=off", "systemd.show_status=0"],
    }
    tree.write(f"{top}/boot.json", json.dumps({"org.nixos.bootspec.v1": spec}))
    tree.link(top, f"/nix/var/nix/profiles/system-{number}-link")
    return top


def old_system(grub_label):
    """Partition of the old system: its GRUB, its kernel, and a program that says it ran."""
    work = os.path.join(image.CACHE, "old.d")
    shutil.rmtree(work, ignore_errors=True)
    for part in ("bin", "boot/grub", "dev", "proc", "sys", "mnt", "sbin", "etc"):
        os.makedirs(f"{work}/{part}")
    shutil.copy(f"{image.ROOT}/usr/bin/busybox", f"{work}/bin/busybox")
    os.symlink("busybox", f"{work}/bin/sh")
    shutil.copy(os.path.join(image.HERE, "guest/old-init"), f"{work}/sbin/init")
    os.chmod(f"{work}/sbin/init", 0o755)
    open(f"{work}/install", "w").close()
    shutil.copy(image.KERNEL, f"{work}/boot/vmlinuz")
    shutil.copy(image.INITRD, f"{work}/boot/initrd")
    with open(f"{work}/boot/grub/grub.cfg", "w") as out:
        out.write(
            "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\nset timeout=0\nset default=0\n"
            "menuentry 'the old system' {\n  linux /boot/vmlinuz root=/dev/vda1 console=ttyS0 panic=5 mitigations=off\n  initrd /boot/initrd\n}\n"
        )
    path = os.path.join(image.CACHE, "old.img")
    with open(path, "w") as out:
        out.truncate(OLD)
    image.run("mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-L", grub_label, "-m", "0", "-d", work, path)
    shutil.rmtree(work)
    return path


def assemble(old, new):
    """One disk with a partition table, GRUB in front of the first partition, and both systems."""
    modules = f"{image.ROOT}/usr/lib/grub/i386-pc"
    image.run("chroot", image.ROOT, "grub-mkimage", "-O", "i386-pc", "-o", "/tmp/core.img", "-p", "(hd0,msdos1)/boot/grub", *CORE.split())
    core = open(f"{image.ROOT}/tmp/core.img", "rb").read()
    os.unlink(f"{image.ROOT}/tmp/core.img")
    assert len(core) < (FIRST - 1) * 512
    boot = bytearray(open(f"{modules}/boot.img", "rb").read())
    table = b""
    start = FIRST
    sizes = [os.path.getsize(old) // 512, os.path.getsize(new) // 512]
    for size in sizes:
        table += bytes([0x80 if not table else 0, 0, 0, 0, 0x83, 0, 0, 0]) + start.to_bytes(4, "little") + size.to_bytes(4, "little")
        start += size
    boot[446:512] = table.ljust(64, b"\0") + b"\x55\xaa"
    disk = os.path.join(image.CACHE, "boot.img")
    with open(disk, "wb") as out:
        out.write(boot)
        out.write(core)
        out.truncate(start * 512)
    for part, at in ((old, FIRST), (new, FIRST + sizes[0])):
        subprocess.run(["dd", f"if={part}", f"of={disk}", "bs=1M", f"seek={at * 512 >> 20}", "conv=notrunc,sparse", "status=none"], check=True)
        os.unlink(part)
    return disk, (FIRST + sizes[0]) * 512


def run():
    script, uuid = installer()
    settings = configuration.of(CASE)
    mount = settings["fileSystems"]["/old"]
    tree = image.Tree("new-system")
    tree.write("/stand-in/install", script)
    tree.write("/old/.keep", "")
    tree.write("/etc/fstab", f"{mount['device']} /old {mount['fsType']} {','.join(mount['options'])} 0 0\n")
    tree.program(programs.path("xapi"), f"{STORE}-xapi/bin/xapi")
    tree.program(programs.path("xennix-boot"), f"{STORE}-boot/bin/xennix-boot")
    for name, entry in settings["environment.etc"].items():
        tree.write(f"/etc/{name}", entry["text"])
    services = settings["systemd.services"]
    configuration.install(tree, "xapi", services["xapi"])
    shutil.copy(tree.path + "/etc/systemd/system/xapi.service", tree.at("/stand-in/xapi.service"))
    watch = dict(services["xennix-boot-confirm"])
    watch["serviceConfig"] = {**watch["serviceConfig"], "ExecStart": re.sub(r"--timeout \d+", f"--timeout {PATIENCE}", watch["serviceConfig"]["ExecStart"])}
    configuration.install(tree, "xennix-boot-confirm", watch)
    tree.unit("xen-init-dom0.service", "[Unit]\nDescription=Stand-in: there is no Xen here\n[Service]\nType=oneshot\nRemainAfterExit=true\nExecStart=/bin/true\n")
    tops = {number: generation(tree, number, healthy=number == 1) for number in (1, 2)}
    tree.link("system-1-link", "/nix/var/nix/profiles/system")
    tree.last_word("boot")
    new = tree.disk(1400, uuid=uuid, features="^metadata_csum_seed,^orphan_file")
    disk, offset = assemble(old_system(os.path.basename(mount["device"])), new)

    for name, expect, plug in (
        ("the old system starts by its own default and installs generation 1", ["stand-in: old system", "stand-in: install answered 0"], None),
        ("generation 1 is started once, by GRUB", ["stand-in: generation 1"], None),
        ("generation 2 is started once, after the switch", ["stand-in: generation 2"], None),
        ("unconfirmed, it went back to generation 1 by itself", ["stand-in: generation 1"], None),
        ("generation 2 is started once more", ["stand-in: generation 2"], "stand-in: pull the plug"),
        ("after power was lost generation 1 starts", ["stand-in: generation 1", "stand-in: finished"], None),
    ):
        ended, said = machine.start("boot", disk, direct=False, plug=plug)
        if not report.check(f"boot: {name}", ended and all(one in said for one in expect), said[-1500:]):
            return
    judge(image.evidence(disk, "boot", offset), tops)
    os.unlink(disk)


def judge(there, tops):
    read = lambda file: network.text(there, file)
    status = lambda turn: dict(line.split(": ", 1) for line in read(f"{turn}-status").splitlines() if ": " in line)
    one, two = "xennix-1", "xennix-2"
    for turn, running, default, what in (
        ("1", one, one, "generation 1 proved healthy and is the default"),
        ("1-after", one, one, "the switch to generation 2 leaves the default alone"),
        ("2", two, one, "generation 2 runs on probation"),
        ("3", one, one, "generation 1 is still the confirmed one"),
        ("4", two, one, "generation 2 runs on probation again"),
        ("5", one, one, "generation 1 is the confirmed one after the loss of power"),
    ):
        told = status(turn)
        confirmed = (told.get("state") == "confirmed") == (running == default)
        good = (told.get("running"), told.get("default")) == (running, default) and confirmed
        report.check(f"boot: {what}", good, f"{told} {read(f'{turn}-status.err')}")
    watched = read("1-watch")
    report.check("boot: the watch ended well", "ActiveState=active" in watched and "Result=success" in watched, watched)
    report.check("boot: a switch makes the new generation current", read("1-after-current").strip() == tops[2] == read("1-after-profile").strip(), read("1-switch.err"))
    report.check("boot: what was started stays told", read("1-after-booted").strip() == tops[1], read("1-after-booted"))
    back = read("3-back-current").strip() == tops[1] == read("3-back-profile").strip()
    report.check("boot: a rollback makes the old generation current", back, read("3-switch.err"))
    kept = "xennix_next=xennix-2" not in read("3-back-grubenv") and "xennix_next=xennix-2" in read("3-after-grubenv")
    report.check("boot: a rollback calls a start of the other generation off", kept, read("3-back-grubenv").strip("#"))
    report.check("boot: GRUB used the start up before it happened", "xennix_next=xennix-2" not in read("2-grubenv"), read("2-grubenv").strip("#"))
    report.check("boot: the old system's entry is still in its file", "menuentry 'the old system'" in read("5-after-grub.cfg"), read("5-after-grub.cfg")[:300])
    turns = [turn for turn in ("1", "1-after", "2", "3", "3-back", "4", "5", "5-after")]
    writable = [turn for turn in turns if " ro," not in read(f"{turn}-mount")]
    report.check("boot: the old system is mounted read-only before and after every change", not writable, f"not at {writable}: {read('1-mount')}")
