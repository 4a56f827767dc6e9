#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a trace to standard output, its records spread over so many seconds, and keep it open.

usage: feed.py SECONDS <TRACE.pcap
"""
import struct
import sys
import time

data, out = sys.stdin.buffer.read(), sys.stdout.buffer
ends, at = [], 24
while at < len(data):
    at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    ends.append(at)
steps = int(float(sys.argv[1]) * 10)
done = 0
for step in range(1, steps + 1):
    end = ends[(len(ends) - 1) * step // steps]
    out.write(data[done:end])
    out.flush()
    done = end
    time.sleep(0.1)
time.sleep(100000)
