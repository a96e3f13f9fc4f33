#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random chains, made by CometBFT's block executor and again by ours (`play`, from a transcript): changes of validators and
parameters, absent and nil votes, vote extensions, PBTS, evidence of both kinds, retain heights, blocks of several parts, results that
cannot be applied.  After every block both databases are the same; so are the blocks proposed, what the application is told, and
the decisions on damaged and altered blocks.  Some are made in directories, which CometBFT then reads, checks and prunes.

Environment: CMT_TEST_PLAY, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more and longer chains), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Failed, Tally, expect, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
HEIGHTS = 90 if full() else 40
FLIPS = 20 if full() else 10


class Recorded:
    """A chain of CometBFT's with its transcript."""

    def __init__(self, line, number):
        self.line, self.number = line, number
        self.directory = os.path.dirname(WORK.new())
        self.path = os.path.join(self.directory, "transcript")
        self.reply = self.record()
        self.initial = self.reply["chain"]["initial"]

    def record(self, **more):
        return oracle(self.line).ask("record", out=self.path, heights=HEIGHTS, flips=FLIPS,
                                     chain={"seed": self.number}, **more)

    def play(self, *flags):
        """Make it again."""
        lines = os.path.join(self.directory, "ours")
        done = subprocess.run([os.environ["CMT_TEST_PLAY"], "-l", lines, *flags, self.path], capture_output=True, timeout=300)
        if done.returncode != 0:
            raise Failed(self.explain(done.stderr.decode(errors="replace").strip(), lines))

    def explain(self, said, lines):
        """Where a database differs, the pairs that do."""
        found = re.search(r"height (\d+): the (block|state) store differs", said)
        if not found:
            return f"{said[-1500:]}; {self.reply['chain']}"
        name = "blockstore" if found[2] == "block" else "state"
        theirs = os.path.join(self.directory, "theirs")
        self.record(stop=int(found[1]) - self.initial + 1, lines=theirs)
        with open(f"{lines}.{name}", "rb") as f, open(f"{theirs}.{name}", "rb") as g:
            return f"{said}: {homes.differences(f.read(), g.read())}; {self.reply['chain']}"

    def forget(self):
        subprocess.run(["rm", "-rf", self.directory], check=True)


def executes(line, number):
    chain = Recorded(line, number)
    chain.play()
    chain.forget()
    return chain.reply["told"]


def writes_a_home(line, number, backend):
    """CometBFT checks what we wrote, prunes it, and checks it again."""
    chain = Recorded(line, number)
    home = WORK.new()
    for directory in ("config", "data"):
        os.makedirs(os.path.join(home, directory))
    with open(os.path.join(home, "config", "oracle.json"), "w", encoding="ascii") as f:
        json.dump(chain.reply["chain"], f)
    # The last block of some cannot be applied: one less.
    chain.play("-e", backend, "-d", home, "-n", str(HEIGHTS - 1))
    judge = oracle("0.38-rocksdb" if backend == "rocksdb" else line)
    checked = judge.audit(home)
    heights = checked["height"] - checked["base"] + 1
    expect(checked["commits"] >= 2 * heights - 1, f"only {checked['commits']} commits of {heights} heights were verified")
    judge.prune(home, (checked["base"] + checked["height"]) // 2)
    judge.audit(home)
    WORK.discard(home)
    chain.forget()
    return {}


def summed(tolds):
    total = {}
    for told in tolds:
        for what, count in told.items():
            total[what] = total.get(what, 0) + count
    return total


# What has to happen often enough in a sample of chains to mean something.
ALWAYS = ("attacks", "contradictions", "absent votes", "nil votes", "changed sets", "changed params", "several parts",
          "with extensions", "pruned", "refused results", "altered =", "altered ~", "altered -", "damaged -")
WANTED = {"0.38": ALWAYS, "0.40": ALWAYS, "1.0": (*ALWAYS, "with PBTS")}


def happened(line, total):
    missing = [what for what in WANTED[line] if not total.get(what)]
    expect(not missing, f"never: {missing}; {total}")


def main():
    if "CMT_TEST_PLAY" not in os.environ:
        raise SystemExit("CMT_TEST_PLAY is not set: run by ctest")
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    numbers = list(map(int, sys.argv[1:])) or range(first, first + (300 if full() else 20))
    for line in WANTED:
        title = f"chains executed as CometBFT {line} does"
        if available(line):
            tally.skip(title, available(line))
            continue
        told = tally.run(title, executes, [(line, number) for number in numbers])
        if len(numbers) >= 20 and len(told) == len(numbers):  # not some seeds alone
            total = summed(told)
            print("           " + ", ".join(f"{what}: {total[what]}" for what in sorted(total)), flush=True)
            tally.run(f"{title}: everything happened", happened, [(line, total)])
        count = 20 if full() else 3
        cases = [(line, number, "cleveldb") for number in list(numbers)[:count]]
        tally.run(f"homes of ours are read by CometBFT {line}", writes_a_home, cases)
    if available("0.38") or available("0.38-rocksdb"):
        tally.skip("homes of ours on RocksDB", available("0.38") or available("0.38-rocksdb"))
    else:
        cases = [("0.38", number, "rocksdb") for number in list(numbers)[: 10 if full() else 2]]
        tally.run("homes of ours on RocksDB are read by CometBFT 0.38", writes_a_home, cases)
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
