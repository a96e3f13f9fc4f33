#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what compare.py left in JSON as the Markdown tables of docs/performance.md: table.py FILE"""

import json
import sys


def seconds(values):
    low, middle, high = values
    return f"{middle:.3f} ({low:.3f}–{high:.3f})"


def ratio(values):
    low, middle, high = values
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def both(run, key):
    return f"{run['peer'][key]:.0f} / {run['ours'][key]:.0f}"


TIMES = (
    ("Data set", lambda r: r["label"]),
    ("CometBFT, s", lambda r: seconds(r["peer_s"])),
    ("ready, s", lambda r: seconds(r["ready_s"])),
    ("done, s", lambda r: seconds(r["done_s"])),
    ("unlink floor, s", lambda r: seconds(r["unlink_s"])),
    ("files unlinked", lambda r: str(r["files_unlinked"])),
    ("CometBFT / ready", lambda r: ratio(r["ready_ratio"])),
    ("CometBFT / done", lambda r: ratio(r["done_ratio"])),
    ("done ≤ 1.3 × unlink + 0.3 s", lambda r: f"{r['within_bound']} of {r['reps']}"),
)

RESOURCES = (
    ("Data set", lambda r: r["label"]),
    ("CPU, s", lambda r: f"{r['peer']['cpu_s']:.2f} / {r['ours']['cpu_s']:.2f}"),
    ("peak RSS, MiB", lambda r: both(r, "rss_mib")),
    ("read, MiB", lambda r: both(r, "read_mib")),
    ("written, MiB", lambda r: both(r, "written_mib")),
    ("size before, MiB", lambda r: f"{r['ours']['start_mib']:.0f}"),
    ("peak disk, MiB", lambda r: both(r, "peak_mib")),
    ("at the end, MiB", lambda r: both(r, "end_mib")),
    ("after the next open, MiB", lambda r: both(r, "settled_mib")),
    ("ours, %", lambda r: f"{r['size_percent']:.1f}"),
    ("contents", lambda r: "equal" if r["equal"] else "DIFFER"),
)


def table(columns, runs):
    print("| " + " | ".join(name for name, _ in columns) + " |")
    print("| ---" + " | ---:" * (len(columns) - 1) + " |")
    for run in runs:
        print("| " + " | ".join(value(run) for _, value in columns) + " |")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="ascii") as file:
        runs = [json.loads(line) for line in file]
    if not runs:
        print("table.py: nothing was measured", file=sys.stderr)
        return 2
    cache = "cold" if all(run["cold"] for run in runs) else "WARM (the page cache could not be dropped)"
    print(f"Median (least–most) of {min(run['reps'] for run in runs)} repetitions, page cache {cache}.\n")
    table(TIMES, runs)
    print("\nMedians, CometBFT / cmtstore:\n")
    table(RESOURCES, runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
