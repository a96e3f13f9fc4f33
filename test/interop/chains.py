#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random databases and random chains of operations: cmtstore prunes and compacts one copy, CometBFT's
PruneBlocks and PruneStates the other; in between both grow by the same heights, and engines compact.
On goleveldb, pebble and RocksDB; some of the 1.0 stores have key layout v2.  After every step both hold the same pairs, read by iterating and by getting every key.

Environment: CMTSTORE, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more chains), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import os
import random
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, ldb, ordered, records, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Failed, Tally, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)


class Chain:
    """Two copies of one store: ours and CometBFT's."""

    def __init__(self, line, number, backend):
        self.rng = random.Random(number)
        self.pebble = backend == "pebbledb"
        self.oracle = oracle(line)
        self.number = number
        self.steps = []
        grown = WORK.new()
        options = self.options(line)
        self.height = self.oracle.gen(grown, self.rng.randint(40, 150), backend=backend, **options)["height"]
        self.ours, self.theirs = WORK.new(), WORK.new()
        ranges = self.pebble and self.rng.random() < 0.4
        self.oracle.shape(grown, self.ours, number, crash=self.rng.random() < 0.4, ranges=ranges)
        shutil.copytree(self.ours, self.theirs)
        self.manifests = self.manifest_names()
        WORK.discard(grown)

    def options(self, line):
        pick = self.rng.choice
        initial = pick((1, 1, 1, 950, 9950, 99950))
        options = {
            "seed": self.number,
            "initial": initial,
            "validators": pick((1, 2, 4)),
            "max_txs": pick((1, 3)),
            "tx_bytes": pick((50, 400, 4000)),
            "validator_step": pick((0, 7, 13, 30)),
            "param_step": pick((0, 9, 31)),
            "evidence_step": pick((0, 0, 19)),
            "evidence_age": pick((3, 20, 60, 1000)),
            "discard": line.startswith("0.38") and self.rng.random() < 0.1,
        }
        if self.rng.random() < 0.3:
            options["extension_from"] = initial + self.rng.randint(1, 30)
        if line == "1.0" and self.rng.random() < 0.7:
            options["layout"] = "v2"
        if line.startswith("0.38") and self.rng.random() < 0.2:
            options["retain_blocks"] = self.rng.randint(5, 40)
        return options

    def fail(self, text):
        raise Failed(f"{text}; steps: {', '.join(self.steps)}")

    def run(self, command, *flags):
        self.steps.append(" ".join([command, *map(str, flags)]))
        self.manifests = self.manifest_names()
        done = tools.change(command, self.ours, *flags)
        if done.code != tools.OK:
            self.fail(f"exit code {done.code}: {done.err.strip()[-300:]}")
        return done.json()

    def manifest_names(self):
        return {name: ldb.Version(homes.database(self.ours, name)).manifest for name in homes.DATABASES}

    def prune(self):
        info = tools.run("info", self.ours, "-o", "json").expect_code(tools.OK).json()
        base = info["blockstore"]["base"]
        retain = self.rng.randint(base, self.height)
        force = ["--force"] if retain > self.height - 1 else []
        command = self.rng.choice(("prune", "prune", "prune-and-compact"))
        method = self.rng.choice(("auto", "auto", "auto" if self.pebble else "engine"))
        report = self.run(command, "--no-sweep", "--retain-height", retain, "--method", method, *force)
        wanted = self.oracle.prune(self.theirs, retain)
        if retain > base:
            for field in ("base", "height", "evidence_retain_height"):
                expect_equal(report[field], wanted[field], f"{field} after {self.steps}")
            expect_equal(report["blocks_pruned"], wanted["pruned"], f"blocks_pruned after {self.steps}")
        self.compare()

    def compact(self):
        if any(ldb.has_range_deletes(homes.database(self.ours, name)) for name in homes.DATABASES):
            done = tools.change("compact", self.ours, "--method", "edit")
            if done.code != tools.REFUSED or "range deletions" not in done.err:
                self.fail(f"compact over range deletions ends with {done.code}: {done.err.strip()[-300:]}")
        report = self.run("compact")
        for name in homes.DATABASES if report["method"] == "edit" else ():
            directory = homes.database(self.ours, name)
            if ldb.dead_weight(directory) != (0, 0):
                self.fail(f"{name} holds tombstones or hidden entries after a compaction: {ldb.dead_weight(directory)}")
        self.compare()

    def grow(self):
        more = self.rng.randint(1, 40)
        self.steps.append(f"append {more}")
        for home in (self.ours, self.theirs):
            self.height = self.oracle.append(home, more)["height"]
        self.manifests = self.manifest_names()
        self.compare()

    def engine(self):
        """An engine opens our copy for writing and compacts it."""
        if self.pebble or self.rng.random() < 0.5:
            self.steps.append("CometBFT compacts")
            self.oracle.compact(self.ours)
        else:
            self.steps.append("C++ LevelDB compacts")
            tools.cleveldb_compact(self.ours)
        self.manifests = self.manifest_names()
        self.compare()

    def compare(self):
        """The same pairs in both copies, and sound trees where we have just written."""
        for name in homes.DATABASES:
            if self.oracle.digest(self.ours, name) != self.oracle.digest(self.theirs, name):
                self.explain(name)
            if self.manifest_names()[name] == self.manifests[name]:
                continue
            directory = homes.database(self.ours, name)
            problems = ldb.structure_problems(directory) + ldb.stray_files(directory)
            if "engine" in self.steps[-1]:  # which leaves tables on level 0 as an engine does
                problems = [problem for problem in problems if "on level 0" not in problem]
            if problems:
                self.fail(f"{name}: {problems}")

    def pairs(self, name):
        return ldb.pairs(homes.database(self.ours, name))

    def explain(self, name):
        """The only difference allowed: validator records that a kept pointer leads to, which CometBFT
        deletes where a checkpoint lies between the evidence height and the retain height."""
        got, wanted = (self.oracle.lines(home, name) for home in (self.ours, self.theirs))
        pairs = self.pairs(name)
        needed = records.needed(ordered.pairs_in_v1(pairs)) if name == "state" else set()
        if ordered.is_v2(pairs):
            needed = map(ordered.to_v2, needed)
        allowed = {b"%s " % key.hex().encode() for key in needed}
        kept = [line for line in set(got.splitlines()) - set(wanted.splitlines())]
        lost = set(wanted.splitlines()) - set(got.splitlines())
        if lost or any(line.split()[0] + b" " not in allowed for line in kept):
            self.fail(f"{name} differs from CometBFT's: {homes.differences(got, wanted)}")

    def sweep(self):
        """The sweep takes only what lies below base, and CometBFT still finds all that it may need."""
        before = {name: ordered.pairs_in_v1(self.pairs(name)) for name in homes.DATABASES}
        base = tools.run("info", self.ours, "-o", "json").expect_code(tools.OK).json()["blockstore"]["base"]
        report = self.run("prune", "--retain-height", self.rng.randint(max(base, self.height - 3), self.height), "--force")
        for name in homes.DATABASES:
            after = ordered.pairs_in_v1(self.pairs(name))
            for key in before[name].keys() - after.keys():
                family = next((f for f in ordered.FAMILIES if key.startswith(f)), None)
                height = before[name][key] if family == b"BH:" else key[len(family or b"") :].split(b":")[0]
                if family is None or int(height) >= report["base"]:
                    self.fail(f"the sweep took {key!r}")
            if after.keys() - before[name].keys():
                self.fail(f"the sweep brought {sorted(after.keys() - before[name].keys())[:3]}")
        self.oracle.load(self.ours)

    def check_cpp(self):
        """The C++ library of the engine sees the same."""
        copy = WORK.copy(self.ours)
        for name in homes.DATABASES:
            seen = self.cpp_dump(homes.database(copy, name))
            if homes.digest(seen) != self.oracle.digest(self.ours, name):
                self.fail(f"the C++ library and CometBFT's engine disagree on {name}")
        WORK.discard(copy)

    cpp_dump = staticmethod(tools.cleveldb_dump)


