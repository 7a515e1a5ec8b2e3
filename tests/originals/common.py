"""What every supervisor of an original program needs: a Python, a virtual environment, ports, lines of JSON."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading

PYTHONS = ["python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8", "python3"]

SKIPPED = 77
MAKING = 60  # seconds for an installation


class Skip(Exception):
    """What is missing lies outside the project."""


class Trouble(Exception):
    """An error to report, with a code for programs."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- environment


def cache():
    """Where the environments are kept."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(folder) / "egoist-originals"


def python_version(exe):
    """The version of a Python that can make virtual environments, or None."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([exe, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return tuple(map(int, done.stdout.split(b".")))


def find_python(wanted, oldest, newest):
    """The first Python that fits: the one asked for, else this one, else one on PATH."""
    asked = wanted or os.environ.get("ORIGINALS_PYTHON")
    tried = []
    for exe in [asked] if asked else [sys.executable, *PYTHONS]:
        version = python_version(exe)
        if version and oldest <= version <= newest:
            return exe
        tried.append(f"{exe} ({'.'.join(map(str, version)) if version else 'not usable'})")
    fitting = " to ".join(".".join(map(str, version)) for version in (oldest, newest))
    raise Skip(f"it needs CPython {fitting} with venv and ensurepip; tried {', '.join(tried)}")


def pip(venv, *arguments):
    command = [str(venv / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check",
               "--no-input", "--retries", "1", "--timeout", "10", *arguments]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MAKING)
    except subprocess.TimeoutExpired:
        raise Skip(f"the package index did not give {arguments[-1]} within {MAKING} s") from None
    if done.returncode == 0:
        return
    text = done.stdout.decode(errors="replace").strip()
    unreachable = ("No matching distribution", "Could not find a version", "ConnectionError", "NewConnectionError",
                   "ProxyError", "timed out", "Temporary failure", "Could not fetch URL", "HTTP error")
    last = (text.splitlines() or ["it said nothing"])[-1]
    if any(sign in text for sign in unreachable):
        raise Skip(f"the package index does not give {arguments[-1]}: {last}")
    raise Trouble("install", f"pip could not install {arguments[-1]}: {last}")


def ensure_venv(venv, exe, *steps):
    """The Python of a virtual environment; made if it is not there, with `exe()` and what pip is told in each step."""
    venv = pathlib.Path(venv).absolute()
    try:
        venv.parent.mkdir(parents=True, exist_ok=True)
        lock = open(str(venv) + ".lock", "w")
    except OSError as error:
        raise Skip(f"no environment can be made in {venv.parent}: {error.strerror}") from None
    marker = venv / "complete"
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists():
            python = exe()
            say(f"making {venv} with {python}")
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(venv)], check=True, stdout=subprocess.DEVNULL, timeout=MAKING)
            for step in steps:
                pip(venv, *step)
            marker.write_text("\n".join(" ".join(step) for step in steps))
    return str(venv / "bin/python")


# ---------------------------------------------------------------- lines and ports


class Channel:
    """Whole JSON lines on a descriptor, from any thread."""

    def __init__(self, descriptor):
        self.file = os.fdopen(descriptor, "w", encoding="utf-8")
        self.lock = threading.Lock()

    def put(self, thing):
        line = json.dumps(thing, ensure_ascii=True) + "\n"
        with self.lock, contextlib.suppress(BrokenPipeError, ValueError):
            self.file.write(line)
            self.file.flush()


def address(text):
    host, colon, port = str(text).rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise Trouble("usage", f"{text!r} is not host:port")
    return host.strip("[]"), int(port)


def free_port(host, base, taken):
    """A port that nobody listens on: the first from `base` on, or one that the system gives."""
    for port in range(base, 65536) if base else (0,):
        if port in taken:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return probe.getsockname()[1]
    raise Trouble("bind", f"no port is free from {base} on")
