"""Consoles as clients use them: records, CONNECT, WebSockets, RFB, limits, `xe console` on a terminal."""

import base64, os, pty, select, ssl, subprocess, sys, time

import XenAPI
import websocket

from rfb import Viewer, connect, over, rest

URL, PASSWORD, SECURE, XE = sys.argv[1:5]
PLAIN = URL.removeprefix("http://")
session = XenAPI.Session(URL)
session.xenapi.login_with_password("root", PASSWORD, "1.0", "consoles")
x = session.xenapi
ID = session.handle
CONNECTED = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-cache, no-store\r\n\r\n"
POOL = x.pool.get_all()[0]


def wait(true, what):
    deadline = time.time() + 60
    while not true():
        assert time.time() < deadline, what
        time.sleep(0.05)


def vm(name, hvm):
    template = next(r for r, t in x.VM.get_all_records().items()
                    if t["is_a_template"] and t["name_label"] == "Other install media")
    this = x.VM.clone(template, name)
    x.VM.provision(this)
    if not hvm:
        x.VM.set_domain_type(this, "pvh")
    x.VM.start(this, False, False)
    return this


def consoles(this):
    records = [(r, x.console.get_record(r)) for r in x.VM.get_consoles(this)]
    return {record["protocol"]: (r, record) for r, record in records}


def location(this, protocol):
    """The path and query of a console's location."""
    at = consoles(this)[protocol][1]["location"]
    assert at.startswith("https://"), at
    return "/" + at.split("/", 3)[3]


def text_of(path, **more):
    return connect(PLAIN, f"CONNECT {path}&session_id={ID} HTTP/1.0\r\n\r\n", **more)


def until(take, wanted):
    got = b""
    while wanted not in got:
        piece = take()
        assert piece, got
        got += piece
    return got


def refused(request, status, address=PLAIN):
    s, head = connect(address, request)
    assert head.startswith(f"HTTP/1.1 {status} ") or head.startswith(f"HTTP/1.0 {status} "), head
    return rest(s).decode()


def records(hvm, pvh):
    for this in (hvm, pvh):
        assert set(consoles(this)) == {"rfb", "vt100"}
        for r, record in consoles(this).values():
            assert record["VM"] == this and record["other_config"] == {}
            assert record["location"].endswith(f"/console?uuid={record['uuid']}")
    dom0 = next(r for r, v in x.VM.get_all_records().items() if v["is_control_domain"])
    for r, record in consoles(dom0).values():
        assert record["location"].endswith(f"/console?ref={r}")
    before = {r for r, _ in consoles(pvh).values()}
    x.VM.pause(pvh)
    refused(f"CONNECT {location(pvh, 'vt100')}&session_id={ID} HTTP/1.0\r\n\r\n", 500)
    x.VM.unpause(pvh)
    assert {r for r, _ in consoles(pvh).values()} == before
    return dom0


