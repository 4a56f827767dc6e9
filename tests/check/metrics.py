#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pages for Prometheus, read by a grammar of their own, stricter than what scrapes them.

usage: metrics.py read FORMAT PAGE               FORMAT: text or openmetrics
       metrics.py same TEXT-PAGE OPENMETRICS-PAGE   of one state
       metrics.py sum PAGE "NAME [LABEL=VALUE]..."...   of an OpenMetrics page
       metrics.py manual MANUAL PAGE...          OpenMetrics pages that have all labels between them
       metrics.py names FILE PAGE...             what FILE asks for is on the pages

Prints what is wrong; exit status 1 if anything is.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "full"))
from parse_names import check_text  # noqa: E402

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
LABEL = re.compile(r'(%s)="((?:[^"\\\n]|\\[\\"n])*)"(,(?=[a-zA-Z_])|$)' % NAME)
SAMPLE = re.compile(r"(%s)(?:\{(.+)\})? ([0-9]+(?:\.[0-9]+)?)" % NAME)
DESCRIPTOR = re.compile(r"# (TYPE|UNIT|HELP) (%s) (.+)" % NAME)
SUFFIXES = {"counter": ["_total"], "gauge": [""], "info": ["_info"], "histogram": ["_bucket", "_sum", "_count"]}


class Family:
    def __init__(self, name):
        self.name, self.type, self.unit, self.help = name, None, None, None
        self.samples = {}  # (suffix, labels in order) -> value

    def labels(self):
        return {name for _, labels in self.samples for name, _ in labels if name != "le"}


def need(good, *words):
    if not good:
        raise ValueError(" ".join(map(str, words)))


def read_labels(text):
    labels, at = [], 0
    while at < len(text):
        m = LABEL.match(text, at)
        need(m, "no label at", text[at : at + 40])
        labels.append((m[1], m[2]))
        at = m.end()
    need(len({name for name, _ in labels}) == len(labels), "a label twice:", text)
    return tuple(labels)


def check_histogram(family):
    """Its samples are those of one histogram after another: buckets, sum, count."""
    rows = list(family.samples.items())
    while rows:
        key = tuple(x for x in rows[0][0][1] if x[0] != "le")
        bounds, counts = [], []
        while rows and rows[0][0][0] == "_bucket":
            (_, labels), n = rows.pop(0)
            need(labels[:-1] == key and labels[-1][0] == "le", "a bucket of another:", labels)
            bounds.append(float(labels[-1][1]))
            counts.append(n)
        need(len(rows) >= 2, "no sum or count of", key)
        for suffix in "_sum", "_count":
            (got, labels), n = rows.pop(0)
            need((got, labels) == (suffix, key), "no", suffix, "of", key)
        need(bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), "bounds", bounds)
        need(counts == sorted(counts) and counts[-1] == n, "counts", counts, "of", n)
        need(len(bounds) > 20, "few buckets")


def finish(family, openmetrics):
    need(family.type and family.help, family.name, "is not described")
    if family.unit:
        need(family.name.endswith("_" + family.unit), family.name, "does not end with", family.unit)
    need(not family.unit or openmetrics, "UNIT")
    if family.type == "histogram":
        check_histogram(family)
    if family.type == "info":
        need(set(family.samples.values()) <= {1}, "an info that is not 1")


def read(path, form, harmless=True):
    """The families by the name of their samples; of a histogram's without what the format adds."""
    openmetrics = form == "openmetrics"
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    if harmless:
        check_text(text)
    need(text.endswith("\n"), "no end of line")
    lines = text[:-1].split("\n")
    if openmetrics:
        need(lines.pop() == "# EOF", "no end")
    families, family = {}, None
    for line in lines:
        m = DESCRIPTOR.fullmatch(line)
        if m:
            what, name, value = m.groups()
            if not family or family.name != name:
                if family:
                    finish(family, openmetrics)
                need(name not in families, name, "comes twice")
                family = families[name] = Family(name)
            need(not family.samples and not getattr(family, what.lower()), what, "of", name, "is late")
            setattr(family, what.lower(), value)
            need(what != "TYPE" or value in SUFFIXES and (openmetrics or value != "info"), line)
            continue
        m = SAMPLE.fullmatch(line)
        need(m and family, "neither a sample nor a comment:", ascii(line))
        suffixes = SUFFIXES[family.type] if openmetrics or family.type == "histogram" else [""]
        suffix = m[1][len(family.name) :]
        need(m[1].startswith(family.name) and suffix in suffixes, m[1], "is not of", family.name)
        key = (suffix, read_labels(m[2] or ""))
        need(key not in family.samples, "twice:", line)
        family.samples[key] = float(m[3])
    finish(family, openmetrics)
    return {name + (SUFFIXES[f.type][0] if openmetrics and f.type in ("counter", "info") else ""): f for name, f in families.items()}


