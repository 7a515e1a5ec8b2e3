#!/usr/bin/env python3
"""Real gossip-python 0.0.1 nodes (VoidPhone gossip) for interoperation tests, from the package index.

    gossip.py setup                     make the virtual environment
    gossip.py run --nodes 3             three nodes; nodes 1 and 2 bootstrap at node 0
    gossip.py selftest                  an announce goes through three nodes, each validating

A node is asked and told over its own API port (codes 500 to 503), so there are few verbs here: start, kill, pause, resume,
nodes, quit, in JSON lines (README.md beside this file). Exit codes: 0 done, 1 failed, 2 wrong use, 77 skipped.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # the sources stay as they are

import common
from common import Channel, Skip, Trouble, say

PACKAGE = "gossip-python==0.0.1"  # it needs nothing else
ENTRY = "import sys; from gossip import gossip_main; sys.argv[0] = 'gossip-python'; gossip_main.main()"
KEPT = os.environ.get("ORIGINALS_LOGS")  # in which folder those of the nodes are made that are to stay
LISTENING = "0A"
TABLE = "/proc/net/tcp"
OLDEST, NEWEST = (3, 8), (3, 13)

CONFIG = """[GLOBAL]
HOSTKEY = unused

[GOSSIP]
cache_size = {cache}
max_connections = {connections}
bootstrapper = {bootstrapper}
listen_address = {host}:{p2p}
api_address = {host}:{api}
max_ttl = {max_ttl}
"""

LOGGING = """[loggers]
keys = root
[handlers]
keys = out
[formatters]
keys = line
[logger_root]
level = {level}
handlers = out
[handler_out]
class = StreamHandler
formatter = line
args = (sys.stdout,)
[formatter_line]
format = %(asctime)s %(levelname)s %(message)s
"""


def ensure_venv(arguments):
    if not os.path.exists(TABLE):
        raise Skip(f"it needs Linux: who listens is read from {TABLE}")
    return common.ensure_venv(arguments.venv or common.cache() / "gossip-python-0.0.1",
                              lambda: common.find_python(arguments.python, OLDEST, NEWEST), ["--no-deps", PACKAGE])


def listens(host, port):
    """Whether somebody listens there, without connecting: a connection that closes at once ends a part of a node."""
    wanted = f"{struct.unpack('<I', socket.inet_aton(host))[0]:08X}:{port:04X}"
    with open(TABLE) as table:
        return any(row.split()[1] == wanted and row.split()[3] == LISTENING for row in list(table)[1:])


def lives(pid):
    """Whether a process has not ended: one that nobody has waited for is still listed."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] not in "ZX"


