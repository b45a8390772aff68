"""The life of a VM through the Python XenAPI module: from a template to nothing, every step looked at."""
import sys
import time

import XenAPI

url, password = sys.argv[1:3]
session = XenAPI.Session(url)
session.xenapi.login_with_password("root", password, "1.0", "conformance")
x = session.xenapi
NULL = "OpaqueRef:NULL"
MIB = 1 << 20


def fails(code, call, *args):
    """The details of a failure that must happen."""
    try:
        call(*args)
    except XenAPI.Failure as failure:
        assert failure.details[0] == code, failure.details
        return failure.details
    sys.exit(f"{code} did not happen")


def disks(vm):
    """Disks of a VM, without what is in its drives."""
    found = [x.VBD.get_record(vbd) for vbd in x.VM.get_VBDs(vm)]
    return [vbd["VDI"] for vbd in found if vbd["type"] == "Disk"]


def settled(task):
    """Status of a task once it has ended."""
    while x.task.get_status(task) == "pending":
        time.sleep(0.05)
    return x.task.get_status(task)


before = {"VM": set(x.VM.get_all()), "VDI": set(x.VDI.get_all()), "VBD": set(x.VBD.get_all())}
pool = x.pool.get_all()[0]
sr = x.pool.get_default_SR(pool)

# From a template, as clients install: clone, say where the disks go, provision.
(template,) = x.VM.get_by_name_label("Debian Bookworm 12")
fails("VM_IS_TEMPLATE", x.VM.start, template, False, False)
vm = x.VM.clone(template, "life")
config = x.VM.get_other_config(vm)
x.VM.set_other_config(vm, {**config, "disks": config["disks"].replace('sr=""', f'sr="{x.SR.get_uuid(sr)}"')})
x.VM.provision(vm)
assert not x.VM.get_is_a_template(vm) and "disks" not in x.VM.get_other_config(vm)
(disk,) = disks(vm)
assert x.VDI.get_SR(disk) == sr and int(x.VDI.get_virtual_size(disk)) >= 1 << 30
network = x.network.get_by_name_label("Host internal management network")[0]
vif = x.VIF.create({"device": "0", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {},
                    "qos_algorithm_type": "", "qos_algorithm_params": {}})
mac = x.VIF.get_MAC(vif)
assert int(mac[:2], 16) & 3 == 2, f"{mac} is no local address of one card"

# Power, with what clients watch.
watched = ["VM", "VBD", "VIF", "message"]
token = x.event_from(watched, "", 5.0)["token"]
x.VM.start(vm, False, False)
record = x.VM.get_record(vm)
assert record["power_state"] == "Running" and int(record["domid"]) > 0, record
assert "clean_shutdown" in record["allowed_operations"] and "start" not in record["allowed_operations"]
assert record["resident_on"] == x.host.get_all()[0] and record["consoles"]
answer = x.event_from(watched, token, 5.0)
events = [e for e in answer["events"] if e["ref"] == vm]
assert events and events[-1]["snapshot"]["power_state"] == "Running", events
# Messages first, then what is new, what changed and what is gone, each in the order in which it happened.
order = [(e["class"] != "message", ["add", "mod", "del"].index(e["operation"]), int(e["id"])) for e in answer["events"]]
assert order == sorted(order), order
details = fails("VM_BAD_POWER_STATE", x.VM.start, vm, False, False)
assert details[1:] == [vm, "halted", "running"], details
for step, state in [("pause", "Paused"), ("unpause", "Running"), ("clean_reboot", "Running"), ("suspend", "Suspended")]:
    getattr(x.VM, step)(vm)
    assert x.VM.get_power_state(vm) == state, step
x.VM.resume(vm, False, False)
assert x.VM.get_power_state(vm) == "Running"

# A disk comes and goes while it runs.
extra = x.VDI.create({"name_label": "extra", "name_description": "", "SR": sr, "virtual_size": str(64 * MIB),
                      "type": "user", "sharable": False, "read_only": False, "other_config": {}})
vbd = x.VBD.create({"VM": vm, "VDI": extra, "userdevice": "autodetect", "bootable": False, "mode": "RW",
                    "type": "Disk", "unpluggable": True, "empty": False, "other_config": {},
                    "qos_algorithm_type": "", "qos_algorithm_params": {}})
x.VBD.plug(vbd)
assert x.VBD.get_currently_attached(vbd) and x.VBD.get_device(vbd)
fails("VDI_IN_USE", x.VDI.destroy, extra)
x.VBD.unplug(vbd)
x.VBD.destroy(vbd)
x.VDI.destroy(extra)

# Copies of every kind.
frozen = x.VM.snapshot(vm, "frozen", [])
assert x.VM.get_is_a_snapshot(frozen) and x.VM.get_snapshot_of(frozen) == vm and x.VM.get_snapshots(vm) == [frozen]
assert x.VDI.get_snapshot_of(disks(frozen)[0]) == disk
awake = x.VM.checkpoint(vm, "awake")
assert x.VM.get_power_state(awake) == "Suspended" and x.VM.get_power_state(vm) == "Running"
x.VM.set_name_description(vm, "changed since")
x.VM.clean_shutdown(vm)
x.VM.revert(frozen)
assert x.VM.get_name_description(vm) != "changed since" and x.VM.get_power_state(vm) == "Halted"
x.VM.revert(awake)
assert x.VM.get_power_state(vm) == "Suspended"
x.VM.resume(vm, False, False)
ended = x.Async.VM.hard_shutdown(vm)
assert settled(ended) == "success", x.task.get_record(ended)
x.task.destroy(ended)
twin = x.VM.clone(vm, "twin")
copy = x.Async.VM.copy(vm, "copy", sr)
assert settled(copy) == "success", x.task.get_record(copy)
copied = x.task.get_result(copy).replace("<value>", "").replace("</value>", "")
x.task.destroy(copy)

# And away: nothing is left of it.
for each in (twin, copied, awake, frozen, vm):
    image = x.VM.get_suspend_VDI(each)
    gone = disks(each) + ([image] if image != NULL else [])
    x.VM.destroy(each)
    for vdi in gone:
        x.VDI.destroy(vdi)
after = {"VM": set(x.VM.get_all()), "VDI": set(x.VDI.get_all()), "VBD": set(x.VBD.get_all())}
assert after == before, {name: after[name] ^ before[name] for name in before}
told = [message["name"] for message in x.message.get_all_records().values()]
assert {"VM_STARTED", "VM_SUSPENDED", "VM_RESUMED", "VM_SHUTDOWN", "VM_SNAPSHOTTED"} <= set(told), told
session.xenapi.session.logout()
print("done")
