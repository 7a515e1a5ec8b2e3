"""Registrations and records that name a third party's addresses: what comes there.

Five registrations at the bootstrap, then 200 records at node 1, told once by one who goes at once. The third party is a
host that says nothing. What should hold: nobody who never answered is sent more than three probes or dialled, and for an
octet said at most three go there.
"""

import socket
import struct
import threading
import time

from wire import Link, new_id, register, registration, update

THIRD, RECORDS, LASTS = "10.22.1.99", 200, 90
OUTGOING = 4  # of a packet socket: what this host itself sends


def count(came, ports):
    """Counts what comes for the third party, by kind."""
    seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    seen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    while True:
        packet, where = seen.recvfrom(2048)
        if where[2] == OUTGOING or socket.inet_ntoa(packet[16:20]) != THIRD:
            continue
        kind = {6: "tcp", 17: "udp"}.get(packet[9], "other")
        came[kind] = [had + more for had, more in zip(came.get(kind, [0, 0]), (1, len(packet)))]
        port, source = struct.unpack("!H", packet[22:24])[0], socket.inet_ntoa(packet[12:16])
        ports[port, source, kind] = ports.get((port, source, kind), 0) + 1


def attack(lab):
    came, ports = {}, {}
    threading.Thread(target=count, args=(came, ports), daemon=True).start()
    names = [f"{THIRD}:{7000 + at}~{new_id()}" for at in range(5)]
    answered = sum(bool(register(lab.address(0), name)) for name in names)
    said = sum(len(registration(name)) for name in names)
    time.sleep(20)
    octets = sum(octets for _, octets in came.values())
    registered = {"answered": answered, "said": said, "came": dict(came), "for_one": octets / said}
    came.clear()
    ports.clear()
    link, ids = Link(lab.address(1)).opened(), [new_id() for _ in range(RECORDS)]
    ring = lambda at: f"|{ids[(at + 1) % RECORDS]},1000,b|{ids[at - 1]},1000,b"
    told = [update("1.1", f"{THIRD}:{1 + at}~{who}", 0, f"life=3600,k=2{ring(at)}") for at, who in enumerate(ids)]
    link.say(b"".join(told))
    time.sleep(2)
    link.close()
    time.sleep(LASTS)
    said, octets = sum(map(len, told)), sum(octets for _, octets in came.values())
    return {"registered": registered, "said": said, "came": came, "for_one": max(octets / said, registered["for_one"]),
            "ports": len({port for port, _, _ in ports}), "most_to_one_port": max(ports.values(), default=0)}
