#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `vqtrace export` wrote for trace viewers, read by real parsers and held against itself and
against `vqtrace stat -T json` of the same trace.

usage: export.py MODULES TRACE.pftrace TRACE.json STAT.json REQUESTS.json

MODULES is a folder with perfetto_pb2.py, which protoc made of decoder/export/perfetto.proto.
Prints a line a problem; exit status 1 if there is one.
"""
import json
import sys
from collections import Counter, defaultdict, namedtuple

# Field numbers as Perfetto documents them: ours must never differ, or it reads something else.
UPSTREAM = {
    "Trace": {"packet": 1},
    "TracePacket": {"clock_snapshot": 6, "timestamp": 8, "trusted_packet_sequence_id": 10,
                    "track_event": 11, "interned_data": 12, "sequence_flags": 13,
                    "trace_packet_defaults": 59, "track_descriptor": 60},
    "TracePacketDefaults": {"timestamp_clock_id": 58},
    "InternedData": {"event_categories": 1, "event_names": 2, "debug_annotation_names": 3},
    "InternedString": {"iid": 1, "name": 2},
    "ClockSnapshot": {"clocks": 1, "primary_trace_clock": 2},
    "TrackDescriptor": {"uuid": 1, "name": 2, "parent_uuid": 5, "counter": 8,
                        "child_ordering": 11, "sibling_order_rank": 12},
    "CounterDescriptor": {"unit": 3},
    "TrackEvent": {"category_iids": 3, "debug_annotations": 4, "type": 9, "name_iid": 10,
                   "track_uuid": 11, "name": 23, "counter_value": 30, "flow_ids": 47},
    "DebugAnnotation": {"name_iid": 1, "uint_value": 3, "string_value": 6, "name": 10},
}
OPEN = "in flight at the end of the trace"
# The order of what a flow goes through, where one clock has seen it all.
STEPS = ["kick", "pop", "stage", "used", "interrupt"]

Track = namedtuple("Track", "id parent name counter")
Item = namedtuple("Item", "what track ts name category args flows value")
problems = []


def problem(text, *what):
    if len(problems) < 20:
        print(text % what)
    problems.append(text)


def read_perfetto(pb, path):
    trace = pb.Trace()
    with open(path, "rb") as f:
        data = f.read()
    if trace.ParseFromString(data) != len(data):
        problem("Perfetto: not all of the file is a trace")
    tracks, items, last, clocks, words, states = {}, [], {}, 0, {}, defaultdict(dict)
    for p in trace.packet:
        if p.HasField("clock_snapshot"):
            clocks += 1
            ids = [c.clock_id for c in p.clock_snapshot.clocks]
            if p.clock_snapshot.primary_trace_clock not in ids:
                problem("Perfetto: the primary clock is not in the snapshot")
        if p.HasField("track_descriptor"):
            d = p.track_descriptor
            if d.uuid in tracks:
                problem("Perfetto: track %d is defined twice", d.uuid)
            if d.parent_uuid and d.parent_uuid not in tracks:
                problem("Perfetto: track %d comes before its parent", d.uuid)
            tracks[d.uuid] = Track(d.uuid, d.parent_uuid, d.name, d.HasField("counter"))
        if not p.HasField("track_event"):
            continue
        e, state = p.track_event, states[p.trusted_packet_sequence_id]
        if p.sequence_flags & 1:
            state.clear()
            state["clock"] = p.trace_packet_defaults.timestamp_clock_id
        if not clocks or p.sequence_flags & 2 == 0 or state.get("clock") != 3:
            problem("Perfetto: an event without a clock")
        for kind in "event_categories", "event_names", "debug_annotation_names":
            for word in getattr(p.interned_data, kind):
                if words.setdefault((kind, word.iid), word.name) != word.name:
                    problem("Perfetto: number %d of %s is two words", word.iid, kind)
                state[kind, word.iid] = word.name

        def said(kind, iid):
            if (kind, iid) not in state:
                problem("Perfetto: number %d of %s is not said before it is used", iid, kind)
            return state.get((kind, iid), "?")

        if e.track_uuid not in tracks:
            problem("Perfetto: track %d is not defined before it is used", e.track_uuid)
            continue
        if p.timestamp < last.get(p.trusted_packet_sequence_id, 0):
            problem("Perfetto: sequence %d goes back in time", p.trusted_packet_sequence_id)
        last[p.trusted_packet_sequence_id] = p.timestamp
        args = {said("debug_annotation_names", a.name_iid) if a.HasField("name_iid") else a.name:
                a.string_value if a.HasField("string_value") else a.uint_value for a in e.debug_annotations}
        name = said("event_names", e.name_iid) if e.HasField("name_iid") else e.name
        category = said("event_categories", e.category_iids[0]) if e.category_iids else ""
        items.append(Item("?BEIC"[e.type], e.track_uuid, p.timestamp, name, category, args, tuple(e.flow_ids),
                          e.counter_value))
    return tracks, items


def nanoseconds(number):
    us, _, ns = number.partition(".")
    return int(us) * 1000 + int(ns.ljust(3, "0"))


def read_chrome(path):
    with open(path, encoding="utf-8") as f:
        events = json.load(f, parse_float=str)["traceEvents"]
    tracks, items, last, flows = {}, [], {}, defaultdict(list)
    for e in events:
        track = e["tid"]
        if e["ph"] == "M":
            if e["name"] == "thread_name":
                tracks[track] = Track(track, e["pid"] if e["pid"] != track else 0, e["args"]["name"], False)
            continue
        ts = nanoseconds(e["ts"])
        if e["ph"] == "C":
            items.append(Item("C", track, ts, "", "", {}, (), e["args"]["value"]))
            continue
        if track not in tracks:
            problem("Chrome: thread %s has no name before it is used", track)
        if e["ph"] in "stf":
            if (items[-1].track, items[-1].ts) != (track, ts):
                problem("Chrome: a flow is not at the event before it")
            items[-1] = items[-1]._replace(flows=items[-1].flows + (e["id"],))
            flows[e["id"]].append((ts, e["ph"]))
            continue
        if e["ph"] in "BE":
            if ts < last.get(track, 0):
                problem("Chrome: slices of thread %s go back in time", track)
            last[track] = ts
        what = {"X": "I", "i": "I"}.get(e["ph"], e["ph"])
        items.append(Item(what, track, ts, e.get("name", ""), e.get("cat", ""), e.get("args", {}), (), 0))
    for n, steps in flows.items():
        kinds = [k for _, k in sorted(steps, key=lambda s: s[0])]
        if Counter(kinds)["s"] != 1 or Counter(kinds)["f"] != 1:
            problem("Chrome: flow %d is %s", n, kinds)
        first = min(ts for ts, _ in steps), max(ts for ts, _ in steps)
        if [ts for ts, k in steps if k == "s"] != [first[0]] or [ts for ts, k in steps if k == "f"] != [first[1]]:
            problem("Chrome: flow %d does not begin first and end last", n)
    return tracks, items


def check_slices(name, items):
    """Begin and end are balanced.  Returns [begin, end or None] of each slice, nested ones after theirs."""
    open_slices, slices = defaultdict(list), []
    for i in sorted(items, key=lambda i: i.ts):
        if i.what == "B":
            s = [i, None, len(open_slices[i.track])]
            open_slices[i.track].append(s)
            slices.append(s)
        elif i.what == "E":
            if not open_slices[i.track]:
                problem("%s: an end without a begin on track %d at %d", name, i.track, i.ts)
            else:
                open_slices[i.track].pop()[1] = i
    for track, left in open_slices.items():
        names = [s[0].category for s in left]
        if names and set(names) != {"call"} and left[-1][0].name != OPEN:
            problem("%s: %s on track %d have no end", name, [s[0].name for s in left], track)
    for b, e, depth in slices:
        if b.category == "stage" and depth != 1 or b.category in ("request", "posted") and depth != 0:
            problem("%s: %s is at depth %d", name, b.name, depth)
    return slices


def check_flows(name, items, aligned):
    flows = defaultdict(list)
    for i in items:
        for f in i.flows:
            flows[f].append(i)
    for n, through in flows.items():
        through.sort(key=lambda i: i.ts)
        if len(through) < 2:
            problem("%s: flow %d goes through one event", name, n)
        kinds = [i.category for i in through]
        if max(Counter(kinds).values()) > 1 and aligned:
            problem("%s: flow %d goes through %s", name, n, kinds)
        if aligned and [STEPS.index(k) for k in kinds] != sorted(STEPS.index(k) for k in kinds):
            problem("%s: flow %d is in the order %s", name, n, kinds)
    return flows


def check_totals(name, tracks, items, slices, stat, requests):
    tracks_of = {t.name.split(" ")[0]: t.id for t in tracks.values()
                 if t.parent and not tracks[t.parent].parent and "queue" not in t.name}
    count = Counter((i.category, i.args.get("device")) for i in items if i.what == "I")
    queue = Counter((i.category, i.args.get("device"), i.args.get("queue")) for i in items if i.what == "I")
    stage, lanes = defaultdict(list), defaultdict(set)
    for b, e, _ in slices:
        if b.category in ("request", "posted"):
            lanes[b.args["device"]].add(b.track)
        if b.category == "request" and e and e.args.get("state") == "used" and "pop_to_used_ns" in e.args:
            stage[b.args["device"]].append(e.args["pop_to_used_ns"])
    for d in stat["devices"]:
        dev, c = d["device"], d["counts"]
        if not dev.endswith(".driver") and c["used"] is not None: # those of its driver are in its requests
            # one that was popped before the trace, or at an unknown time, has no such instant
            unseen = sum(r.get("device") == dev and (r.get("before_trace", False) or "avail" not in r)
                         for r in requests)
            if not c["popped"] - unseen <= count["pop", dev] <= c["popped"]:
                problem("%s: %s has %d pops, stat %d", name, dev, count["pop", dev], c["popped"])
            if count["used", dev] != c["used"]:
                problem("%s: %s has %d used, stat %d", name, dev, count["used", dev], c["used"])
        service = [q["latency"]["service"] for q in d["queues"] if "service" in q.get("latency", {})]
        if service and not dev.endswith(".driver"):
            want = sum(s["count"] for s in service), sum(s.get("sum", 0) for s in service)
            if (len(stage[dev]), sum(stage[dev])) != want:
                problem("%s: %s took %d ns in %d requests, stat %d in %d", name, dev, sum(stage[dev]),
                        len(stage[dev]), *reversed(want))
        got = Counter(i.name for i in items if i.category == "finding" and i.track == tracks_of[dev])
        want = {f["rule"]: f["count"] for f in d.get("findings") or []}
        if got != want:
            problem("%s: %s has the findings %s, stat %s", name, dev, dict(got), want)
        # what is not over has no end; what has no known begin is no slice
        mine = [r for r in requests if r.get("device") == dev and "unnamed" not in r and "sides" not in r]
        for state, words in (("in_flight", OPEN), ("reset", "until the reset")):
            want = sum(r["state"] == state and "avail" in r for r in mine)
            got = sum(b.name == words and b.track in lanes[dev] for b, _, _ in slices)
            if got != want:
                problem("%s: %s has %d '%s', show --requests %d", name, dev, got, words, want)
        want = sum("avail" not in r for r in mine)
        got = count["ended", dev] + count["in flight", dev]
        if got != want:
            problem("%s: %s has %d without a begin, show --requests %d", name, dev, got, want)
        for q in d["queues"]:
            got = queue["kick", dev, q["queue"]] - sum(
                1 for i in items if i.name == "kick of the device itself" and i.args["device"] == dev and
                i.args["queue"] == q["queue"])
            if got != q["counts"]["kicks"]:
                problem("%s: %s:%d has %d kicks, stat %d", name, dev, q["queue"], got, q["counts"]["kicks"])


def check_counters(tracks, items, stat):
    """Of Perfetto's, where tracks have parents."""
    values, last = defaultdict(list), {}
    for i in items:
        if (i.what == "C") != tracks[i.track].counter:
            problem("track %d: a counter has something else, or something else a count", i.track)
        if i.what == "C":
            t = tracks[i.track]
            queue = tracks[t.parent]
            dev = tracks[queue.parent]
            values[dev.name.split(" ")[0], int(queue.name.split(" ")[1]), t.name].append(i.value)
            last[i.track] = i
    # a viewer shows the last value until the end: it is that of then
    for i in last.values():
        if tracks[i.track].name == "requests/s" and i.value and i.ts + 10**8 <= max(k.ts for k in items):
            problem("track %d: %d requests/s after the last one", i.track, i.value)
    for d in stat["devices"]:
        for q in d["queues"]:
            flight = values[d["device"], q["queue"], "in flight"]
            if flight and q.get("in_flight") is None:
                problem("%s:%d: nobody knows how many are in flight", d["device"], q["queue"])
            elif flight and flight[-1] != q["in_flight"]:
                problem("%s:%d has %d in flight at the end, stat %d", d["device"], q["queue"], flight[-1],
                        q["in_flight"])
            if flight and q.get("in_flight_max") not in (None, max(flight)):
                problem("%s:%d has %d in flight at most, stat %d", d["device"], q["queue"], max(flight),
                        q["in_flight_max"])
            waiting = values[d["device"], q["queue"], "available, not popped"]
            # one that the device found without a kick counts in stat before its pop, here after it
            if waiting and q.get("waiting_max") is not None and q["waiting_max"] - max(waiting) not in (0, 1):
                problem("%s:%d has %d waiting in the ring, stat %d", d["device"], q["queue"], max(waiting),
                        q["waiting_max"])
            rates = sum(values[d["device"], q["queue"], "requests/s"])
            if q["counts"]["used"] is not None and rates != 10 * q["counts"]["used"]:
                problem("%s:%d completed %d by its rates, %d by stat", d["device"], q["queue"], rates / 10,
                        q["counts"]["used"])


