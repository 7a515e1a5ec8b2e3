"""One forged record for each node under the last sequence but one of its incarnation.

A node's next own record takes the last sequence. A node that then tells nothing more is forgotten when that record's life
is over, 180 s later, and is watched for that long. What should hold: it takes the next incarnation.
"""

import time

from wire import Link, fields, update

AFTER = 200


def attack(lab):
    link = Link(lab.address(1)).opened()
    time.sleep(2)
    said = 0
    for who in lab.ids().values():
        key, name, _, body = fields(link.records[who])
        forged = update(f"{key.split('.')[0]}.4294967294", name, 0, body)
        said += len(forged)
        link.say(forged)
    time.sleep(3)
    keys = [fields(link.records[who])[0] for who in lab.ids().values() if who in link.records]
    link.close()
    return {"said": said, "keys": keys}
