#!/usr/bin/env python3
"""A stand-in for the original stack's tap-ctl and tapdisk, for tests only.

    tap_ctl.py DIRECTORY COMMAND [OPTION ...]

Written from what the two say and do: numbers are locked files, each process listens on sockets that have its number in
their names, pausing closes the image and lets requests wait, flushes are not passed on. It serves raw images and VHDs
over NBD for real, so that bytes can be compared, and knows only as much of either as the tests need.
"""
import fcntl
import getopt
import glob
import json
import os
import re
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../disk/tests"))
import reader  # noqa: E402

SECTOR, BLOCK, NONE = 512, reader.BLOCK, 0xFFFFFFFF
PAUSE_REQUESTED, PAUSED = 0x10, 0x2A


class Raw:
    def __init__(self, path, writable):
        self.fd = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        self.size = os.fstat(self.fd).st_size

    def read(self, at, length):
        return os.pread(self.fd, length, at).ljust(length, b"\0")

    def write(self, at, data):
        os.pwrite(self.fd, data, at)

    def close(self):
        os.close(self.fd)


class Vhd:
    def __init__(self, path, writable):
        self.f = open(path, "r+b" if writable else "rb", buffering=0)
        copy = self.f.read(SECTOR)
        foot, head = reader.footer(copy), self.f.read(1024)
        if foot is None or head[:8] != b"cxsparse":
            raise OSError(22, "not a VHD")
        self.footer, self.size = copy, foot["size"]
        self.table, = struct.unpack_from(">Q", head, 16)
        entries, = struct.unpack_from(">I", head, 28)
        self.below = None
        if foot["kind"] == 4:
            parent = reader.parent_of(path, self.f, head)
            self.below = Raw(parent, False) if head[40:56] == bytes(16) else Vhd(parent, False)
        self.f.seek(self.table)
        self.bat = list(struct.unpack(">%dI" % entries, self.f.read(4 * entries)))

    def at(self, offset, length=None, data=None):
        self.f.seek(offset)
        return self.f.read(length) if data is None else self.f.write(data)

    def sector(self, at):
        entry = self.bat[at // BLOCK] if at < self.size else NONE
        i = at % BLOCK // SECTOR
        if entry != NONE and self.at(entry * SECTOR + i // 8, 1)[0] & (0x80 >> i % 8):
            return self.at((entry + 1 + i) * SECTOR, SECTOR)
        return self.below.read(at, SECTOR) if self.below else bytes(SECTOR)

    def read(self, at, length):
        return b"".join(self.sector(at + n) for n in range(0, length, SECTOR))

    def write(self, at, data):
        for n in range(0, len(data), SECTOR):
            number, i = (at + n) // BLOCK, (at + n) % BLOCK // SECTOR
            if self.bat[number] == NONE:
                self.grow(number)
            entry = self.bat[number]
            self.at((entry + 1 + i) * SECTOR, data=data[n:n + SECTOR])
            bits = self.at(entry * SECTOR + i // 8, 1)[0] | (0x80 >> i % 8)
            self.at(entry * SECTOR + i // 8, data=bytes([bits]))

    def grow(self, number):
        # Behind all there is but the footer, with the data at a multiple of eight sectors.
        entry = (os.fstat(self.f.fileno()).st_size + 7) // SECTOR // 8 * 8 + 7
        self.f.truncate((entry + 1) * SECTOR + BLOCK)
        self.at((entry + 1) * SECTOR + BLOCK, data=self.footer)
        self.at(self.table + 4 * number, data=struct.pack(">I", entry))
        self.bat[number] = entry

    def close(self):
        self.f.close()
        if self.below:
            self.below.close()


def opened(args, writable):
    kind, path = args.split(":", 1)
    if kind not in ("aio", "vhd"):
        raise OSError(2, "no driver " + kind)
    return (Raw if kind == "aio" else Vhd)(path, writable)


class Tapdisk:
    """The process of one disk."""

    def __init__(self, directory, minor, args, writable):
        self.directory, self.minor, self.args, self.writable = directory, minor, args, writable
        self.state, self.work = 0, threading.Condition()
        self.image = opened(args, writable)
        self.size = self.image.size
        self.number = open("%s/tapdisk/tapdisk-%d" % (directory, minor))
        fcntl.flock(self.number, fcntl.LOCK_EX)

    def names(self):
        pid = os.getpid()
        return ["%s/ctl%d" % (self.directory, pid), "%s/nbd%d.%d" % (self.directory, pid, self.minor)]

    def serve(self, ready):
        listening = []
        for name, work in zip(self.names(), (self.control, self.client)):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(name)
            listener.listen(10)
            listening.append(threading.Thread(target=self.accept, args=(listener, work)))
        for thread in listening:
            thread.start()
        ready()

    def accept(self, listener, work):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=work, args=(client,), daemon=True).start()

    def control(self, client):
        said = json.loads(client.makefile().readline())
        answer = {"error": 0}
        with self.work:
            if said["command"] == "list":
                answer["line"] = "pid=%d minor=%d state=%#x args=%s" % (
                    os.getpid(), self.minor, self.state, self.args)
            elif said["command"] == "pause":
                if not self.state:
                    self.image.close()
                self.state = PAUSED
            elif said["command"] == "unpause":
                args = said["args"] or self.args
                try:
                    if not self.state:
                        raise OSError(22, "not paused")
                    self.image = opened(args, self.writable)
                    self.args, self.state = args, 0
                    self.work.notify_all()
                except OSError as e:
                    answer["error"] = e.errno
            elif said["command"] == "destroy":
                for name in self.names() + [self.number.name]:
                    os.unlink(name)
                client.sendall(json.dumps(answer).encode() + b"\n")
                os._exit(0)
        client.sendall(json.dumps(answer).encode() + b"\n")

    def client(self, client):
        try:
            self.talk(client, client.makefile("rb"))
        except (OSError, struct.error):
            pass
        client.close()

    def talk(self, client, stream):
        client.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        stream.read(4)
        structured = False
        while True:
            _, option, length = struct.unpack(">8sII", stream.read(16))
            stream.read(length)

            def reply(kind, data=b""):
                client.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)
            if option == 7:
                # No flag but the one that says that there are flags: the process passes no flush on.
                reply(3, struct.pack(">HQH", 0, self.size, 1))
            reply(1)
            structured = structured or option == 8
            if option == 7:
                break
        while True:
            magic, _, command, cookie, offset, length = struct.unpack(">IHH8sQI", stream.read(28))
            data = stream.read(length) if command == 1 else None
            if command not in (0, 1):
                return
            with self.work:
                while self.state:
                    self.work.wait()
                if command == 0:
                    data = self.image.read(offset, length)
                    head = struct.pack(">II8s", 0x67446698, 0, cookie)
                    if structured:
                        head = struct.pack(">IHH8sIQ", 0x668E33EF, 1, 1, cookie, len(data) + 8, offset)
                    client.sendall(head + data)
                    continue
                error = 0
                try:
                    self.image.write(offset, data)
                except OSError as e:
                    error = e.errno
            client.sendall(struct.pack(">II8s", 0x67446698, error, cookie))


def ask(name, **said):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(name)
        s.sendall(json.dumps(said).encode() + b"\n")
        return json.loads(s.makefile().readline())


def create(directory, options):
    os.makedirs(directory + "/tapdisk", exist_ok=True)
    minor = 0
    while True:
        name = "%s/tapdisk/tapdisk-%d" % (directory, minor)
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            minor += 1
    hear, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        null = os.open("/dev/null", os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        try:
            tapdisk = Tapdisk(directory, minor, options["-a"], "-R" not in options)
        except OSError as e:
            os.write(tell, b"%d\n" % e.errno)
            os._exit(1)

        def ready():
            os.write(tell, b"0\n")
            os.close(tell)
        tapdisk.serve(ready)
        return 0
    os.close(tell)
    with os.fdopen(hear) as said:
        error = int(said.readline() or 104)
    if error:
        os.unlink(name)
    else:
        print(name)
    return error


def lines(directory, pid):
    used = set()
    for name in sorted(glob.glob(directory + "/ctl*")):
        try:
            line = ask(name, command="list")["line"]
        except ConnectionRefusedError:
            continue
        used.add(re.search(r"minor=\d+", line).group())
        if pid is None or name.endswith("ctl" + pid):
            print(line)
    for name in glob.glob(directory + "/tapdisk/tapdisk-*"):
        line = "minor=" + name.rsplit("-", 1)[1]
        if pid is None and line not in used:
            print(line)
    return 0


def free(directory, minor):
    name = "%s/tapdisk/tapdisk-%s" % (directory, minor)
    with open(name) as number:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name)
    return 0


def main():
    directory, command = sys.argv[1:3]
    options = dict(getopt.getopt(sys.argv[3:], "a:p:m:R")[0])
    if command == "create":
        return create(directory, options)
    if command == "list":
        return lines(directory, options.get("-p"))
    if command == "free":
        return free(directory, options["-m"])
    return ask(directory + "/ctl" + options["-p"], command=command, args=options.get("-a"))["error"]


if __name__ == "__main__":
    try:
        code = main()
    except OSError as e:
        code = e.errno
    if code:
        print(os.strerror(code), file=sys.stderr)
    sys.exit(code)
