# SPDX-License-Identifier: MIT
# For tests/bench/capture: machines that run by turns, what they and their recorders take in a
# window of time, and what can be said of ratios measured in noise.
import contextlib
import ctypes
import json
import os
import random
import shlex
import signal
import socket
import statistics
import subprocess
import time

DEADLINE = 120  # s, for what takes some of them on a busy machine


class Trouble(Exception):
    pass


def wait_until(true, what, process=None):
    end = time.monotonic() + DEADLINE
    while not true():
        if process and process.poll() is not None:
            raise Trouble(f"{what}: ended with status {process.returncode}")
        if time.monotonic() > end:
            raise Trouble(f"{what}: not after {DEADLINE} s")
        time.sleep(0.02)


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


# --- what processes take -----------------------------------------------------------

def cpu_ns(pid):
    """Processor time of all threads of a process, also of those that have ended: its CPU clock."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)
    except OSError:
        return 0


def family(pid):
    """A process and what it has started."""
    found = [pid]
    for p in found:
        for children in [read(f"/proc/{p}/task/{t}/children") for t in tasks(p)]:
            found += [int(c) for c in children.split()]
    return found


def tasks(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def programs(pids):
    """Runs and ns of the BPF programs that these processes hold, by the id of each."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                info = dict(line.split(":", 1) for line in read(f"/proc/{pid}/fdinfo/{fd}").splitlines()
                            if ":" in line)
                if "run_cnt" in info:
                    found[int(info["prog_id"])] = (int(info["run_cnt"]), int(info["run_time_ns"]))
    return found


@contextlib.contextmanager
def program_statistics():
    """The kernel counts and times BPF programs as long as this lasts (Linux 5.8, root)."""
    attr = ctypes.create_string_buffer(128)  # type 0: BPF_STATS_RUN_TIME
    fd = ctypes.CDLL(None, use_errno=True).syscall(321, 32, attr, 128)  # bpf(BPF_ENABLE_STATS)
    try:
        yield fd >= 0
    finally:
        if fd >= 0:
            os.close(fd)


# --- a machine ---------------------------------------------------------------------

class Machine:
    """A QEMU that reads its disk all the time, unless it is stopped."""

    def __init__(self, path, options, recorder=()):
        self.path = path
        self.recorder = None
        command = subprocess.run(
            ["tests/lab/guest-cmd", "--serial", self.path + ".serial", "--qmp", self.path + ".qmp",
             "--disk", self.path + ".disk", "--trace-log", self.path + ".log", "--trace-set", "none",
             *options], check=True, stdout=subprocess.PIPE, text=True).stdout
        # in a session of its own, by way of a shell: it goes on when its recorder is killed
        script = f"setsid {command.strip()} & echo $! >{shlex.quote(self.path)}.pid; wait"
        self.said = self.path + ".said"
        with open(self.said, "w") as f:
            self.launcher = subprocess.Popen([*recorder, "sh", "-c", script], stdin=subprocess.DEVNULL,
                                             stdout=f, stderr=f)
        if recorder:
            self.recorder = self.launcher

    def ready(self):
        """Wait for the load to begin."""
        wait_until(lambda: "VQT STEP 1" in read(self.path + ".serial"),
                   f"the guest ({read(self.said)[-500:].strip()})", self.launcher)
        self.pid = int(read(self.path + ".pid"))
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(self.path + ".qmp")
        self.lines = self.socket.makefile("r")
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise Trouble(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Trouble(f"{command}: QEMU has ended: {read(self.said)[-500:]}")

    def go(self):
        self.execute("cont")

    def stop(self):
        self.execute("stop")

    def reads(self):
        return max(d["stats"]["rd_operations"] for d in self.execute("query-blockstats"))

    def end(self):
        pid = getattr(self, "pid", 0) or int(read(self.path + ".pid") or 0)
        for p, process in ((pid, None), (self.launcher.pid, self.launcher)):
            with contextlib.suppress(OSError):
                if p and (process is None or process.poll() is None):
                    os.kill(p, signal.SIGKILL)
        self.launcher.wait()


class Window:
    """What a machine did in a time, and what that took."""

    def __init__(self, machine, seconds, recorders=(), output=None):
        def now():
            t = time.monotonic_ns(), cpu_ns(machine.pid)
            reads = machine.reads()
            return [(a + b) / 2 for a, b in zip(t, (time.monotonic_ns(), cpu_ns(machine.pid)))] + [
                reads, sum(cpu_ns(p) for p in recorders),
                os.path.getsize(output) if output and os.path.exists(output) else 0]

        before = now()
        time.sleep(seconds)
        took, cpu, self.reads, recorder, self.bytes = (b - a for a, b in zip(before, now()))
        if self.reads <= 0:
            raise Trouble("the guest reads nothing")
        self.iops = 1e9 * self.reads / took
        self.cpu_us = cpu / 1e3 / self.reads
        self.recorder_us = recorder / 1e3 / self.reads
        self.bytes /= self.reads


# --- what can be said of figures ---------------------------------------------------

def quartiles(values):
    if len(values) < 2:
        return (values * 3)[:3]
    return statistics.quantiles(values, n=4, method="inclusive")


RESAMPLES = 1000


def interval(samples, figure):
    """Where figure(samples) lies, in 19 of 20 resamplings of each list of samples."""
    chance = random.Random(1)
    figures = sorted(figure([chance.choices(s, k=len(s)) for s in samples]) for _ in range(RESAMPLES))
    return figures[RESAMPLES // 40], figures[-1 - RESAMPLES // 40]
