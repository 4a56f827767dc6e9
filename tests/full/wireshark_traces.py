# SPDX-License-Identifier: MIT
"""Traces that no recorder writes: changed ones, and records of all types that are made up."""
import os
import random
import struct

HEADER = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 147)


def packets_of(path):
    with open(path, "rb") as f:
        header = f.read(24)
        packets = []
        while head := f.read(16):
            packets.append((head[:8], f.read(struct.unpack("<I", head[8:12])[0])))
    return header, packets


def mutate(data, others, rng):
    data = bytearray(data)
    way = rng.randrange(10)
    if way < 5:  # bytes, more often of the first ones: there the lengths and counts are
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(rng.choice((min(len(data), 64), len(data))))
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256), data[at] ^ 1 << rng.randrange(8)))
    elif way < 7:
        del data[rng.randrange(len(data)) :]
    elif way < 8:
        data += rng.randbytes(rng.choice((4, 8, 12, 40)))
    elif way < 9:  # the header of one with the rest of another
        data[24:] = rng.choice(others)[1][24:]
    else:
        data = bytearray(rng.choice(others)[1])
    return bytes(data)


def mutated(path, seed, to):
    rng = random.Random(f"{seed} {os.path.basename(path)}")
    header, packets = packets_of(path)
    with open(to, "wb") as f:
        f.write(header)
        for i, (time, data) in enumerate(packets):
            if i and rng.random() < 0.3:
                data = mutate(data, packets, rng)
            if data:
                f.write(time + struct.pack("<II", len(data), len(data)) + data)


def tlv(tag, value):
    return struct.pack("<HH", tag, len(value)) + value + bytes(-len(value) % 4)


def number(v):
    out = b""
    while v >= 0x80:
        out, v = out + bytes([v & 0x7F | 0x80]), v >> 7
    return out + bytes([v])


