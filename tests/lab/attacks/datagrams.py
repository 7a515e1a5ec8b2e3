"""Datagrams from a forged source carry payloads, beats and answers in without a link; then one with a link says who it likes.

A payload in a datagram names the token of the link that it belongs to, which a stranger can only guess: of his, none is to
be delivered. Who has a link has its token, and can name any node as the sender until payloads are signed.
"""

import json
import os
import socket
import struct
import threading
import time

from laboratory import ATTACKER
from wire import Link, new_id, new_token, register

DESTINATION, CLAIMED, EACH = 5, 3, 30


def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def forged(source, to, said):
    """A whole packet of IP."""
    datagram = struct.pack("!HHHH", source[1], to[1], 8 + len(said), 0) + said
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), os.getpid() & 0xFFFF, 0, 64, 17, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(to[0]))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + datagram


def payload(number, who, whom, token, text):
    return f"DAT@20@g@d{number:x}@{who}@{whom}@{len(text)}@{token}\r\n".encode() + text + b"\r\n"


def count_delivered(lab, delivered):
    control = lab.control(DESTINATION)
    control.socket.settimeout(None)
    control.send("overlay.listen")

    def listen():
        while True:
            told = json.dumps(control.line())
            for kind in delivered:
                delivered[kind] += kind in told
    threading.Thread(target=listen, daemon=True).start()
    time.sleep(0.5)


def attack(lab):
    delivered = {"stranger": 0, "member": 0}
    count_delivered(lab, delivered)
    ids, raw = lab.ids(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    who, whom = ids[CLAIMED], ids[DESTINATION]
    graph = register(lab.address(1), f"{ATTACKER}:22999~{new_id()}", "over")
    said = 0
    for number in range(1, EACH + 1):
        for host in lab.nodes():
            for other in lab.nodes():
                if host == other:
                    continue
                token = new_token()
                for words in (payload(number, who, whom, token, b"stranger"),
                              f"HB@{token}@{number}@{number}@0@u@0@\r\n".encode(),
                              f"PONG@{token}@{ids[host]}\r\n".encode()):
                    raw.sendto(forged(lab.address(host), lab.address(other), words), (lab.ip(other), 0))
                    said += 1
        time.sleep(0.02)
    link, own = Link(lab.address(DESTINATION)).opened(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind((ATTACKER, 22900))
    for number in range(1, EACH + 1):
        own.sendto(payload(number, who, whom, link.theirs, b"member"), lab.address(DESTINATION))
        time.sleep(0.02)
    time.sleep(2)
    return {"graph_told_to_a_stranger": len(graph), "datagrams": said, "delivered": delivered, "of_a_member": EACH}