class RocksChain(Chain):
    """On RocksDB, whose trees only the engine itself reads."""

    cpp_dump = staticmethod(tools.rocksdb_dump)

    def manifest_names(self):
        return dict.fromkeys(homes.DATABASES)

    def pairs(self, name):
        return self.oracle.pairs(self.ours, name)

    def compact(self):
        self.run("compact")
        self.compare()

    def engine(self):
        self.steps.append("CometBFT compacts")
        self.oracle.compact(self.ours)
        self.compare()


def operates(line, number, backend):
    chain = (RocksChain if backend == "rocksdb" else Chain)(line, number, backend)
    chain.compare()
    for _ in range(2):
        chain.prune()
        if chain.rng.random() < 0.3:
            chain.compact()
        if chain.rng.random() < 0.3:
            chain.engine()
        chain.grow()
    chain.prune()
    chain.oracle.load(chain.ours)
    chain.compact()
    if chain.number % 3 == 0 and not chain.pebble:
        chain.check_cpp()
    chain.engine()
    chain.grow()
    chain.sweep()
    chain.oracle.append(chain.ours, 3)
    chain.oracle.load(chain.ours)
    WORK.discard(chain.ours)
    WORK.discard(chain.theirs)


def main():
    tools.require_cmtstore()
    tools.cleveldb_check()
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    for line, backend, count in (
        ("0.38", "goleveldb", 1500 if full() else 170),
        ("1.0", "goleveldb", 300 if full() else 40),
        ("1.0", "pebbledb", 600 if full() else 30),
        ("0.38-rocksdb", "rocksdb", 300 if full() else 4),
    ):
        title = f"chains of operations equal CometBFT {line} on {backend}"
        if available(line):
            tally.skip(title, available(line))
            continue
        numbers = map(int, sys.argv[1:]) if sys.argv[1:] else range(first, first + count)
        tally.run(title, operates, [(line, number, backend) for number in numbers])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
