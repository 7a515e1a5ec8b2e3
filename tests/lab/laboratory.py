"""N honest nodes and a bootstrap, each in a network namespace of its own; a host for newcomers, and one for the attacker.

Every pair of hosts has a delay from a matrix, by a small switch over TUN devices (switch.rs). It needs root, iproute2 and
rustc, and Python 3.9 or later.
"""

import contextlib
import ctypes
import fcntl
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).absolute().parent
NETWORK, PORT = "lab", 22000
ATTACKER = "10.22.0.200"
THEIRS = [f"10.22.1.{number}" for number in range(1, 41)]  # further addresses of the attacker's host
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class Skip(Exception):
    """What is missing lies outside the project."""


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Skip(f"'{' '.join(command)}' says: {done.stdout.strip()}")
    return done.stdout


def needs():
    """Whether this machine can have a laboratory."""
    if os.geteuid() != 0:
        raise Skip("it needs root, for network namespaces")
    for program in ("ip", "rustc"):
        if not shutil.which(program):
            raise Skip(f"it needs {program} on PATH")
    if not os.path.exists("/dev/net/tun"):
        raise Skip("it needs /dev/net/tun: modprobe tun, or give the container that device")


def built(source):
    """A helper program, compiled when its source is newer."""
    program = pathlib.Path(tempfile.gettempdir()) / "egoist-lab-programs" / source
    if not program.exists() or program.stat().st_mtime < (HERE / f"{source}.rs").stat().st_mtime:
        program.parent.mkdir(exist_ok=True)
        run("rustc", "-O", "--edition", "2024", "-o", str(program), str(HERE / f"{source}.rs"))
    return str(program)


