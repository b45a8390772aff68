"""Incremental backup as clients do it: tracked changes, disks read over NBD with and without TLS."""

import base64, hashlib, os, random, shutil, socket, ssl, struct, subprocess, sys, tempfile, time, urllib.parse, urllib.request

import XenAPI

URL, PASSWORD = sys.argv[1:3]
MIB, BLOCK = 1 << 20, 64 << 10
session = XenAPI.Session(URL)
session.xenapi.login_with_password("root", PASSWORD, "1.0", "nbd")
x = session.xenapi
SR = x.pool.get_default_SR(x.pool.get_all()[0])
TOOLS = all(shutil.which(tool) for tool in ("nbdinfo", "nbdcopy", "qemu-img"))
if not TOOLS and os.environ.get("CI"):
    sys.exit("nbdinfo, nbdcopy and qemu-img are needed")


def fails(code, call, *args):
    try:
        call(*args)
    except XenAPI.Failure as failure:
        assert failure.details[0] == code, failure.details
        return failure.details
    sys.exit(f"{code} did not happen")


def vdi(size):
    return x.VDI.create({"name_label": "disk", "name_description": "", "SR": SR, "virtual_size": str(size),
                         "type": "user", "sharable": False, "read_only": False, "other_config": {}})


def write(disk, offset, data):
    """Puts bytes into a disk."""
    task = x.task.create("write", "")
    body = struct.pack("<QI", offset, len(data)) + data + bytes(12)
    query = urllib.parse.urlencode({"session_id": session.handle, "task_id": task, "vdi": disk, "chunked": "true"})
    urllib.request.urlopen(urllib.request.Request(f"{URL}/import_raw_vdi?{query}", body, method="PUT")).read()
    while x.task.get_status(task) == "pending":
        time.sleep(0.02)
    assert x.task.get_status(task) == "success", x.task.get_error_info(task)


def read(disk):
    query = urllib.parse.urlencode({"session_id": session.handle, "vdi": disk})
    return urllib.request.urlopen(f"{URL}/export_raw_vdi?{query}").read()


def download(disk, **more):
    query = urllib.parse.urlencode({"session_id": session.handle, "vdi": disk, **more})
    return urllib.request.urlopen(f"{URL}/export_raw_vdi?{query}").read()


