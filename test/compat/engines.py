#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The height-wise prune on open engines against the golden dumps of CometBFT's own prunes: on memory, on
LevelDB and on RocksDB, by points and by ranges, at once and stopped after every few batches.

Environment: CMT_TEST_ENGINE_PRUNE (the helper), CMT_TEST_JOBS (2), CMT_TEST_FULL=1 (more heights).  Arguments: only these fixtures.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.tally import Tally, expect, expect_equal, full  # noqa: E402

WORK = homes.Workspace(in_memory=True)
ROCKSDB = "multi-0.38-rocksdb"
HELPER = os.environ.get("CMT_TEST_ENGINE_PRUNE", os.path.join(homes.ROOT, "build", "dev", "test", "engine_prune"))


def equals_golden(fixture, retain, engine, *options):
    home = WORK.fixture(fixture)
    if engine != "memory":
        home = WORK.copy(home)
    out = WORK.new()
    os.makedirs(out)
    done = subprocess.run([HELPER, engine, os.path.join(home, "data"), str(retain), out, *options],
                          capture_output=True, text=True, timeout=300)
    expect(done.returncode == 0, f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    told = json.loads(done.stdout)
    for name in homes.DATABASES:
        with open(os.path.join(out, f"{name}.lines"), "rb") as f:
            got = f.read()
        wanted = homes.golden_lines(fixture, f"retain-{retain}", name)
        expect(got == wanted, f"{name}: {homes.differences(got, wanted)}")
    stops = [option for option in options if option.startswith("stop=")]
    if stops:
        expect(told["calls"] > 1, "it was to be stopped at least once")
    else:
        expect_equal(told["evidence_retain_height"], homes.golden_report(fixture, retain)["evidence_retain_height"],
                     "evidence height")
    WORK.discard(out)
    if engine != "memory":
        WORK.discard(home)


def main():
    fixtures = sys.argv[1:] or homes.GOLDEN
    for fixture in fixtures:
        WORK.fixture(fixture)
    heights = [(f, r) for f in fixtures for r in homes.golden_heights(f)]
    tally = Tally()
    tally.run("memory, by ranges", equals_golden, [(*h, "memory") for h in heights])
    tally.run("memory, by points", equals_golden, [(*h, "memory", "points") for h in heights])
    # Without the sweep, what an application's pruning left makes a second call look further down.
    stopped = [h for h in heights if h[0] != "app-pruned-0.38" and h[1] > homes.golden_report(*h)["base_before"] + 30]
    tally.run("memory, by points, stopped again and again", equals_golden,
              [(*h, "memory", "points", f"batch={batch}", "stop=1") for h in stopped for batch in (7, 100)])
    level = [h for h in heights if homes.engine_of(h[0]) == "goleveldb"]
    tally.run("LevelDB", equals_golden, [(*h, "cleveldb") for h in level])
    tally.run("LevelDB, compacted", equals_golden, [(*h, "cleveldb", "compact") for h in level])
    tally.run("LevelDB, stopped", equals_golden,
              [(*h, "cleveldb", "batch=200", "stop=1") for h in stopped if h in level])
    if not sys.argv[1:]:
        WORK.fixture(ROCKSDB)
        every = heights + [(ROCKSDB, r) for r in homes.golden_heights(ROCKSDB)]
        some = every if full() else [h for h in every if h[1] == homes.golden_heights(h[0])[-1]]
        for engine in ("cleveldb", "rocksdb"):
            tally.run(f"every fixture, copied to {engine}", equals_golden, [(*h, engine, "copy", "compact") for h in some])
        rocks = [(ROCKSDB, r) for r in homes.golden_heights(ROCKSDB)]
        tally.run("RocksDB, by ranges", equals_golden, [(*h, "rocksdb") for h in rocks])
        tally.run("RocksDB, by ranges, compacted", equals_golden, [(*h, "rocksdb", "compact") for h in rocks])
        tally.run("RocksDB, by points", equals_golden, [(*h, "rocksdb", "points", "compact") for h in rocks])
        tally.run("RocksDB, stopped", equals_golden,
                  [(*h, "rocksdb", "points", "batch=200", "stop=1") for h in rocks])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
