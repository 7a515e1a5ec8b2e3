"""Registrations of nodes that there are not, from one host and without a link: 1,100 at once, then as many a minute.

They are said to be where nobody answers, and take the places of those who are there in what a bootstrap tells. What should
hold: places for each host, those with records first, and nobody is told of one that has not answered.
"""

import concurrent.futures
import threading
import time

from laboratory import THEIRS
from wire import new_id, register

AT_ONCE, A_MINUTE = 1_100, 1_100


def made_up(number):
    return f"10.22.2.{1 + number % 250}:{1024 + number % 60_000}~{new_id()}"


def told(lab):
    """How many nodes a newcomer is told of, and how many of them there are."""
    honest = set(lab.ids().values())
    answer = register(lab.address(0), f"{THEIRS[0]}:22999~{new_id()}").decode().splitlines()
    text = "".join(line.split("@", 4)[4] if line.startswith("SEG@") else line for line in answer)
    names = [name for name in text.partition("@")[2].split("|") if name]
    return {"names": len(names), "honest": sum(name.split("~")[1].split(",")[0] in honest for name in names)}


def attack(lab):
    before = told(lab)
    if not before["honest"]:
        raise SystemExit("a registration was refused before the attack")
    with concurrent.futures.ThreadPoolExecutor(32) as workers:
        answers = list(workers.map(lambda number: register(lab.address(0), made_up(number)), range(AT_ONCE)))

    def go_on():
        number = AT_ONCE
        while True:
            number += 1
            register(lab.address(0), made_up(number))
            time.sleep(60 / A_MINUTE)

    threading.Thread(target=go_on, daemon=True).start()
    time.sleep(2)
    return {"answered": sum(map(bool, answers)), "told_before": before, "told": told(lab)}
