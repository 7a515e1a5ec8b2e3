"""A node that is no more is brought back by its own old record, once everybody has forgotten it.

Its records come from the attacker, with an age shortly before the end of their life, so that nobody has to wait for three
minutes; then older ones come with no age, and the same at last. What should hold: who expired or left is remembered, and
nothing older than what was known brings it back. The very record may be back, as the age that made it go may have been
the lie, until its life is over from when it was heard of first.
"""

import time

from laboratory import THEIRS
from wire import Link, new_id, update

LIFE = 180  # seconds, the least


def known_at(lab, who):
    """How many nodes know it."""
    return sum(any(row["id"] == who for row in lab.ask(host, "overlay.routes")) for host in lab.nodes())


def attack(lab):
    link = Link(lab.address(1)).opened()
    time.sleep(1)
    who, seen = new_id(), {}
    name, body = f"{THEIRS[0]}:22999~{who}", f"life={LIFE},k=2|{lab.ids()[2]},1000,b"
    link.say(update("2.2", name, 1000 * LIFE - 8_000, body))
    time.sleep(2)
    seen["told"] = known_at(lab, who)
    time.sleep(10)
    seen["expired"] = known_at(lab, who)
    for key in ("1.9", "2.1", "2.2"):
        link.say(update(key, name, 0, body))
        time.sleep(2)
        seen[f"again_{key}"] = known_at(lab, who)
    time.sleep(8)
    return seen
