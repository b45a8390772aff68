"""A screen as others see it: a viewer that is not ours after CONNECT, and its picture over HTTP."""

import asyncio, io, sys, time, urllib.error, urllib.request

import asyncvnc
import numpy
import XenAPI
from PIL import Image

URL, PASSWORD = sys.argv[1:3]
session = XenAPI.Session(URL)
session.xenapi.login_with_password("root", PASSWORD, "1.0", "viewers")
x = session.xenapi
ID = session.handle


def vm(name, kind):
    template = next(r for r, t in x.VM.get_all_records().items()
                    if t["is_a_template"] and t["name_label"] == "Other install media")
    this = x.VM.clone(template, name)
    x.VM.provision(this)
    x.VM.set_domain_type(this, kind)
    x.VM.start(this, False, False)
    return this


def console(this, protocol):
    return next(c for c in map(x.console.get_record, x.VM.get_consoles(this)) if c["protocol"] == protocol)


def picture(uuid, session_id=ID):
    with urllib.request.urlopen(f"{URL}/vncsnapshot?uuid={uuid}&session_id={session_id}", timeout=60) as answer:
        assert answer.headers["content-type"] == "image/jpeg", answer.headers
        image = Image.open(io.BytesIO(answer.read()))
        assert image.format == "JPEG"
        return numpy.asarray(image.convert("RGB")).astype(int)


def refused(uuid, status, **more):
    try:
        picture(uuid, **more)
    except urllib.error.HTTPError as error:
        assert error.code == status, (uuid, error.code)
    else:
        raise AssertionError(f"{uuid} is not refused")


async def viewer(this):
    """Somebody else's client on the connection CONNECT leaves."""
    host, port = URL.removeprefix("http://").rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    path = "/" + console(this, "rfb")["location"].split("/", 3)[3]
    writer.write(f"CONNECT {path}&session_id={ID} HTTP/1.0\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
    return await asyncvnc.Client.create(reader, writer)


async def seen(client, true, what):
    """What it shows, once it shows something."""
    deadline = time.time() + 60
    while True:
        # The whole of it, whatever has changed.
        client.video.data = None
        client.video.refresh()
        while not client.video.is_complete():
            assert time.time() < deadline, what
            await asyncio.wait_for(client.read(), 60)
        shown = client.video.as_rgba()[:, :, :3].astype(int)
        if true(shown):
            return shown
        assert time.time() < deadline, what
        await asyncio.sleep(0.05)


def ink(shown):
    return int((shown > 40).any(axis=2).sum())


async def look(this):
    client = await asyncio.wait_for(viewer(this), 60)
    before = await seen(client, lambda shown: ink(shown) > 0, "nothing is shown")
    client.keyboard.write("What you type is shown")
    await client.drain()
    after = await seen(client, lambda shown: ink(shown) > ink(before), "what is typed is not shown")
    assert after.shape == before.shape

    # The picture over HTTP is of the same screen, as far as JPEG keeps it; it may be of a moment before.
    def same(shown):
        over_http = picture(console(this, "rfb")["uuid"])
        return over_http.shape == shown.shape and abs(over_http - shown).mean() < 6

    await seen(client, same, "the picture over HTTP is another one")
    client.writer.close()


hvm, pvh = vm("viewed", "hvm"), vm("text", "pvh")
asyncio.run(look(hvm))
# By the VM as well; text is drawn; a line is shown the same way.
for uuid in (x.VM.get_uuid(hvm), console(hvm, "vt100")["uuid"], x.VM.get_uuid(pvh), console(pvh, "rfb")["uuid"]):
    assert ink(picture(uuid)) > 0, uuid
refused("nobody", 500)
refused(x.VM.get_uuid(hvm), 401, session_id="OpaqueRef:nobody")
x.VM.pause(hvm)
refused(x.VM.get_uuid(hvm), 500)
x.VM.hard_shutdown(pvh)
refused(x.VM.get_uuid(pvh), 500)
print("done")
