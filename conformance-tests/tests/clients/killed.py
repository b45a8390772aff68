"""The daemon is killed while disks and VMs move; the next one has everything that was finished and nothing else."""

import atexit, http.client, os, random, signal, socket, struct, subprocess, sys, tempfile, time, urllib.parse, urllib.request

import XenAPI

XAPI, PASSWORD, WHERE = sys.argv[1:4]
MIB = 1 << 20
open(f"{WHERE}/password", "w").write(PASSWORD)


class Daemon:
    """One life of the daemon on the one state directory."""

    def __init__(self):
        self.process = subprocess.Popen(
            [XAPI, "--state-dir", f"{WHERE}/state", "--http", "127.0.0.1:0", "--https", "none", "--nbd", "none",
             "--backend", "sim", "--root-password-file", f"{WHERE}/password"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        atexit.register(self.process.kill)
        for line in self.process.stdout:
            if line.strip().startswith("http "):
                self.url = line.split()[1]
                break
        else:
            sys.exit("the daemon does not start")
        self.session = XenAPI.Session(self.url)
        self.session.xenapi.login_with_password("root", PASSWORD, "1.0", "killed")
        self.x = self.session.xenapi
        self.sr = self.x.pool.get_default_SR(self.x.pool.get_all()[0])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def query(self, **more):
        return urllib.parse.urlencode({"session_id": self.session.handle, **more})

    def upload(self, path, length, data, **more):
        at = urllib.parse.urlparse(self.url)
        s = socket.create_connection((at.hostname, at.port), timeout=60)
        s.sendall(f"PUT {path}?{self.query(**more)} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        s.sendall(data)
        return s

    def put(self, path, data, **more):
        task = self.x.task.create("upload", "")
        with self.upload(path, len(data), data, task_id=task, **more):
            return self.ended(task)

    def ended(self, task):
        until(lambda: self.x.task.get_status(task) != "pending")
        assert self.x.task.get_status(task) == "success", self.x.task.get_error_info(task)
        return self.x.task.get_result(task)

    def get(self, path, **more):
        return urllib.request.urlopen(f"{self.url}{path}?{self.query(**more)}", timeout=60).read()

    def objects(self):
        """Everything there is, by uuid: references too must be the same."""
        return {c: {r: v["uuid"] for r, v in getattr(self.x, c).get_all_records().items()}
                for c in ("VDI", "VM", "VBD", "network")}

    def assert_consistent(self, objects, what):
        found = self.objects()
        assert found == objects, (what, {c: set(found[c]) ^ set(objects[c]) for c in found})
        for host in self.x.host.get_all_records().values():
            assert not [k for k in host["other_config"] if k.startswith("xennix")], what
        for of in (self.x.VDI, self.x.VM, self.x.SR):
            for record in of.get_all_records().values():
                assert not record["current_operations"], (what, record["current_operations"])
        self.x.SR.scan(self.sr)
        assert self.objects() == objects, f"{what}: a volume nobody knew"
        files = os.listdir(f"{WHERE}/state/sim/sr/{self.x.SR.get_uuid(self.sr)}")
        disks = [d for d in self.x.VDI.get_all_records().values() if d["SR"] == self.sr]
        assert sorted(f for f in files if not f.endswith(".cbtlog")) == sorted(d["location"] for d in disks), what


def until(condition):
    deadline = time.time() + 120
    while not condition():
        assert time.time() < deadline, "it never happens"
        time.sleep(0.01)


def result(text):
    return text[text.index("OpaqueRef:"):].split("<")[0]


told = random.Random(7)
d = Daemon()
data = bytearray(24 * MIB)
for at in range(0, len(data), MIB):
    data[at:at + 100_000] = told.randbytes(100_000)
data = bytes(data)
disk = result(d.put("/import_raw_vdi", data, sr_id=d.sr))
guest = d.x.VM.clone(d.x.VM.get_by_name_label("Other install media")[0], "guest")
d.x.VM.provision(guest)
d.x.VBD.create({"VM": guest, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk",
                "unpluggable": True, "empty": False, "other_config": {}, "qos_algorithm_type": "",
                "qos_algorithm_params": {}})
archive = d.get("/export", ref=guest)
objects = d.objects()


def restarted(what):
    global d
    d.kill()
    d = Daemon()
    d.assert_consistent(objects, what)


restarted("at rest")
# A new disk that is half there.
for part in (0, 1, len(data) // 2):
    s = d.upload("/import_raw_vdi", len(data), data[:part], sr_id=d.sr)
    until(lambda: len(d.x.VDI.get_all()) > len(objects["VDI"]))
    restarted(f"a disk with {part} bytes")
    s.close()
# A VM that is half there, cut anywhere.
for part in (600, 60_000, len(archive) // 2, len(archive) - 1024):
    s = d.upload("/import", len(archive), archive[:part], sr_id=d.sr)
    if part > 60_000:
        until(lambda: len(d.x.VM.get_all()) > len(objects["VM"]))
    restarted(f"a VM with {part} bytes")
    s.close()
for _ in range(4):
    s = d.upload("/import", len(archive), archive[:told.randrange(len(archive) // 4, len(archive) // 2)], sr_id=d.sr)
    time.sleep(told.random() / 10)
    restarted("a VM cut anywhere")
    s.close()
# Somebody reads.
at = urllib.parse.urlparse(d.url)
connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
connection.request("GET", f"/export?{d.query(ref=guest)}")
connection.getresponse().read(100)
until(lambda: len(d.x.VBD.get_all()) > len(objects["VBD"]))
restarted("an export")
# A copy.
for wait in (False, True):
    task = d.x.Async.VDI.copy(disk, d.sr, "OpaqueRef:NULL", "OpaqueRef:NULL")
    if wait:
        until(lambda: len(d.x.VDI.get_all()) > len(objects["VDI"]) or d.x.task.get_status(task) != "pending")
    done = d.x.task.get_status(task) == "success"
    d.kill()
    d = Daemon()
    fresh = set(d.x.VDI.get_all()) - set(objects["VDI"])
    # It may have been finished in the last moment, but then it is whole.
    assert len(fresh) <= 1 and (fresh or not done)
    for copy in fresh:
        assert d.get("/export_raw_vdi", vdi=copy) == data
        d.x.VDI.destroy(copy)
    d.assert_consistent(objects, "a copy")
assert d.get("/export_raw_vdi", vdi=disk) == data
# A client that writes an old note back costs nobody a disk or a VM.
host = d.x.host.get_all()[0]
config = d.x.host.get_other_config(host)
notes = {"xennix_unfinished_vdi:" + d.x.VDI.get_uuid(disk): d.x.SR.get_uuid(d.sr),
         "xennix_unfinished_vm:" + d.x.VM.get_uuid(guest): "import"}
d.x.host.set_other_config(host, {**config, **notes})
restarted("old notes")
assert d.get("/export_raw_vdi", vdi=disk) == data
# What was answered stays.
vm = result(d.put("/import", archive, sr_id=d.sr))
d.kill()
d = Daemon()
(slot,) = [s for s in d.x.VM.get_VBDs(vm) if d.x.VBD.get_type(s) == "Disk"]
assert d.get("/export_raw_vdi", vdi=d.x.VBD.get_VDI(slot)) == data
d.kill()
print("done")
