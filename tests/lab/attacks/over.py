"""`REG ...@over` over and over on a link, where there are 14,000 records; and from strangers of forty addresses.

The answer is the whole graph. What should hold: it goes in pieces, and is charged to who asks and to its host.
"""

import concurrent.futures

from asking import RECORDS, ask, full_database
from laboratory import ATTACKER, THEIRS
from wire import new_id, register, registration


def attack(lab):
    link = full_database(lab)
    name = f"{ATTACKER}:22999~{new_id()}"
    with concurrent.futures.ThreadPoolExecutor(8) as workers:
        one = lambda number: len(register(lab.address(1), name, "all,over", THEIRS[number % 40]))
        strangers = list(workers.map(one, range(80)))
    saw = ask(lab, link, registration(name, "over"), 70 * RECORDS)
    said = 80 * len(registration(name, "all,over"))
    return {**saw, "to_strangers": sum(strangers), "to_strangers_for_one": sum(strangers) / said}
