#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Compares what tshark's dissector says of each event with what vqtrace says: value for value.

usage: wireshark_values.py VQTRACE TSHARK TRACE ...

TSHARK is one word: the program, or a script that runs it with what it needs. A TRACE is the path of a
file; or mutated:SEED:PATH, in which bytes of the packets are changed, and what vqtrace cannot read may
be malformed; or made:SEED, records of all types that are made up; or hostile:KIND:PATH, with the names of
tests/lab/hostile. Prints what differs, and at the end
how many values were compared, of how many fields, and which fields had none; exit 1 if any differ.
"""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import wireshark_traces

# Values that the dissector does not have, each with its reason (also in vqtrace-wireshark(7)).
EXCEPTIONS = {}


def run(*words):
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def fields_of(vqtrace):
    """Kind and whether -T json leaves it out, by the name of the field."""
    out = subprocess.run([vqtrace, "show", "--fields"], check=True, capture_output=True, text=True)
    fields = {}
    for line in out.stdout.splitlines():
        path, kind, words = line.split(None, 2)
        fields[path] = (kind, "filters only" in words)
    return fields


def flatten(prefix, value, out):
    """A JSON object as lists of values by path; what an event says of its request is "request"."""
    if isinstance(value, dict):
        for key, v in value.items():
            path = "request" if key == "request" and prefix else prefix + "." + key if prefix else key
            # vhost_user.request is a text
            if path == "request" and not isinstance(v, dict):
                path = prefix + ".request"
            flatten(path, v, out)
    elif isinstance(value, list):
        for v in value:
            flatten(prefix, v, out)
    else:
        out.setdefault(prefix, []).append(value)


def meanings(lines):
    """The line in words of each event of show -V: the one behind its heading, if there are any words."""
    for line in lines:
        if line.startswith(b"Event "):
            words = next(lines).decode()
            yield "" if re.match(r" {4}Source: .*, sequence \d+", words) else words.strip()


def expected(vqtrace, trace, filters):
    """Of each event its values by path, from JSON, and what only filters have from CSV."""
    columns = ",".join(filters)
    table = run(vqtrace, "show", "-r", trace, "-T", "csv", "-e", columns)
    lines = run(vqtrace, "show", "-r", trace, "-T", "json")
    words = meanings(run(vqtrace, "show", "-r", trace, "-V").stdout)
    rows = csv.reader(table.stdout.read().decode().splitlines())
    next(rows)
    for line, row, info in zip(lines.stdout, rows, words, strict=True):
        values = {}
        event = json.loads(line)
        event.pop("json_version", None)
        flatten("", event, values)
        values["info"] = [info]
        # CSV has nothing of an event whose type is unknown
        if values["event"] == ["unknown"]:
            values["unknown"] = filters
        for path, text in zip(filters, row, strict=True):
            if text:
                values[path] = [text]
        yield values


def shown(field, kind):
    """A value of tshark's as vqtrace has it."""
    show = field.get("show")
    if kind == "ns":
        seconds, ns = show.split(".")
        return str(int(seconds) * 10**9 + int(ns))
    if kind == "integer":
        return str(int(show, 0))
    if kind == "boolean":
        return {"1": "true", "0": "false", "True": "true", "False": "false"}[show]
    if kind == "bytes":
        return show.replace(":", "")
    return show


def wanted(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def dissected(tshark, trace, fields, problems, hostile):
    """Of each event its values by path, from tshark."""
    process = run(tshark, "-r", trace, "-T", "pdml")
    for _, packet in ElementTree.iterparse(process.stdout):
        if packet.tag != "packet":
            continue
        number = packet.find("proto/field[@name='num']").get("show")
        protos = [p for p in packet.findall("proto") if p.get("name") == "vqtrace"]
        if not protos:
            problems.append(f"packet {number} was not dissected")
        for proto in packet.iter("proto"):
            if proto.get("name") == "_ws.malformed" and not hostile:
                problems.append(f"packet {number} is malformed")
        for field in packet.iter("field"):
            bad = field.get("name") == "_ws.lua.error"
            if bad or (field.get("name") in ("_ws.malformed", "vqtrace.malformed") and not hostile):
                problems.append(f"packet {number}: {field.get('showname') or field.get('show')}")
        for proto in protos:
            values = {}
            for field in proto.iter("field"):
                path = field.get("name", "").removeprefix("vqtrace.")
                if path == "info":
                    values[path] = [re.sub(r" \[\d+ events are missing before this one\]$", "", field.get("show")).strip()]
                elif path in fields:  # hidden ones, too: columns and -T json show them
                    values.setdefault(path, []).append(shown(field, fields[path][0]))
            if "seq" in values:
                yield values
        packet.clear()
    errors = process.stderr.read().decode()
    for line in errors.splitlines():
        if "Running as user" not in line:
            problems.append(line)


def is_plain(values):
    return all(" " <= c <= "~" and c != "\\" for v in values for c in v)


def is_close(want, have):
    try:
        return all(abs(int(w) - int(h)) < 2**12 for w, h in zip(want, have, strict=True))
    except ValueError:
        return False


def compare(number, ours, theirs, fields, problems, hostile):
    unknown = ours.pop("unknown", ())
    for path in sorted(set(ours) | set(theirs)):
        want = [wanted(v) for v in ours.get(path, [])]
        have = theirs.get(path, [])
        if path in EXCEPTIONS or path in unknown or want == have:
            continue
        # an element without bytes is no item of a tree
        if [v for v in want if v != ""] == have:
            continue
        # a terminal's escapes, where JSON has others; times that are so far from the others that their
        # difference has more than 53 bits
        if hostile and (not is_plain(want) or (fields[path][0] == "ns" and is_close(want, have))):
            continue
        problems.append(f"event {number}: {path}: vqtrace {want}, tshark {have}")


def opened(name, folder):
    """The file of a trace, and whether it is one that no recorder has written."""
    kind, _, rest = name.partition(":")
    path = os.path.join(folder, "trace.pcap")
    if kind == "mutated":
        seed, _, trace = rest.partition(":")
        wireshark_traces.mutated(trace, seed, path)
    elif kind == "hostile":
        what, _, trace = rest.partition(":")
        subprocess.run(["build/tests/lab/hostile", what, trace, path], check=True)
    elif kind == "made":
        wireshark_traces.made(rest, path)
    else:
        return name, False
    return path, True


def main():
    vqtrace, tshark, *traces = sys.argv[1:]
    fields = fields_of(vqtrace)
    fields["info"] = ("text", False)
    filters = [path for path, (_, only) in fields.items() if only]
    bad, seen, compared = 0, set(), 0
    with tempfile.TemporaryDirectory() as folder:
        for name in traces:
            problems, events = [], 0
            trace, hostile = opened(name, folder)
            theirs = dissected(tshark, trace, fields, problems, hostile)
            try:
                for ours, values in zip(expected(vqtrace, trace, filters), theirs, strict=True):
                    events += 1
                    compare(events, ours, values, fields, problems, hostile)
                    seen.update(ours)
                    compared += sum(len(v) for v in ours.values())
            except ValueError:
                problems.append(f"not as many events: {events} were compared")
            if problems:
                bad += 1
                print(f"{name}: {len(problems)} differences")
                print("\n".join("  " + p for p in problems[:12]))
    print(f"{compared} values of {len(seen)} fields")
    print("no value:", *sorted(set(fields) - seen - set(EXCEPTIONS)))
    return bad > 0 or not compared


if __name__ == "__main__":
    sys.exit(main())
