"""Connections over and over whose far end neither reads nor closes: half of them are refused, half say nothing.

A node may have 128 files here, fewer than it lets strangers in by default. Each refused connection is still there while
its last words are flushed and the other's are drained. What should hold: strangers and connections being closed count, so
that files are left for the state, for links, for dials and for control clients.
"""

import threading
import time

import gauges
from laboratory import ATTACKER
from wire import connect, greeting, new_id

NODES = {"files": 128, "near": True}
LASTS, AT_ONCE, HELD = 40, 8, 4_000


def attack(lab):
    counts, held, end = [0, 0], [], time.time() + LASTS
    most = {0: 0, 1: 0}

    def again(host):
        while time.time() < end:
            try:
                stranger = connect(lab.address(host), patience=2)
                if counts[0] % 2:
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
