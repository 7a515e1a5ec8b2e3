"""One py2p node in a process of its own, driven in JSON lines."""

import collections
import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
import traceback

from common import Channel, Trouble, address
from py2p_repairs import repair

QUEUE_LIMIT = 1_000_000  # messages kept for `recv`; the oldest go
REPLY_LIMIT = 10_000  # messages that `reply` can still name
WORKERS = 128  # verbs that wait, at once, in one node

WHISPER = 2  # type and sub flag, on the wire


# ---------------------------------------------------------------- values in JSON, as in the golden frames


def to_json(value):
    """A msgpack value: bin, str, f64 and map are wrapped, so that nothing is lost."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return {"f64": value if math.isfinite(value) else repr(value)}
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, (bytes, bytearray)):
        octets = bytes(value)
        if all(32 <= octet < 127 for octet in octets):
            return {"bin": octets.decode("ascii")}
        return {"bin_hex": octets.hex()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {"map": [[to_json(key), to_json(item)] for key, item in value.items()]}
    return {"other": repr(value)}


def from_json(value):
    """The reverse; a bare JSON string is a str, a bare fraction an f64."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, inner), = value.items()
        if kind == "str" and isinstance(inner, str):
            return inner
        if kind == "bin" and isinstance(inner, str):
            return inner.encode("latin-1")
        if kind == "bin_hex" and isinstance(inner, str):
            return bytes.fromhex(inner)
        if kind == "f64":
            return float(inner)
        if kind == "map" and isinstance(inner, list):
            return {from_json(key): from_json(item) for key, item in inner}
    raise Trouble("usage", f"not a value: {json.dumps(value)[:80]} (use str, bin, bin_hex, f64 or map)")


# ---------------------------------------------------------------- one node, in a process of its own


def die_with_parent():
    """Ask the kernel to end this process when its parent goes, stopped or not."""
    with contextlib.suppress(Exception):
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def text_id(identity):
    return identity.decode("latin-1") if isinstance(identity, (bytes, bytearray)) else str(identity)


def position(value):
    """A place on the ring: a number or its hexadecimal text; None stays."""
    if value is None or isinstance(value, int):
        return value
    try:
        return int(str(value), 16)
    except ValueError:
        raise Trouble("usage", f"{value!r} is no position in hexadecimal") from None


