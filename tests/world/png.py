# SPDX-License-Identifier: MIT
"""What is on a screenshot, for who cannot see: "WIDTH HEIGHT BACKGROUND COLOURS SHARE", where BACKGROUND is
the brightness (0-255) of the most frequent colour and SHARE the percent of pixels of other colours.

usage: png.py FILE [FIRST-ROW ROWS]
"""
import collections
import struct
import sys
import zlib


def rows_of(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, idat = 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IHDR":
            width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", data[at + 8 : at + 21])
        elif kind == b"IDAT":
            idat += data[at + 8 : at + 8 + n]
        at += 12 + n
    assert depth == 8 and color in (2, 6) and not interlaced
    step = {2: 3, 6: 4}[color]
    raw, size = zlib.decompress(idat), width * step
    before = bytearray(size)
    for y in range(height):
        kind, row = raw[y * (size + 1)], bytearray(raw[y * (size + 1) + 1 : (y + 1) * (size + 1)])
        for i in range(size) if kind else ():
            a, b, c = row[i - step] if i >= step else 0, before[i], before[i - step] if i >= step else 0
            if kind == 4:
                p = a + b - c
                best = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = row[i] + (0, a, b, (a + b) // 2, best if kind == 4 else 0)[kind] & 255
        before = row
        yield width, height, [bytes(row[i : i + 3]) for i in range(0, size, step)]


def main():
    first, n = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 2 else (0, 1 << 30)
    colours = collections.Counter()
    for y, (width, height, row) in enumerate(rows_of(sys.argv[1])):
        if first <= y < first + n:
            colours.update(row)
    (ground, most), total = colours.most_common(1)[0], sum(colours.values())
    print(width, height, sum(ground) // 3, len(colours), 100 * (total - most) // total)


main()
