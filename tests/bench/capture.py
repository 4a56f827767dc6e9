# SPDX-License-Identifier: MIT
# The windows of tests/bench/capture, which see: capture.py DIRECTORY MINUTES SECONDS QEMU RING DEPTH,... NAME,...
import contextlib
import math
import os
import random
import shutil
import signal
import statistics
import sys
import time

from recorders import VQTRACE, Bpftrace, Log, Vqtrace, lost_in, of_command, programs_of_bpftrace
from windows import (Machine, Trouble, Window, interval, program_statistics, programs, quartiles, read,
                     wait_until)

BOOTS = 2  # that recorders are attached to, and as many that are recorded from the start
SETTLE = 0.2  # s, after something was switched on or off
NOISY = 0.05  # an interval wider than this to each side says nothing
MAIN = ("vqtrace", "no-backend", "light", "bpftrace")  # and from the start: these are to be known best
FEW = 6  # windows of which something can be said
ENOUGH = 10  # of these; after that, those are measured of which least is known

# What a guest does: it reads until its disk changes in size, and then says what its kernel counted.
LOAD = ("vqload read,bs=4k,t=9999,rand,qd={} & read size </sys/block/vda/size; "
        "while read now </sys/block/vda/size && [ $now = $size ]; do sleep 1; done; "
        "killall vqload; sleep 1; read reads rest </sys/block/vda/stat; echo VQREADS $reads")


class Kind:
    """The windows of one way of recording, each beside those without any before and after it."""

    def __init__(self, name, recorder=None, machine=None):
        self.name, self.recorder, self.machine = name, recorder, machine
        self.main = name in MAIN
        self.windows, self.hits, self.ns, self.lost = [], [], [], 0

    def add(self, window, before, after):
        """Logarithms of the ratios: requests a second, and a second of QEMU's processor time."""
        window.iops_of = math.log(window.iops) - math.log(before.iops * after.iops) / 2
        window.work_of = math.log(before.cpu_us * after.cpu_us) / 2 - math.log(window.cpu_us)
        self.windows.append(window)

    def ratios(self, which):
        return [getattr(w, which) for w in self.windows]

    def unknown(self):
        """How little is known of it: half the width of the wider of its intervals."""
        if len(self.windows) < (ENOUGH if self.main else FEW):
            return 1 / (1 + len(self.windows))
        bounds = [interval([self.ratios(w)], median_of_first) for w in ("iops_of", "work_of")]
        return (1 if self.main else 0.5) * max((high - low) / 2 for low, high in bounds) / 10


def median_of_first(samples):
    return statistics.median(samples[0])


def difference(samples):
    """Mean of what each boot's first sample is above its second, by medians."""
    pairs = list(zip(samples[::2], samples[1::2]))
    return sum(statistics.median(a) - statistics.median(b) for a, b in pairs) / len(pairs)


