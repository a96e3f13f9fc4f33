#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast blocks are saved (one sync each) and loaded: bench_blocks against CometBFT's SaveBlock and LoadBlock on the
same engine, in alternating order, and what the disk alone takes.  Prints the table of docs/performance.md.

DIR holds programs, data sets and stores (default: build/bench).  The page cache is warm.
"""

import argparse
import json
import os
import shutil
import statistics
import sys

from kit import DEFAULT_DIR, build_ours, build_theirs, made, prepare, print_table, run

# Options of `cmtbench gen`: half of the transactions are random, half compress well; seven validators.
SETS = {"10 KB": ["-maxtx", "40", "-txbytes", "1000"], "100 KB": ["-maxtx", "40", "-txbytes", "10000"]}
ENGINES = ("goleveldb", "rocksdb")


def chain(theirs, out, name, blocks):
    return made(theirs, out, f"blocks-{name.replace(' ', '')}-{blocks}", "-n", blocks, "-vals", 7, "-nosync", *SETS[name])


def measure(side, programs, home, out, engine):
    """One run in a directory of its own, which is returned too."""
    ours, theirs = programs
    where = os.path.join(out, f"blocks-{side}")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(os.path.join(where, "data"))
    os.sync()
    target = os.path.join(where, "data")
    if side == "ours":
        text = run(ours, "save", engine, os.path.join(home, "data", "blockstore.db"), os.path.join(target, "blockstore.db"))
    else:
        text = run(theirs, "blocks", "-d", home, "-o", target, "-backend", engine)
    return json.loads(text), where


def disk(programs, home, out, blocks):
    """What one sync of as many bytes as a block has takes on this disk."""
    size = sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(os.path.join(home, "data", "blockstore.db")) for name in names)
    path = os.path.join(out, "blocks-floor")
    if os.path.exists(path):
        os.unlink(path)
    floor = json.loads(run(programs[0], "floor", path, size // blocks, blocks))
    os.unlink(path)
    return floor


def compare(name, engine, programs, home, options):
    runs, floors = {"ours": [], "theirs": []}, []
    for repetition in range(options.r):
        sides, digests = ["ours", "theirs"], set()
        for side in sides if repetition % 2 == 0 else reversed(sides):
            result, where = measure(side, programs, home, options.dir, engine)
            runs[side].append(result)
            if repetition == 0:
                digests.add(run(programs[1], "dump", "-d", where, "-db", "blockstore"))
            shutil.rmtree(where)
        floors.append(disk(programs, home, options.dir, options.n))
        if len(digests) > 1:
            sys.exit(f"{name}, {engine}: the two stores differ")
    return row(name, engine, runs, floors)


def row(name, engine, runs, floors):
    middle = lambda side, key: statistics.median(r[key] for r in runs[side])  # noqa: E731
    ratio = lambda key: statistics.median(o[key] / t[key] for o, t in zip(runs["ours"], runs["theirs"]))  # noqa: E731
    cells = [name, engine]
    for what in ("save", "load"):
        for key, digits in ((f"{what}_per_s", 0), (f"{what}_p50_us", 0), (f"{what}_p99_us", 0)):
            cells.append(f"{middle('theirs', key):.{digits}f} / {middle('ours', key):.{digits}f}")
        cells.append(f"{ratio(f'{what}_per_s'):.2f}")
        cells.append(f"{ratio(f'{what}_p99_us'):.2f}")
    cells.append(" / ".join(f"{statistics.median(f[key] for f in floors):.0f}" for key in ("sync_p50_us", "sync_p99_us")))
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1000, help="blocks of each data set (1000)")
    parser.add_argument("-r", type=int, default=5, help="repetitions (5)")
    parser.add_argument("-e", choices=ENGINES, help="only this engine")
    parser.add_argument("dir", nargs="?", default=DEFAULT_DIR)
    options = parser.parse_args()
    options.dir = prepare(options.dir)
    programs = build_ours("bench_blocks"), build_theirs(options.dir)
    rows = [compare(name, engine, programs, chain(programs[1], options.dir, name, options.n), options)
            for name in SETS for engine in ENGINES if options.e in (None, engine)]
    heads = ["blocks", "engine", "saved/s", "p50, µs", "p99, µs", "ratio", "p99 ratio", "loaded/s", "p50, µs", "p99, µs",
             "ratio", "p99 ratio", "disk alone, p50 / p99, µs"]
    print("CometBFT / cmtstore; ratios are cmtstore's figure over CometBFT's, the median of pairs\n")
    print_table(heads, rows)


if __name__ == "__main__":
    main()
