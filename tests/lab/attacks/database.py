"""One link tells of 14,000 nodes whose addresses answer and whose links are slow: what decisions cost.

Everything that is said is well formed and within what a neighbour may introduce. What should hold: a decision has a bound,
in time and in memory, and memory is given back.
"""

import socket
import threading
import time

import gauges
from laboratory import THEIRS
from wire import Link, new_id, update

RECORDS, LASTS, PORT = 14_000, 50, 22901
SLOW = 134_000_000  # microseconds, nearly the greatest cost


def answer_probes(pongs):
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    heard.bind(("0.0.0.0", PORT))
    while True:
        said, whom = heard.recvfrom(2048)
        if said.startswith(b"PING"):
            heard.sendto(b"PONG" + said[4:said.index(b"\r\n")] + b"\r\n", whom)
            pongs[0] += 1


def made_up(lab, link):
    """A ring of nodes behind the attacker's own, which is a neighbour of node 1."""
    ids = [new_id() for _ in range(RECORDS)]
    first = lab.ids()[1]
    yield update("1.1", link.name, 0, f"life=3600,k=2|{first},200,b|{ids[0]},{SLOW},b")
    for at, who in enumerate(ids):
        ring = [ids[at - 1] if at else link.id, ids[(at + 1) % RECORDS]]
        body = "life=600,k=2" + "".join(f"|{other},{SLOW},b" for other in ring)
        yield update("1.1", f"{THEIRS[at % 40]}:{PORT}~{who}", 0, body)


def attack(lab):
    pongs = [0]
    threading.Thread(target=answer_probes, args=(pongs,), daemon=True).start()
    link = Link(lab.address(1), port=PORT).opened()
    time.sleep(1.5)
    records = list(made_up(lab, link))
    start = time.time()
    for at in range(0, len(records), 256):  # beats go between whole records
        link.say(b"".join(records[at:at + 256]))
    time.sleep(max(0, LASTS - (time.time() - start)))
    return {"said": sum(map(len, records)), "known": gauges.known(lab), "pongs": pongs[0], "link_ended": link.dead}
