#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The block executor beside CometBFT's: random chains with changes of validators and parameters, absent and nil votes,
evidence and vote extensions, executed again by the library.  The same databases, pair for pair, also where CometBFT made
the chain with an application that gives blocks up, or without keeping results; and again after the chain went on.

Environment: CMT_TEST_REPLAY_HOME, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more chains), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
LINES = ("0.38", "1.0", "0.38-rocksdb")
HELPER = os.environ.get("CMT_TEST_REPLAY_HOME")


def replay(line, source, target, chain):
    engine = "rocksdb" if line.endswith("-rocksdb") else "goleveldb"
    os.makedirs(os.path.join(target, "data"), exist_ok=True)
    discard = ["discard"] if chain.get("discard") else []
    command = [HELPER, engine, line.split("-")[0], source, target, str(chain.get("retain_blocks", 0)), *discard]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, f"replay: {done.stderr.strip()[-300:]}")
    return [int(word) for word in done.stdout.split()]


def options(line, number, rng):
    pick = rng.choice
    initial = pick((1, 1, 1, 950))
    chain = {"seed": number, "initial": initial, "validators": pick((1, 2, 4, 7)), "max_txs": pick((0, 1, 3)),
             "tx_bytes": pick((50, 400, 4000)), "validator_step": pick((0, 3, 7)), "param_step": pick((0, 5, 9)),
             "evidence_step": pick((0, 4, 11)), "evidence_age": pick((3, 10, 20))}
    if rng.random() < 0.4:
        chain["extension_from"] = initial + rng.randint(0, 20)
    if line == "1.0":
        chain["layout"] = pick(("v1", "v2"))
    return chain


def otherwise(line, rng):
    """How the chain is made a second time: the same blocks, other databases.  CometBFT 1.0 prunes in a service that the
    oracle does not run."""
    choices = [{}, {"discard": True}]
    if line != "1.0":
        choices += [{"retain_blocks": rng.randint(1, 12)}, {"retain_blocks": rng.randint(1, 12), "discard": True}]
    return rng.choice(choices)


def same(ours, theirs, judge, when):
    for name in ("blockstore", "state"):
        got, wanted = judge.lines(ours, name, write=True), judge.lines(theirs, name, write=True)
        expect(got == wanted, f"{when}: {name}: {homes.differences(got, wanted)}")


def executed(line, number):
    rng, judge = random.Random(number), oracle(line)
    chain = options(line, number, rng)
    changed = {**chain, **otherwise(line, rng)}
    source, theirs, ours = WORK.new(), WORK.new(), WORK.new()
    heights, more = rng.randint(5, 40), rng.randint(1, 10)
    judge.gen(source, heights, **chain)
    judge.gen(theirs, heights, **changed)
    first, last, base = replay(line, source, ours, changed)
    initial = chain["initial"]
    expect_equal([first, last], [initial, initial + heights - 1], "heights executed")
    keep = changed.get("retain_blocks", 0)
    expect_equal(base, max(initial, last - keep + 1) if keep else initial, "base")
    same(ours, theirs, judge, f"{heights} blocks, {changed}")

    for home in (source, theirs):
        judge.append(home, more)
    expect_equal(replay(line, source, ours, changed)[:2], [last + 1, last + more], "heights gone on with")
    same(ours, theirs, judge, f"{more} more, {changed}")
    if not changed.get("discard"):
        expect_equal(judge.load(ours), judge.load(theirs), "what CometBFT loads")
    for home in (source, theirs, ours):
        WORK.discard(home)


def main():
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    if not HELPER:
        tally.skip("everything", "CMT_TEST_REPLAY_HOME is not set: run by ctest")
    for line in LINES if HELPER else ():
        if available(line):
            tally.skip(f"CometBFT {line}", available(line))
            continue
        numbers = [int(n) for n in sys.argv[1:]] or [first + i for i in range(200 if full() else 8)]
        tally.run(f"chains of CometBFT {line} executed again", executed, [(line, n) for n in numbers])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
