"""A small RFB viewer: hello, updates in raw or hextiles, keys, sizes. Also the way to a console by CONNECT."""

import socket, ssl, struct, time


def connect(address, request, tls=False):
    """The connection, and the head of what was answered."""
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), timeout=60)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        s = context.wrap_socket(s)
    s.sendall(request.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = s.recv(1)
        assert piece, head
        head += piece
    return s, head.decode()


def rest(s):
    got = b""
    while True:
        try:
            piece = s.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            piece = b""
        if not piece:
            return got
        got += piece


class Bytes:
    """Whatever has recv and sendall; bytes read exactly."""

    def __init__(self, recv, send):
        self.recv, self.send, self.got = recv, send, b""

    def take(self, n):
        while len(self.got) < n:
            piece = self.recv()
            assert piece, f"it ended, {n - len(self.got)} bytes short"
            self.got += piece
        taken, self.got = self.got[:n], self.got[n:]
        return taken


def over(s):
    return Bytes(lambda: s.recv(65536), s.sendall)


class Viewer:
    def __init__(self, wire, encodings=(0,)):
        self.w = wire
        version = wire.take(12)
        assert version == b"RFB 003.008\n", version
        wire.send(version)
        kinds = wire.take(wire.take(1)[0])
        assert 1 in kinds, kinds
        wire.send(b"\1")
        assert wire.take(4) == bytes(4)
        wire.send(b"\1")
        self.width, self.height = struct.unpack(">HH", wire.take(4))
        wire.take(16)
        self.name = wire.take(struct.unpack(">I", wire.take(4))[0]).decode()
        wire.send(b"\0\0\0\0" + struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        wire.send(struct.pack(">BxH", 2, len(encodings)) + b"".join(struct.pack(">i", e) for e in encodings))
        self.pixels = bytearray(self.width * self.height * 4)
        self.sizes = 0

    def ask(self, incremental=True):
        self.w.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    def update(self):
        """Takes one update; what else the server says is passed over."""
        while True:
            kind = self.w.take(1)[0]
            if kind == 0:
                break
            assert kind in (2, 3), kind
            if kind == 3:
                self.w.take(struct.unpack(">3xI", self.w.take(7))[0])
        for _ in range(struct.unpack(">xH", self.w.take(3))[0]):
            x, y, width, height, encoding = struct.unpack(">HHHHi", self.w.take(12))
            if encoding == -308:
                self.w.take(16 * self.w.take(4)[0])
            if encoding in (-308, -223):
                self.sizes += 1
                self.width, self.height = width, height
                self.pixels = bytearray(width * height * 4)
            elif encoding == 0:
                data = self.w.take(width * height * 4)
                for row in range(height):
                    self.put(x, y + row, data[row * width * 4:(row + 1) * width * 4])
            elif encoding == 5:
                self.hextiles(x, y, width, height)
            else:
                raise AssertionError(encoding)

    def put(self, x, y, row):
        at = (y * self.width + x) * 4
        self.pixels[at:at + len(row)] = row

    def hextiles(self, left, top, width, height):
        paper = ink = bytes(4)
        for y in range(top, top + height, 16):
            for x in range(left, left + width, 16):
                w, h = min(16, left + width - x), min(16, top + height - y)
                flags = self.w.take(1)[0]
                if flags & 1:
                    for row in range(h):
                        self.put(x, y + row, self.w.take(w * 4))
                    continue
                if flags & 2:
                    paper = self.w.take(4)
                if flags & 4:
                    ink = self.w.take(4)
                for row in range(h):
                    self.put(x, y + row, paper * w)
                for _ in range(self.w.take(1)[0] if flags & 8 else 0):
                    colour = self.w.take(4) if flags & 16 else ink
                    place, size = self.w.take(2)
                    for row in range((size & 15) + 1):
                        self.put(x + (place >> 4), y + (place & 15) + row, colour * ((size >> 4) + 1))

    def key(self, *symbols):
        for symbol in symbols:
            for down in (1, 0):
                self.w.send(struct.pack(">BBxxI", 4, down, symbol))

    def type(self, text):
        self.key(*(0xFF0D if c == "\n" else ord(c) for c in text))

    def until(self, true, what):
        """Updates until something shows."""
        deadline = time.time() + 60
        while not true():
            assert time.time() < deadline, what
            self.ask()
            self.update()

    def ink(self):
        """How many pixels are not black."""
        return sum(1 for n in range(0, len(self.pixels), 4) if any(self.pixels[n:n + 3]))

    def png(self, path):
        import zlib

        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        rows = b"".join(
            b"\0" + b"".join(bytes((self.pixels[n + 2], self.pixels[n + 1], self.pixels[n]))
                             for n in range(y * self.width * 4, (y + 1) * self.width * 4, 4))
            for y in range(self.height))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
