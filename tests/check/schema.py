# SPDX-License-Identifier: MIT
"""JSON outputs of vqtrace against cli/schema/*.json.

usage: schema.py SCHEMA-DIRECTORY NAME=FILE...

Each document of each FILE has to match the schema NAME.  Documents are validated once a shape: two
have the same shape if no schema here can tell them apart (the same keys, kinds of values, words).
Of each schema some documents are then changed, so that they must no longer match.
"""
import copy
import json
import re
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
import jsonschema

HEX = re.compile(r"([0-9a-f]{2})*$")
MANGLED = 25  # documents of a schema that are changed

changed_before = set()  # objects with the same names are changed once a schema
problems = []


def documents(path):
    text = open(path, encoding="utf-8").read()
    decoder = json.JSONDecoder()
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return
        document, at = decoder.raw_decode(text, at)
        yield document


def words_of(schema):
    """All texts that the schema tells from others."""
    if isinstance(schema, dict):
        for k, v in schema.items():
            if k in ("const", "enum"):
                yield from (w for w in (v if isinstance(v, list) else [v]) if isinstance(w, str))
            else:
                yield from words_of(v)
    elif isinstance(schema, list):
        for v in schema:
            yield from words_of(v)


def shape(v, words):
    if isinstance(v, dict):
        return "{" + ",".join(k + ":" + shape(x, words) for k, x in sorted(v.items())) + "}"
    if isinstance(v, list):
        return "[%d:%s]" % (min(len(v), 4), "|".join(sorted({shape(x, words) for x in v})))
    if isinstance(v, bool) or v is None:
        return str(v)
    if isinstance(v, int):
        return "-" if v < 0 else "0" if not v else "big" if v >= 1 << 63 else "int"
    if isinstance(v, float):
        return "-float" if v < 0 else "float"
    return repr(v) if v in words else "hex" if HEX.match(v) else "text"


def thin(v, words, seen, where=""):
    """The same without those elements of arrays whose shape was validated in this place before."""
    if isinstance(v, dict):
        return {k: thin(x, words, seen, where + "/" + k) for k, x in v.items()}
    if not isinstance(v, list) or len(v) <= 4:
        return [thin(x, words, seen, where + "/*") for x in v] if isinstance(v, list) else v
    kept = []
    for x in v:
        key = where + shape(x, words)
        if key not in seen:
            seen.add(key)
            kept.append(thin(x, words, seen, where + "/*"))
    return kept or v[:4]


def closed(name, schema, where="#"):
    """Each object says whether it has other names than those that are listed."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "additionalProperties" not in schema:
            problems.append("%s: %s takes any names" % (name, where))
        for k, v in schema.items():
            closed(name, v, where + "/" + k)
    elif isinstance(schema, list):
        for v in schema:
            closed(name, v, where)


def objects(v):
    if isinstance(v, dict):
        yield v
    for x in v.values() if isinstance(v, dict) else v if isinstance(v, list) else ():
        yield from objects(x)


def mangle(name, validator, document):
    """A name that nobody knows, and a value of another kind, in the outermost and each other object."""
    for n, o in enumerate(objects(document)):
        if not o or (n and (name, tuple(o)) in changed_before):
            continue
        changed_before.add((name, tuple(o)))
        changed = copy.deepcopy(document)
        key = next(iter(o))
        next(x for i, x in enumerate(objects(changed)) if i == n)[key] = {"no": ["such value"]}
        if validator.is_valid(changed):
            problems.append("%s: an object in the place of %s is taken" % (name, key))
        if n:
            continue
        changed = dict(document, no_such_name=1)
        if validator.is_valid(changed):
            problems.append("%s: an unknown name is taken" % name)
        for missing in o:
            if missing in validator.schema.get("required", ()):
                changed = {k: v for k, v in document.items() if k != missing}
                if validator.is_valid(changed):
                    problems.append("%s: %s may be missing" % (name, missing))


def by_event(validator):
    """show's schema lists its events; the name of one tells which of them is meant."""
    schema = validator.schema
    names = [r["$ref"].rsplit("/", 1)[1] for r in schema["oneOf"]]
    if sorted(names) != sorted(k for k in schema["$defs"] if k.startswith("event_")):
        problems.append("show: the list of events is not that of $defs")
    one = {}
    for n in names:
        d = schema["$defs"][n]
        one[d["properties"]["event"]["const"]] = validator.evolve(schema=dict(d, **{"$defs": schema["$defs"]}))
    return one


def validate(name, validator, files):
    seen, parts = set(), set()
    total = 0
    words = set(words_of(validator.schema))
    events = by_event(validator) if name == "show" else {}
    for path in files:
        for number, document in enumerate(documents(path), 1):
            total += 1
            key = shape(document, words)
            if key in seen:
                continue
            seen.add(key)
            document = thin(document, words, parts)
            one = events.get(document.get("event"), validator)
            error = jsonschema.exceptions.best_match(one.iter_errors(document))
            if error:
                problems.append("%s: document %d of %s: at %s: %s" % (
                    name, number, path, "/".join(map(str, error.absolute_path)), error.message[:300]))
            elif len(seen) <= MANGLED:
                mangle(name, one, document)
    return total, len(seen)


def main():
    directory, outputs = sys.argv[1], {}
    for word in sys.argv[2:]:
        name, path = word.split("=", 1)
        outputs.setdefault(name, []).append(path)
    common = {}
    for name in sorted(outputs):
        schema = json.load(open("%s/%s.json" % (directory, name), encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        closed(name, schema)
        if name in ("stat", "top"):  # what both have is the same
            for key, value in schema["$defs"].items():
                if key in ("histogram", "stage", "stages", "alike") and common.setdefault(key, value) != value:
                    problems.append("%s: another %s than that of stat" % (name, key))
        total, shapes = validate(name, jsonschema.Draft202012Validator(schema), outputs[name])
        if not total:
            problems.append("%s: no document was validated" % name)
        print("# %s: %d documents of %d shapes" % (name, total, shapes))
    for line in problems[:40]:
        print(line)
    sys.exit(1 if problems else 0)


main()
