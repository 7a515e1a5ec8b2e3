"""What the attacks say: records, greetings, and a link that beats. The grammar is in the docs of `overlay::wire`."""

import contextlib
import hashlib
import os
import socket
import struct
import threading
import time

from laboratory import ATTACKER, NETWORK

NOBODY = "0" * 32


def new_id():
    return os.urandom(16).hex()


def new_token():
    return os.urandom(8).hex()


def update(key, name, age, body):
    """A record, whoever it is said to be of: its hash is right."""
    digest = hashlib.sha256(f"{key}@{name}@{body}".encode()).hexdigest()[:32]
    return f"UPT@{digest}@{key}@{name}@{age}@{body}\r\n".encode()


def fields(line):
    """Key, name, age and body of a record."""
    _, _, key, name, age, body = line.decode().split("@", 5)
    return key, name, int(age), body


def greeting(name, role="o", start=1, token=None, network=NETWORK):
    return f"LNK@1@{network}@{name}@{role}@{token or new_token()}@start={start}\r\n".encode()


def registration(name, wishes=None):
    return f"REG@{name}@2@net={NETWORK}{',' + wishes if wishes else ''}\r\n".encode()


def connect(to, source=None, patience=10):
    made = socket.socket()
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.settimeout(patience)
    if source:
        made.bind((source, 0))
    made.connect(to)
    return made


def register(to, name, wishes=None, source=None):
    """All that is answered to a stranger's registration; nothing if it is refused."""
    answer = b""
    with contextlib.suppress(OSError), connect(to, source, 5) as stranger:
        stranger.sendall(registration(name, wishes))
        while octets := stranger.recv(1 << 20):
            answer += octets
    return b"" if answer.startswith(b"NACK") else answer


def abort(connection):
    """Closes without a word, so that nothing is left of it at this end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Link:
    """A neighbour that greets, asks for all records, beats on the link, and keeps what it is told. It claims to have held
    beats for `lie` microseconds longer than it did."""

    def __init__(self, to, id=None, port=22900, role="o", start=1, source=None, lie=0):
        self.id = id or new_id()
        self.name = f"{ATTACKER}:{port}~{self.id}"
        self.records, self.octets, self.dead, self.refused = {}, 0, False, None
        self.token, self.theirs, self.on_line, self.lie = new_token(), None, None, lie
        self.heard, self.heard_at, self.lock = 0, None, threading.Lock()
        self.socket = connect(to, source)
        self.say(greeting(self.name, role, start, self.token))
        for task in (self._read, self._beat):
            threading.Thread(target=task, daemon=True).start()

    def say(self, octets):
        """Whether that could be said."""
        try:
            with self.lock:
                self.socket.sendall(octets)
        except OSError:
            self.dead = True
        return not self.dead

    def _beat(self):
        number = 0
        while not self.dead:
            if self.theirs:
                number += 1
                held = int((time.time() - self.heard_at) * 1e6) + self.lie if self.heard_at else 0
                self.say(f"HB@{self.theirs}@{number}@{self.heard}@{held}@t@0@\r\n".encode())
            time.sleep(0.25)

    def _read(self):
        buffer = b""
        with contextlib.suppress(OSError):
            while octets := self.socket.recv(1 << 16):
                self.octets += len(octets)
                *lines, buffer = (buffer + octets).split(b"\r\n")
                for line in lines:
                    self._heard(line, line.split(b"@"))
        self.dead = True

    def _heard(self, line, parts):
        word = parts[0]
        if word == b"LNK":
            first, self.theirs = self.theirs is None, parts[5].decode()
            if first:
                self.say(b"ASK@\r\n")
        elif word == b"UPT":
            self.records[parts[3].decode().split("~")[1]] = line
        elif word == b"HB":
            self.heard, self.heard_at = int(parts[2]), time.time()
        elif word == b"NACK":
            self.refused = line.decode()
        if self.on_line:
            self.on_line(self, line, parts)

    def opened(self, patience=5):
        """Itself once it is a link: an attack that fails on form shows nothing."""
        deadline = time.time() + patience
        while not (self.theirs or self.dead or self.refused) and time.time() < deadline:
            time.sleep(0.01)
        if not self.theirs:
            raise SystemExit(f"the attacker's link was not let in: {self.refused or 'no answer'}")
        return self

    def close(self):
        self.dead = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