class Maker:
    """Records with counts that fit, and values that are often those that mean something."""

    def __init__(self, seed):
        self.rng = random.Random(f"made {seed}")
        self.ts, self.seq = 10**12, 0

    def small(self):
        return self.rng.choice((0, 0, 1, 2, 3, 4, 8, 16, 255, 0xFFFF, self.rng.randrange(65536)))

    def fixed(self, layout):
        """Numbers of these widths; a digit with a value behind = is that value."""
        out = b""
        for item in layout.split():
            width, _, value = item.partition("=")
            v = int(value) if value else self.small() if self.rng.random() < 0.8 else self.rng.getrandbits(64)
            out += (v & (1 << 8 * int(width)) - 1).to_bytes(int(width), "little")
        return out

    def text(self):
        return self.rng.choice(("", "a", "virtio-blk-pci", "vp_notify", "set_status", "x" * 300)).encode()

    def values(self, *tags):
        return b"".join(tlv(tag, self.text()) for tag in tags if self.rng.random() < 0.8)

    def segments(self):
        out, n = b"", self.rng.choice((0, 1, 2, 3))
        for i in range(n):
            data = self.rng.choice((bytes(16), b"\0\0\0\0" + self.rng.randbytes(12), self.rng.randbytes(self.rng.randrange(40))))
            out += struct.pack("<HHI", i, len(data), self.rng.choice((0, 0, 0, 4))) + data + bytes(-len(data) % 4)
        return n, out

    def ring(self):
        known = self.rng.choice((0, 0x7F, 0x7F, 0x41, 0x8000, 0x83FF, 0x81C2, self.rng.randrange(65536)))
        return struct.pack("<7HH", *(self.rng.randrange(8) for _ in range(7)), known)

    def body(self, kind):
        rng = self.rng
        if kind == 2:
            return self.fixed(f"2={rng.choice((1, 1, 1, 2, 3, 6, 7, 8))} 2={rng.randrange(5)} 4") + self.values(5, 6, 7, 8)
        if kind == 3:
            device_type = rng.choice((0, 1, 2, 2, 2, 3, 4, 8, 16, 19, 26, 77))
            return self.fixed(f"2={device_type} 2={rng.randrange(4)} 4 4 2 2={rng.randrange(5)} 8") + self.values(9, 10, 11)
        if kind == 4:
            config = rng.randbytes(rng.choice((0, 8, 24, 60)))
            return self.fixed(f"4 1 1 2={len(config)} 8 8 8 8") + config
        if kind == 5:
            return self.fixed("4=31 2=8 2 8 8 8") + struct.pack("<HHI", rng.randrange(8), rng.randrange(8), 1)
        if kind == 6:
            return self.fixed(f"1={rng.randrange(4)} 1={rng.randrange(7)} 2 4 8={self.ts + rng.randrange(10**6)}")
        if kind == 7:
            return self.fixed(f"8={rng.randrange(4)} 4={rng.randrange(6)} 4={rng.randrange(2)}")
        if kind == 8:
            text = self.text()
            return self.fixed(f"2={rng.randrange(4)} 2={len(text)} 4") + text
        if kind == 9:
            n, text = rng.randrange(4), b"f+0x1 [qemu]\0g\0" * rng.randrange(2)
            return self.fixed(f"4={rng.randrange(4)} 2={n} 2={rng.randrange(2)} 4={len(text)} 4") + rng.randbytes(8 * n) + text
        if kind == 10:
            return self.fixed(f"8 8={self.ts} 8={self.ts + rng.randrange(10**6)} 8 8")
        if kind == 11:
            callbacks = b"".join(
                tlv(18, self.fixed(f"8 4={rng.choice((8, 2**32 - 1))} 1 1 2=3") + b"abc" + self.text()) for _ in range(rng.randrange(3))
            )
            return self.fixed(f"8 8 8 4 4 4={rng.choice((0, 2**32 - 1))} 2={rng.randrange(5)} 2") + self.values(10) + callbacks
        if kind == 16:
            offset = rng.choice((0, 4, 8, 12, 16, 18, 20, 22, 24, 28, 30, 32, 36, 40, 52, 0x70, 0x100, rng.randrange(512)))
            width = rng.choice((1, 2, 4, 4, 8, rng.randrange(12)))
            value = rng.choice((0, 1, 2, 3, 11, 15, 0x80000002, rng.getrandbits(8 * min(width, 8))))
            return self.fixed(f"1={rng.randrange(12)} 1={rng.randrange(2)} 1={width} 1={rng.choice((0, 0, 0, 1, 2, 4, 16))} 4={offset} 8={value}")
        if kind == 17:
            heads = rng.randrange(5)
            return self.ring() + self.fixed(f"4 1={rng.randrange(6)} 1={rng.choice((0, 2, 4))} 2={heads}") + bytes(2 * heads + 2 * heads % 4)
        if kind == 18:
            return self.ring() + self.fixed(f"1={rng.randrange(4)} 1={rng.randrange(4)} 6")
        if kind == 19:
            n, (segs, data) = rng.randrange(4), self.segments()
            descriptors = b"".join(self.fixed(f"8 4={rng.choice((1, 16, 512))} 2={rng.randrange(8)} 2") for _ in range(n))
            flags = rng.choice((0, 0, 0, 0x80, 1, 0x40, 0x400, 0xC00, 0x100, 1 << rng.randrange(16)))
            return (
                self.ring()
                + self.fixed(f"2={rng.randrange(6)} 2={rng.randrange(8)} 2={flags} 2={rng.choice((0, 0, 0, 1))} 2={n} 2={rng.randrange(n + 1)} 2={segs} 2")
                + descriptors
                + data
            )
        if kind == 20:
            segs, data = self.segments()
            return self.ring() + self.fixed(f"4 2={rng.randrange(6)} 2={rng.randrange(8)} 1={rng.choice((0, 1, 1, 9, 17))} 1={rng.randrange(3)} 2={segs} 4") + data
        if kind == 21:
            return self.fixed(f"2={rng.choice((0, 1, 65535))} 1={rng.randrange(8)} 1={rng.randrange(2)} 4")
        if kind == 22:
            segs, data = self.segments()
            return self.fixed(f"2={rng.randrange(6)} 2={segs} 4") + data
        if kind == 23:
            groups, n = b"", rng.randrange(3)
            for _ in range(n):
                buckets = rng.randrange(4)
                groups += self.fixed(f"4={rng.choice((0, 1, 4, 2**32 - 1))} 4={buckets} 8 8 8 8 8 8")
                groups += b"".join(self.fixed("4 4") for _ in range(buckets))
            return self.fixed(f"8 8 8 8 8 8 4 4 4={n} 4") + groups
        if kind == 24:
            payload = rng.randbytes(rng.choice((0, 8, 12, 40, 72)))
            return self.fixed(f"4={rng.randrange(46)} 4={rng.choice((1, 5, 9, 13))} 4 1={rng.randrange(6)} 1 2={len(payload)}") + payload
        if kind == 32:
            text = self.text()
            return self.fixed(f"2={rng.randrange(46)} 2={len(text)} 4 8 8 8") + text
        if kind == 33:
            args, text = rng.randrange(9), self.text()
            return self.fixed(f"2={rng.randrange(14)} 1={rng.randrange(5)} 1={args} 2={len(text)} 2={rng.randrange(24)} 8") + self.fixed("8 " * args) + text
        if kind == 34:
            ret = rng.choice((0, 0, -5, -4096 - 5))
            return self.fixed(f"1={rng.randrange(7)} 1={rng.randrange(2)} 2={rng.randrange(6)} 4={ret} 8={512 * rng.randrange(4)} 8={512 * rng.randrange(4)} 8={rng.randrange(2)}")
        if kind == 35:
            return self.fixed(f"4 4={rng.randrange(2)} 8")
        if kind == 36:
            n = rng.randrange(4)
            return self.fixed(f"4 4={n}") + b"".join(self.fixed(f"4 4={rng.randrange(4)} 8 4 4") for _ in range(n))
        return rng.randbytes(rng.randrange(64))

    def header(self, kind, device=None, queue=None):
        rng = self.rng
        self.seq += rng.choice((1, 1, 1, 1, 3)) if device is None else 1
        self.ts += rng.randrange(10**rng.randrange(9))
        if device is None:
            device, queue = rng.choice((0, 1, 1, 1, 2, 3)), rng.choice((0, 0, 1, 0xFFFF))
        source = rng.choice((1, 1, 1, 2))
        return struct.pack("<QIIHHBBH", self.ts, self.seq, rng.randrange(3), device, queue, kind, source, 0)

    def record(self):
        kind = self.rng.choice(list(range(2, 12)) + 3 * list(range(16, 25)) + 8 * [16, 17, 19, 20] + [32, 33, 34, 34, 35, 36, 40, 90])
        data = self.header(kind) + self.body(kind)
        if 16 <= kind <= 36 and self.rng.random() < 0.4:
            data += bytes(-len(data) % 4)
            if self.rng.random() < 0.5:
                data += tlv(14, struct.pack("<I", self.rng.randrange(4)))
            if self.rng.random() < 0.5:
                data += tlv(16, struct.pack("<II", self.rng.randrange(9), self.rng.randrange(9)))
            if self.rng.random() < 0.5:
                data += tlv(17, b"fn_1234")
            if self.rng.random() < 0.5:
                data += tlv(19, struct.pack("<I", self.rng.randrange(10**6)))
            if self.rng.random() < 0.5:
                data += tlv(15, self.carried())
        return data

    def carried(self):
        rng, n, out = self.rng, self.rng.randrange(1, 5), b""
        for i in range(n):
            kind = rng.choice((16, 17, 18, 19, 20, 21, 34))
            body = self.body(kind)
            out += bytes([kind | (0x80 if i == 0 else 0)])
            if i == 0:
                out += number(7) + number(1) + number(1) + number(0)
            else:
                out += number(rng.randrange(10))
            out += number(len(body))
            for at in range(0, len(body), 8):
                part = body[at : at + 8]
                out += bytes([sum(1 << b for b, c in enumerate(part) if c)]) + bytes(c for c in part if c)
        return number(n) + number(100) + out


