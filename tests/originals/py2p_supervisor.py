#!/usr/bin/env python3
"""Real py2p 0.7.878 nodes for interoperation tests, from the package index.

    py2p_supervisor.py setup               make the virtual environment (done by `run` too)
    py2p_supervisor.py run mesh --nodes 3  three mesh nodes on free ports
    py2p_supervisor.py run chord --ports 24000,24001
    py2p_supervisor.py selftest            mesh, chord and sync nodes; prints one line a check

`run` reads one JSON object a line from standard input and writes one a line to standard output; README.md beside this
file lists the verbs. Exit codes: 0 done, 1 something failed, 2 wrong use, 77 skipped (no fitting Python, or the
package index is out of reach).
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # the sources stay as they are

import common
import py2p_node
import py2p_selftest
from common import Channel, Skip, Trouble, free_port, say

PY2P = "0.7.878"
# Built with old setuptools: newer ones refuse some of these. py2p's own pins do not install on Python 3.10 and later.
BUILD = ["setuptools==58.0.0", "wheel==0.45.1"]
PARTS = ["base58==1.0.3", "u-msgpack-python==2.8.0", "pyee==3.0.3", "custom_inherit==2.2.2", "async_promises==1.1.1"]
OLDEST, NEWEST = (3, 8), (3, 11)

KINDS = ("mesh", "chord", "sync")
LINE_LIMIT = 64 << 20


def ensure_venv(arguments):
    return common.ensure_venv(arguments.venv or common.cache() / f"py2p-{PY2P}",
                              lambda: common.find_python(arguments.python, OLDEST, NEWEST),
                              BUILD, ["--no-build-isolation", *PARTS],
                              ["--no-build-isolation", "--no-deps", f"py2p=={PY2P}"])


class Handle:
    """A node as the supervisor knows it."""

    def __init__(self, number, port):
        self.number, self.port = number, port
        self.process = self.info = self.failure = None
        self.settled, self.gone = threading.Event(), threading.Event()
        self.pending, self.expected = set(), False
        self.lock = threading.Lock()


class Supervisor:
    OWN = {"start", "stop", "kill", "pause", "resume", "nodes", "quit", "help"}

    def __init__(self, python, arguments):
        self.python, self.arguments = python, arguments
        self.channel = Channel(os.dup(1))
        self.handles, self.ending = [], threading.Event()
        self.logs = pathlib.Path(arguments.logs or tempfile.mkdtemp(prefix="py2p-"))
        self.logs.mkdir(parents=True, exist_ok=True)

    def options(self, port):
        a = self.arguments
        return {"kind": a.kind, "host": a.host, "port": port, "as_shipped": a.as_shipped, "plain": a.plain,
                "subnet": a.subnet, "salt": a.salt, "no_leasing": a.no_leasing}

    def start(self, port=None):
        taken = {handle.port for handle in self.handles}
        handle = Handle(len(self.handles), port or free_port(self.arguments.host, self.arguments.base_port, taken))
        self.handles.append(handle)
        log = open(self.logs / f"node{handle.number}.log", "wb")
        environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        handle.process = subprocess.Popen(
            [self.python, "-u", "-W", "ignore", os.path.abspath(__file__), "node", json.dumps(self.options(handle.port))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True)
        log.close()
        threading.Thread(target=self.listen, args=(handle,), daemon=True).start()
        return handle

    def settle(self, handle, seconds=20):
        """The node's own account of itself, once it is up."""
        if not handle.settled.wait(seconds):
            raise Trouble("start", f"node {handle.number} is not up after {seconds} s (log: {self.log(handle)})")
        if handle.info is None:
            failure = handle.failure or {"code": "start", "message": self.last_words(handle)}
            raise Trouble(failure["code"], f"node {handle.number} did not start: {failure['message']}")
        return {"node": handle.number, "port": handle.port, **handle.info}

    def log(self, handle):
        return str(self.logs / f"node{handle.number}.log")

    def last_words(self, handle):
        with contextlib.suppress(OSError):
            lines = pathlib.Path(self.log(handle)).read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else "it said nothing"
        return "it left no log"

    def listen(self, handle):
        """Passes on what a node says, until it is gone; then answers what it left unanswered."""
        for line in handle.process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said.get("event") in ("up", "failed"):
                handle.info = {key: value for key, value in said.items() if key != "event"} \
                    if said["event"] == "up" else None
                handle.failure = said.get("error")
                handle.settled.set()
                continue
            with handle.lock:
                handle.pending.discard(json.dumps(said.get("id")))
            self.channel.put({"node": handle.number, **said})
        code = handle.process.wait()
        with handle.lock:
            handle.gone.set()
            unanswered, handle.pending = handle.pending, set()
        handle.settled.set()
        for key in sorted(unanswered):
            self.channel.put({"node": handle.number, "id": json.loads(key), "error":
                              {"code": "gone", "message": f"node {handle.number} ended before it answered"}})
        if handle.info is not None:
            self.channel.put({"node": handle.number, "event": "ended", "expected": handle.expected, "code": code,
                              **({} if handle.expected else {"last": self.last_words(handle)})})

    def handle_of(self, request):
        number = request.get("node", 0)
        if not isinstance(number, int) or not 0 <= number < len(self.handles):
            raise Trouble("usage", f"there is no node {number!r}, only 0 to {len(self.handles) - 1}")
        return self.handles[number]

    def forward(self, request):
        handle = self.handle_of(request)
        with handle.lock:
            if handle.gone.is_set():
                raise Trouble("gone", f"node {handle.number} has ended")
            if "id" in request:
                handle.pending.add(json.dumps(request["id"]))
            if request.get("do") == "stop":
                handle.expected = True
        try:
            handle.process.stdin.write(json.dumps(request).encode() + b"\n")
            handle.process.stdin.flush()
        except (BrokenPipeError, OSError):
            pass  # its listener answers

    def signal(self, request, which):
        handle = self.handle_of(request)
        if handle.gone.is_set():
            raise Trouble("gone", f"node {handle.number} has ended")
        handle.expected = handle.expected or which == signal.SIGKILL
        handle.process.send_signal(which)
        if which == signal.SIGKILL:
            handle.gone.wait(5)
        return True

    def do_start(self, request):
        port = request.get("port")
        if port is not None and (not isinstance(port, int) or not 0 < port < 65536):
            raise Trouble("usage", "a port is 1 to 65535")
        return self.settle(self.start(port))

    def do_stop(self, request):
        handle = self.handle_of(request)
        handle.expected = True
        with contextlib.suppress(OSError):
            handle.process.send_signal(signal.SIGCONT)
            handle.process.stdin.close()
        if not handle.gone.wait(5):
            handle.process.kill()
            handle.gone.wait(5)
        return True

    def do_kill(self, request):
        return self.signal(request, signal.SIGKILL)

    def do_pause(self, request):
        return self.signal(request, signal.SIGSTOP)

    def do_resume(self, request):
        return self.signal(request, signal.SIGCONT)

    def do_nodes(self, _):
        return [{"node": handle.number, "port": handle.port, "pid": handle.process.pid,
                 "alive": not handle.gone.is_set(), "log": self.log(handle),
                 "id": handle.info and handle.info["id"]} for handle in self.handles]

    def do_help(self, _):
        verbs = sorted(name[3:] for name in dir(py2p_node.Node) if name.startswith("do_") and name != "do_quit")
        return {"supervisor": sorted(self.OWN), "node": verbs, "waiting": sorted(py2p_node.Node.WAITING)}

    def do_quit(self, _):
        self.ending.set()
        return True

    def request(self, line):
        request = {}
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("not an object")
        except ValueError as error:
            self.channel.put({"error": {"code": "usage", "message": f"not a JSON object: {error}"}})
            return
        try:
            if request.get("do") in self.OWN:
                head = {"id": request["id"]} if "id" in request else {}
                if "node" in request:
                    head["node"] = request["node"]
                self.channel.put({**head, "ok": getattr(self, "do_" + request["do"])(request)})
            else:
                self.forward(request)
        except Trouble as trouble:
            head = {key: request[key] for key in ("id", "node") if key in request}
            self.channel.put({**head, "error": {"code": trouble.code, "message": str(trouble)}})

    def end(self):
        """Closes every node; whoever is not gone after three seconds is killed."""
        for handle in self.handles:
            handle.expected = True
            with contextlib.suppress(OSError, ValueError):
                handle.process.send_signal(signal.SIGCONT)
                handle.process.stdin.close()
        deadline = time.time() + 3
        for handle in self.handles:
            if not handle.gone.wait(max(0.0, deadline - time.time())):
                handle.process.kill()
                handle.gone.wait(2)

    def link(self, how):
        """Connects node i with node 0 (star) or with the one before it (chain)."""
        for handle in self.handles[1:]:
            other = self.handles[0 if how == "star" else handle.number - 1]
            self.forward({"do": "connect", "node": handle.number, "to": f"{self.arguments.host}:{other.port}"})
            time.sleep(0.3)

    def serve(self):
        a = self.arguments
        ports = a.ports or [None] * a.nodes
        nodes = [self.settle(handle) for handle in [self.start(port) for port in ports]]
        if a.link != "none":
            self.link(a.link)
        self.channel.put({"event": "ready", "kind": a.kind, "py2p": PY2P, "repaired": not a.as_shipped,
                          "compressing": not a.plain, "logs": str(self.logs), "nodes": nodes})
        threading.Thread(target=self.read_requests, daemon=True).start()
        if not self.ending.wait(a.max_seconds):
            self.channel.put({"event": "limit", "seconds": a.max_seconds})

    def read_requests(self):
        for line in iter(lambda: sys.stdin.buffer.readline(LINE_LIMIT), b""):
            if line.strip():
                self.request(line)
            if self.ending.is_set():
                return
        self.ending.set()


