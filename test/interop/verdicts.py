#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which blocks may follow: CometBFT's decision on thousands of altered blocks is the library's.  Bits of the encoded block
are flipped, or a field is altered and the hashes in the header made right again, so that the field itself decides.

Environment: CMT_TEST_JUDGE_BLOCKS, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more chains), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import collections
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
LINES = ("0.38", "1.0")
HELPER = os.environ.get("CMT_TEST_JUDGE_BLOCKS")
BLOCKS = 400  # of each chain
# 1.0 does not compare the addresses in a commit with those of the set: docs/compatibility.md.
STRICTER = {("1.0", "address")}


def options(number, rng):
    pick = rng.choice
    return {"seed": number, "validators": pick((1, 4, 7)), "max_txs": 3, "tx_bytes": 60, "validator_step": pick((0, 3)),
            "param_step": pick((0, 5)), "evidence_step": pick((1, 2, 0)), "evidence_age": 20}


def altered(home, longer, number):
    done = subprocess.run([HELPER, home, longer, str(number), str(BLOCKS)], capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, f"judge_blocks: {done.stderr.strip()[-300:]}")
    return [line.split() for line in done.stdout.splitlines()]


def judged(line, number):
    rng, judge = random.Random(number), oracle(line)
    home = WORK.new()
    judge.gen(home, rng.choice((1, 2, 7, 20)), **options(number, rng))
    longer = WORK.copy(home)
    judge.append(longer, 1)
    blocks = altered(home, longer, number)
    expect_equal(len(blocks), BLOCKS, "blocks altered")
    refused = judge.validate(home, {str(i): block for i, (_, _, block) in enumerate(blocks)})
    seen = collections.Counter()
    for i, (what, ours, block) in enumerate(blocks):
        theirs = "refused" if str(i) in refused else "accepted"
        seen[theirs] += 1
        if (line, what) in STRICTER and ours != "accepted":
            continue
        expect(ours == theirs, f"{what} altered: {ours}, but CometBFT: {refused.get(str(i), 'accepted')}: {block}")
    expect(seen["accepted"] > 0 and seen["refused"] > BLOCKS // 2, f"too much alike: {dict(seen)}")
    WORK.discard(home)
    WORK.discard(longer)


def main():
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    if not HELPER:
        tally.skip("everything", "CMT_TEST_JUDGE_BLOCKS is not set: run by ctest")
    for line in LINES if HELPER else ():
        if available(line):
            tally.skip(f"CometBFT {line}", available(line))
            continue
        numbers = [int(n) for n in sys.argv[1:]] or [first + i for i in range(100 if full() else 8)]
        tally.run(f"blocks before CometBFT {line}", judged, [(line, n) for n in numbers])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
