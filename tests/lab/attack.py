#!/usr/bin/env python3
"""One attack on eight real nodes from end to end: before, during, a minute after, and after a restart.

    tests/lab/attack.py ATTACK... [--egoist target/release/egoist] [--json] [--keep]
    tests/lab/attack.py --list

Each node is a process in a network namespace of its own, with delays between them (laboratory.py); the attacker says what
anybody could say over a network. What should hold: no process ends; pairs of honest nodes are lost no longer than the
attack lasts, and a minute after it none; every node's record is heard anew (none is frozen); a newcomer reaches all
within five seconds; memory is within 32 MiB of before; no turn of a loop takes more than 100 ms of processor time; for an
octet that the attacker said at most three were sent to it or to third parties; after a restart all is as before.

One row an attack, on standard output: the honest pairs lost of 56 (mean and greatest number before, during and in the
last half minute), nodes frozen, processes ended, seconds until a newcomer was in (during, after), how much the memory of
the worst node has grown, the longest turn of a loop as `egoist status` tells it and the slowest answer on a control socket
(wall time), octets for an octet said, and then after a restart: processes that did not start, pairs lost, strange nodes
known. What goes on is told on standard error. Exit codes: 0 measured, 1 failed, 2 wrong use, 77 skipped (no root, no
`ip`, no `rustc`, no /dev/net/tun). One laboratory at a time: two on one machine disturb each other.
"""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the sources stay as they are

from gauges import Answers, Records, Watch, files, known, lost_pairs, memory
from laboratory import Laboratory, Skip

HERE = pathlib.Path(__file__).absolute().parent
ATTACKS = sorted(path.stem for path in (HERE / "attacks").glob("*.py"))
SKIPPED = 77
CALM, AFTER, LAST = 8, 64, 30  # seconds watched before, after, and of these those that count as after
REFRESH = 62  # seconds within which every node tells its record again
PATIENCE = 20  # seconds after which a newcomer is not in
LONGEST = 150  # seconds that an attack may take

COLUMNS = [("attack", 14), ("lost before", 12), ("during", 12), ("after", 12), ("frozen", 6), ("ended", 5),
           ("newcomer s", 13), ("MiB more", 8), ("turn ms", 8), ("answer ms", 9), ("for one", 8), ("restart", 20)]


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- one attack


def settled(laboratory, patience=40):
    """Seconds until all pairs reach each other and all nodes have measured; none if they do not."""
    start = time.time()
    while time.time() < start + patience:
        with contextlib.suppress(OSError, KeyError, EOFError):
            phases = {laboratory.ask(host, "overlay.status")["phase"] for host in laboratory.nodes()}
            if phases <= {"measuring", "wired"} and lost_pairs(laboratory) == 0:
                return time.time() - start
        time.sleep(0.5)
    return None


class Newcomers:
    """New nodes on a host of their own, one after the other."""

    def __init__(self, laboratory):
        self.laboratory, self.port = laboratory, 22500

    def one(self):
        """Seconds until a new node gets an echo from every honest one that runs; none if it does not."""
        laboratory, host = self.laboratory, self.laboratory.newcomers
        self.port += 1
        start, name = time.time(), laboratory.start(host, self.port)
        others = [laboratory.text(node) for node in laboratory.nodes() if node not in laboratory.ended()]
        took = None
        while others and time.time() < start + PATIENCE:
            with contextlib.suppress(OSError, EOFError), laboratory.control(host, self.port) as control:
                for other in others:
                    control.send("overlay.ping", to=other, size=8, wait_ms=500)
                if all("ok" in control.line() for _ in others):
                    took = time.time() - start
                    break
            time.sleep(0.1)
        laboratory.end([name])
        return took


