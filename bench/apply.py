#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast blocks of many validators are applied: bench_apply against CometBFT's ApplyBlock, in alternating order, with
the signatures of the last commit and without, on a disk and in memory.  Prints the table of docs/performance.md.

DIR holds programs, the chain and the stores (default: build/bench).
"""

import argparse
import json
import os
import shutil
import statistics
import sys

from kit import DEFAULT_DIR, build_ours, build_theirs, made, prepare, print_table, run


def chain(theirs, out, blocks, validators):
    return made(theirs, out, f"apply-{validators}-{blocks}", "-n", blocks + 1, "-vals", validators, "-nosync", "-maxtx", 40,
                "-txbytes", 500)


def measure(side, programs, home, where, options, signatures):
    """One run in a directory of its own; what it measured and the digest of the store it left."""
    target = os.path.join(where, f"apply-{side}")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(os.path.join(target, "data"))
    os.sync()
    first = ["chrt", "-f", "10"] if options.f else []
    if side == "ours":
        text = run(*first, programs[0], home, os.path.join(target, "data", "state.db"), *([] if signatures else ["unsigned"]))
    else:
        text = run(*first, programs[1], "apply", "-d", home, "-o", os.path.join(target, "data"), *([] if signatures else ["-unsigned"]))
    digest = run(programs[1], "dump", "-d", target, "-db", "state")
    shutil.rmtree(target)
    return json.loads(text), digest


def compare(name, where, programs, home, options, signatures):
    runs, digests = {"ours": [], "theirs": []}, set()
    for repetition in range(options.r):
        sides = ["ours", "theirs"]
        for side in sides if repetition % 2 == 0 else reversed(sides):
            result, digest = measure(side, programs, home, where, options, signatures)
            runs[side].append(result)
            digests.add(digest)
    if len(digests) > 1:
        sys.exit(f"{name}: the two state stores differ")
    middle = lambda side, key: statistics.median(r[key] for r in runs[side])  # noqa: E731
    both = lambda key: f"{middle('theirs', key):.0f} / {middle('ours', key):.0f}"  # noqa: E731
    ratio = statistics.median(t["apply_p50_us"] / o["apply_p50_us"] for o, t in zip(runs["ours"], runs["theirs"]))
    return [name, "yes" if signatures else "no", both("apply_p50_us"), f"{ratio:.2f}", both("apply_p99_us"), both("cpu_us"),
            both("verify_p50_us") if signatures else ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=500, help="blocks (500)")
    parser.add_argument("-v", type=int, default=150, help="validators (150)")
    parser.add_argument("-r", type=int, default=5, help="repetitions (5)")
    parser.add_argument("-m", default="/dev/shm", help="a directory in memory (/dev/shm)")
    parser.add_argument("-f", action="store_true", help="run both before all other work, by chrt (root)")
    parser.add_argument("dir", nargs="?", default=DEFAULT_DIR)
    options = parser.parse_args()
    options.dir = prepare(options.dir)
    programs = build_ours("bench_apply"), build_theirs(options.dir, "cmtbench-apply", ())
    home = chain(programs[1], options.dir, options.n, options.v)
    memory = os.path.join(options.m, f"cmtstore-bench-{os.getpid()}")
    try:
        rows = [compare(name, where, programs, home, options, signatures)
                for name, where in (("memory", memory), ("disk", options.dir)) for signatures in (True, False)]
    finally:
        shutil.rmtree(memory, ignore_errors=True)
    heads = ["state store in", "signatures", "p50, µs", "ratio", "p99, µs", "CPU a block, µs", "signatures alone, p50, µs"]
    print("CometBFT / cmtstore; the ratio is CometBFT's p50 over cmtstore's, the median of pairs\n")
    print_table(heads, rows)


if __name__ == "__main__":
    main()
