"""A neighbour of all passes true records on with an age just below their life.

No hash covers an age. It goes to every other neighbour at once, in the hope to be before the true ones, so that a record
is forgotten within a fraction of a second and stays so until the next refresh. The periods are a quarter of the usual.
What should hold: an age is the least that any copy had.
"""

import threading
import time

from wire import Link

NODES = {"pace": 4}
AGE, LASTS = 179_900, 60


def attack(lab):
    seen, lock, passed = set(), threading.Lock(), [0]

    def pass_on(link, _, parts):
        if parts[0] != b"UPT":
            return
        with lock:
            if parts[1] in seen:
                return
            seen.add(parts[1])
        aged = b"@".join([*parts[:4], str(AGE).encode(), *parts[5:]]) + b"\r\n"
        for other in links:
            if other is not link and other.say(aged):
                passed[0] += len(aged)

    links = [Link(lab.address(host)) for host in lab.nodes()]
    open_links = [link for link in links if link.opened()]
    time.sleep(2)
    for link in open_links:
        link.on_line = pass_on
    time.sleep(LASTS)
    return {"passed_on": len(seen), "octets": passed[0]}
