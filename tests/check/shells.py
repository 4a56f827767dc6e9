# SPDX-License-Identifier: MIT
"""Types lines into an interactive shell on a terminal of its own, each with Tab and Enter behind it.

usage: shells.py FILE SHELL ARG...   FILE: the lines; the shell as a command line

A line is typed when the shell's prompt says READY, the next one when what the line runs has said DONE and
the prompt is there again.  Exit status 1 if the shell has not ended within two minutes.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

with open(sys.argv[1], "rb") as f:
    lines = [line + b"\t\r" for line in f.read().splitlines()] + [b"exit\r"]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
end = time.monotonic() + 120
seen, first = b"", True
while time.monotonic() < end:
    if lines and b"READY" in seen[max(seen.find(b"DONE"), 0) :] and (first or b"DONE" in seen):
        os.write(fd, lines.pop(0))
        seen, first = b"", False
    if not select.select([fd], [], [], 1)[0]:
        continue
    try:
        got = os.read(fd, 65536)
    except OSError:
        got = b""
    if not got:
        os.waitpid(pid, 0)
        sys.exit(0)
    seen += got
    if b"\x1b[c" in got or b"\x1b[0c" in got:  # what kind of terminal is this?
        os.write(fd, b"\x1b[?62c")
sys.stderr.write(repr(seen[-2000:]) + "\n")
os.kill(pid, 9)
sys.exit(1)
