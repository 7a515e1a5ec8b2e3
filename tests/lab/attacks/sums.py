"""`SUM@0@0` over and over: a neighbour that claims to have nothing, where there are 14,000 records.

Every such sum differs, and the answer is a comparison of the whole database, or the question for all of it. What should
hold: whatever is said in answer is charged, and who has nothing is asked for nothing.
"""

from asking import RECORDS, ask, full_database
from wire import NOBODY


def attack(lab):
    return ask(lab, full_database(lab), f"SUM@0@{NOBODY}\r\n".encode(), 35 * RECORDS)