class Node:
    WAITING = {"burst", "connect", "get", "ping", "pop", "popitem", "items", "values", "delta", "recv", "wait", "unjoin"}

    def __init__(self, options, channel):
        import py2p
        import py2p.chord
        import py2p.sync
        if not options["as_shipped"]:
            repair(py2p)
        if options["plain"]:
            del py2p.messages.compression[:]
        if options["salt"] is not None:
            py2p.base.user_salt = options["salt"].encode()
        self.py2p, self.kind, self.channel = py2p, options["kind"], channel
        subnet = options["subnet"] or self.kind
        protocol = py2p.base.Protocol(subnet, "Plaintext")
        make = {"mesh": py2p.mesh.MeshSocket, "chord": py2p.chord.ChordSocket, "sync": py2p.sync.SyncSocket}
        extra = {"leasing": not options["no_leasing"]} if self.kind == "sync" else {}
        self.messages, self.arrival = collections.deque(maxlen=QUEUE_LIMIT), threading.Condition()
        self.recent, self.count, self.watching = collections.OrderedDict(), 0, False
        self.echoing = False
        self.slots = threading.BoundedSemaphore(WORKERS)
        self.started = time.time()
        try:
            self.sock = make[self.kind](options["host"], options["port"], prot=protocol, **extra)
        except OSError as error:
            raise Trouble("bind", f"{options['host']}:{options['port']}: {error.strerror or error}") from None
        self.sock.on("message", self.take_messages)
        for name in {"chord": ("add", "delete"), "sync": ("update", "delete")}.get(self.kind, ()):
            self.sock.on(name, lambda _, key, *rest, name=name: self.told(name, key))
        self.sock.on("connect", lambda _: self.told("connect"))

    # What py2p tells, in its own thread.

    def take_messages(self, _):
        while True:
            message = self.sock.recv()
            if message is None:
                return
            if self.echoing and message.packets[0] == WHISPER:
                message.reply(*message.packets[1:])
            with self.arrival:
                self.count += 1
                told = {"n": self.count, "sender": text_id(message.sender), "time": message.time,
                        "flag": message.packets[0], "args": to_json(message.packets[1:])}
                self.recent[self.count] = message
                if len(self.recent) > REPLY_LIMIT:
                    self.recent.popitem(last=False)
                if self.watching:
                    self.channel.put({"event": "message", **told})
                else:
                    self.messages.append(told)
                self.arrival.notify_all()

    def told(self, what, key=None):
        if self.watching:
            self.channel.put({"event": what, **({} if key is None else {"key": to_json(key)})})

    # Verbs.

    def run(self, request):
        verb = request.get("do")
        method = getattr(self, "do_" + str(verb).replace("-", "_"), None)
        if method is None:
            known = ", ".join(sorted(name[3:] for name in dir(self) if name.startswith("do_")))
            return self.answer(request, Trouble("usage", f"no verb {verb!r}; there are: {known}"))
        if verb not in self.WAITING:
            return self.attempt(method, request)
        if not self.slots.acquire(blocking=False):
            return self.answer(request, Trouble("busy", f"{WORKERS} verbs wait already"))

        def work():
            try:
                self.attempt(method, request)
            finally:
                self.slots.release()
        threading.Thread(target=work, daemon=True).start()

    def attempt(self, method, request):
        try:
            self.answer(request, method(request))
        except Trouble as trouble:
            self.answer(request, trouble)
        except KeyError as error:
            self.answer(request, Trouble("key", f"KeyError: {error}"))
        except StopIteration:
            self.answer(request, Trouble("empty", "there is no key"))
        except OSError as error:
            self.answer(request, Trouble("network", f"{type(error).__name__}: {error}"))
        except Exception as error:
            traceback.print_exc()
            self.answer(request, Trouble("py2p", f"{type(error).__name__}: {error}"))

    def answer(self, request, result):
        head = {"id": request["id"]} if "id" in request else {}
        if isinstance(result, Trouble):
            self.channel.put({**head, "error": {"code": result.code, "message": str(result)}})
        else:
            self.channel.put({**head, "ok": result})

    def need(self, *kinds):
        if self.kind not in kinds:
            raise Trouble("usage", f"a {self.kind} node has no such verb (it is for {' and '.join(kinds)})")

    @staticmethod
    def field(request, name):
        if name not in request:
            raise Trouble("usage", f"{request.get('do')} needs {name!r}")
        return request[name]

    @staticmethod
    def number(request, name, default, most=86_400):
        value = request.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
            raise Trouble("usage", f"{name} is a number from 0 to {most}")
        return value

    def args(self, request):
        args = from_json(self.field(request, "args"))
        if not isinstance(args, list):
            raise Trouble("usage", "args is a list")
        return args

    def key(self, request):
        key = from_json(self.field(request, "key"))
        if not isinstance(key, (str, bytes)):
            raise Trouble("usage", "a key is a str or a bin")
        return key

    def peer(self, request, name="to"):
        identity = str(self.field(request, name)).encode("latin-1")
        found = [conn for known, conn in list(self.sock.routing_table.items()) if text_id(known).encode() == identity]
        if not found:
            raise Trouble("no-peer", f"not connected with {identity.decode()}")
        return found[0]

    def do_info(self, _):
        return {"kind": self.kind, "id": text_id(self.sock.id), "address": list(self.sock.out_addr),
                "pid": os.getpid(), "protocol": text_id(self.sock.protocol.id),
                "python": sys.version.split()[0], "compression": list(self.py2p.messages.compression)}

    def do_connect(self, request):
        host, port = address(self.field(request, "to"))
        identity = request.get("peer")
        new = self.sock.connect(host, port, identity.encode() if identity else None)
        return {"dialled": new is not False}

    def do_disconnect(self, request):
        self.sock.disconnect(self.peer(request))
        return True

    def do_peers(self, _):
        rows = []
        for identity, conn in list(self.sock.routing_table.items()):
            row = {"id": text_id(identity), "address": to_json(conn.addr), "outgoing": bool(conn.outgoing),
                   "compression": list(conn.compression or [])}
            if self.kind == "chord":
                row["storing"] = not conn.leeching
            rows.append(row)
        return {"peers": sorted(rows, key=lambda row: row["id"]), "waiting": len(self.sock.awaiting_ids)}

    def do_wait(self, request):
        """Until so many peers are there (`peers`), store (`storing`), or keys are known (`keys`)."""
        begin, limit = time.time(), self.number(request, "timeout", 10)
        while True:
            have = {"peers": len(self.sock.routing_table)}
            if self.kind == "chord":
                have["storing"] = sum(not conn.leeching for conn in list(self.sock.routing_table.values()))
            if self.kind != "mesh":
                have["keys"] = len(list(self.sock.keys()))
            asked = {name: request[name] for name in ("peers", "storing", "keys") if name in request}
            if not asked or not set(asked) <= set(have):
                raise Trouble("usage", f"wait needs one of {', '.join(have)}")
            if all(have[name] >= asked[name] for name in asked):
                return {**have, "seconds": round(time.time() - begin, 3)}
            if time.time() - begin > limit:
                raise Trouble("timeout", f"after {limit} s: {json.dumps(have)} instead of {json.dumps(asked)}")
            time.sleep(0.02)

    def do_request_peers(self, _):
        self.sock.request_peers()
        return True

    def do_broadcast(self, request):
        self.py2p.mesh.MeshSocket.send(self.sock, *self.args(request))
        return {"links": len(self.sock.routing_table)}

    def do_burst(self, request):
        """So many broadcasts (`times`), the number of each behind its args, at `rate` a second (0: as fast as it can)."""
        args, times = self.args(request), int(self.number(request, "times", 1, QUEUE_LIMIT))
        rate, begin = self.number(request, "rate", 0, 1_000_000), time.time()
        for serial in range(times):
            self.py2p.mesh.MeshSocket.send(self.sock, *args, serial)
            ahead = begin + (serial + 1) / rate - time.time() if rate else 0
            if ahead > 0:
                time.sleep(ahead)
        return {"sent": times, "seconds": round(time.time() - begin, 4), "links": len(self.sock.routing_table)}

    def do_whisper(self, request):
        args = self.args(request)
        if self.peer(request).send(WHISPER, WHISPER, *args) is None:
            raise Trouble("network", "py2p could not send it and closed the link")
        return True

    def do_echo(self, request):
        """From now on every whisper is answered with what it says; not in two nodes that whisper to each other."""
        self.echoing = bool(request.get("on", True))
        return True

    def do_ping(self, request):
        """So many whispers (`times`) to a peer that echoes, one after the other; how long each took to come back."""
        peer, seconds = self.peer(request), []
        for serial in range(int(self.number(request, "times", 1, QUEUE_LIMIT))):
            before, begin = self.count, time.perf_counter()
            peer.send(WHISPER, WHISPER, serial)
            with self.arrival:
                if not self.arrival.wait_for(lambda: self.count > before, 5):
                    raise Trouble("timeout", f"whisper {serial} does not come back")
            seconds.append(time.perf_counter() - begin)
        return {"seconds": seconds}

    def do_frame(self, request):
        """A frame of any type, its whole payload given: `{"do":"frame","to":ID,"type":2,"args":[8,"*"]}`."""
        kind = int(self.number(request, "type", None, 1 << 32))
        self.peer(request).send(kind, *self.args(request))
        return True

    def do_reply(self, request):
        message = self.recent.get(self.field(request, "n"))
        if message is None:
            raise Trouble("usage", f"no message {request['n']} is remembered")
        message.reply(*self.args(request))
        return True

    def do_watch(self, request):
        """From now on messages (and what py2p tells besides) come as events instead of waiting for `recv`."""
        with self.arrival:
            self.watching = bool(request.get("on", True))
            waiting, self.messages = list(self.messages), collections.deque(maxlen=QUEUE_LIMIT)
            for told in waiting if self.watching else ():
                self.channel.put({"event": "message", **told})
        return True

    def do_recv(self, request):
        most = int(self.number(request, "max", QUEUE_LIMIT, QUEUE_LIMIT))
        least = int(self.number(request, "min", 1, QUEUE_LIMIT))
        limit = time.time() + self.number(request, "timeout", 5)
        with self.arrival:
            while len(self.messages) < least and time.time() < limit:
                self.arrival.wait(max(0.0, limit - time.time()))
            return [self.messages.popleft() for _ in range(min(most, len(self.messages)))]

    def do_set(self, request):
        self.need("chord", "sync")
        key, value = self.key(request), from_json(self.field(request, "value"))
        begin = time.time()
        self.sock.set(key, value)
        return {"seconds": round(time.time() - begin, 4)}

    def do_get(self, request):
        self.need("chord", "sync")
        absent, begin = object(), time.time()
        if self.kind == "sync":
            value = self.sock.get(self.key(request), absent)
        else:
            value = self.sock.getSync(self.key(request), ifError=absent, timeout=self.number(request, "timeout", 10))
        return self.found(value, absent, begin)

    @staticmethod
    def found(value, absent, begin):
        seconds = round(time.time() - begin, 4)
        if value is absent:
            return {"found": False, "seconds": seconds}
        return {"found": True, "value": to_json(value), "seconds": seconds}

    def do_delete(self, request):
        self.need("chord", "sync")
        del self.sock[self.py2p.utils.sanitize_packet(self.key(request))]
        return True

    def do_pop(self, request):
        self.need("chord", "sync")
        absent, begin = object(), time.time()
        return self.found(self.sock.pop(self.key(request), absent), absent, begin)

    def do_popitem(self, _):
        self.need("chord", "sync")
        key, value = self.sock.popitem()
        return {"key": to_json(key), "value": to_json(value)}

    def do_update(self, request):
        self.need("chord", "sync")
        items = [(from_json(key), from_json(value)) for key, value in self.field(request, "items")]
        self.sock.update(dict(items))
        return len(items)

    def do_delta(self, request):
        self.need("chord", "sync")
        key, delta = self.key(request), from_json(self.field(request, "delta"))
        promise = self.sock.apply_delta(key, delta)
        if self.kind == "sync":
            return to_json(self.sock.get(key))
        return to_json(promise.get(self.number(request, "timeout", 15)))

    def do_keys(self, _):
        self.need("chord", "sync")
        return [to_json(key) for key in sorted(self.sock.keys())]

    def do_items(self, _):
        self.need("chord", "sync")
        if not list(self.sock.keys()):
            return []
        return [[to_json(key), to_json(value)] for key, value in self.sock.items()]

    def do_values(self, request):
        return [value for _, value in self.do_items(request)]

    def do_join(self, _):
        self.need("chord")
        self.sock.join()
        return True

    def do_unjoin(self, _):
        self.need("chord")
        self.sock.unjoin()
        return True

    def do_tables(self, request):
        """What this node itself holds: by table, position and value; from `start` to `end` if given."""
        self.need("chord", "sync")
        if self.kind == "sync":
            meta = self.sock.metadata
            return [[to_json(key), to_json(value), text_id(meta[key].owner), meta[key].timestamp]
                    for key, value in sorted(self.sock.data.items())]
        tables = self.sock.data
        if "start" in request or "end" in request:
            tables = self.sock.dump_data(position(request.get("start")), position(request.get("end")))
        return {text_id(name): [[f"{place:x}", to_json(value)] for place, value in sorted(table.items())]
                for name, table in tables.items()}

    def do_owner(self, request):
        """Who is responsible for a key in each table, as far as this node sees; null is nobody."""
        self.need("chord")
        key = self.py2p.utils.sanitize_packet(self.key(request))
        rows = {}
        for name, place in zip(self.py2p.chord.hashes, self.py2p.chord.get_hashes(key)):
            owner = self.sock.find(place)
            rows[text_id(name)] = {"position": f"{place:x}", "owner": None if owner is None else text_id(owner.id)}
        return rows

    def do_ring(self, _):
        self.need("chord")
        neighbour = {name: getattr(self.sock, name) for name in ("next", "prev")}
        return {"storing": not self.sock.leeching, "position": f"{self.sock.id_10:x}",
                **{name: None if node is None else text_id(node.id) for name, node in neighbour.items()}}

    def do_status(self, _):
        """py2p's list of unexpected errors (how many of each kind, the last line of the last), and what the process uses."""
        errors = [] if self.sock.status == "Nominal" else list(self.sock.status)
        with open("/proc/self/statm") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        kinds = collections.Counter(text.strip().splitlines()[-1].split(":")[0] for text in errors)
        return {"errors": len(errors), "kinds": kinds, "last": [text.strip().splitlines()[-1][:200] for text in errors[-5:]],
                "resident": resident, "cpu": round(time.process_time(), 3),
                "seconds": round(time.time() - self.started, 3), "seen": len(self.sock.waterfalls),
                "received": self.count, "queued": len(self.messages)}

    def do_quit(self, _):
        """Closes the node as py2p does (it does not unjoin), within two seconds."""
        threading.Thread(target=self.close, daemon=True).start()
        return True

    def close(self):
        closing = threading.Thread(target=lambda: contextlib.suppress(Exception).__enter__() or self.sock.close(),
                                   daemon=True)
        closing.start()
        closing.join(2)
        os._exit(0)


def main(options):
    """The process of one node: lines in on descriptor 0, lines out on what was descriptor 1; py2p's own prints go to
    the log."""
    die_with_parent()
    lines = os.dup(1)
    os.dup2(2, 1)
    channel = Channel(lines)
    try:
        node = Node(options, channel)
    except Trouble as trouble:
        channel.put({"event": "failed", "error": {"code": trouble.code, "message": str(trouble)}})
        os._exit(1)
    except BaseException as error:
        traceback.print_exc()
        channel.put({"event": "failed", "error": {"code": "py2p", "message": f"{type(error).__name__}: {error}"}})
        os._exit(1)
    channel.put({"event": "up", **node.do_info({})})
    for line in sys.stdin:
        node.run(json.loads(line))
    node.close()