def main():
    modules, pftrace, chrome, stat, requests = sys.argv[1:]
    sys.path.insert(0, modules)
    import perfetto_pb2 as pb # made by protoc

    for message, fields in UPSTREAM.items():
        ours = {f.name: f.number for f in pb.DESCRIPTOR.message_types_by_name[message].fields}
        if ours != fields:
            problem("%s has the numbers %s", message, ours)
    with open(stat, encoding="utf-8") as f:
        stat = json.load(f)
    with open(requests, encoding="utf-8") as f:
        requests = [json.loads(line) for line in f]
    aligned = not any("sides" in r for r in requests)
    both = {}
    for name, (tracks, items) in (("Perfetto", read_perfetto(pb, pftrace)), ("Chrome", read_chrome(chrome))):
        slices = check_slices(name, items)
        check_flows(name, items, aligned)
        check_totals(name, tracks, items, slices, stat, requests)
        both[name] = items
        if name == "Perfetto":
            check_counters(tracks, items, stat)
    # one timeline, in two formats
    key = lambda i: (i.what, i.track, i.ts, i.name, i.category, tuple(sorted(i.args.items())), i.flows, i.value)
    if sorted(map(key, both["Perfetto"])) != sorted(map(key, both["Chrome"])):
        problem("Perfetto and Chrome have not the same items: %s",
                list((Counter(map(key, both["Perfetto"])) - Counter(map(key, both["Chrome"]))).items())[:2])
    if not both["Perfetto"]:
        problem("there is nothing in it")
    print("%d items, %d flows" % (len(both["Perfetto"]), len({f for i in both["Perfetto"] for f in i.flows})))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