def group(leader):
    """The processes of a node, its guard left out."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(name)
            if pid != leader and os.getpgid(pid) == leader and lives(pid):
                found.append(pid)
    return sorted(found)


def guard(config):
    """Leads a node's process group and ends all of it: when its standard input ends, or the node's main process does."""
    main = subprocess.Popen([sys.executable, "-W", "ignore", "-c", ENTRY, "-c", config], stdin=subprocess.DEVNULL)

    def watch():
        main.wait()
        os.killpg(0, signal.SIGKILL)
    threading.Thread(target=watch, daemon=True).start()
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


class Node:
    def __init__(self, supervisor, number, bootstrapper, connections):
        a, self.number = supervisor.arguments, number
        taken = {port for node in supervisor.nodes for port in (node.p2p, node.api)}
        self.p2p = common.free_port(a.host, a.base_port, taken)
        self.api = common.free_port(a.host, a.base_port, taken | {self.p2p})
        self.folder = supervisor.folder / f"node{number}"
        (self.folder / "config").mkdir(parents=True)
        (self.folder / "config/logging_config.ini").write_text(LOGGING.format(level=a.log_level))
        (self.folder / "node.ini").write_text(CONFIG.format(
            cache=a.cache_size, connections=connections, max_ttl=a.max_ttl, host=a.host, p2p=self.p2p,
            api=self.api, bootstrapper=bootstrapper))
        self.log = self.folder / "node.log"
        with open(self.log, "wb") as log:
            self.guard = subprocess.Popen(
                [supervisor.python, os.path.abspath(__file__), "guard", "node.ini"], cwd=self.folder,
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        deadline = time.time() + 30
        while not (listens(a.host, self.p2p) and listens(a.host, self.api)):
            if self.guard.poll() is not None or time.time() > deadline:
                raise Trouble("start", f"node {number} does not listen: {self.last_words()}")
            time.sleep(0.05)

    def last_words(self):
        lines = self.log.read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def alive(self):
        return self.guard.poll() is None

    def end(self):
        with contextlib.suppress(OSError):
            os.killpg(self.guard.pid, signal.SIGKILL)
        self.guard.wait(5)

    def view(self, host):
        return {"node": self.number, "p2p": f"{host}:{self.p2p}", "api": f"{host}:{self.api}", "alive": self.alive(),
                "processes": len(group(self.guard.pid)) if self.alive() else 0, "log": str(self.log)}


class Supervisor:
    def __init__(self, python, arguments):
        self.python, self.arguments, self.nodes = python, arguments, []
        self.channel, self.ending = Channel(os.dup(1)), threading.Event()
        self.folder = pathlib.Path(arguments.logs or tempfile.mkdtemp(prefix="gossip-python-", dir=KEPT)).absolute()

    def start(self, bootstrapper, connections):
        node = Node(self, len(self.nodes), bootstrapper, connections)
        self.nodes.append(node)
        return node.view(self.arguments.host)

    def node(self, request, alive=True):
        number = request.get("node")
        if not isinstance(number, int) or not 0 <= number < len(self.nodes):
            raise Trouble("usage", f"there is no node {number!r}, only 0 to {len(self.nodes) - 1}")
        if alive and not self.nodes[number].alive():
            raise Trouble("gone", f"node {number} has ended: {self.nodes[number].last_words()}")
        return self.nodes[number]

    def do_start(self, request):
        connections = int(request.get("max_connections", self.arguments.max_connections))
        return self.start(request.get("bootstrapper", ""), connections)

    def do_kill(self, request):
        self.node(request).end()
        return True

    def signal_all(self, request, which):
        for pid in group(self.node(request).guard.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)
        return True

    def do_pause(self, request):
        return self.signal_all(request, signal.SIGSTOP)

    def do_resume(self, request):
        return self.signal_all(request, signal.SIGCONT)

    def do_nodes(self, _):
        return [node.view(self.arguments.host) for node in self.nodes]

    def do_quit(self, _):
        self.ending.set()
        return True

    def answer(self, line):
        request = {}
        try:
            request = json.loads(line)
            method = getattr(self, f"do_{request['do']}", None)
            if method is None:
                raise Trouble("usage", f"no verb {request['do']!r}")
            body = {"ok": method(request)}
        except Trouble as trouble:
            body = {"error": {"code": trouble.code, "message": str(trouble)}}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            body = {"error": {"code": "usage", "message": f"not a request: {error}"}}
        named = {key: request[key] for key in ("id", "node") if isinstance(request, dict) and key in request}
        self.channel.put({**named, **body})

    def read(self):
        for line in iter(lambda: sys.stdin.buffer.readline(1 << 20), b""):
            if line.strip():
                self.answer(line)
        self.ending.set()

    def serve(self):
        a = self.arguments
        for number in range(a.nodes):
            self.start(f"{a.host}:{self.nodes[0].p2p}" if number else a.bootstrapper, a.max_connections)
        self.channel.put({"event": "ready", "package": PACKAGE, "nodes": self.do_nodes(None)})
        threading.Thread(target=self.read, daemon=True).start()
        if not self.ending.wait(a.max_seconds):
            self.channel.put({"event": "limit", "seconds": a.max_seconds})


def run(arguments):
    supervisor = Supervisor(ensure_venv(arguments), arguments)
    for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(which, lambda *_: supervisor.ending.set())
    try:
        supervisor.serve()
        code = 0
    except Trouble as trouble:
        supervisor.channel.put({"event": "failed", "error": {"code": trouble.code, "message": str(trouble)}})
        say(f"gossip.py: {trouble}")
        code = 1
    finally:
        for node in supervisor.nodes:
            node.end()
    if code == 0 and not (arguments.logs or KEPT):
        shutil.rmtree(supervisor.folder, ignore_errors=True)
    return code


class Module:
    """A VoidPhone module at a node's API port."""

    def __init__(self, place):
        host, port = common.address(place)
        self.sock = socket.create_connection((host, port), 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, code, body):
        self.sock.sendall(struct.pack(">HH", 4 + len(body), code) + body)

    def exactly(self, count):
        got = b""
        while len(got) < count:
            more = self.sock.recv(count - len(got))
            if not more:
                raise Trouble("closed", "the node closed its API connection")
            got += more
        return got

    def receive(self):
        size, code = struct.unpack(">HH", self.exactly(4))
        return code, self.exactly(size - 4)


