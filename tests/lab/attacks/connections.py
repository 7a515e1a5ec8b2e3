"""Connections that are opened and refused over and over, and whose far end neither reads nor closes.

A node may have 256 files here. Each refused connection is still there while its last words are flushed and the other's
are drained. What should hold: those count, so that files for the state, for dials and for control clients are left.
"""

import threading
import time

import gauges
from laboratory import ATTACKER
from wire import connect, greeting, new_id

NODES = {"files": 256, "near": True}
LASTS, AT_ONCE, HELD = 40, 8, 4_000


def attack(lab):
    counts, held, end = [0, 0], [], time.time() + LASTS
    most = {0: 0, 1: 0}

    def again(host):
        while time.time() < end:
            try:
                stranger = connect(lab.address(host), patience=2)
                stranger.sendall(greeting(f"{ATTACKER}:22900~{new_id()}", network="other"))
            except OSError:
                counts[1] += 1
                time.sleep(0.01)
                continue
            counts[0] += 1
            held.append(stranger)
            if len(held) > HELD:
                held.pop(0).close()

    workers = [threading.Thread(target=again, args=(at % 2,), daemon=True) for at in range(AT_ONCE)]
    for worker in workers:
        worker.start()
    while time.time() < end:
        for host in most:
            most[host] = max(most[host], gauges.files(lab, host) or 0)
        time.sleep(0.1)
    return {"opened": counts[0], "failed": counts[1], "most_files": most}