def merged(maker):
    """Two reads that QEMU submits as one."""
    no_ring, out = bytes(16), [maker.header(3, 1, 0xFFFF) + maker.fixed("2=2 2=1 4=0 4=0 2=1 2=0 8=0")]
    for head in range(2):
        chain = maker.fixed(f"2={head} 2={head} 2=0 2=0 2=2 2=2 2=1 2=0")
        chain += maker.fixed("8=4096 4=16 2=1 2=1") + maker.fixed("8=8192 4=513 2=2 2=0")
        chain += struct.pack("<HHI", 0, 16, 0) + struct.pack("<IIQ", 0, 0, head)
        out.append(maker.header(19, 1, 0) + no_ring + chain)
    for phase in range(2):
        out.append(maker.header(34, 1, 0) + maker.fixed(f"1=1 1={phase} 2=0 4=0 8=0 8=1024 8=7"))
    for head in range(2):
        out.append(maker.header(20, 1, 0) + no_ring + maker.fixed(f"4=513 2={head} 2={head} 1=1 1=0 2=0 4=0"))
    return out


def made(seed, to):
    maker = Maker(seed)
    session = struct.pack("<QIIHHBBH", 0, 0, 0, 0, 0xFFFF, 1, 0, 0) + struct.pack("<HHIq", 1, 8, 64, 10**18)
    records = merged(maker) + [maker.record() for _ in range(4000)]
    with open(to, "wb") as f:
        f.write(HEADER)
        for data in [session + tlv(3, b"made up")] + records:
            f.write(struct.pack("<IIII", maker.ts // 10**9, maker.ts % 10**9, len(data), len(data)) + data)


def large(to):
    """Records as large as they may be, each with as many elements as fit."""
    m = Maker("large")
    session = struct.pack("<QIIHHBBH", 0, 0, 0, 0, 0xFFFF, 1, 0, 0) + struct.pack("<HHIq", 1, 8, 64, 10**18)
    no_ring = bytes(16)
    groups = b"".join(m.fixed("4 4=0 8 8 8 8 8 8") for _ in range(4600))
    events = number(13000) + number(1) + bytes([0x92]) + number(1) * 3 + number(1) + number(0)
    events += (bytes([0x12]) + number(0) + number(16) + bytes(2)) * 12999
    text = "\u8a9e".encode() * 20000
    records = [
        session,
        m.header(23, 1, 0) + m.fixed("8 8 8 8 8 8 4 4 4=4600 4") + groups,
        m.header(23, 1, 0) + m.fixed("8 8 8 8 8 8 4 4 4=1 4 4 4=32000 8 8 8 8 8=1 8") + struct.pack("<II", 1, 1) * 32000,
        m.header(19, 1, 0) + no_ring + m.fixed("2=0 2=0 2=0 2=0 2=15000 2=15000 2=0 2=0") + bytes(16 * 15000),
        m.header(19, 1, 0) + no_ring + m.fixed("2=0 2=0 2=0 2=0 2=0 2=0 2=30000 2=0") + bytes(8 * 30000),
        m.header(9, 0, 0xFFFF) + m.fixed("4=1 2=30000 2=0 4=20000 4") + bytes(8 * 30000) + b"a\0" * 10000,
        m.header(17, 1, 0) + no_ring + m.fixed("4 1=1 1=1 2=65535") + bytes(131072),
        m.header(16, 1, 0) + m.fixed("1=2 1=1 1=1 1=0 4=20 8=1") + tlv(15, events[:65535]),
        m.header(8, 0, 0xFFFF) + m.fixed(f"2=1 2={len(text)} 4") + text,
    ]
    with open(to, "wb") as f:
        f.write(HEADER)
        for i, data in enumerate(records):
            f.write(struct.pack("<IIII", 1, i, len(data), len(data)) + data)
    return len(records)
