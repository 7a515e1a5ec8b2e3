"""Links under new ids, each ended as soon as it is greeted, for a minute, by a host nearby.

What is kept of one under whose id nobody will come again adds up. What should hold: nothing grows for each.
"""

import threading
import time

from wire import abort, connect, greeting, new_id
from laboratory import ATTACKER

NODES = {"near": True}
LASTS, AT_ONCE = 60, 4


def attack(lab):
    counts, end = [0, 0, 0], time.time() + LASTS

    def again():
        while time.time() < end:
            try:
                stranger = connect(lab.address(1))
                said = greeting(f"{ATTACKER}:22900~{new_id()}")
                stranger.sendall(said)
                answer = stranger.recv(4096)
                abort(stranger)
            except OSError:
                continue
            counts[0] += 1
            counts[1] += answer.startswith(b"LNK")
            counts[2] += len(said)

    workers = [threading.Thread(target=again) for _ in range(AT_ONCE)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"links": counts[0], "let_in": counts[1], "said": counts[2]}
