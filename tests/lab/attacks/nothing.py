"""Nothing: what this machine alone loses.

An attacker that is not there. The other rows are to be held against this one.
"""

import time


def attack(_):
    time.sleep(20)
    return {"for_one": 0}
