"""What `sums` and `over` share: a database that is worth asking for, and questions each answered before the next."""

import time

import gauges
from laboratory import THEIRS
from wire import Link, new_id, update

RECORDS, LASTS = 14_000, 20


def full_database(lab):
    """A link at node 1, which it has told of so many nodes."""
    link = Link(lab.address(1), port=22901).opened()
    time.sleep(1)
    names = [f"{THEIRS[at % 40]}:22999~{new_id()}" for at in range(RECORDS)]
    link.say(b"".join(update("1.1", name, 0, "life=600,k=2") for name in names))
    time.sleep(6)
    return link


def ask(lab, link, question, expected):
    """Asks for some seconds, each time when the answer has come: how often, and how many octets came back."""
    asked, before, end = 0, link.octets, time.time() + LASTS
    while time.time() < end and not link.dead and link.say(question):
        asked += 1
        so_far, patience = link.octets, time.time() + 1
        while link.octets - so_far < expected and time.time() < patience and not link.dead:
            time.sleep(0.0003)
    back = link.octets - before
    return {"known": gauges.known(lab)[1], "asked": asked, "said": asked * len(question), "back": back,
            "for_one": back / max(1, asked * len(question)), "link_ended": link.dead}
