"""Datagrams as fast as they go, from one host nearby: probes, beats under a guessed token, junk, and long ones.

What should hold: they cost a bounded part of a turn, and of probes no more are answered than one host may ask.
"""

import subprocess

import gauges
from laboratory import built

NODES = {"near": True}
RATE, EACH = 40_000, 10


def attack(lab):
    to = "{}:{}".format(*lab.address(1))
    sent, used = {}, gauges.processor(lab, 1)
    for kind in ("ping", "beat", "junk", "long"):
        done = subprocess.run([built("flood"), to, str(RATE), str(EACH), kind], stdout=subprocess.PIPE, text=True)
        sent[kind] = int(done.stdout)
    return {"sent": sent}
