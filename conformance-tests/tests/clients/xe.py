"""Disks and VMs through `xe`: files out and in, bytes compared."""

import os, random, subprocess, sys, tempfile, time, urllib.parse

import XenAPI

URL, PASSWORD, XE = sys.argv[1:4]
MIB = 1 << 20
AT = urllib.parse.urlparse(URL)
session = XenAPI.Session(URL)
session.xenapi.login_with_password("root", PASSWORD, "1.0", "xe")
x = session.xenapi
SR = x.pool.get_default_SR(x.pool.get_all()[0])
SR_UUID = x.SR.get_uuid(SR)


def run(*args, status=0, stdin=None):
    command = [XE, "-s", AT.hostname, "-p", str(AT.port), "-u", "root", "-pw", PASSWORD, *args]
    done = subprocess.run(command, capture_output=True, timeout=180, input=stdin)
    assert done.returncode == status, (args, done.returncode, done.stdout[-500:], done.stderr)
    return done.stdout.decode(errors="replace").strip(), done.stderr.decode(errors="replace")


def objects():
    assert x.task.get_all_records_where('field "status" = "pending"') == {}
    return set(x.VDI.get_all()), set(x.VM.get_all()), set(x.VBD.get_all())


def content(seed, size):
    told = random.Random(seed)
    data = bytearray(size)
    for _ in range(5):
        at = told.randrange(0, size - 50_000)
        data[at:at + 50_000] = told.randbytes(50_000)
    return bytes(data)


def file(name, data):
    with open(name, "wb") as out:
        out.write(data)
    return name


def disks(vm):
    found = [x.VBD.get_record(slot) for slot in x.VM.get_VBDs(x.VM.get_by_uuid(vm))]
    return [slot["VDI"] for slot in sorted(found, key=lambda slot: slot["userdevice"]) if slot["type"] == "Disk"]


def read(vdi):
    """A disk's bytes, by the command under test."""
    if os.path.exists("read"):
        os.remove("read")
    run("vdi-export", f"uuid={x.VDI.get_uuid(vdi)}", "filename=read")
    return open("read", "rb").read()


def vm_of(name, *contents):
    uuid, _ = run("vm-install", "template=Other install media", f"new-name-label={name}", f"sr-uuid={SR_UUID}")
    for position, data in enumerate(contents):
        vdi, _ = run("vdi-create", f"sr-uuid={SR_UUID}", f"name-label={name} {position}", "type=user",
                     f"virtual-size={len(data)}")
        run("vdi-import", f"uuid={vdi}", f"filename={file('in', data)}")
        slot, _ = run("vbd-create", f"vm-uuid={uuid}", f"vdi-uuid={vdi}", f"device={position}")
        run("vbd-param-set", f"uuid={slot}", "other-config:owner=true")
    return uuid


def remove(*vms):
    for vm in vms:
        run("vm-uninstall", f"uuid={vm}", "force=true")


before = objects()
os.chdir(tempfile.mkdtemp())

# One disk.
data = content(1, 6 * MIB)
vdi, _ = run("vdi-create", f"sr-uuid={SR_UUID}", "name-label=disk", "type=user", "virtual-size=6MiB")
run("vdi-import", f"uuid={vdi}", f"filename={file('raw', data)}", "format=raw")
assert read(x.VDI.get_by_uuid(vdi)) == data
run("vdi-export", f"uuid={vdi}", "filename=vhd", "format=vhd")
other, _ = run("vdi-create", f"sr-uuid={SR_UUID}", "name-label=other", "type=user", "virtual-size=6MiB")
run("vdi-import", f"uuid={other}", "filename=vhd", "format=vhd")
assert read(x.VDI.get_by_uuid(other)) == data
snapshot, _ = run("vdi-snapshot", f"uuid={vdi}")
changed = data[:2 * MIB] + b"changed!" * 512 + data[2 * MIB + 4096:]
run("vdi-import", f"uuid={vdi}", f"filename={file('raw', changed)}")
run("vdi-export", f"uuid={vdi}", "filename=delta", "format=vhd", f"base={snapshot}")
assert os.path.getsize("delta") < os.path.getsize("vhd") + 4096
run("vdi-import", f"uuid={other}", "filename=delta", "format=vhd")
assert read(x.VDI.get_by_uuid(other)) == changed
copy, _ = run("vdi-copy", f"uuid={vdi}", f"sr-uuid={SR_UUID}")
assert read(x.VDI.get_by_uuid(copy)) == changed
# A file that is there is never overwritten; a format nobody knows is refused.
assert "File exists" in run("vdi-export", f"uuid={vdi}", "filename=vhd", status=1)[1]
run("vdi-export", f"uuid={vdi}", "filename=new", "format=vmdk", status=1)
run("vdi-import", f"uuid={vdi}", "filename=none", status=1)
run("vdi-import", f"uuid={vdi}", f"filename={file('bad', b'garbage' * 5000)}", "format=vhd", status=1)
for each in (vdi, other, snapshot, copy):
    run("vdi-destroy", f"uuid={each}")