def same(text, openmetrics):
    a, b = read(text, "text"), read(openmetrics, "openmetrics")
    need(list(a) == list(b), "families", set(a) ^ set(b))
    for name in a:
        x, y = a[name], b[name]
        need(x.help == y.help and x.type in (y.type, "gauge"), name, "is described otherwise")
        strip = {(s if x.type == "histogram" else "", labels): v for (s, labels), v in y.samples.items()}
        need(x.samples.keys() == strip.keys(), name, "has other samples")
        need(name.startswith("process_") or x.samples == strip, name, "has other values")


def total(path, *queries):
    families = read(path, "openmetrics", harmless=False)
    for query in queries:
        name, *labels = query.split()
        base = re.sub("_(bucket|sum|count)$", "", name) if name not in families else name
        f = families[base]
        suffix = name[len(base) :] or SUFFIXES[f.type][0]
        want = {tuple(x.split("=", 1)) for x in labels}
        print("%.15g" % sum(v for (s, k), v in f.samples.items() if s == suffix and want <= set(k)))


def merged(pages):
    """Families with the labels of all pages, and how many buckets their histograms have."""
    all_of = {}
    for page in pages:
        for name, f in read(page, "openmetrics", harmless=False).items():
            had = all_of.setdefault(name, (f, set(), set()))
            had[1].update(f.labels())
            had[2].update(v for s, k in f.samples for n, v in k if n == "le")
    return all_of


def manual(path, *pages):
    """Each entry of METRICS says what the page says."""
    code, documented = merged(pages), {}
    with open(path) as f:
        section = f.read().split(".Sh METRICS\n")[1].split(".Ss What is not known")[0]
    for part in section.split(".Ss ")[1:]:
        labels = set(re.search(r"\nLabels: (.*)\.\n", part)[1].split(", ")) - {"none"}
        for name, what, text in re.findall(r"\.It Va (\S+)\n(.*)\.\n(.*)\n", part):
            need(name not in documented, name, "stands twice")
            documented[name] = (labels, what, text)
    need(list(documented) == list(code), "order or names:", set(documented) ^ set(code))
    for name, (labels, what, text) in documented.items():
        f, seen, bounds = code[name]
        need(seen == labels, name, "has the labels", sorted(seen), "not", sorted(labels))
        need(text == f.help, name, "means:", f.help)
        is_now = ", ".join(filter(None, [f.type, f.unit, "fine" if len(bounds) > 30 else None]))
        need(what == is_now, name, "is a", is_now, "not a", what)


def names(path, *pages):
    """Metrics and labels that a file of queries has."""
    code = merged(pages)
    labels = {x for _, seen, _ in code.values() for x in seen} | {"le", "job", "instance"}
    with open(path) as f:
        text = f.read()
    words = set(re.findall(r"\b(?:vqtrace|process)_[a-z_]+", text))
    need(words, "no metric in", path)
    for word in sorted(words):
        base = re.sub("_(bucket|sum|count)$", "", word)
        need(word in code or base in code and code[base][0].type == "histogram", word, "does not exist")
    for group in re.findall(r"\b(?:by|on|without|ignoring|group_left|label_values) ?\(([^()]*)\)", text):
        for word in group.split(","):
            word = word.strip().rsplit("{", 1)[0]
            need(word in labels or word in code, "label", word, "does not exist")
    for word in re.findall(r'[{,] ?([a-z_]+)(?:=~|!=|=)\\?"', text):
        need(word in labels, "label", word, "does not exist")


def main():
    try:
        {"read": lambda form, page: read(page, form), "same": same, "sum": total, "manual": manual, "names": names}[
            sys.argv[1]
        ](*sys.argv[2:])
    except (ValueError, UnicodeDecodeError) as e:
        print("%s: %s" % (sys.argv[2], ascii(str(e))[1:-1]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
