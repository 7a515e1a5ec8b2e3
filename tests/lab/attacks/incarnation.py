"""Two forged records for each node, under the last incarnation but one and under the greatest key.

The first makes a node store the greatest incarnation, after which it cannot count up at its next start; nothing is above
the second. Half of the nodes have drawn their ids, the others' are configured. What should hold: nothing is stored, a
node with a drawn id takes a new one, one with a configured id warns and goes on, and is heard again once the forged
record's life of 180 s is over.
"""

import time

from wire import Link, fields, update

NODES = {"configured": [2, 4, 6, 8]}
AFTER = 200


def attack(lab):
    link = Link(lab.address(1)).opened()
    time.sleep(2)
    forge = {who: fields(link.records[who]) for who in lab.ids().values()}
    said = 0
    for key in ("4294967294.7", "4294967295.4294967295"):
        for _, name, _, body in reversed(forge.values()):  # the one that is told comes last, and passes on the others'
            forged = update(key, name, 0, body)
            said += len(forged)
            link.say(forged)
            time.sleep(0.5)
        time.sleep(2)
    return {"said": said, "link_ended": link.dead}