class Bench:
    def __init__(self, directory, allowed, seconds, qemu, ring, depth, names):
        self.directory, self.seconds = directory, seconds
        self.qemu, self.ring, self.depth = qemu, ring, depth
        self.allowed = allowed
        self.none = []
        self.began = time.monotonic()
        self.machines, self.plain, self.recorded = [], [], []
        self.kinds, self.start, self.killed = self.kinds_of(names), [], []

    def kinds_of(self, names):
        directory, qemu = self.directory, self.qemu
        binary = shutil.which("qemu-system-x86_64")
        if qemu == "11":
            binary = os.path.dirname(os.environ["VQT_QEMU11"]) + "/root/usr/bin/qemu-system-x86_64"
        bpftrace = programs_of_bpftrace(binary, "virtio_notify" if qemu == "11" else "virtio_notify_irqfd")
        vqtrace = {"vqtrace": [], "no-backend": ["--no-backend"], "light": ["--light"],
                   "empty": ["--empty-probes"], "stacks": ["--no-backend", "--stacks=all"]}
        kinds = [Kind(n, Vqtrace(directory, *o)) for n, o in vqtrace.items()]
        kinds += [Kind(n, Bpftrace(directory, p)) for n, p in bpftrace.items()]
        kinds.append(Kind("log", Log()))
        return [k for k in kinds if names == [""] or k.name in names]

    def boot(self):
        options = ["--qemu", self.qemu, "--run", "sh", "--append", f'vqt.sh="{LOAD.format(self.depth)}"',
                   "q1" if self.ring == "split" else "packed"]
        for i in range(2 * BOOTS):
            path = f"{self.directory}/{self.depth}.{i}"
            recorder = [VQTRACE, "record", "-w", path + ".trace", "--"] if i % 2 else []
            m = Machine(path, options, recorder)
            self.machines.append(m)
            (self.recorded if recorder else self.plain).append(m)
        for m in self.machines:
            m.ready()
        for m in self.machines:
            m.stop()
        self.start = [Kind("start", machine=m) for m in self.recorded]

    def progress(self, what):
        if sys.stderr.isatty():
            done = 100 * (time.monotonic() - self.began) / self.allowed
            print(f"\r  {done:3.0f} %, depth {self.depth}: {what:.50}\033[K", end="", file=sys.stderr, flush=True)

    # --- windows ---

    def without(self, machine):
        time.sleep(SETTLE)
        w = Window(machine, self.seconds)
        self.none.append(w)
        return w

    def hits(self, kind, machine, pids):
        """A window of its own, as counting costs time itself."""
        with program_statistics() as counted:
            if not counted:
                return
            before = programs(pids)
            reads = Window(machine, self.seconds / 2).reads
            after = programs(pids)
        hits, ns = (sum(after[i][k] - before.get(i, (0, 0))[k] for i in after) for k in (0, 1))
        if hits:
            kind.hits.append(hits / reads)
            kind.ns.append(ns / hits)

    def attached(self, kind, machine):
        r = kind.recorder
        r.on(machine)
        time.sleep(SETTLE)
        w = Window(machine, self.seconds, r.pids, r.output)
        self.hits(kind, machine, r.pids)
        kind.lost += r.off(machine)
        return w

    def another(self, kind, machine):
        """A window of another machine, which is recorded from its start or was until its recorder was killed."""
        m = kind.machine
        machine.stop()
        m.go()
        time.sleep(2 * SETTLE)
        if m.recorder:
            pids = of_command(m.recorder)
            w = Window(m, self.seconds, pids, m.path + ".trace")
            self.hits(kind, m, pids)
        else:
            w = Window(m, self.seconds)
        m.stop()
        machine.go()
        time.sleep(SETTLE)
        return w

    def turn(self):
        """Several windows in one machine, with one without a recorder between any two."""
        machine = random.choice(self.plain)
        kinds = self.kinds + (self.killed or self.start)
        random.shuffle(kinds)
        kinds.sort(key=Kind.unknown, reverse=True)
        chosen = kinds[:4]
        random.shuffle(chosen)
        machine.go()
        before = self.without(machine)
        for kind in chosen:
            self.progress(kind.name)
            w = (self.another if kind.machine else self.attached)(kind, machine)
            after = self.without(machine)
            kind.add(w, before, after)
            before = after
        machine.stop()

    def kill_recorders(self):
        for kind in self.start:
            kind.machine.recorder.kill()
            kind.machine.recorder.wait()
            kind.lost = lost_in(kind.machine.path + ".trace")
            kind.machine.recorder = None
        self.killed = [Kind("killed", machine=m) for m in self.recorded]

    def kill_recorders_at_half(self):
        if not self.killed and time.monotonic() > self.began + self.allowed / 2:
            self.kill_recorders()

    def counts(self):
        """Reads of all guests by the count of their kernels, and by that of their QEMUs."""
        guests = qemus = 0
        for m in self.machines:
            m.go()
            m.execute("block_resize", size=128 << 20, **{"node-name": "drive0"})
            wait_until(lambda m=m: "VQREADS" in read(m.path + ".serial"), "counting the guest's reads")
            guests += int(read(m.path + ".serial").split("VQREADS")[1].split()[0])
            qemus += m.reads()
            m.stop()
        return guests, qemus

    def close(self):
        for kind in self.kinds:
            kind.recorder.kill()
        for m in self.machines:
            m.end()


