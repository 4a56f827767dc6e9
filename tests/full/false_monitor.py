#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A monitor of a QEMU whose every name is hostile.

usage: false_monitor.py SOCKET NAME
"""
import json
import os
import socket
import sys

name = os.fsencode(sys.argv[2]).decode("utf-8", "surrogateescape")
GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": name}, "capabilities": []}}


def answer(command):
    if command == "x-query-virtio":
        return [{"path": "/machine/peripheral/%s%d/virtio-backend" % (name, i), "name": name} for i in range(3)]
    if command == "x-query-virtio-status":
        return {"device-id": 2, "num-vqs": 2, "name": name, "status": {"statuses": [name]},
                "host-features": {"transports": [name], "dev-features": [name]}}
    if command == "query-status":
        return {"status": name, "running": False, "singlestep": False}
    if command == "query-name":
        return {"name": name}
    if command == "query-pci":
        return [{"bus": 0, "devices": [{"qdev_id": name, "bus": 0, "slot": 2, "function": 0, "id": {"device": 4098, "vendor": 6900}}]}]
    if command == "qmp_capabilities":
        return {}
    return None


def serve(connection):
    lines = connection.makefile("rb")
    connection.sendall(json.dumps(GREETING).encode() + b"\n")
    for line in lines:
        said = answer(json.loads(line)["execute"])
        reply = {"error": {"class": "CommandNotFound", "desc": name}} if said is None else {"return": said}
        text = json.dumps(reply, ensure_ascii=False) + "\n"
        # bytes that are no UTF-8 go out as they came in
        connection.sendall(text.encode("utf-8", "surrogateescape"))


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(8)
print("ready", flush=True)
while True:
    try:
        serve(listener.accept()[0])
    except (OSError, ValueError, UnicodeError):
        pass
