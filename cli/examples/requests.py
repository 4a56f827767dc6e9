# SPDX-License-Identifier: MIT
"""Requests of a trace by type, from JSON, each line validated with its schema: DEVICE TYPE REQUESTS.

usage: python3 requests.py SCHEMA-DIRECTORY TRACE     (python3-jsonschema; /usr/share/vqtrace/schema)
"""
import collections
import json
import subprocess
import sys

import jsonschema

directory, trace = sys.argv[1:]
with open(directory + "/requests.json", encoding="utf-8") as f:
    valid = jsonschema.Draft202012Validator(json.load(f))
count = collections.Counter()
with subprocess.Popen(["vqtrace", "show", "--requests", "-T", "json", "-r", trace],
                      stdout=subprocess.PIPE, encoding="utf-8") as show:
    for line in show.stdout:
        request = json.loads(line)
        valid.validate(request)
        # "life": a request that both sides recorded, else one of the device's; some have no type
        if request["state"] == "used":
            count[request["device"], request.get("type", "-")] += 1
for (device, kind), n in sorted(count.items()):
    print(device, kind, n)
sys.exit(2 if show.returncode else 0)