def changed(first, second):
    bits = base64.b64decode(x.VDI.list_changed_blocks(first, second))
    return [i for i in range(len(bits) * 8) if bits[i // 8] & (0x80 >> (i % 8))]


def wait_free(disk):
    deadline = time.time() + 60
    while x.VDI.get_VBDs(disk):
        assert time.time() < deadline, "the disk stays in use"
        time.sleep(0.05)


def tracking():
    disk = vdi(20 * MIB)
    untracked = x.VDI.snapshot(disk, {})
    fails("VDI_NO_CBT_METADATA", x.VDI.data_destroy, untracked)
    x.VDI.destroy(untracked)
    fails("OPERATION_NOT_ALLOWED", x.VDI.data_destroy, disk)
    write(disk, 5 * MIB, b"before")
    x.VDI.enable_cbt(disk)
    x.VDI.enable_cbt(disk)
    assert x.VDI.get_cbt_enabled(disk)
    a = x.VDI.snapshot(disk, {})
    assert x.VDI.get_cbt_enabled(a) and x.VDI.get_is_a_snapshot(a)
    fails("OPERATION_NOT_ALLOWED", x.VDI.enable_cbt, a)
    write(disk, 3 * BLOCK - 1, b"ab")
    write(disk, 319 * BLOCK, b"x" * BLOCK)
    b = x.VDI.snapshot(disk, {})
    write(disk, 100 * BLOCK, b"y")
    c = x.VDI.snapshot(disk, {})
    assert len(base64.b64decode(x.VDI.list_changed_blocks(a, b))) == 40
    assert changed(a, b) == [2, 3, 319]
    assert changed(b, c) == [100]
    assert changed(a, c) == [2, 3, 100, 319] == changed(a, disk)
    assert changed(c, disk) == []
    fails("SR_BACKEND_FAILURE_460", x.VDI.list_changed_blocks, b, a)
    fails("SR_BACKEND_FAILURE_460", x.VDI.list_changed_blocks, a, a)
    # Only the record of a snapshot is kept: deltas are still possible.
    whole = read(c)
    x.VDI.data_destroy(b)
    x.VDI.data_destroy(b)
    assert x.VDI.get_type(b) == "cbt_metadata"
    assert changed(a, b) == [2, 3, 319] and changed(b, c) == [100]
    fails("VDI_INCOMPATIBLE_TYPE", x.VDI.snapshot, b, {})
    fails("VDI_INCOMPATIBLE_TYPE", x.VDI.get_nbd_info, b)
    x.SR.scan(SR)
    assert x.VDI.get_type(b) == "cbt_metadata" and x.VDI.get_cbt_enabled(c)
    # A copy of the state at b, brought to c by what changed.
    target = vdi(20 * MIB)
    delta = download(c, format="vhd", base=b)
    assert len(delta) < 3 * MIB, len(delta)
    assert x.VDI.copy(c, SR, "OpaqueRef:NULL", target) == target and read(target) == whole
    write(disk, 7 * MIB, b"later")
    d = x.VDI.snapshot(disk, {})
    x.VDI.copy(d, "OpaqueRef:NULL", c, target)
    assert read(target) == read(d) != whole
    fresh = x.VDI.copy(d, SR, "OpaqueRef:NULL", "OpaqueRef:NULL")
    assert read(fresh) == read(d) and fresh != d
    assert x.VDI.checksum(d) == hashlib.md5(read(d)).hexdigest()
    x.VDI.destroy(b)
    assert changed(a, c) == [2, 3, 100, 319]
    x.VDI.disable_cbt(disk)
    assert not x.VDI.get_cbt_enabled(disk) and x.VDI.get_cbt_enabled(a)
    fails("SR_BACKEND_FAILURE_460", x.VDI.list_changed_blocks, a, disk)
    for each in (a, c, d, disk, target, fresh):
        x.VDI.destroy(each)


def take(s, n):
    got = b""
    while len(got) < n:
        piece = s.recv(n - len(got))
        assert piece, "the server hung up"
        got += piece
    return got


def hello(info):
    s = socket.create_connection((info["address"], int(info["port"])), timeout=60)
    assert take(s, 18) == b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3)
    s.sendall(struct.pack(">I", 3))
    return s


def option(s, code, data=b""):
    """The kinds of the answers to an option."""
    s.sendall(b"IHAVEOPT" + struct.pack(">II", code, len(data)) + data)
    kinds = []
    while True:
        magic, echoed, kind, length = struct.unpack(">QIII", take(s, 20))
        assert (magic, echoed) == (0x3E889045565A9, code)
        if length:
            take(s, length)
        kinds.append(kind)
        if kind == 1 or kind & 1 << 31:
            return kinds


def go(s, name):
    return option(s, 7, struct.pack(">I", len(name)) + name.encode() + struct.pack(">H", 0))


def blocks():
    told = random.Random(1)
    disk = vdi(64 * MIB)
    x.VDI.enable_cbt(disk)
    write(disk, 10 * MIB, told.randbytes(MIB))
    first = x.VDI.snapshot(disk, {})
    write(disk, 40 * MIB, told.randbytes(3 * BLOCK))
    second = x.VDI.snapshot(disk, {})
    pif = [p for p, record in x.PIF.get_all_records().items() if record["management"]][0]
    x.PIF.reconfigure_ip(pif, "Static", "127.0.0.1", "255.0.0.0", "", "")
    network = x.PIF.get_network(pif)
    assert x.VDI.get_nbd_info(second) == []
    x.network.add_purpose(network, "nbd")
    (info,) = x.VDI.get_nbd_info(second)
    uuid = x.VDI.get_uuid(second)
    assert info["exportname"] == f"/{uuid}?session_id={session.handle}"
    assert info["address"] == "127.0.0.1" and info["subject"] and "BEGIN CERTIFICATE" in info["cert"]
    assert "PRIVATE" not in info["cert"]
    # Nothing before TLS.
    s = hello(info)
    assert go(s, info["exportname"]) == [1 << 31 | 5]
    assert option(s, 3) == [1 << 31 | 5]
    assert option(s, 5) == [1]
    context = ssl.create_default_context(cadata=info["cert"])
    inside = context.wrap_socket(s, server_hostname=info["subject"])
    for name in ("", "/", f"/{uuid}", f"/{uuid}?session_id=OpaqueRef:x", f"/{uuid}x?session_id={session.handle}"):
        assert go(inside, name) == [1 << 31 | 6], name
    assert option(inside, 3) == [1], "names are secrets"
    assert go(inside, info["exportname"])[-1] == 1
    # It is in use while it is read, and says by whom.
    (slot,) = x.VDI.get_VBDs(second)
    assert x.VBD.get_mode(slot) == "RO" and x.VM.get_is_control_domain(x.VBD.get_VM(slot))
    fails("VDI_IN_USE", x.VDI.destroy, second)
    fails("VDI_IN_USE", x.VDI.data_destroy, second)
    inside.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 7, 0, 4) + b"abcd")
    magic, error, cookie = struct.unpack(">IIQ", take(inside, 16))
    assert (magic, error, cookie) == (0x67446698, 1, 7), "it is never written"
    inside.close()
    wait_free(second)
    if TOOLS:
        independent(info, first, second, True)
    x.network.remove_purpose(network, "nbd")
    x.network.add_purpose(network, "insecure_nbd")
    (info,) = x.VDI.get_nbd_info(second)
    if TOOLS:
        independent(info, first, second, False)
        independent(info, first, second, True)
    # Somebody who may only look gets nothing; nor does anybody once nothing is offered.
    other = XenAPI.Session(URL)
    other.xenapi.login_with_password("root", PASSWORD, "1.0", "gone")
    name = f"/{uuid}?session_id={other.handle}"
    other.xenapi.session.logout()
    with hello(info) as s:
        assert go(s, name) == [1 << 31 | 6]
    x.network.remove_purpose(network, "insecure_nbd")
    with socket.create_connection((info["address"], int(info["port"])), timeout=60) as s:
        assert s.recv(1) == b""
    wait_free(second)
    x.VDI.data_destroy(second)
    for each in (first, second, disk):
        x.VDI.destroy(each)


