# SPDX-License-Identifier: MIT
"""A page of `vqtrace stat --html`, as Python's parsers read it, against what stat and show say as JSON.

usage: report.py PAGE [STAT.json REQUESTS.json]
"""
import html.parser
import json
import re
import sys
import xml.etree.ElementTree

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.text = text
        self.starts = [0]
        for line in text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.stack, self.svgs, self.scripts, self.ids = [], [], [], set()
        self.begun = None
        self.device = self.row = None
        self.values = {}  # (device, where, name): value
        self.rows = {}  # (device, by): rows
        self.findings = {}  # device: {rule: count}
        self.slow = {False: [], True: []}
        self.least = False
        self.words = []
        self.feed(text)
        self.close()
        assert not self.stack, "not closed: %s" % self.stack

    def place(self):
        line, column = self.getpos()
        return self.starts[line - 1] + column

    def handle_startendtag(self, tag, attrs):
        self.begin(tag, dict(attrs))

    def handle_starttag(self, tag, attrs):
        self.begin(tag, dict(attrs))
        if tag in VOID:
            return
        if tag == "svg" and "svg" not in [t for t, a in self.stack]:
            self.begun = self.place()
        self.stack.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag not in VOID, tag
        assert self.stack and self.stack[-1][0] == tag, "</%s> at %s, open: %s" % (tag, self.getpos(), self.stack[-3:])
        self.stack.pop()
        if tag == "svg" and "svg" not in [t for t, a in self.stack]:
            self.svgs.append(self.text[self.begun : self.place() + len("</svg>")])
        if tag == "section":
            self.device = None

    def handle_data(self, data):
        if self.stack and self.stack[-1][0] == "script":
            self.scripts.append(data)
        elif self.stack and self.stack[-1][0] != "style":
            self.words.append(data)

    def begin(self, tag, a):
        for key, value in a.items():
            assert not key.startswith("on"), "a script in %s" % key
            assert key not in ("src", "action", "srcset", "formaction", "xlink:href"), key
            assert key != "href" or value.startswith("#"), value
            for url in re.findall(r"url\(([^)]*)", value or ""):
                assert url.startswith("#"), url
        assert tag not in ("iframe", "object", "embed", "img", "link", "base", "form", "foreignobject"), tag
        if "id" in a:
            assert a["id"] not in self.ids, "twice: " + a["id"]
            self.ids.add(a["id"])
        if tag == "section":
            self.device = a["data-device"]
            self.findings[self.device] = {}
        if tag == "table" and "data-by" in a:
            self.by = self.rows.setdefault((self.device, a["data-by"]), [])
        if tag == "tbody" and self.stack[-1][1].get("class") == "slow":
            self.least = "data-least" in a
        if tag == "tr":
            self.row = a
            if "data-request" in a:
                self.slow[self.least].append({"number": int(a["data-request"])})
            elif "data-span" not in a and "data-rule" not in a and self.device and hasattr(self, "by"):
                self.by.append({})
            elif not self.device and hasattr(self, "by"):
                self.by.append({})
        if tag == "td" and "data-value" in a:
            self.by[-1][a["data-name"]] = a["data-value"]
        if tag == "data":
            name, value = a["data-name"], int(a["value"])
            if name == "took":
                self.slow[self.least][-1]["took"] = value
            elif self.row and "data-rule" in self.row and name == "count":
                self.findings[self.device][self.row["data-rule"]] = value
            else:
                span = self.row.get("data-span") if self.row and self.device else None
                if name in ("p50", "p99", "max") and not (self.stack and self.stack[-1][0] == "td"):
                    span = "service"  # on a card
                elif not (self.stack and self.stack[-1][0] == "td"):
                    span = None
                old = self.values.setdefault((self.device, span, name), value)
                assert old == value, (name, old, value)


def same_rows(what, page, want):
    page = [r for r in page if r]
    assert len(page) == len(want), "%s: %d rows, not %d" % (what, len(page), len(want))
    n = 0
    for row, right in zip(page, want):
        for name, value in row.items():
            right_value = right[name]
            if isinstance(right_value, float):
                assert abs(float(value) - right_value) < 0.001, (what, name, value, right_value)
            else:
                assert value == str(right_value), (what, name, value, right_value)
            n += 1
        for name, value in right.items():
            if value is None and name in row:
                sys.exit("%s: %s is %s, and unknown" % (what, name, row[name]))
    return n


def figures(page, stat, requests):
    n = 0
    assert page.values[None, None, "events"] == stat["trace"]["events"]
    assert page.values[None, None, "duration"] == stat["trace"]["duration"]
    assert set(page.findings) == {d["device"] for d in stat["devices"]}
    for d in stat["devices"]:
        name = d["device"]
        for key in ("used", "errors", "bytes_in", "bytes_out"):
            if d["counts"][key] is not None:
                assert page.values[name, None, key] == d["counts"][key], (name, key)
                n += 1
        assert page.values.get((name, None, "untimed"), 0) == (d["counts"]["untimed"] or 0)
        if (name, None, "in_flight_max") in page.values:
            assert page.values[name, None, "in_flight_max"] == d["in_flight_max"]
        for span, hist in d["latency"].items():
            for key in ("count", "min", "mean", "p50", "p90", "p99", "p99_9", "max"):
                assert page.values[name, span, key] == hist[key], (name, span, key)
                n += 1
        assert not [k for k in page.values if k[0] == name and k[1] and k[1] not in d["latency"]], name
        for by, rows in (("queue", d["queues"]), ("type", d["types"]), ("size", d["sizes"])):
            if (name, by) in page.rows:
                n += same_rows("%s by %s" % (name, by), page.rows[name, by], rows)
        if d["findings"] is not None:
            assert page.findings[name] == {f["rule"]: f["count"] for f in d["findings"]}, name
    n += same_rows("threads", page.rows.get((None, "vcpu"), []), stat["threads"])

    # The slowest: each is a request that show has, and took no less than its service.
    by_number = {r["number"]: r for r in requests if "number" in r}
    known = page.slow[False]
    for r in known:
        q = by_number.get(r["number"])
        if q and "used" in q and "avail" in q:
            assert r["took"] >= q["used"] - q["avail"], (r, q)
            n += 1
    assert [r["took"] for r in known] == sorted([r["took"] for r in known], reverse=True)
    most = max([d["latency"]["service"]["max"] for d in stat["devices"] if "service" in d["latency"]
                and not d["device"].endswith(".driver")], default=0)
    assert not most or known[0]["took"] >= most, (most, known[:1])
    timed = sum(d["latency"]["service"]["count"] for d in stat["devices"] if "service" in d["latency"]
                and not d["device"].endswith(".driver"))
    assert page.values[None, None, "timed"] == timed, (page.values[None, None, "timed"], timed)
    assert len(known) == min(timed, 20)
    return n


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>\n")
    assert len(page.scripts) == 1, "%d scripts" % len(page.scripts)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg\")", text.split("<pre>")[0]), "it names a server"
    for svg in page.svgs:
        xml.etree.ElementTree.fromstring(svg)
    if len(sys.argv) > 2:
        stat = json.load(open(sys.argv[2]))
        requests = [json.loads(line) for line in open(sys.argv[3])]
        n = figures(page, stat, requests)
        print("%d figures, %d pictures" % (n, len(page.svgs)))


main()