def selftest(arguments):
    ensure_venv(arguments)
    command = [sys.executable, os.path.abspath(__file__), "run", "--nodes", "3", "--base-port", str(arguments.base_port)]
    command += ["--venv", arguments.venv] if arguments.venv else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    nodes = json.loads(process.stdout.readline())["nodes"]
    time.sleep(2)
    modules = [Module(node["api"]) for node in nodes]
    for module in modules:
        module.send(501, struct.pack(">HH", 0, 77))
    time.sleep(0.5)
    begin, times = time.time(), []
    modules[0].send(500, struct.pack(">BBH", 5, 0, 77) + b"said")
    for module in modules[1:]:
        code, body = module.receive()
        times.append(time.time() - begin)
        assert code == 502 and body[2:] == struct.pack(">H", 77) + b"said", (code, body)
        module.send(503, body[:2] + b"\0\1")
    print("ok   an announce reaches the two others after " + ", ".join(f"{1000 * t:.0f} ms" for t in times))
    process.stdin.write(b'{"do":"kill","node":2,"id":1}\n{"do":"nodes","id":2}\n{"do":"kill","node":2,"id":3}\n')
    process.stdin.flush()
    said = [json.loads(process.stdout.readline()) for _ in range(3)]
    alive = [node["alive"] for node in said[1]["ok"]]
    print(("ok   " if alive == [True, True, False] and said[2]["error"]["code"] == "gone" else "FAIL ")
          + f"a killed node is gone, whole (processes {[node['processes'] for node in said[1]['ok']]})")
    process.stdin.close()
    code = process.wait(15)
    print(("ok   " if code == 0 else "FAIL ") + "it ends cleanly")
    return int(alive != [True, True, False] or code != 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--venv")
    shared.add_argument("--python")
    shared.add_argument("--base-port", type=int, default=0, help="take free ports from here on")
    verbs.add_parser("setup", parents=[shared])
    verbs.add_parser("selftest", parents=[shared])
    runs = verbs.add_parser("run", parents=[shared])
    runs.add_argument("--nodes", type=int, default=1)
    runs.add_argument("--host", default="127.0.0.1")
    runs.add_argument("--bootstrapper", default="", help="where node 0 joins, such as a node of ours")
    runs.add_argument("--cache-size", type=int, default=50)
    runs.add_argument("--max-connections", type=int, default=30)
    runs.add_argument("--max-ttl", type=int, default=3)
    runs.add_argument("--log-level", default="INFO")
    runs.add_argument("--logs")
    runs.add_argument("--max-seconds", type=float, default=7200)
    verbs.add_parser("guard").add_argument("config")
    arguments = parser.parse_args()
    if arguments.verb == "guard":
        return guard(arguments.config)
    try:
        if arguments.verb == "setup":
            print(ensure_venv(arguments))
            return 0
        if arguments.verb == "selftest":
            return selftest(arguments)
        code = run(arguments)
        sys.stdout.flush()
        os._exit(code)
    except Skip as skip:
        say(f"SKIPPED: {skip}")
        return common.SKIPPED
    except (Trouble, OSError, subprocess.SubprocessError) as trouble:
        say(f"gossip.py: {trouble}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
