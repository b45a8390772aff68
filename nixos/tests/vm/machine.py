"""One start of a stand-in machine in QEMU, by its own processor (TCG). Never a network that reaches anything but the
machine itself; the process is ended by its number."""

import os
import subprocess
import time

import image

# Generous: the machine that runs this may do other things, too.
LONGEST = int(os.environ.get("XENNIX_VM_SECONDS", "900"))


def start(name, disk, nics=(), direct=True, params="", plug=None):
    """Runs until the machine powers off or restarts, or says `plug` and loses its power. Returns (it ended as it should,
    what it said)."""
    log = os.path.join(image.CACHE, f"{name}.log")
    command = [
        "qemu-system-x86_64", "-name", f"xennix-{name}", "-machine", "pc,usb=off", "-cpu", "qemu64", "-accel", "tcg", "-smp", "1", "-m", "1024",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", f"file:{log}",
        "-drive", f"file={disk},if=none,id=d0,format=raw,cache=unsafe", "-device", "virtio-blk-pci,drive=d0",
        "-object", "rng-random,id=r0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r0",
    ]
    for number, mac in enumerate(nics):
        # All on one wire inside this QEMU.
        command += ["-netdev", f"hubport,id=n{number},hubid=0", "-device", f"virtio-net-pci,netdev=n{number},mac={mac},romfile=,speed=10000,duplex=full"]
    if direct:
        line = f"console=ttyS0 root=/dev/vda panic=5 mitigations=off systemd.show_status=0 {params}"
        command += ["-kernel", image.KERNEL, "-initrd", image.INITRD, "-append", line]
    open(log, "w").close()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + LONGEST
    ended, pulled = False, False
    try:
        while child.poll() is None and time.monotonic() < until and not pulled:
            time.sleep(0.5)
            pulled = plug is not None and plug in open(log, errors="replace").read()
        ended = pulled if plug else child.poll() == 0
    finally:
        if child.poll() is None:
            child.kill()
        said = child.communicate()[1]
    return ended, said + open(log, errors="replace").read()