@contextlib.contextmanager
def within(namespace):
    """Sockets that this thread makes meanwhile belong to that namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/var/run/netns/{namespace}") as there:
        if libc.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), 0)


def matrix(hosts, seed=7, near=False):
    """Delays one way in microseconds: points in a square, some pairs on a detour. The attacker, in the middle, comes last."""
    draw = random.Random(seed)
    points = [(draw.random() * 60, draw.random() * 60) for _ in range(hosts - 1)] + [(30, 30)]
    delays = [[0] * hosts for _ in range(hosts)]
    for a in range(hosts):
        for b in range(a + 1, hosts):
            millis = (5 + math.dist(points[a], points[b])) * (1 if draw.random() < 0.8 else 1.7)
            delays[a][b] = delays[b][a] = 100 if near and b == hosts - 1 else int(millis * 1000 / 2)
    return delays


class Laboratory:
    """Host 0 is the bootstrap, 1 to `count` the nodes, then come the newcomers' and the attacker's."""

    def __init__(self, facts):
        self.facts, self.processes = facts, {}
        self.folder, self.count = pathlib.Path(facts["folder"]), facts["count"]

    @classmethod
    def make(cls, egoist, count=8, k=2, pace=1, files=None, configured=(), near=False):
        needs()
        folder = tempfile.mkdtemp(prefix="egoist-lab-")
        facts = dict(folder=folder, count=count, k=k, pace=pace, egoist=os.path.abspath(egoist), files=files,
                     prefix=f"lab{os.getpid()}-", configured=list(configured), near=near)
        (pathlib.Path(folder) / "facts.json").write_text(json.dumps(facts))
        return cls(facts)

    @classmethod
    def at(cls, folder):
        """The laboratory that another process has made."""
        return cls(json.loads((pathlib.Path(folder) / "facts.json").read_text()))

    # ------------------------------------------------------------ hosts

    def nodes(self):
        return range(1, self.count + 1)

    def hosts(self):
        return [self.namespace(host) for host in range(self.count + 3)]

    def namespace(self, host):
        return f"{self.facts['prefix']}{host}"

    @property
    def newcomers(self):
        return self.count + 1

    @property
    def attacker(self):
        return self.namespace(self.count + 2)

    @staticmethod
    def ip(host):
        return f"10.22.0.{10 + host}"

    def address(self, host):
        return self.ip(host), PORT + host

    def text(self, host):
        return f"{self.ip(host)}:{PORT + host}"

    def delays(self):
        return matrix(self.count + 3, near=self.facts["near"])

    def up(self):
        devices = [self._host(host) for host in range(self.count + 3)]
        rows = [" ".join(map(str, row)) for row in self.delays()]
        (self.folder / "matrix").write_text("\n".join(rows))
        command = [built("switch"), str(self.folder / "matrix"), *map(str, devices)]
        self.processes["switch"] = subprocess.Popen(command, pass_fds=devices, stdin=subprocess.DEVNULL)
        for device in devices:
            os.close(device)
        for host in range(self.count + 1):
            self.start(host)

    def _host(self, host):
        name, last = self.namespace(host), host == self.count + 2
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        with within(name):
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", b"wire", IFF_TUN | IFF_NO_PI))
        for address in [ATTACKER, *THEIRS] if last else [self.ip(host)]:
            run("ip", "-n", name, "addr", "add", f"{address}/16", "dev", "wire")
        run("ip", "-n", name, "link", "set", "wire", "up")
        return device

    def down(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for name in self.hosts():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def octets(self, namespace):
        """What a host has received and sent so far."""
        shown = json.loads(run("ip", "-n", namespace, "-s", "-j", "link", "show", "dev", "wire"))[0]["stats64"]
        return shown["rx"]["bytes"], shown["tx"]["bytes"]

    # ------------------------------------------------------------ nodes

    def start(self, host, port=None):
        """Starts a host's node: the bootstrap, one of those honest, or a newcomer."""
        name = str(host) if port is None else f"{host}-{port}"
        listen = self.text(host) if port is None else f"{self.ip(host)}:{port}"
        role = "node" if host else "bootstrap"
        command = ["ip", "netns", "exec", self.namespace(host), self.facts["egoist"], role, "--listen", listen,
                   "--network", NETWORK, "--state", str(self.folder / f"state{name}")]
        if self.facts["pace"] > 1:
            command += ["--pace", str(self.facts["pace"])]
        if host:
            command += ["-k", str(self.facts["k"]), "--bootstrap", self.text(0)]
        if host in self.facts["configured"]:
            command += ["--id", f"{host:032x}"]
        with open(self.folder / f"log{name}", "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=self._limit,
                env=dict(os.environ, XDG_STATE_HOME=str(self.folder)))
        (self.folder / f"pid{name}").write_text(str(self.processes[name].pid))
        return name

    def _limit(self):
        if self.facts["files"]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.facts["files"], self.facts["files"]))

    def end(self, names):
        """Asks processes to leave, and ends those that do not within some seconds."""
        for name in names:
            self.processes[name].send_signal(signal.SIGTERM)
        deadline = time.time() + 8
        for name in names:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processes[name].wait(max(0.1, deadline - time.time()))
                continue
            self.processes[name].kill()
            self.processes[name].wait()

    def ended(self):
        """Nodes and the bootstrap whose processes have ended."""
        return [host for host in range(self.count + 1) if self.processes[str(host)].poll() is not None]

    def restart(self):
        names = [str(host) for host in range(self.count + 1)]
        self.end(names)
        for host in range(self.count + 1):
            self.start(host)

    def log(self, host):
        return (self.folder / f"log{host}").read_text(errors="replace")

    def control(self, host, port=None):
        name = str(host) if port is None else f"{host}-{port}"
        return Control(self.folder / f"state{name}" / "control.sock")

    def ask(self, host, verb, port=None, **fields):
        with self.control(host, port) as control:
            return control.ask(verb, **fields)

    def ids(self):
        """The id of each node that answers."""
        found = {}
        for host in self.nodes():
            with contextlib.suppress(OSError, KeyError, EOFError):
                found[host] = self.ask(host, "overlay.status")["id"]
        return found

    def process(self, host, file):
        """A file of /proc about a node's process."""
        return pathlib.Path("/proc") / (self.folder / f"pid{host}").read_text() / file


class Control:
    """A client of a node's control socket."""

    def __init__(self, path, patience=8):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(str(path))
        self.lines, self.number = self.socket.makefile("rb"), 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def send(self, verb, **fields):
        self.number += 1
        self.socket.sendall(json.dumps({"id": self.number, "do": verb, "with": fields}).encode() + b"\n")
        return self.number

    def line(self):
        line = self.lines.readline()
        if not line:
            raise EOFError("the node closed its control socket")
        return json.loads(line)

    def ask(self, verb, **fields):
        self.send(verb, **fields)
        return self.line()["ok"]