def run(arguments):
    supervisor = Supervisor(ensure_venv(arguments), arguments)
    for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(which, lambda *_: supervisor.ending.set())
    try:
        supervisor.serve()
    except Trouble as trouble:
        supervisor.channel.put({"event": "failed", "error": {"code": trouble.code, "message": str(trouble)}})
        say(f"py2p_supervisor.py: {trouble}")
        return 1
    finally:
        supervisor.end()
        sys.stderr.flush()
    if not arguments.logs:
        shutil.rmtree(supervisor.logs, ignore_errors=True)
    return 0


# ---------------------------------------------------------------- command line


def ports(text):
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of ports such as 24000,24001")
    if not all(0 < number < 65536 for number in numbers):
        raise argparse.ArgumentTypeError("a port is 1 to 65535: py2p advertises the number it is given")
    return numbers


def parse(arguments):
    parser = argparse.ArgumentParser(prog="py2p_supervisor.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    environment = argparse.ArgumentParser(add_help=False)
    environment.add_argument("--venv", help="where the environment is (default: in the user's cache folder)")
    environment.add_argument("--python", help="CPython 3.8 to 3.11 to make it with (default ORIGINALS_PYTHON, else found)")
    verbs.add_parser("setup", parents=[environment], help="make the environment, print its Python")
    test = verbs.add_parser("selftest", parents=[environment], help="try everything once")
    test.add_argument("--as-shipped", action="store_true", help="without the repairs")
    test.add_argument("--base-port", type=int, default=0, help="take free ports from here on")
    runs = verbs.add_parser("run", parents=[environment], help="run nodes, drive them in JSON lines")
    runs.add_argument("kind", choices=KINDS)
    runs.add_argument("--ports", type=ports, help="one node on each, such as 24000,24001")
    runs.add_argument("--base-port", type=int, default=0, help="take free ports from here on")
    runs.add_argument("--nodes", type=int, default=1, help="so many on free ports, where --ports is not given")
    runs.add_argument("--host", default="127.0.0.1", help="where they listen (default 127.0.0.1)")
    runs.add_argument("--link", choices=("none", "star", "chain"), default="none", help="connect them at start")
    runs.add_argument("--as-shipped", action="store_true", help="py2p without the repairs")
    runs.add_argument("--plain", action="store_true", help="advertise and use no compression")
    runs.add_argument("--subnet", help="the network's name (default: the kind)")
    runs.add_argument("--salt", help="makes ids follow from address and salt (default: drawn)")
    runs.add_argument("--no-leasing", action="store_true", help="sync only: the newest write wins")
    runs.add_argument("--logs", help="a folder for what py2p prints (default: a temporary one)")
    runs.add_argument("--max-seconds", type=float, default=7200, help="end after so long (default 7200)")
    node = verbs.add_parser("node")
    node.add_argument("options", type=json.loads)
    return parser.parse_args(arguments)


def main():
    arguments = parse(sys.argv[1:])
    if arguments.verb == "node":
        return py2p_node.main(arguments.options)
    try:
        if arguments.verb == "setup":
            print(ensure_venv(arguments))
            return 0
        if arguments.verb == "selftest":
            print(f"python {ensure_venv(arguments)}", flush=True)
            return py2p_selftest.selftest(arguments)
        os._exit(run(arguments))  # a thread may still wait for standard input: an orderly exit would wait for it
    except Skip as skip:
        say(f"SKIPPED: {skip}")
        return common.SKIPPED
    except (Trouble, OSError, subprocess.SubprocessError) as trouble:
        say(f"py2p_supervisor.py: {trouble}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
