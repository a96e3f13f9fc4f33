#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Block stores that the library wrote, in CometBFT's hands: random chains saved block by block hold the pairs that
CometBFT wrote, CometBFT loads every height and goes on saving, and what deleting the last blocks leaves is the same.
On goleveldb and RocksDB; both key layouts; with vote extensions, blocks of many parts, late initial heights.

Environment: CMT_TEST_STORE_BLOCKS, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more chains), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
LINES = ("0.38", "1.0", "0.38-rocksdb")
HELPER = os.environ.get("CMT_TEST_STORE_BLOCKS")


def helper(command, line, *args):
    engine = "rocksdb" if line.endswith("-rocksdb") else "goleveldb"
    done = subprocess.run([HELPER, command, engine, *map(str, args)], capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, f"{command}: {done.stderr.strip()[-300:]}")
    return done.stdout.split()


def options(line, number, rng):
    pick = rng.choice
    initial = pick((1, 1, 950, 99950))
    chain = {"seed": number, "initial": initial, "validators": pick((1, 2, 4, 7)), "max_txs": pick((1, 3)),
             "tx_bytes": pick((50, 4000, 4000, 400000)), "validator_step": pick((0, 7, 13)), "param_step": pick((0, 9)),
             "evidence_step": pick((0, 11)), "evidence_age": 20}
    if rng.random() < 0.6:
        chain["extension_from"] = initial + rng.randint(0, 20)
    if line == "1.0":
        chain["layout"] = pick(("v1", "v2"))
    return chain


def same(ours, theirs, judge, when):
    got, wanted = judge.lines(ours, "blockstore", write=True), judge.lines(theirs, "blockstore", write=True)
    expect(got == wanted, f"{when}: {homes.differences(got, wanted)}")


def written(line, number):
    rng, judge = random.Random(number), oracle(line)
    theirs = WORK.new()
    judge.gen(theirs, rng.randint(10, 40), **options(line, number, rng))
    ours = WORK.copy(theirs)
    shutil.rmtree(homes.database(ours, "blockstore"))
    helper("copy", line, homes.database(theirs, "blockstore"), homes.database(ours, "blockstore"))
    same(ours, theirs, judge, "saved")
    expect_equal(judge.load(ours), judge.load(theirs), "what CometBFT loads")

    more = rng.randint(1, 5)
    for home in (ours, theirs):
        judge.append(home, more)
    same(ours, theirs, judge, "gone on with by CometBFT")

    times = rng.randint(1, 8)
    left = judge.ask("take-back", home=theirs, heights=times)
    expect_equal(helper("take-back", line, homes.database(ours, "blockstore"), times),
                 [str(left["base"]), str(left["height"])], "base and height after deleting blocks")
    same(ours, theirs, judge, f"{times} blocks deleted")
    WORK.discard(ours)
    WORK.discard(theirs)


def main():
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    if not HELPER:
        tally.skip("everything", "CMT_TEST_STORE_BLOCKS is not set: run by ctest")
    for line in LINES if HELPER else ():
        if available(line):
            tally.skip(f"CometBFT {line}", available(line))
            continue
        numbers = [int(n) for n in sys.argv[1:]] or [first + i for i in range(200 if full() else 4)]
        tally.run(f"stores in CometBFT {line}'s hands", written, [(line, n) for n in numbers])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