def refusals(hvm):
    path = location(hvm, "vt100")
    for method in ("CONNECT", "GET"):
        page = refused(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n", 401)
        assert "401" in page
        for wrong in ("/console?uuid=x", "/console?ref=OpaqueRef:NULL", "/console?nothing=1"):
            refused(f"{method} {wrong}&session_id={ID} HTTP/1.0\r\n\r\n", 500)
    refused(f"GET {path}&session_id={ID} HTTP/1.1\r\nHost: x\r\n\r\n", 501)
    refused("CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403)


def text(hvm):
    """A login on a serial line, seen by two; cookie, query and password."""
    path = location(hvm, "vt100")
    s, head = text_of(path)
    assert head == CONNECTED, head
    assert b"hvm login: " in until(lambda: s.recv(4096), b"login: ")
    basic = base64.b64encode(f"root:{PASSWORD}".encode()).decode()
    uuid = consoles(hvm)["vt100"][1]["uuid"]
    others = [
        connect(PLAIN, f"CONNECT {path} HTTP/1.1\r\nHost: x\r\nCookie: session_id={ID}\r\n\r\n")[0],
        connect(SECURE, f"CONNECT /console?uuid={uuid} HTTP/1.0\r\nAuthorization: Basic {basic}\r\n\r\n", tls=True)[0],
        text_of(f"/console?ref={consoles(hvm)['vt100'][0]}")[0],
    ]
    for other in others:
        assert b"hvm login: " in until(lambda: other.recv(4096), b"login: ")
    others[1].sendall(b"root\r")
    for each in [s, *others]:
        until(lambda: each.recv(4096), b"root@hvm:~$ ")
    # Whoever comes later sees what was said; anything may be typed.
    late = text_of(path)[0]
    assert b"login: root" in until(lambda: late.recv(4096), b"root@hvm:~$ ")
    late.sendall(bytes(range(128, 256)) * 64 + b"\x00echo over\r")
    until(lambda: s.recv(4096), b"\r\nover\r\nroot@hvm:~$ ")
    for each in [late, *others]:
        each.close()
    return s


def sockets(pvh):
    path = f"{location(pvh, 'vt100')}&session_id={ID}"
    for scheme, address in (("ws", PLAIN), ("wss", SECURE)):
        w = websocket.create_connection(f"{scheme}://{address}{path}", subprotocols=["binary"], timeout=60,
                                        sslopt={"cert_reqs": ssl.CERT_NONE, "check_hostname": False})
        assert w.subprotocol == "binary" and w.status == 101
        until(w.recv, b"login: ")
        w.ping("still there")
        w.send_binary(b"a" * 100)
        until(w.recv, b"a" * 20)
        w.send_binary(b"\x03")
        w.close()
    # A simulated guest's line is open while somebody looks.
    held = text_of(location(pvh, "vt100"))[0]
    w = websocket.create_connection(f"ws://{PLAIN}{path}", subprotocols=["base64"], timeout=60)
    assert w.subprotocol == "base64"
    until(lambda: base64.b64decode(w.recv()), b"login: ")
    w.send(base64.b64encode(b"bob\r").decode())
    until(lambda: base64.b64decode(w.recv()), b"bob@pvh:~$ ")
    w.send("not base64!")
    wait(lambda: closed(w), "nonsense is not cut off")
    w = websocket.create_connection(f"ws://{PLAIN}{path}", timeout=60)
    assert w.subprotocol is None
    until(w.recv, b"bob@pvh")
    w.send_binary(b"x" * (2 << 20))
    wait(lambda: closed(w), "a message that is too long is not cut off")
    held.close()


def closed(w):
    try:
        return w.recv() in (b"", "") and not w.connected
    except (websocket.WebSocketException, OSError):
        return True


def pictures(hvm, pvh):
    """A display, a text console as pictures by WebSocket, and what a VM's own reference means."""
    uuid = x.VM.get_uuid(hvm)
    s, head = connect(SECURE, f"CONNECT /console?uuid={uuid}&session_id={ID} HTTP/1.0\r\n\r\n", tls=True)
    assert head == CONNECTED
    display = Viewer(over(s), (5, 0, -308))
    assert (display.name, display.width, display.height) == ("hvm", 640, 400)
    display.until(lambda: display.ink() > 500, "the display stays dark")
    before = display.ink()
    display.type("key")
    display.until(lambda: display.ink() > before + 40, "keys are not echoed")
    w = websocket.create_connection(f"ws://{PLAIN}/console?ref={pvh}&session_id={ID}", subprotocols=["binary"], timeout=60)
    raw, tiles = (Viewer(wire, encodings) for wire, encodings in (
        (type(display.w)(w.recv, w.send_binary), (0, -223)),
        (over(text_of(location(pvh, "rfb"))[0]), (5,))))
    assert raw.name == "pvh"
    raw.type("echo same\n")
    for viewer in (raw, tiles):
        viewer.until(lambda: viewer.ink() > 800, "text is not shown")
    wait(lambda: same(raw, tiles), "two viewers see different things")
    # Another size, asked for by the one that can.
    wide = Viewer(over(text_of(location(pvh, "rfb"))[0]), (5, -308))
    wide.until(lambda: wide.sizes, "the size is not told")
    wide.w.send(bytes((251, 0, 4, 0, 3, 0, 1, 0)) + bytes(16))
    wide.until(lambda: (wide.width, wide.height) == (1024, 768), "the size does not change")
    raw.until(lambda: (raw.width, raw.height) == (1024, 768), "others are not told of the size")
    if os.environ.get("XENNIX_PICTURES"):
        display.png(os.path.join(os.environ["XENNIX_PICTURES"], "display.png"))
        raw.ask(False)
        raw.update()
        raw.png(os.path.join(os.environ["XENNIX_PICTURES"], "text.png"))
    return [display, raw, tiles, wide]


def same(one, other):
    for viewer in (one, other):
        viewer.ask(False)
        viewer.update()
    return one.pixels == other.pixels


def limits(hvm, text):
    path = location(hvm, "vt100")
    x.pool.set_limit_console_sessions(POOL, True)
    assert "root" in refused(f"CONNECT {path}&session_id={ID} HTTP/1.0\r\n\r\n", 503)
    key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    refused(f"GET {path}&session_id={ID} HTTP/1.1\r\nHost: x\r\n{key}\r\n", 503)
    text.close()
    x.pool.set_limit_console_sessions(POOL, False)
    many = [text_of(path)[0] for _ in range(20)]
    for each in many:
        until(lambda: each.recv(4096), b"hvm login: ")
    for each in many:
        each.close()
    x.pool.set_vm_console_idle_timeout(POOL, 1)
    s = text_of(path)[0]
    assert b"hvm login: " in rest(s)
    viewer = Viewer(over(text_of(location(hvm, "rfb"))[0]))
    try:
        # It asks for updates for ever; nobody types.
        while True:
            viewer.ask(False)
            viewer.update()
    except (AssertionError, OSError):
        pass
    x.pool.set_vm_console_idle_timeout(POOL, 0)


def ends(hvm, pvh, viewers):
    """A guest that is powered off from its console, one that is ended from outside."""
    s = text_of(location(pvh, "vt100"))[0]
    until(lambda: s.recv(4096), b"$ ")
    s.sendall(b"poweroff\r")
    assert b"powers off" in rest(s)
    wait(lambda: x.VM.get_power_state(pvh) == "Halted", "it does not power off")
    assert x.VM.get_consoles(pvh) == []
    x.VM.hard_shutdown(hvm)
    for viewer in viewers:
        try:
            while True:
                viewer.ask()
                viewer.update()
        except (AssertionError, OSError, websocket.WebSocketException):
            pass
    assert x.VM.get_consoles(hvm) == []
    refused(f"CONNECT /console?uuid={x.VM.get_uuid(hvm)}&session_id={ID} HTTP/1.0\r\n\r\n", 500)
    x.VM.start(hvm, False, False)
    assert set(consoles(hvm)) == {"rfb", "vt100"}


def xe(hvm, dom0):
    host, port = PLAIN.rsplit(":", 1)
    call = [XE, "-s", host, "-p", port, "-u", "root", "-pw", PASSWORD]
    uuid = x.VM.get_uuid(hvm)
    listed = subprocess.check_output([*call, "console-list", f"vm-uuid={uuid}", "params=protocol", "--minimal"], text=True)
    assert sorted(listed.strip().split(",")) == ["RFB", "VT100"], listed
    uuids = subprocess.check_output([*call, "vm-list", f"uuid={uuid}", "params=console-uuids", "--minimal"], text=True)
    assert set(uuids.strip().split("; ")) == {r["uuid"] for _, r in consoles(hvm).values()}, uuids
    # Consoles follow the address of the host; xe goes where they are.
    pif = next(p for p, record in x.PIF.get_all_records().items() if record["management"])
    tls = SECURE.rsplit(":", 1)[1]
    for address in ("127.0.0.9", "127.0.0.1"):
        x.PIF.reconfigure_ip(pif, "Static", address, "255.0.0.0", "", "")
        for vm in (hvm, dom0):
            for r, record in consoles(vm).values():
                assert record["location"] == f"https://{address}:{tls}/console?ref={r}", record
    for vm, prompt in ((hvm, b"hvm login: "), (dom0, b"host login: ")):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(XE, [*call, "console", f"uuid={x.VM.get_uuid(vm)}"])
        yield pid, terminal, prompt


def typed(hvm, dom0):
    for pid, terminal, prompt in xe(hvm, dom0):
        got = b""

        def read():
            ready, _, _ = select.select([terminal], [], [], 60)
            assert ready, got
            return os.read(terminal, 4096)

        got += until(read, prompt)
        assert b"Ctrl" in got, got
        os.write(terminal, b"eve\r")
        until(read, b"eve@")
        os.write(terminal, b"\x1d")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
        os.close(terminal)


hvm, pvh = vm("hvm", True), vm("pvh", False)
dom0 = records(hvm, pvh)
refusals(hvm)
line = text(hvm)
sockets(pvh)
viewers = pictures(hvm, pvh)
limits(hvm, line)
ends(hvm, pvh, viewers)
typed(hvm, dom0)
print("done")
