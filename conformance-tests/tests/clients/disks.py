"""Disks and VMs over HTTP as backup programs move them: raw bytes, images and archives, in and out."""

import hashlib, http.client, io, json, os, random, shutil, socket, struct, subprocess, sys, tarfile, tempfile, time
import urllib.parse

import XenAPI

URL, PASSWORD = sys.argv[1:3]
HOST, PORT = urllib.parse.urlparse(URL).hostname, urllib.parse.urlparse(URL).port
MIB = 1 << 20
session = XenAPI.Session(URL)
session.xenapi.login_with_password("root", PASSWORD, "1.0", "disks")
x = session.xenapi
SR = x.pool.get_default_SR(x.pool.get_all()[0])


def query(**more):
    return urllib.parse.urlencode({"session_id": session.handle, **more})


def request(method, path, body=None, headers={}, **more):
    """One request on a connection of its own: status, headers, body."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=60)
    connection.request(method, f"{path}?{query(**more)}", body=body, headers=headers,
                       encode_chunked="Transfer-Encoding" in headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def ended(task):
    """What became of a task: status, result, error."""
    deadline = time.time() + 120
    while x.task.get_status(task) in ("pending", "cancelling"):
        assert time.time() < deadline, "the task never ends"
        time.sleep(0.02)
    record = x.task.get_record(task)
    x.task.destroy(task)
    return record["status"], record["result"], record["error_info"]


def put(path, body, **more):
    """An upload followed through its task."""
    task = x.task.create("upload", "")
    status, _, _ = request("PUT", path, body, task_id=task, **more)
    return status, *ended(task)


def get(path, **more):
    """A download followed through its task."""
    task = x.task.create("download", "")
    status, headers, body = request("GET", path, task_id=task, **more)
    assert status == 200, (status, body)
    outcome = ended(task)
    assert outcome[0] == "success", outcome
    return headers, body


def vdi(size, name="disk"):
    return x.VDI.create({"name_label": name, "name_description": "", "SR": SR, "virtual_size": str(size),
                         "type": "user", "sharable": False, "read_only": False, "other_config": {}})


def vm(name, disks):
    made = x.VM.create({
        "name_label": name, "name_description": "<text> & more", "user_version": "1", "is_a_template": False,
        "affinity": "OpaqueRef:NULL", "memory_static_max": str(256 * MIB), "memory_static_min": str(64 * MIB),
        "memory_dynamic_max": str(256 * MIB), "memory_dynamic_min": str(128 * MIB), "VCPUs_params": {},
        "VCPUs_max": "2", "VCPUs_at_startup": "1", "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart", "actions_after_crash": "restart", "PV_bootloader": "",
        "PV_kernel": "", "PV_ramdisk": "", "PV_args": "", "PV_bootloader_args": "", "PV_legacy_args": "",
        "HVM_boot_policy": "BIOS order", "HVM_boot_params": {"order": "cd"}, "platform": {"acpi": "1"},
        "PCI_bus": "", "other_config": {"xo:notes": "kept"}, "recommendations": ""})
    for position, disk in enumerate(disks):
        x.VBD.create({"VM": made, "VDI": disk, "userdevice": str(position), "bootable": position == 0,
                      "mode": "RW", "type": "Disk", "unpluggable": True, "empty": False, "other_config": {},
                      "qos_algorithm_type": "", "qos_algorithm_params": {}})
    return made


def content(seed, size):
    """Bytes with long holes."""
    told = random.Random(seed)
    data = bytearray(size)
    for _ in range(6):
        at = told.randrange(0, size - 70_000)
        data[at:at + 70_000] = told.randbytes(70_000)
    data[:512] = told.randbytes(512)
    data[-512:] = told.randbytes(512)
    return bytes(data)


def head(path, lines, method="PUT", version="1.1", **more):
    return (f"{method} {path}?{query(**more)} HTTP/{version}\r\nHost: x\r\n" + "".join(f"{l}\r\n" for l in lines)
            + "\r\n").encode()


def connect():
    return socket.create_connection((HOST, PORT), timeout=60)


def answered(s):
    """The head of an answer, before anything was sent: clients of the original wait for it."""
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        piece = s.recv(1)
        assert piece, got
        got += piece
    return got


def idle():
    """Nothing is marked as under way and nothing is unfinished."""
    for of in (x.VDI, x.VM, x.SR):
        for reference, record in of.get_all_records().items():
            assert not record["current_operations"], (reference, record["current_operations"])
    for record in x.host.get_all_records().values():
        assert not [key for key in record["other_config"] if key.startswith("xennix")], record["other_config"]


def objects():
    return set(x.VDI.get_all()), set(x.VM.get_all()), set(x.VBD.get_all()), set(x.network.get_all())


def raw():
    data = content(1, 8 * MIB)
    disk = vdi(8 * MIB)
    status, outcome, result, error = put("/import_raw_vdi/", data, vdi=disk)
    assert (status, outcome) == (200, "success"), error
    assert result == f"<value>{disk}</value>", result
    headers, body = get("/export_raw_vdi/", vdi=disk)
    assert body == data
    uuid = x.VDI.get_uuid(disk)
    assert headers["content-disposition"] == f'attachment; filename="{uuid}.raw"', headers
    assert headers["content-type"] == "application/octet-stream" and "content-length" not in headers
    assert get("/export_raw_vdi", vdi=uuid)[1] == data, "by uuid"
    # Only what comes is changed.
    assert put("/import_raw_vdi", b"\1" * 512, vdi=disk)[1] == "success"
    data = b"\1" * 512 + data[512:]
    assert get("/export_raw_vdi", vdi=disk)[1] == data
    # With chunks of HTTP, with the end of the connection as the end, with a length nobody means.
    data = content(2, 8 * MIB)
    pieces = (data[at:at + 100_000] for at in range(0, len(data), 100_000))
    task = x.task.create("chunked", "")
    assert request("PUT", "/import_raw_vdi", pieces, {"Transfer-Encoding": "chunked"}, vdi=disk, task_id=task)[0] == 200
    assert ended(task)[0] == "success" and get("/export_raw_vdi", vdi=disk)[1] == data
    data = content(3, 8 * MIB)
    task = x.task.create("until the end", "")
    with connect() as s:
        s.sendall(head("/import_raw_vdi", [], version="1.0", vdi=disk, task_id=task))
        assert b" 200 " in answered(s).split(b"\r\n")[0]
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b""
    assert ended(task)[0] == "success" and get("/export_raw_vdi", vdi=disk)[1] == data
    data = content(4, 8 * MIB)
    task = x.task.create("a pebibyte", "")
    with connect() as s:
        s.sendall(head("/import_raw_vdi", [f"Content-Length: {1 << 50}"], vdi=disk, task_id=task) + data)
        s.shutdown(socket.SHUT_WR)
        assert b" 200 " in answered(s).split(b"\r\n")[0]
    assert ended(task)[0] == "success" and get("/export_raw_vdi", vdi=disk)[1] == data
    # In pieces of its own: offset, length, bytes.
    task_bytes = struct.pack("<QI", 4096, 3) + b"abc" + struct.pack("<QI", MIB, 5) + b"defgh" + bytes(12)
    assert put("/import_raw_vdi", task_bytes, vdi=disk, chunked="true")[1] == "success"
    changed = bytearray(data)
    changed[4096:4099], changed[MIB:MIB + 5] = b"abc", b"defgh"
    assert get("/export_raw_vdi", vdi=disk)[1] == bytes(changed)
    outside = struct.pack("<QI", 8 * MIB, 1) + b"x" + bytes(12)
    assert put("/import_raw_vdi", outside, vdi=disk, chunked="true")[1] == "failure"
    # Asked with nothing first, the disk stays what it is.
    assert request("PUT", "/import_raw_vdi/", b"", vdi=disk)[0] == 200
    assert request("PUT", "/import_raw_vdi/", b"", vdi=disk, format="vhd")[0] == 200
    assert get("/export_raw_vdi", vdi=disk)[1] == bytes(changed)
    # A new disk.
    data = content(5, 3 * MIB)
    status, outcome, result, error = put("/import_raw_vdi", data, sr_id=SR)
    assert (status, outcome) == (200, "success"), error
    made = result.removeprefix("<value>").removesuffix("</value>")
    record = x.VDI.get_record(made)
    assert (record["name_label"], record["type"], record["virtual_size"]) == ("Imported VDI", "user", str(3 * MIB))
    assert get("/export_raw_vdi", vdi=made)[1] == data
    # Too much for the disk.
    assert put("/import_raw_vdi", data + bytes(8 * MIB), vdi=disk)[1:2] == ("failure",)
    x.VDI.destroy(made)
    x.VDI.destroy(disk)


def refusals():
    disk = vdi(4 * MIB)
    for method, path, more, status, code in [
        ("PUT", "/import_raw_vdi", {}, 400, ["VDI_MISSING"]),
        ("PUT", "/import_raw_vdi", {"sr_id": SR, "format": "vhd"}, 400, ["VDI_MISSING"]),
        ("PUT", "/import_raw_vdi", {"vdi": disk, "format": "vmdk"}, 404, ["INTERNAL_ERROR", "Unknown format vmdk"]),
        ("GET", "/export_raw_vdi", {"vdi": disk, "format": "vmdk"}, 404, ["INTERNAL_ERROR", "Unknown format vmdk"]),
        ("PUT", "/import_raw_vdi", {"vdi": disk, "format": "vhd", "chunked": "true"}, 404, ["INTERNAL_ERROR"]),
        ("GET", "/export_raw_vdi", {"vdi": "x"}, 500, ["UUID_INVALID", "VDI", "x"]),
        ("GET", "/export", {"uuid": "x"}, 500, ["UUID_INVALID", "VM", "x"]),
        ("PUT", "/import", {"sr_id": "OpaqueRef:x"}, 500, ["HANDLE_INVALID", "SR", "OpaqueRef:x"]),
    ]:
        task = x.task.create("refused", "")
        got = request(method, path, b"body" if method == "PUT" else None, task_id=task, **more)
        outcome = ended(task)
        assert got[0] == status and outcome[0] == "failure", (path, more, got, outcome)
        assert outcome[2][:len(code)] == code, (path, more, outcome)
    # A disk in use.
    guest = vm("busy", [disk])
    x.VM.start(guest, False, False)
    assert put("/import_raw_vdi", bytes(512), vdi=disk)[3][0] == "VDI_IN_USE"
    task = x.task.create("in use", "")
    assert request("GET", "/export_raw_vdi", vdi=disk, task_id=task)[0] == 500
    assert ended(task)[2][0] == "VDI_IN_USE"
    task = x.task.create("running", "")
    assert request("GET", "/export", ref=guest, task_id=task)[0] == 500
    assert ended(task)[2][0] == "VM_BAD_POWER_STATE"
    x.VM.hard_shutdown(guest)
    x.VM.destroy(guest)
    x.VDI.destroy(disk)
    # Nobody, and all ways to be somebody.
    connection = http.client.HTTPConnection(HOST, PORT, timeout=60)
    connection.request("PUT", "/import", body=b"")
    assert connection.getresponse().status == 401
    cookie = {"Cookie": f"session_id={urllib.parse.quote(session.handle)}"}
    basic = {"Authorization": "Basic " + __import__("base64").b64encode(f"root:{PASSWORD}".encode()).decode()}
    for headers in (cookie, basic):
        connection = http.client.HTTPConnection(HOST, PORT, timeout=60)
        connection.request("GET", "/export_metadata?all=true", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200 and body.startswith(b"ova.xml"), (answer.status, body[:100])
        assert int(answer.headers["content-length"]) == len(body) and answer.version == 10


def images():
    a, b = vdi(8 * MIB, "a"), vdi(8 * MIB, "b")
    first = content(6, 8 * MIB)
    assert put("/import_raw_vdi", first, vdi=a)[1] == "success"
    image = get("/export_raw_vdi", vdi=a, format="vhd")[1]
    assert image[:8] == b"conectix"
    assert put("/import_raw_vdi", content(7, 8 * MIB), vdi=b)[1] == "success"
    assert put("/import_raw_vdi", image, vdi=b, format="vhd")[1] == "success"
    assert get("/export_raw_vdi", vdi=b)[1] == first, "a whole image replaces everything"
    # What differs between a disk and its snapshot, on top of a copy of the snapshot.
    snapshot = x.VDI.snapshot(a, {})
    second = bytearray(first)
    second[3 * MIB:3 * MIB + 5000] = b"\7" * 5000
    second[0:512] = bytes(512)
    assert put("/import_raw_vdi", bytes(second), vdi=a)[1] == "success"
    for base in (snapshot, x.VDI.get_uuid(snapshot)):
        headers, delta = get("/export_raw_vdi", vdi=a, format="VHD", base=base)
        assert headers["content-type"] == "application/vhd" and len(delta) < len(image)
    assert put("/import_raw_vdi", delta, vdi=b, format="vhd")[1] == "success"
    assert get("/export_raw_vdi", vdi=b)[1] == bytes(second)
    # Broken images change nothing before they are understood.
    for broken in (b"", b"garbage" * 1000, image[:600], bytes(8 * MIB)):
        assert put("/import_raw_vdi", broken, vdi=b, format="vhd")[1] == "failure"
    assert get("/export_raw_vdi", vdi=b)[1] == bytes(second)
    small = vdi(4 * MIB, "small")
    assert put("/import_raw_vdi", image, vdi=small, format="vhd")[3][0] == "VDI_TOO_SMALL"
    if shutil.which("qemu-img"):
        with tempfile.TemporaryDirectory() as at:
            for kind, name in (("vhd", "vpc"), ("qcow2", "qcow2")):
                whole = get("/export_raw_vdi", vdi=a, format=kind)[1]
                open(f"{at}/{kind}", "wb").write(whole)
                subprocess.run(["qemu-img", "convert", "-f", name, "-O", "raw", f"{at}/{kind}", f"{at}/{kind}.raw"],
                               check=True)
                assert open(f"{at}/{kind}.raw", "rb").read()[:8 * MIB] == bytes(second), kind
            # What it writes is read, in several forms; what can't be streamed changes nothing.
            open(f"{at}/raw", "wb").write(first)
            for number, more in enumerate(("", "compat=0.10", "cluster_size=512", "cluster_size=2M", "preallocation=metadata")):
                subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", more or "compat=1.1",
                                f"{at}/raw", f"{at}/in"], check=True)
                outcome = put("/import_raw_vdi", open(f"{at}/in", "rb").read(), vdi=b, format="qcow2")
                assert outcome[1] == "success", (more, outcome)
                assert get("/export_raw_vdi", vdi=b)[1] == first, more
                assert put("/import_raw_vdi", bytes(second), vdi=b)[1] == "success"
            subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", f"{at}/raw", f"{at}/packed"], check=True)
            outcome = put("/import_raw_vdi", open(f"{at}/packed", "rb").read(), vdi=b, format="qcow2")
            assert outcome[1] == "failure" and "compressed" in outcome[3][1], outcome
            # Our own, whole and as a difference.
            assert put("/import_raw_vdi", get("/export_raw_vdi", vdi=snapshot, format="qcow2")[1], vdi=b, format="qcow2")[1] == "success"
            assert get("/export_raw_vdi", vdi=b)[1] == first
            delta = get("/export_raw_vdi", vdi=a, format="qcow2", base=snapshot)[1]
            assert put("/import_raw_vdi", delta, vdi=b, format="qcow2")[1] == "success"
            assert get("/export_raw_vdi", vdi=b)[1] == bytes(second)
            assert put("/import_raw_vdi", delta[:len(delta) // 2], vdi=b, format="qcow2")[1] == "failure"
    elif os.environ.get("CI"):
        raise SystemExit("qemu-img is needed")
    for disk in (a, b, small, snapshot):
        x.VDI.destroy(disk)


def members(archive):
    return [(m.name, m.size) for m in tarfile.open(fileobj=io.BytesIO(archive))]


def vms():
    x.network.set_name_description(x.network.get_all()[0], "unchanged")
    first, second = content(8, 6 * MIB), content(9, 3 * MIB + 512)
    disks = [vdi(6 * MIB, "system"), vdi(3 * MIB + 512, "data")]
    for disk, data in zip(disks, (first, second)):
        assert put("/import_raw_vdi", data, vdi=disk)[1] == "success"
    guest = vm("guest", disks)
    plain = get("/export/", ref=guest)[1]
    names = members(plain)
    assert names[0][0] == "ova.xml" and names[1][0].startswith("Ref:") and names[2][0].endswith(".xxhash")
    gzip = get("/export", uuid=x.VM.get_uuid(guest), use_compression="true")[1]
    zstd = get("/export", ref=guest, use_compression="zstd")[1]
    assert gzip[:2] == b"\x1f\x8b" and zstd[:4] == b"\x28\xb5\x2f\xfd"
    assert len(gzip) < len(plain) and len(zstd) < len(plain)
    before = objects()
    for archive, more in ((plain, {"sr_id": SR}), (gzip, {}), (zstd, {"sr_uuid": x.SR.get_uuid(SR)})):
        status, outcome, result, error = put("/import/", archive, **more)
        assert (status, outcome) == (200, "success"), error
        made = result.removeprefix("<value><array><data><value>").removesuffix("</value></data></array></value>")
        record, origin = x.VM.get_record(made), x.VM.get_record(guest)
        for field in ("name_label", "name_description", "HVM_boot_params", "memory_static_max", "VCPUs_max"):
            assert record[field] == origin[field], (field, record[field], origin[field])
        assert record["uuid"] != origin["uuid"] and record["other_config"]["xo:notes"] == "kept"
        slots = sorted((x.VBD.get_userdevice(slot), x.VBD.get_VDI(slot)) for slot in record["VBDs"])
        assert [get("/export_raw_vdi", vdi=disk)[1] for _, disk in slots] == [first, second]
        x.VM.start(made, False, False)
        x.VM.hard_shutdown(made)
        x.VM.destroy(made)
        for _, disk in slots:
            x.VDI.destroy(disk)
        assert objects() == before
    idle()
    # The same VM again: only when it is gone.
    uuid = x.VM.get_uuid(guest)
    metadata = get("/export_metadata", ref=guest)[1]
    assert members(metadata)[0][0] == "ova.xml" and len(members(metadata)) == 1
    x.VM.destroy(guest)
    assert put("/import_metadata", metadata, restore="true", dry_run="true")[1:3] == ("success", "<value><array><data></data></array></value>")
    assert x.VM.get_all_records_where(f'field "uuid" = "{uuid}"') == {}
    status, outcome, result, error = put("/import_metadata", metadata, restore="true")
    assert outcome == "success", error
    guest = x.VM.get_by_uuid(uuid)
    assert {x.VBD.get_VDI(slot) for slot in x.VM.get_VBDs(guest)} == set(disks)
    # The connection is cut after the last byte of an archive whose length nobody knew.
    before = objects()
    task = x.task.create("cut", "")
    with connect() as s:
        s.sendall(head("/import/", [f"Content-Length: {1 << 50}"], task_id=task, sr_id=SR) + plain)
        answered(s)
    status, result, error = ended(task)
    assert status == "success", error
    made = result.split("<value>")[2].split("<")[0]
    remove(made)
    assert objects() == before
    hostile(plain, zstd, before)
    remove(guest)


def remove(guest):
    disks = [x.VBD.get_VDI(slot) for slot in x.VM.get_VBDs(guest)]
    x.VM.destroy(guest)
    for disk in disks:
        x.VDI.destroy(disk)


def rebuilt(archive, change):
    """An archive with its members changed, one after the other."""
    out = io.BytesIO()
    source = tarfile.open(fileobj=io.BytesIO(archive))
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for number, member in enumerate(source):
            data = source.extractfile(member).read()
            for info, data in change(number, member, data):
                info.size = info.size if info.type != tarfile.REGTYPE else len(data)
                made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def named(name, data=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def header(name, size, kind=b"0"):
    """A header that announces any size, in the binary form."""
    block = bytearray(512)
    block[0:len(name)] = name.encode()
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136] = b"\x80" + size.to_bytes(11, "big")
    block[136:148], block[156:157], block[257:265] = b"00000000000\0", kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def hostile(plain, zstd, before):
    first = members(plain)[1][0]
    disk = first.split("/")[0]
    ova_end = 512 + (members(plain)[0][1] + 511) // 512 * 512
    description = plain[:ova_end]
    flip = lambda n, m, d: [(m, d[:-1] + bytes([d[-1] ^ 1]) if n == 1 else d)]
    instead = lambda at, *what: lambda n, m, d: list(what) if n == at else [(m, d)]
    larger = lambda n, m, d: [(m, d.replace(b"<name>virtual_size</name><value>6291456</value>",
                                            b"<name>virtual_size</name><value>%d</value>" % (1 << 60)))]
    assert larger(0, None, plain)[0][1] != plain
    archives = {
        "a flipped bit": (rebuilt(plain, flip), "IMPORT_ERROR_SOME_CHECKSUMS_FAILED"),
        "a symlink": (rebuilt(plain, instead(1, named(first, kind=tarfile.SYMTYPE, link="/etc/passwd"))), None),
        "a hard link": (rebuilt(plain, instead(1, named(first, kind=tarfile.LNKTYPE, link="ova.xml"))), None),
        "a device": (rebuilt(plain, instead(1, named(first, kind=tarfile.BLKTYPE))), None),
        "a path upwards": (rebuilt(plain, instead(1, named("../../etc/00000000", b"x" * 512))), None),
        "no description": (rebuilt(plain, instead(0, named("other", b"x"))), "IMPORT_ERROR_UNEXPECTED_FILE"),
        "a description that is none": (rebuilt(plain, instead(0, named("ova.xml", b"<a>"))), None),
        "a disk of an exabyte": (rebuilt(plain, larger), None),
        "a block of an exabyte": (description + header(first, 1 << 60) + bytes(MIB), None),
        "a name of an exabyte": (description + header("././@LongLink", 1 << 60, b"L") + bytes(MIB), None),
        "attributes of an exabyte": (description + header("x", 1 << 60, b"x") + bytes(MIB), None),
        "a description of an exabyte": (header("ova.xml", 1 << 60) + bytes(MIB), None),
        "more than the disk": (rebuilt(plain, lambda n, m, d: [(m, d)] + (
            [named(f"{disk}/00000900", bytes([1]) * MIB)] if n == len(members(plain)) - 1 else [])), None),
        "only a description": (description, "IMPORT_ERROR_PREMATURE_EOF"),
        "half": (plain[:len(plain) // 2], None),
        "half of it compressed": (zstd[:len(zstd) // 2], None),
        "nothing": (b"", None),
        "noise": (random.Random(5).randbytes(MIB), None),
        "noise that looks compressed": (b"\x28\xb5\x2f\xfd" + random.Random(6).randbytes(MIB), None),
    }
    for what, (archive, code) in archives.items():
        status, outcome, result, error = put("/import", archive, sr_id=SR)
        assert outcome == "failure", (what, outcome, result)
        assert code is None or error[0] == code, (what, error)
        assert error[0] != "INTERNAL_ERROR", (what, error)
        assert objects() == before, f"{what} left something behind"
        idle()
    # Who insists gets what is there.
    status, outcome, result, error = put("/import", archives["a flipped bit"][0], sr_id=SR, force="true")
    assert outcome == "success", error
    remove(result.split("<value>")[2].split("<")[0])
    assert objects() == before
    # Hang up, and cancel, in the middle.
    for cancelled in (False, True):
        task = x.task.create("interrupted", "")
        s = connect()
        s.sendall(head("/import", [f"Content-Length: {len(plain)}"], sr_id=SR, task_id=task) + plain[:len(plain) // 2])
        answered(s)
        deadline = time.time() + 60
        while objects() == before:
            assert time.time() < deadline, "nothing was made"
            time.sleep(0.02)
        if cancelled:
            x.task.cancel(task)
        else:
            s.close()
        status, _, error = ended(task)
        assert status == ("cancelled" if cancelled else "failure"), (status, error)
        assert objects() == before
        idle()
        s.close()
    # A new disk, and a client that goes away; one that reads nothing, and is cancelled.
    task = x.task.create("interrupted", "")
    with connect() as s:
        s.sendall(head("/import_raw_vdi", ["Content-Length: 9000000"], sr_id=SR, task_id=task) + b"x" * 1000000)
        answered(s)
    assert ended(task)[0] == "failure"
    large = vdi(512 * MIB)
    task = x.task.create("never read", "")
    with connect() as s:
        s.sendall(head("/export_raw_vdi", [], method="GET", vdi=large, task_id=task))
        answered(s)
        x.task.cancel(task)
        assert ended(task)[0] == "cancelled"
    task = x.task.create("gone", "")
    with connect() as s:
        s.sendall(head("/export_raw_vdi", [], method="GET", vdi=large, task_id=task))
        answered(s)
    assert ended(task)[0] == "failure"
    x.VDI.destroy(large)
    assert objects() == before
    idle()


for step in (raw, refusals, images, vms):
    before = objects()
    step()
    assert objects() == before, f"{step.__name__} left something behind"
    idle()
print("done")
