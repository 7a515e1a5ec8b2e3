"""Greetings under neighbours' ids that will be refused, on every link once a second.

They claim a later start, so that they would win against the link that is there, and a role that is refused. What should
hold: a greeting that will be refused changes nothing about the link that it wants to replace.
"""

import contextlib
import threading
import time

from wire import abort, connect, greeting

LASTS = 30
ROLE = "i"  # nobody begins a link as the one that was chosen


def links_up(lab):
    """Seconds for which each link between honest nodes has been up."""
    ids = set(lab.ids().values())
    rows = [(host, row) for host in lab.nodes() for row in lab.ask(host, "overlay.neighbors")]
    return {(host, row["id"]): row["up_s"] for host, row in rows if row["id"] in ids}


def attack(lab):
    ids, answers = lab.ids(), {}
    hosts = {who: host for host, who in ids.items()}
    before, begun = links_up(lab), time.time()

    def refused(host, other):
        with contextlib.suppress(OSError):
            stranger = connect(lab.address(host))
            name = f"{lab.text(hosts[other])}~{other}"
            stranger.sendall(greeting(name, ROLE, start=4_294_967_295))
            answer = stranger.recv(4096).decode().strip().split("@")
            word = answer[2] if answer[0] == "NACK" and len(answer) > 2 else answer[0]
            answers[word] = answers.get(word, 0) + 1
            abort(stranger)

    while time.time() < begun + LASTS:
        workers = [threading.Thread(target=refused, args=link) for link in before]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        time.sleep(1)
    lasted = time.time() - begun
    after = links_up(lab)
    kept = sum(after.get(link, 0) >= lasted for link in before)
    return {"links": len(before), "kept": kept, "answers": answers}