assert objects() == before

# VMs.
first, second = content(2, 5 * MIB), content(3, 3 * MIB)
vm = vm_of("guest", first, second)
made = objects()
for number, more in enumerate(([], ["compress=true"], ["compress=zstd"])):
    name = f"vm{number}"
    assert run("vm-export", f"uuid={vm}", f"filename={name}", *more)[0] == "Export succeeded"
    again, _ = run("vm-import", f"filename={name}", f"sr-uuid={SR_UUID}")
    assert [read(disk) for disk in disks(again)] == [first, second]
    assert x.VM.get_name_label(x.VM.get_by_uuid(again)) == "guest"
    remove(again)
    assert objects() == made
assert max(os.path.getsize("vm1"), os.path.getsize("vm2")) < os.path.getsize("vm0")
# To standard output, and from a pipe.
done = subprocess.run([XE, "-s", AT.hostname, "-p", str(AT.port), "-u", "root", "-pw", PASSWORD, "vm-export",
                       f"uuid={vm}", "filename="], capture_output=True, timeout=180)
assert done.returncode == 0 and done.stdout[:7] == b"ova.xml", done.stderr
again, _ = run("vm-import", "filename=/dev/stdin", stdin=done.stdout)
assert [read(disk) for disk in disks(again)] == [first, second]
remove(again)
# A disk moves to another SR while its VM is halted.
other, _ = run("sr-create", "name-label=other", "type=ext", "device-config:device=/dev/none", "shared=false")
old = disks(vm)
run("vdi-pool-migrate", f"uuid={x.VDI.get_uuid(old[0])}", f"sr-uuid={other}")
moved = disks(vm)
assert moved[0] != old[0] and moved[1] == old[1] and x.VDI.get_SR(moved[0]) == x.SR.get_by_uuid(other)
assert read(moved[0]) == first and old[0] not in x.VDI.get_all()
run("vdi-pool-migrate", f"uuid={x.VDI.get_uuid(moved[0])}", f"sr-uuid={SR_UUID}")
assert [read(disk) for disk in disks(vm)] == [first, second]
made = objects()
# A snapshot becomes a template elsewhere.
snap, _ = run("vm-snapshot", f"uuid={vm}", "new-name-label=snap")
run("snapshot-export-to-template", f"snapshot-uuid={snap}", "filename=snap")
run("snapshot-uninstall", f"snapshot-uuid={snap}", "force=true")
assert objects() == made
template, _ = run("vm-import", "filename=snap")
assert x.VM.get_is_a_template(x.VM.get_by_uuid(template))
run("template-uninstall", f"template-uuid={template}", "force=true")
assert objects() == made
# What is broken leaves nothing, and says so.
whole = open("vm0", "rb").read()
run("vm-import", f"filename={file('half', whole[:len(whole) // 2])}", status=1)
run("vm-import", f"filename={file('noise', b'noise' * 5000)}", status=1)
assert objects() == made
# The same VM again, by its description alone.
run("vm-export", f"uuid={vm}", "filename=meta", "metadata=true")
kept = disks(vm)
x.VM.destroy(x.VM.get_by_uuid(vm))
run("vm-import", "filename=meta", "metadata=true", "preserve=true")
assert disks(vm) == kept
remove(vm)
assert objects() == before
print("done")
