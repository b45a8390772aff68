#!/usr/bin/env python3
"""A second reader of VHD chains, for tests only.

    reader.py IMAGE    writes the guest-visible bytes of IMAGE to standard output

Written from the format's facts alone and sharing nothing with the Rust code, so that one misunderstanding does not
hide another. It knows only what the engine writes: 2 MiB blocks, parents in the same directory.
"""
import os
import struct
import sys

SECTOR, BLOCK = 512, 2 * 1024 * 1024


def checksum(data, at):
    return ~(sum(data) - sum(data[at:at + 4])) & 0xFFFFFFFF


def footer(data):
    if data[:8] != b"conectix" or struct.unpack_from(">I", data, 64)[0] != checksum(data, 64):
        return None
    kind, = struct.unpack_from(">I", data, 60)
    size, = struct.unpack_from(">Q", data, 48)
    return {"kind": kind, "size": size, "uuid": data[68:84], "raw": data}


def read_vhd(path):
    with open(path, "rb") as f:
        f.seek(0, 2)
        length = f.tell()
        f.seek(length - SECTOR)
        tail = footer(f.read(SECTOR))
        f.seek(0)
        copy = footer(f.read(SECTOR))
        foot = tail or copy
        assert foot, "no footer"
        assert not (tail and copy) or tail["raw"] == copy["raw"], "footers differ"
        head = f.read(1024)
        assert head[:8] == b"cxsparse" and struct.unpack_from(">I", head, 36)[0] == checksum(head, 36), "header"
        table, = struct.unpack_from(">Q", head, 16)
        entries, block = struct.unpack_from(">II", head, 28)
        assert block == BLOCK
        size = foot["size"]
        if foot["kind"] == 4:
            below = read_parent(path, f, head)
            out = bytearray(below[:size])
            out.extend(bytes(size - len(out)))
        else:
            out = bytearray(size)
        f.seek(table)
        bat = struct.unpack(">%dI" % entries, f.read(4 * entries))
        used = sorted(e for e in bat if e != 0xFFFFFFFF)
        assert all(b - a >= 4097 for a, b in zip(used, used[1:])), "blocks overlap"
        for number, entry in enumerate(bat):
            if entry == 0xFFFFFFFF:
                continue
            assert (entry + 1) % 8 == 0, "data is not aligned"
            f.seek(entry * SECTOR)
            bits = f.read(SECTOR)
            data = f.read(BLOCK)
            for i in range(BLOCK // SECTOR):
                at = number * BLOCK + i * SECTOR
                if bits[i // 8] & (0x80 >> i % 8) and at < size:
                    out[at:at + SECTOR] = data[i * SECTOR:(i + 1) * SECTOR].ljust(SECTOR, b"\0")
    return bytes(out), foot["uuid"]


def parent_of(path, f, head):
    """The path of an image's parent, on whose name all that tells it must agree."""
    names = set()
    for i in range(8):
        code, _, length, _, offset = struct.unpack_from(">4sIIIQ", head, 576 + 24 * i)
        if code == b"MacX":
            f.seek(offset)
            text = f.read(length).decode("utf-8")
            assert text.startswith("file://./"), text
            names.add(text[len("file://./"):])
        elif code in (b"W2ku", b"W2ru"):
            f.seek(offset)
            text = f.read(length).decode("utf-16-le")
            assert text.startswith(".\\"), text
            names.add(text[2:])
    names.add(head[64:576].decode("utf-16-be").rstrip("\0"))
    assert len(names) == 1, "the parent's names differ: %s" % names
    return os.path.join(os.path.dirname(path), names.pop())


def read_parent(path, f, head):
    want = head[40:56]
    parent = parent_of(path, f, head)
    if want == bytes(16):
        with open(parent, "rb") as p:
            return p.read()
    data, uuid = read_vhd(parent)
    assert uuid == want, "the parent has another uuid"
    return data


if __name__ == "__main__":
    sys.stdout.buffer.write(read_vhd(sys.argv[1])[0])
