#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long saving a block takes while 90 % of 40,000 heights, just pruned, are compacted behind it: bench_foreground on
goleveldb's files and on RocksDB's, and CometBFT's own code with a compaction of the whole databases in a goroutine on
goleveldb.  Prints the table of docs/performance.md.

The sides take turns, each time on a fresh copy of data set A or RA, until each has its saves with compaction and as many
without.  DIR holds programs, data sets and copies (default: build/bench).
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys

from kit import DEFAULT_DIR, HERE, build_ours, build_theirs, prepare, print_table, run

# Longest save that is let pass on this engine, in ms, unless without compaction it is long, too.
LONGEST = {"goleveldb": 500, "rocksdb": 50}
RATIO = 1.5


class Side:
    def __init__(self, name, engine, data, command):
        self.name, self.engine, self.data, self.command = name, engine, data, command
        self.runs = []

    def __str__(self):
        return f"{self.name}, {self.engine}"

    def times(self, phase):
        return sorted(us / 1000 for run in self.runs for us in run[phase]["us"])

    def total(self, phase, key):
        return sum(run[phase][key] for run in self.runs)

    def is_done(self, wanted):
        return min(len(self.times("with")), len(self.times("without"))) >= wanted

    def without(self, wanted):
        """How many saves without compaction the next run makes, so that in the end there are as many of both."""
        if not self.runs:
            return max(50, wanted // 10)
        per_run = len(self.times("with")) / len(self.runs)
        left = max(math.ceil((wanted - len(self.times("with"))) / per_run), 1)
        return max(50, math.ceil((wanted - len(self.times("without"))) / left))

    def measure(self, options, without):
        home = os.path.join(options.dir, "foreground")
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.data, home)
        os.sync()
        first = ["chrt", "-f", "10"] if options.f else []
        result = json.loads(run(*first, *self.command(home, without)))
        shutil.rmtree(home)
        if not result["with"]["us"]:
            sys.exit(f"{self}: the compaction ended before a block was saved; take more heights")
        for store in ("state", "blockstore"):
            if result.get(store, {"outcome": "finished"})["outcome"] != "finished":
                sys.exit(f"{self}: {store}: {result[store]}")
        self.runs.append(result)

    def row(self):
        without, with_ = self.times("without"), self.times("with")
        p = lambda times, share: times[min(int(len(times) * share), len(times) - 1)]  # noqa: E731
        ratio = p(with_, 0.99) / p(without, 0.99)
        most = max(RATIO * without[-1], LONGEST[self.engine])
        cells = [self.name, self.engine, f"{len(without)} / {len(with_)}"]
        for share in (0.5, 0.99, 1):
            cells.append(f"{p(without, share):.1f} / {p(with_, share):.1f}")
        met = f"p99 {'yes' if ratio <= RATIO else 'no'}, longest {'yes' if with_[-1] <= most else 'no'}"
        cells += [f"{ratio:.2f}", f"{with_[-1] / without[-1]:.2f}", met, f"{self.written() / self.freed():.2f}",
                  f"{self.total('with', 'ms') / 1000 / len(self.runs):.1f}"]
        return cells

    def of_saves(self, key):
        """What the saves with compaction would have written, or taken up, without."""
        return key * len(self.times("with")) / len(self.times("without"))

    def written(self):
        """By the prunes and the compactions."""
        pruning = sum(run["prune_written"] for run in self.runs)
        return pruning + self.total("with", "written") - self.of_saves(self.total("without", "written"))

    def freed(self):
        grown = self.total("without", "after") - self.total("without", "before")
        return self.total("without", "after") - self.total("with", "after") + self.of_saves(max(grown, 0))


def data_sets(options, theirs, names):
    where = os.path.join(options.dir, "data" if options.d == 1 else f"data-{options.d}")
    environment = dict(os.environ, DIVISOR=str(options.d))
    subprocess.run([os.path.join(HERE, "mkdata.sh"), theirs, where, *names], check=True, stdout=sys.stderr, env=environment)
    return {name: os.path.join(where, name) for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=2000, help="saves with compaction, at least (2000)")
    parser.add_argument("-d", type=int, default=1, help="data sets so many times as short, to try it")
    parser.add_argument("-e", choices=LONGEST, help="only this engine")
    parser.add_argument("-f", action="store_true", help="run all before all other work, by chrt (root)")
    parser.add_argument("-o", action="append", default=[], metavar="NAME=VALUE", help="an option for bench_foreground")
    parser.add_argument("-j", help="write what was measured to this file, too")
    parser.add_argument("dir", nargs="?", default=DEFAULT_DIR)
    options = parser.parse_args()
    options.dir = prepare(options.dir)
    ours, theirs = build_ours("bench_foreground"), build_theirs(options.dir)
    engines = {"goleveldb": "A", "rocksdb": "RA"}
    wanted = {engine: name for engine, name in engines.items() if options.e in (None, engine)}
    data = data_sets(options, theirs, wanted.values())
    sides = [Side("cmtstore", engine, data[name],
                  lambda home, without, engine=engine: [ours, home, engine, f"without={without}", *options.o])
             for engine, name in wanted.items()]
    if "goleveldb" in wanted:
        sides.insert(0, Side("CometBFT", "goleveldb", data["A"], lambda home, without: [
            theirs, "foreground", "-d", home, "-without", without]))
    while unfinished := [side for side in sides if not side.is_done(options.n)]:
        for side in unfinished:
            side.measure(options, side.without(options.n))
            print(f"{side}: {len(side.times('with'))} saves", file=sys.stderr)
    if options.j:
        with open(options.j, "w", encoding="ascii") as f:
            json.dump({str(side): side.runs for side in sides}, f)
    heads = ["", "engine", "saves", "p50, ms", "p99, ms", "longest, ms", "p99 ratio", "longest ratio", "targets met",
             "written / freed", "compaction, s"]
    print("without / with compaction; ratios are with over without\n")
    print_table(heads, [side.row() for side in sides])


if __name__ == "__main__":
    main()
