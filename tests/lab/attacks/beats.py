"""A neighbour of all claims to have held each beat for nearly the whole round trip, so that it seems to be next door.

It answers probes truly. The periods are a quarter of the usual. What should hold: a neighbour is probed as well, and its
beats count for no less than its probes say.
"""

import socket
import threading
import time

from laboratory import ATTACKER
from wire import Link, new_id

NODES = {"pace": 4}
LASTS, PORT = 45, 22900


def answer_probes(who):
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.bind((ATTACKER, PORT))
    while True:
        said, whom = heard.recvfrom(2048)
        words = said.strip().split(b"@")
        if words[0] == b"PING":
            heard.sendto(b"@".join([b"PONG", words[1], who.encode()]) + b"\r\n", whom)


def attack(lab):
    who, delays = new_id(), lab.delays()
    threading.Thread(target=answer_probes, args=(who,), daemon=True).start()
    true = {host: 2 * delays[host][-1] for host in lab.nodes()}
    links = [Link(lab.address(host), id=who, port=PORT, lie=int(true[host] * 0.95)) for host in lab.nodes()]
    for link in links:
        link.opened()
    time.sleep(LASTS)
    rows = [(host, row) for host in lab.nodes() for row in lab.ask(host, "overlay.neighbors")]
    shares = [row["rtt_ms"] * 1000 / true[host] for host, row in rows if row["id"] == who and row["rtt_ms"]]
    return {"links": len(shares), "least_share_of_the_truth": round(min(shares), 2) if shares else None}
