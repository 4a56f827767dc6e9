# SPDX-License-Identifier: MIT
# For tests/bench/capture: what is switched on and off in a machine, how it is known to be on, what it
# has lost.
import json
import os
import re
import signal
import subprocess

from windows import DEADLINE, family, read, wait_until

VQTRACE = "build/vqtrace"


def of_command(process):
    """The processes of a recorder: not those that it records, which may be its children."""
    exe = os.readlink(f"/proc/{process.pid}/exe")

    def same(pid):
        try:
            return os.readlink(f"/proc/{pid}/exe") == exe
        except OSError:
            return False

    return [p for p in family(process.pid) if same(p)]


def lost_in(path):
    """Events that a trace says are missing."""
    shown = subprocess.run([VQTRACE, "show", "-r", path, "-T", "json", "-Y", "loss"], check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return sum(json.loads(line)["loss"]["lost"] for line in shown.splitlines())


class Vqtrace:
    def __init__(self, directory, *options):
        self.options = options
        self.output, self.said = directory + "/trace", directory + "/said"

    def on(self, machine):
        with open(self.said, "w") as said:
            self.process = subprocess.Popen([VQTRACE, "record", *self.options, "-w", self.output, "-p",
                                             str(machine.pid)], stderr=said)
        wait_until(lambda: "attached" in read(self.said), "attaching vqtrace", self.process)
        self.pids = of_command(self.process)

    def off(self, machine):
        """Switch it off; what it has lost."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)
        lost = lost_in(self.output)
        os.unlink(self.output)
        return lost

    def kill(self):
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Bpftrace(Vqtrace):
    def __init__(self, directory, program):
        super().__init__(directory)
        self.program = program

    def on(self, machine):
        program = self.program.replace("cpid", str(machine.pid))
        with open(self.said, "w") as said:
            self.process = subprocess.Popen(["bpftrace", "-v", "-o", self.output, "-e", program],
                                            stdout=said, stderr=said)
        probes = len(re.findall("^u(?:ret)?probe:", program, re.M))
        # it names each as it attaches it
        wait_until(lambda: len(re.findall("^Attaching u", read(self.said), re.M)) == probes,
                   "attaching bpftrace", self.process)
        self.pids = of_command(self.process)

    def off(self, machine):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)
        said = subprocess.run(["grep", "-haE", "^Lost [0-9]+ events", self.said, self.output], check=False,
                              stdout=subprocess.PIPE, text=True).stdout
        os.unlink(self.output)
        return sum(int(n) for n in re.findall("Lost ([0-9]+)", said))


class Log:
    """QEMU's own log of requests, kicks and interrupts: those of guest-cmd --trace-set core."""

    events = ["virtio_set_status", "virtio_queue_notify", "virtio_notify*", "virtqueue_pop", "virtqueue_fill",
              "virtqueue_flush", "virtio_blk_*", "blk_co_pwritev"]
    pids = []

    def on(self, machine):
        self.output = machine.path + ".log"
        machine.execute("human-monitor-command",
                        **{"command-line": "log " + ",".join("trace:" + e for e in self.events)})

    def off(self, machine):
        machine.execute("human-monitor-command", **{"command-line": "log none"})
        for e in self.events:
            machine.execute("trace-event-set-state", name=e, enable=False, **{"ignore-unavailable": True})
        return 0

    def kill(self):
        pass


def programs_of_bpftrace(binary, interrupt):
    """By name: printing at vqtrace's functions, with stacks, counting what --light counts."""
    printed = [(f, "%d", ", arg2") for f in ("virtio_queue_host_notifier_read", "virtqueue_pop",
                                             "virtqueue_fill")] + [(interrupt, "", "")]

    def print_at(stack, argument):
        return "".join(f'uprobe:{binary}:{f} /pid == cpid/ '
                       f'{{ printf("%llu {f} %lx %lx {more}{stack}\\n", nsecs, arg0, arg1{arg}{argument}); }}\n'
                       for f, more, arg in printed)

    count = f"""
uprobe:{binary}:virtio_queue_host_notifier_read /pid == cpid/ {{ @kicks = count(); }}
uretprobe:{binary}:virtqueue_pop /pid == cpid && retval/ {{ @began[retval] = nsecs; }}
uprobe:{binary}:virtqueue_fill /pid == cpid && @began[arg1]/ {{
	@used = count(); @bytes = sum(arg2); @took = hist(nsecs - @began[arg1]); delete(@began[arg1]);
}}
uprobe:{binary}:{interrupt} /pid == cpid/ {{ @interrupts = count(); }}
"""
    return {"bpftrace": print_at("", ""), "ustack": print_at(" %s", ", ustack"), "counting": count}
