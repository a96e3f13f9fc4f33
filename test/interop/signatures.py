#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signatures of any kind, honest and forged (points of small order added, other encodings of points, S beyond the group order,
flipped bits): we take what CometBFT takes, alone and in batches, and nothing else.

Environment: CMT_TEST_JUDGE_SIGNATURES, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more of them), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Failed, Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
COUNT = 1000


def same_as_comet(line, number):
    directory = os.path.dirname(WORK.new())
    path = os.path.join(directory, "signatures")
    reply = oracle(line).ask("signatures", out=path, heights=COUNT, chain={"seed": number})
    expect(reply["odd"] > COUNT // 10 and reply["genuine"] - reply["odd"] > COUNT // 20, f"too few of a kind: {reply}")
    done = subprocess.run([os.environ["CMT_TEST_JUDGE_SIGNATURES"], path], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failed(f"{done.stderr.strip()}: {path}")
    with open(path, encoding="ascii") as f:
        expect_equal(int(done.stdout), sum(1 for _ in f), "signatures judged")
    subprocess.run(["rm", "-rf", directory], check=True)


def main():
    if "CMT_TEST_JUDGE_SIGNATURES" not in os.environ:
        raise SystemExit("CMT_TEST_JUDGE_SIGNATURES is not set: run by ctest")
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    numbers = list(map(int, sys.argv[1:])) or range(first, first + (30 if full() else 2))
    for line in ("0.38", "1.0"):
        title = f"{COUNT} signatures, judged as CometBFT {line} does"
        if available(line):
            tally.skip(title, available(line))
            continue
        tally.run(title, same_as_comet, [(line, number) for number in numbers])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
