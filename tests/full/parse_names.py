#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Outputs in which hostile names stand, each read by a real parser of its format.

usage: parse_names.py FILE...

A file's suffix is its format: text, color, screen, json (values one after another), csv,
xml, prom, openmetrics, pcapng, pftrace, blktrace.  Whatever its format, a file is UTF-8 and has no character that moves a terminal's cursor,
reorders or hides text, or ends a line, but the line feed; color has sequences that choose colours,
too, screen those that move the cursor.  No line begins with the words that the kind "line" of tests/lab/hostile.c forges one of.  Of a
pcapng the comments are such text.  Prints a line a problem; exit status 1 if there is one.
"""
import csv
import json
import re
import struct
import subprocess
import sys
import tempfile
import unicodedata
import xml.etree.ElementTree

FORGED = re.compile(r"^[\s>]*PWN: forged", re.MULTILINE)
COLOUR = re.compile("\x1b\\[[0-9;]*m")
# unicodedata of Python knows the categories; these are invisible, too, and of other ones.
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


def harmful(c):
    return (c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")) or INVISIBLE.match(c)


def check_text(text):
    for n, line in enumerate(text.split("\n"), 1):
        for c in line:
            if harmful(c):
                raise ValueError("U+%04X in line %d: %s" % (ord(c), n, ascii(line[:160])))
    if FORGED.search(text):
        raise ValueError("a name made a line of its own")


def check_color(text):
    check_text(COLOUR.sub("", text))


def check_screen(text):
    """What a curses program wrote: with sequences that move the cursor, but none that a name may bring."""
    text = re.sub("\x1b\\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|[\r\b\a\x0e\x0f]", "", text)
    check_text(text)


def no_constant(word):
    raise ValueError("%s is no JSON" % word)


def check_json(text):
    decoder = json.JSONDecoder(parse_constant=no_constant)
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        _, at = decoder.raw_decode(text, at)
    check_text(text)


def check_csv(text):
    rows = list(csv.reader(text.split("\n")[:-1], strict=True))
    for n, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError("row %d has %d columns, the first one %d" % (n, len(row), len(rows[0])))
    check_text(text)


def check_xml(text):
    root = xml.etree.ElementTree.fromstring(text.encode())
    for e in root.iter():
        for s in (e.text, e.tail, *e.attrib.values()):
            check_text(s or "")
    check_text(text)


def check_openmetrics(text):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    check_families(text, text_string_to_metric_families)


def check_prom(text):
    from prometheus_client.parser import text_string_to_metric_families

    check_families(text, text_string_to_metric_families)


def check_families(text, text_string_to_metric_families):
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    if not samples:
        raise ValueError("no samples")
    for s in samples:
        for value in s.labels.values():
            check_text(value)
    check_text(text)


def pcapng_comments(data):
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if size < 12 or size % 4 or at + size > len(data):
            raise ValueError("a block at %d that does not fit" % at)
        if struct.unpack_from("<I", data, at + size - 4)[0] != size:
            raise ValueError("the block at %d has two lengths" % at)
        if kind == 6:  # enhanced packet
            captured = struct.unpack_from("<I", data, at + 20)[0]
            option = at + 28 + (captured + 3) // 4 * 4
            while option < at + size - 4:
                code, n = struct.unpack_from("<HH", data, option)
                if code == 1:
                    yield data[option + 4 : option + 4 + n].decode()
                option += 4 + (n + 3) // 4 * 4
        at += size


def check_pcapng(data):
    for comment in pcapng_comments(data):
        check_text(comment)


def strings(message):
    for field, value in message.ListFields():
        for v in value if field.label == field.LABEL_REPEATED else [value]:
            if field.type == field.TYPE_MESSAGE:
                yield from strings(v)
            elif field.type == field.TYPE_STRING:
                yield v


def check_pftrace(data):
    """Perfetto's, by the description that our writer is made of too: what is no UTF-8 it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", "--proto_path=decoder/export", "--python_out=" + folder, "perfetto.proto"], check=True)
        sys.path.insert(0, folder)
        import perfetto_pb2

        sys.path.remove(folder)
    trace = perfetto_pb2.Trace()
    if trace.ParseFromString(data) != len(data):
        raise ValueError("is no trace to its end")
    for s in strings(trace):
        check_text(s)


def check_blktrace(data):
    at = last = 0
    while at < len(data):
        magic, time, action, more = struct.unpack_from("<I4xQ12xI12x2xH", data, at)
        if magic != 0x65617407 or time < last:
            raise ValueError("no record at %d, or an earlier one" % at)
        last = time
        if action == 0x400 << 16:  # the name of a process
            check_text(data[at + 48 : at + 48 + more].rstrip(b"\0").decode())
        at += 48 + more


def check(path):
    kind = path.rsplit(".", 1)[-1]
    with open(path, "rb") as f:
        data = f.read()
    if not data:
        raise ValueError("is empty")
    if kind in ("pcapng", "pftrace", "blktrace"):
        globals()["check_" + kind](data)
    else:
        globals()["check_" + kind](data.decode())


def main():
    bad = False
    for path in sys.argv[1:]:
        try:
            check(path)
        except Exception as e:  # whatever a parser throws
            print("%s: %s" % (path, ascii(str(e))[1:-1]))
            bad = True
    return bad


if __name__ == "__main__":
    sys.exit(main())