def independent(info, first, second, tls):
    """libnbd and qemu read the same."""
    expected = read(second)
    with tempfile.TemporaryDirectory() as at:
        open(f"{at}/ca-cert.pem", "w").write(info["cert"])
        where = f"{info['address']}:{info['port']}"

        def uri(name):
            scheme = "nbds" if tls else "nbd"
            verify = f"?tls-certificates={at}&tls-verify-peer=false" if tls else ""
            return f"{scheme}://{where}/{urllib.parse.quote(name, safe='')}{verify}"

        def run(*command):
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, (command, done.stderr)
            return done.stdout

        assert run("nbdinfo", "--size", uri(info["exportname"])).strip() == str(len(expected))
        run("nbdinfo", "--is", "readonly", uri(info["exportname"]))
        run("nbdinfo", "--can", "structured-reply", uri(info["exportname"]))
        data = [line.split()[:3] for line in run("nbdinfo", "--map", uri(info["exportname"])).splitlines()]
        assert sum(int(length) for _, length, kind in data if kind == "0") < 2 * MIB, data
        base = x.VDI.get_uuid(first)
        name = f"{info['exportname']}&base={base}"
        dirty = run("nbdinfo", f"--map=qemu:dirty-bitmap:{base}", uri(name)).splitlines()
        assert [line.split()[:3] for line in dirty] == [
            ["0", str(40 * MIB), "0"], [str(40 * MIB), str(3 * BLOCK), "1"],
            [str(40 * MIB + 3 * BLOCK), str(24 * MIB - 3 * BLOCK), "0"]], dirty
        run("nbdcopy", uri(info["exportname"]), f"{at}/copy")
        assert open(f"{at}/copy", "rb").read() == expected
        export = info["exportname"]
        options = f"driver=raw,file.driver=nbd,file.server.type=inet,file.server.host={info['address']}," \
                  f"file.server.port={info['port']},file.export={export}"
        more = []
        if tls:
            more = ["--object", f"tls-creds-x509,id=t,dir={at},endpoint=client,verify-peer=no,sanity-check=no"]
            options += ",file.tls-creds=t"
        run("qemu-img", "convert", *more, "--image-opts", options, "-O", "raw", f"{at}/qemu")
        assert open(f"{at}/qemu", "rb").read() == expected
        wait_free(second)


tracking()
blocks()
assert x.VDI.get_all_records_where('field "name__label" = "disk"') == {}
print("done")
