#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How large the databases of a node stay that prunes behind each block and compacts by itself: 20,000 blocks of 50 KB by a
clock that moves on 6 s with each, 500 kept.  Prints the table and draws the figure of docs/performance.md.

DIR holds the program and the databases (default: build/bench).
"""

import argparse
import json
import os
import shutil
import sys
import time

from kit import DEFAULT_DIR, TOP, build_ours, prepare, print_table, run

FIGURE = os.path.join(TOP, "docs", "steady.svg")
ENGINES = ("goleveldb", "rocksdb")
MIB = 1 << 20
WIDTH, HEIGHT, LEFT, RIGHT, TOP_MARGIN, BOTTOM = 860, 380, 56, 16, 44, 44
# (engine, with a compactor?) -> colour
COLOURS = {("goleveldb", True): "#1b6ca8", ("rocksdb", True): "#b5541c", ("goleveldb", False): "#9cc3de", ("rocksdb", False): "#e3b698"}


def measure(program, where, engine, blocks, compactor):
    target = os.path.join(where, "steady")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    print(f"{engine}, {'with' if compactor else 'without'} a compactor", file=sys.stderr)
    begin = time.monotonic()
    result = json.loads(run(program, engine, target, blocks, *([] if compactor else ["off"])))
    shutil.rmtree(target)
    return dict(result, blocks=blocks, elapsed=time.monotonic() - begin)


def check(engine, result):
    """What the benchmark is there to show."""
    problems = []
    if result["most_bytes"] > result["limit"]:
        problems.append(f"{result['most_bytes']} bytes, more than {result['limit']}")
    for key in ("runs", "of_blockstore", "of_state"):
        if result[key] > result["hours"] + 1:
            problems.append(f"{result[key]} compactions {key} in {result['hours']} hours")
    return [f"{engine}: {problem}" for problem in problems]


def row(engine, compactor, r):
    return [engine, "yes" if compactor else "no", f"{r['most_bytes'] / MIB:.0f}", f"{r['limit'] / MIB:.0f}",
            f"{r['runs']}", f"{r['of_blockstore']} / {r['of_state']}", f"{r['hours']:.1f}", f"{r['elapsed']:.0f}"]


def figure(results):
    """An SVG of size over time."""
    hours = max(r["hours"] for r in results.values())
    most = max(max(bytes_ for _, bytes_ in r["samples"]) for r in results.values())
    limit = max(r["limit"] for r in results.values())
    top = (int(max(most, limit) / MIB) // 50 + 1) * 50
    x = lambda hour: LEFT + (WIDTH - LEFT - RIGHT) * hour / hours  # noqa: E731
    y = lambda mib: HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP_MARGIN) * mib / top  # noqa: E731
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           "<title>Size of the databases over time</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for mib in range(0, top + 1, 50):
        out.append(f'<path d="M{LEFT} {y(mib):.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(mib) + 4:.1f}" text-anchor="end">{mib}</text>')
    step = 1 if hours < 10 else 4
    for hour in range(0, int(hours) + 1, step):
        out.append(f'<text x="{x(hour):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{hour}</text>')
    out.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">hours by the clock of the node</text>')
    out.append(f'<text x="8" y="{TOP_MARGIN - 10}">MiB of tables and logs</text>')
    out.append(f'<path d="M{LEFT} {y(limit / MIB):.1f}H{WIDTH - RIGHT}" stroke="#444444" stroke-dasharray="6 4"/>')
    out.append(f'<text x="{WIDTH - RIGHT}" y="{y(limit / MIB) - 5:.1f}" text-anchor="end">'
               "three times the kept blocks, and two write buffers</text>")
    place = LEFT + 150
    for (engine, compactor), r in results.items():  # those without a compactor first, so below
        per_block = r["hours"] / r["blocks"]
        points = " ".join(f"{x(blocks * per_block):.1f},{y(bytes_ / MIB):.1f}" for blocks, bytes_ in r["samples"])
        colour = COLOURS[engine, compactor]
        out.append(f'<polyline fill="none" stroke="{colour}" points="{points}"/>')
        out.append(f'<path d="M{place} 22h18" stroke="{colour}" stroke-width="3"/>')
        out.append(f'<text x="{place + 24}" y="26">{engine}, {"compactor" if compactor else "the engine alone"}</text>')
        place += 175
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20000, help="blocks (20000)")
    parser.add_argument("-o", default=FIGURE, help="where the figure goes (docs/steady.svg)")
    parser.add_argument("-a", action="store_true", help="also without a compactor, where the engine works alone; slow")
    parser.add_argument("dir", nargs="?", default=DEFAULT_DIR)
    options = parser.parse_args()
    options.dir = prepare(options.dir)
    program = build_ours("bench_steady")
    results = {}
    for compactor in (False, True) if options.a else (True,):
        for engine in ENGINES:
            results[engine, compactor] = measure(program, options.dir, engine, options.n, compactor)
    with open(options.o, "w", encoding="ascii") as f:
        f.write(figure(results))
    heads = ["engine", "compactor", "most after warm-up, MiB", "limit, MiB", "compactions", "of block store / state",
             "hours by its clock", "took, s"]
    print_table(heads, [row(engine, compactor, r) for (engine, compactor), r in results.items()])
    problems = [problem for engine in ENGINES for problem in check(engine, results[engine, True])]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
