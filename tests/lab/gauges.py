"""What is measured about the honest while an attack goes on."""

import concurrent.futures
import contextlib
import os
import threading
import time

from laboratory import within
from wire import Link, fields


def memory(laboratory, host):
    """Resident memory in MiB; none of a process that has ended."""
    with contextlib.suppress(OSError):
        for line in laboratory.process(host, "status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return None


def files(laboratory, host):
    """Open files of a node; none of a process that has ended."""
    with contextlib.suppress(OSError):
        return len(os.listdir(laboratory.process(host, "fd")))
    return None


def processor(laboratory, host):
    """Seconds of processor time that a node has used; none of a process that has ended."""
    with contextlib.suppress(OSError, IndexError):
        used = laboratory.process(host, "stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
    return None


def known(laboratory):
    """How many others each node knows; none of one that does not answer."""
    def one(host):
        with contextlib.suppress(OSError, KeyError, EOFError):
            return laboratory.ask(host, "overlay.status")["nodes_known"]

    with concurrent.futures.ThreadPoolExecutor(laboratory.count) as workers:
        return dict(zip(laboratory.nodes(), workers.map(one, laboratory.nodes())))


def lost_pairs(laboratory, wait=800):
    """Ordered pairs of honest nodes between which no echo comes back."""
    nodes, asked, back = laboratory.nodes(), [], 0
    for host in nodes:
        with contextlib.suppress(OSError):
            control = laboratory.control(host)
            asked.append(control)
            for other in nodes:
                if other != host:
                    control.send("overlay.ping", to=laboratory.text(other), size=8, wait_ms=wait)
    for control in asked:
        with control, contextlib.suppress(OSError, EOFError):
            for _ in range(control.number):
                back += "ok" in control.line()
    return len(nodes) * (len(nodes) - 1) - back


class Watch(threading.Thread):
    """Probes all pairs once a second."""

    def __init__(self, laboratory):
        super().__init__(daemon=True)
        self.laboratory, self.rows, self.over = laboratory, [], False

    def run(self):
        while not self.over:
            start = time.time()
            self.rows.append((start, lost_pairs(self.laboratory)))
            time.sleep(max(0.05, start + 1 - time.time()))

    def between(self, start, end):
        """Mean and greatest number of pairs lost."""
        lost = [pairs for at, pairs in self.rows if start <= at < end]
        return (sum(lost) / len(lost), max(lost)) if lost else (None, None)


class Answers:
    """How long each node takes to answer who its neighbours are, asked ten times a second: in wall time, with whatever else
    this machine does."""

    def __init__(self, laboratory):
        self.laboratory, self.slowest, self.over = laboratory, {}, False
        for host in laboratory.nodes():
            threading.Thread(target=self._ask, args=(host,), daemon=True).start()

    def _ask(self, host):
        while not self.over:
            with contextlib.suppress(OSError, KeyError, EOFError), self.laboratory.control(host) as control:
                control.socket.settimeout(120)
                while not self.over:
                    start = time.time()
                    control.ask("overlay.neighbors")
                    self.slowest[host] = max(self.slowest.get(host, 0), time.time() - start)
                    time.sleep(0.1)
            time.sleep(0.3)


class Records:
    """When each node last told a new record, as a watcher at every node hears them. Who was not heard for longer than a
    refresh takes is frozen, whatever its process and its links do."""

    def __init__(self, laboratory):
        self.told, self.keys, self.links = {}, {}, []
        with within(laboratory.namespace(laboratory.newcomers)):
            for host in laboratory.nodes():
                self.links.append(Link(laboratory.address(host), port=22998, role="w"))
                self.links[-1].on_line = self._heard

    def _heard(self, _, line, parts):
        if parts[0] == b"UPT":
            key, name, _, _ = fields(line)
            key, who = tuple(map(int, key.split("."))), name.split("~")[1]
            if key > self.keys.get(who, (0, 0)):
                self.keys[who], self.told[who] = key, time.time()

    def frozen(self, ids, since):
        """Nodes of whom nothing new was heard since then, by their ids; one that has none does not answer."""
        return [host for host, who in ids.items() if who is None or self.told.get(who, 0) < since]

    def close(self):
        for link in self.links:
            link.close()