class Attacker:
    """The attack, in a process of its own on the attacker's host. It goes on until it is stopped."""

    def __init__(self, laboratory, name):
        command = ["ip", "netns", "exec", laboratory.attacker, sys.executable, str(HERE / "attack.py"), name,
                   "--inside", str(laboratory.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def saw(self):
        """What the attacker saw, once it is at its height."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the attack failed on form, or ended: see above")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()


def longest_turn(laboratory):
    """Milliseconds, as the nodes tell it; none of nodes that do not."""
    turns = []
    for host in laboratory.nodes():
        with contextlib.suppress(OSError, KeyError, EOFError):
            turns.append(laboratory.ask(host, "overlay.status")["longest_turn_ms"])
    return max((turn for turn in turns if turn is not None), default=None)


def through(laboratory):
    """Octets that each node's host has received and sent."""
    return {host: laboratory.octets(laboratory.namespace(host)) for host in range(laboratory.count + 1)}


def sent_for_one(before, after):
    """Octets that the node with the greatest share sent for each that it received, headers and all."""
    moved = [[late - early for early, late in zip(before[host], after[host])] for host in before]
    return round(max(sent / max(1, received) for received, sent in moved), 2)


def most_more(before, after):
    grown = [after[host] - before[host] for host in before if None not in (before[host], after[host])]
    return max(grown, default=None)


def measure(name, egoist, keep):
    module = importlib.import_module(f"attacks.{name}")
    laboratory = Laboratory.make(egoist, **getattr(module, "NODES", {}))
    with laboratory:
        try:
            return observe(laboratory, name, getattr(module, "AFTER", AFTER))
        finally:
            if keep:
                kept = shutil.copytree(laboratory.folder, f"{laboratory.folder}-kept", ignore=no_sockets)
                say(f"{name}: states and logs are in {kept}")


def no_sockets(folder, names):
    return [name for name in names if pathlib.Path(folder, name).is_socket()]


def observe(laboratory, name, after_seconds):
    took = settled(laboratory)
    if took is None:
        raise RuntimeError("the nodes do not reach each other even without an attack: is the machine too busy?")
    say(f"{name}: settled after {took:.1f} s, load {os.getloadavg()[0]:.1f}")
    ids, newcomers, watch = laboratory.ids(), Newcomers(laboratory), Watch(laboratory)
    gauge = lambda what: {host: what(laboratory, host) for host in range(laboratory.count + 1)}
    watch.start()
    records, answers, start = Records(laboratory), Answers(laboratory), time.time()
    time.sleep(CALM)
    memory_before, files_before, octets_before = gauge(memory), gauge(files), laboratory.octets(laboratory.attacker)
    turn_before, through_before = longest_turn(laboratory), through(laboratory)

    begun = time.time()
    attacker = Attacker(laboratory, name)
    try:
        saw = attacker.saw()
        at_height, files_most = gauge(memory), gauge(files)
        say(f"{name}: {time.time() - begun:.0f} s, the attacker saw {json.dumps(saw)}")
        during = newcomers.one()
    finally:
        attacker.stop()
    over, through_over = time.time(), through(laboratory)
    say(f"{name}: over after {over - begun:.0f} s, ended {laboratory.ended()}, newcomer {during}")

    time.sleep(after_seconds)
    here, there = laboratory.octets(laboratory.attacker), octets_before
    watched = time.time()
    ids_after, ended = laboratory.ids(), laboratory.ended()
    alive = {host: ids_after.get(host) for host in laboratory.nodes() if host not in ended}
    frozen = records.frozen(alive, watched - REFRESH)
    memory_after, files_after = gauge(memory), gauge(files)
    turn, slowest = longest_turn(laboratory), max(answers.slowest.values(), default=None)
    after = newcomers.one()
    watch.over = answers.over = True
    records.close()
    say(f"{name}: restarting, ended {ended}, newcomer {after}")
    restart = restarted(laboratory)
    return dict(
        attack=name, load=round(os.getloadavg()[0], 1), seconds=round(time.time() - start),
        lost_before=watch.between(start, begun), lost_during=watch.between(begun, over),
        lost_after=watch.between(watched - LAST, watched), frozen=frozen, ended=ended,
        new_ids=[host for host, who in ids_after.items() if ids.get(host) != who],
        newcomer_during_s=during, newcomer_after_s=after,
        memory_more_mib=most_more(memory_before, memory_after), memory_height_mib=most_more(memory_before, at_height),
        files=[max(filter(None, gauge.values()), default=None) for gauge in (files_before, files_most, files_after)],
        turn_ms=turn, turn_before_ms=turn_before, answer_ms=slowest and slowest * 1000,
        worst_node_for_one=sent_for_one(through_before, through_over),
        octets_said=here[1] - there[1], octets_back=here[0] - there[0],
        for_one=saw.get("for_one", (here[0] - there[0]) / max(1, here[1] - there[1])), saw=saw, restart=restart)


def restarted(laboratory):
    """How the nodes are after a restart: processes that do not run, pairs lost, and nodes known that are none of them."""
    laboratory.restart()
    took = settled(laboratory, 25)
    most = max((count for count in known(laboratory).values() if count is not None), default=0)
    return dict(refused=laboratory.ended(), lost=lost_pairs(laboratory), took_s=took,
                strange=max(0, most - (laboratory.count - 1)))


# ---------------------------------------------------------------- the table


def number(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def cells(row):
    pairs = lambda lost: f"{number(lost[0])}, {number(lost[1], 0)}"
    restart = row["restart"]
    newcomer = f"{number(row['newcomer_during_s'])}, {number(row['newcomer_after_s'])}"
    return [row["attack"], pairs(row["lost_before"]), pairs(row["lost_during"]), pairs(row["lost_after"]),
            str(len(row["frozen"])), str(len(row["ended"])), newcomer, number(row["memory_more_mib"]),
            number(row["turn_ms"]), number(row["answer_ms"], 0), number(row["for_one"]),
            f"{len(restart['refused'])} out, {restart['lost']} lost, {restart['strange']}"]


def line(texts):
    return "| " + " | ".join(text.ljust(width) for text, (_, width) in zip(texts, COLUMNS)) + " |"


def show_heading():
    print(line([title for title, _ in COLUMNS]))
    print("|" + "|".join("-" * (width + 2) for _, width in COLUMNS) + "|", flush=True)


# ---------------------------------------------------------------- the program


def inside(name, folder):
    """On the attacker's host: what it saw goes to standard output, and what it goes on with ends with standard input."""
    saw = importlib.import_module(f"attacks.{name}").attack(Laboratory.at(folder))
    print(json.dumps(saw), flush=True)
    sys.stdin.read()
    os._exit(0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=", ".join(ATTACKS))
    parser.add_argument("--egoist", default="target/release/egoist", help="the program [target/release/egoist]")
    parser.add_argument("--json", action="store_true", help="one object an attack instead of a row")
    parser.add_argument("--keep", action="store_true", help="keep states and logs")
    parser.add_argument("--list", action="store_true", help="list the attacks")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in given.attacks:
        if name not in ATTACKS:
            parser.error(f"there is no attack '{name}': see --list")
    if not (given.list or given.attacks):
        parser.error("which attack? see --list")
    return given


def main():
    given = arguments()
    sys.path.insert(0, str(HERE))
    if given.list:
        for name in ATTACKS:
            print(f"{name:14} {importlib.import_module(f'attacks.{name}').__doc__.splitlines()[0]}")
        return 0
    if given.inside:
        return inside(given.attacks[0], given.inside)
    if not os.access(given.egoist, os.X_OK):
        say(f"there is no program {given.egoist}: cargo build --release --bin egoist, or name it with --egoist")
        return 2
    for way in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # however it ends, nothing is left of the laboratory
        signal.signal(way, lambda *_: sys.exit(1))
    if not given.json:
        show_heading()
    failed = 0
    for name in given.attacks:
        try:
            row = measure(name, given.egoist, given.keep)
            print(json.dumps(row) if given.json else line(cells(row)), flush=True)
        except Skip as why:
            say(f"SKIPPED: {name}: {why}")
            return SKIPPED
        except RuntimeError as error:
            say(f"{name}: {error}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