def raise_priority():
    """Others' work waits for ours: without that, it decides what is measured."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        return True
    return False


# --- the report --------------------------------------------------------------------

def ratio(samples, figure):
    """Of logarithms of ratios: the ratio, or None if it is not known well; half its interval; its quartiles."""
    if any(len(s) < FEW for s in samples):
        return None, "too few"
    low, high = (math.exp(b) for b in interval(samples, figure))
    around = f"+-{(high - low) / 2:.2f}"
    if len(samples) == 1:
        lower, _, upper = (math.exp(q) for q in quartiles(samples[0]))
        around += f" [{lower:.2f} {upper:.2f}]"
    if (high - low) / 2 > NOISY:
        return None, f"too noisy: {around}"
    value = math.exp(figure(samples))
    return value, f"{value:.2f} {around}"


def number(values, form="{:.1f}"):
    return form.format(statistics.median(values)) if values else "-"


def rows_of(bench):
    """Each way of recording: its name, its windows by kind, samples of a ratio and what makes one figure of them."""
    for k in bench.kinds:
        yield k.name, [k], lambda which, k=k: [k.ratios(which)], median_of_first
    yield ("from start", bench.start,
           lambda which: [k.ratios(which) for pair in zip(bench.start, bench.killed) for k in pair], difference)


def report(bench, urgent, results):
    b = bench
    print(f"-- queue depth {b.depth}, QEMU {b.qemu}, {b.ring}: windows of {b.seconds:g} s in {2 * BOOTS} boots"
          f"{'' if urgent else ', without real-time priority'}, load {os.getloadavg()[0]:.1f}")
    for what, f in (("requests a second", "iops"), ("us of QEMU's processor time a request", "cpu_us")):
        print(f"none: {what} {' / '.join(f'{q:.0f}' for q in quartiles([getattr(w, f) for w in b.none]))} "
              f"(quartiles of {len(b.none)} windows)")
    print("reads: the guests' kernels counted {}, QEMU {}".format(*b.reads))
    if read("/proc/sys/kernel/bpf_stats_enabled").strip() == "1":
        print("kernel.bpf_stats_enabled is 1: all programs take longer for that")
    print(f"{'under':10} {'windows':>7} {'requests/s, of none':>28} {'requests/CPU s, of none':>28} {'us more':>8} "
          f"{'recorder':>8} {'hits':>5} {'ns':>6} {'bytes':>6} {'lost':>8}")
    for name, kinds, samples, figure in rows_of(b):
        row(b, results, name, kinds, samples, figure)
    bare_hit(b)
    for what, over in (("requests/s", "iops_of"), ("requests/CPU s", "work_of")):
        costs(b, results, what, over)


def bare_hit(bench):
    """What decides most figures and differs by machine: entering the kernel, leaving it, and what that makes slow."""
    for k in bench.kinds:
        if k.name == "empty" and k.hits:
            more = statistics.median(w.cpu_us * (1 - math.exp(w.work_of)) for w in k.windows)
            print(f"a hit of an empty program: {more / statistics.median(k.hits):.1f} us of QEMU's processor time")


def row(bench, results, name, kinds, samples, figure):
    windows = [w for k in kinds for w in k.windows]
    iops, iops_text = ratio(samples("iops_of"), figure)
    work, work_text = ratio(samples("work_of"), figure)
    base = statistics.median([w.cpu_us for w in bench.none] or [0])
    lost = sum(k.lost for k in kinds)
    print(f"{name:10} {len(windows):7} {iops_text:>28} {work_text:>28} "
          f"{f'{base / work - base:.1f}' if work else '-':>8} "
          f"{number([w.recorder_us for w in windows]):>8} {number([h for k in kinds for h in k.hits]):>5} "
          f"{number([n for k in kinds for n in k.ns], '{:.0f}'):>6} "
          f"{number([w.bytes for w in windows], '{:.0f}'):>6} {lost:8}")
    if name in MAIN + ("from start", "log"):
        under = f"depth {bench.depth} under {name}, QEMU {bench.qemu}"
        for what, value, text in (("requests a second", iops, iops_text), ("requests a CPU second", work, work_text)):
            print(f"{what} at {under}\t{text}\t{'none' if value else ''}", file=results)
        print(f"events lost at {under}\t{lost}\t", file=results)


def costs(bench, results, what, which):
    """What one way of recording costs beside another: more time a request."""
    kinds = {k.name: k for k in bench.kinds}
    for name, peer in (("vqtrace", "bpftrace"), ("light", "vqtrace"), ("light", "counting")):
        pair = [kinds[n].ratios(which) for n in (name, peer) if n in kinds]
        if len(pair) < 2 or any(len(p) < FEW for p in pair):
            continue

        def cost(samples):
            a, b = (math.exp(-statistics.median(s)) - 1 for s in samples)
            return a / b if b > 0 else math.inf

        low, high = interval(pair, cost)
        text = f"{cost(pair):.2f} ({low:.2f} to {high:.2f})"
        print(f"cost of {name} / cost of {peer}, by {what}: {text}")
        print(f"cost of {name} at depth {bench.depth} by {what}, QEMU {bench.qemu}\t{text}\t{peer}'s", file=results)


def main():
    directory, minutes, seconds, qemu, ring, depths, names = sys.argv[1:]
    depths = depths.split(",")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    urgent = raise_priority()
    allowed = 60 * float(minutes) * len(depths)
    benches = []
    try:
        for depth in depths:
            benches.append(Bench(directory, allowed, float(seconds), qemu, ring, depth, names.split(",")))
            benches[-1].boot()
        for b in benches:
            b.began = time.monotonic()
        end = time.monotonic() + allowed
        # by turns, so that what all others do to the machine is in the figures of each depth alike
        while time.monotonic() < end:
            for b in benches:
                b.turn()
                b.kill_recorders_at_half()
        for b in benches:
            b.progress("counting")
            b.reads = b.counts()
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
    except Trouble as t:
        sys.exit(f"capture: {t}")
    finally:
        for b in benches:
            b.close()
    with open(directory + "/results", "w") as results:
        for b in benches:
            report(b, urgent, results)


main()
