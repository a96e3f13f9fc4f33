#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two ways to prune the same databases.

Each repetition runs both commands, in alternating order, each on a fresh copy of HOME and with a cold
page cache.  Both run under bash and find the home of their copy in $HOME_DIR and the height in
$RETAIN.  Our command prints a line that begins with "ready:" when the node may start.

Beside them each repetition measures the unlink floor: the files that our run made disappear are
copied once more from HOME, and are unlinked by as many threads as cmtstore uses.

Exit status: 0; 1 if the two left different contents; 2 if something failed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import measure

DATABASES = ("blockstore", "state")
READY = b"ready:"


class Failed(Exception):
    """Something that leaves nothing to compare."""


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", metavar="HOME", help="home directory with data/; is not changed")
    parser.add_argument("retain", metavar="RETAIN", type=int, help="lowest height to keep")
    parser.add_argument("peer", metavar="PEER", help="command to compare with")
    parser.add_argument("ours", metavar="OURS", help="our command")
    parser.add_argument("--cmtbench", required=True, help="program that dumps databases")
    parser.add_argument("--reps", type=int, default=5, help="repetitions (default: %(default)s)")
    parser.add_argument("--prewarm", action="append", default=[], metavar="PROGRAM",
                        help="have this program and its shared libraries in the page cache")
    parser.add_argument("--threads", type=int, default=4,
                        help="threads of the unlink floor (default: %(default)s)")
    parser.add_argument("--scratch", metavar="DIR", help="where copies go (default: beside HOME)")
    parser.add_argument("--label", default="", help="name of this comparison in the JSON")
    parser.add_argument("--json", metavar="FILE", help="append the summary as one line")
    arguments = parser.parse_args()
    if arguments.reps < 1 or arguments.threads < 1:
        parser.error("--reps and --threads must be at least 1")
    return arguments


def check_space(home, scratch):
    used = measure.disk_use(home)
    free = shutil.disk_usage(scratch).free
    if free < 3 * used:  # a copy, its growth while it is compacted, the files of the floor
        raise Failed(f"{scratch} has {free >> 20} MiB free; {3 * used >> 20} MiB are needed")


def copy(source, target):
    """A copy with blocks of its own on disk."""
    subprocess.run(["cp", "-a", "--reflink=never", "--", source, target], check=True)


def digests(cmtbench, home):
    """What the databases hold, in a line for each."""
    lines = []
    for name in DATABASES:
        done = subprocess.run([cmtbench, "dump", "-d", home, "-db", name],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0 or "pairs=0 " in done.stdout:
            raise Failed(f"cannot dump {name}: {done.stderr}{done.stdout}")
        lines.append(done.stdout.strip())
    return lines


class Comparison:
    """All repetitions of one comparison."""

    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.programs = measure.with_libraries(["/bin/bash"] + arguments.prewarm)
        self.runs = {"peer": [], "ours": []}
        self.floors = []
        self.unlinked = 0
        self.contents = {}
        # goleveldb leaves tables that it replaced to the next open, which the dump is.
        self.settled = {}
        self.cold = True

    def run(self, side, repetition):
        home = os.path.join(self.folder, "home")
        copy(self.arguments.home, home)
        command = self.arguments.peer if side == "peer" else self.arguments.ours
        result = measure.run(command, home, self.arguments.retain, READY, self.programs)
        if result["exit"] != 0:
            raise Failed(f"{side}: exit status {result['exit']}\n{result['output']}")
        if side == "ours" and result["ready_s"] is None:
            raise Failed(f"our command did not say {READY.decode()}\n{result['output']}")
        ready = f"ready {result['ready_s']:7.3f} s  " if side == "ours" else " " * 17
        print(f"{repetition:3} {side}  {ready}done {result['wall_s']:7.3f} s  "
              f"cpu {result['cpu_s']:6.2f} s  rss {result['rss_mib']:5.0f} MiB  "
              f"read {result['read_mib']:6.0f} written {result['written_mib']:6.0f} MiB  "
              f"disk {result['start_mib']:.0f} peak {result['peak_mib']:.0f} "
              f"after {result['end_mib']:.0f} MiB", flush=True)
        if side not in self.contents:
            self.contents[side] = digests(self.arguments.cmtbench, home)
            self.settled[side] = measure.disk_use(os.path.join(home, "data")) / measure.MIB
        shutil.rmtree(home)
        self.cold = self.cold and result["cold"]
        gone = result.pop("gone")
        self.runs[side].append(result)
        if side == "ours":
            self.floor(gone, repetition)

    def floor(self, gone, repetition):
        source = os.path.join(self.arguments.home, "data")
        target = os.path.join(self.folder, "unlink")
        for name in gone:
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
        # Folder by folder, as the copies of the home are made: the layout on disk counts.
        for part in sorted({os.path.dirname(name) for name in gone}):
            files = [os.path.join(source, name) for name in gone if os.path.dirname(name) == part]
            subprocess.run(["xargs", "-0", "cp", "-a", "--reflink=never", "-t",
                            os.path.join(target, part), "--"],
                           input="\0".join(files).encode(), check=True)
        os.makedirs(target, exist_ok=True)
        seconds, cold = measure.unlink(target, self.arguments.threads)
        shutil.rmtree(target)
        self.cold = self.cold and cold
        self.floors.append(seconds)
        self.unlinked = len(gone)
        print(f"{repetition:3} unlink {' ' * 14}done {seconds:7.3f} s  {len(gone)} files", flush=True)

    def run_all(self):
        for repetition in range(1, self.arguments.reps + 1):
            order = ("peer", "ours") if repetition % 2 == 1 else ("ours", "peer")
            for side in order:
                self.run(side, repetition)

    def summary(self):
        peer, ours = self.runs["peer"], self.runs["ours"]
        done = [run["wall_s"] for run in ours]
        ready = [run["ready_s"] for run in ours]
        reference = [run["wall_s"] for run in peer]
        return {
            "label": self.arguments.label, "retain": self.arguments.retain, "reps": len(ours),
            "cold": self.cold, "equal": self.contents["peer"] == self.contents["ours"],
            "digests": self.contents, "files_unlinked": self.unlinked,
            "peer_s": spread(reference), "ready_s": spread(ready), "done_s": spread(done),
            "unlink_s": spread(self.floors),
            "ready_ratio": spread([a / b for a, b in zip(reference, ready)]),
            "done_ratio": spread([a / b for a, b in zip(reference, done)]),
            "within_bound": sum(a <= bound(b) for a, b in zip(done, self.floors)),
            "size_percent": 100 * self.settled["ours"] / self.settled["peer"],
            "peer": resources(peer) | {"settled_mib": self.settled["peer"]},
            "ours": resources(ours) | {"settled_mib": self.settled["ours"]},
        }


def spread(values):
    return [min(values), statistics.median(values), max(values)]


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def resources(runs):
    keys = ("cpu_s", "rss_mib", "read_mib", "written_mib", "start_mib", "peak_mib", "end_mib")
    return {key: median(runs, key) for key in keys}


def bound(unlink_seconds):
    """What our run may take in all if unlinking is most of it."""
    return 1.3 * unlink_seconds + 0.3


def report(s):
    def line(name, values, unit):
        low, middle, high = values
        print(f"{name:28} median {middle:8.3f}{unit}  min {low:8.3f}{unit}  max {high:8.3f}{unit}")

    print()
    line("peer", s["peer_s"], " s")
    line("ours, ready", s["ready_s"], " s")
    line("ours, done", s["done_s"], " s")
    line(f"unlink floor, {s['files_unlinked']} files", s["unlink_s"], " s")
    line("ready ratio: peer / ready", s["ready_ratio"], "x")
    line("done ratio:  peer / done", s["done_ratio"], "x")
    print(f"done <= 1.3 x unlink + 0.3 s: in {s['within_bound']} of {s['reps']} repetitions; "
          f"of medians {s['done_s'][1]:.3f} s and {bound(s['unlink_s'][1]):.3f} s")
    print(f"size at the end: peer {s['peer']['end_mib']:.1f} MiB, ours {s['ours']['end_mib']:.1f} MiB; "
          f"after the next open: peer {s['peer']['settled_mib']:.1f} MiB, "
          f"ours {s['ours']['settled_mib']:.1f} MiB, {s['size_percent']:.1f} %")
    if not s["cold"]:
        print("note: the page cache could not be dropped (that takes root); these were warm runs")
    for side in ("peer", "ours"):
        for text in s["digests"][side]:
            print(f"{side} {text}")
    print("digests equal" if s["equal"] else "digests DIFFER", flush=True)


def main():
    arguments = parse_arguments()
    scratch = arguments.scratch or os.path.dirname(os.path.abspath(arguments.home))
    try:
        check_space(arguments.home, scratch)
        with tempfile.TemporaryDirectory(prefix="compare-", dir=scratch) as folder:
            comparison = Comparison(arguments, folder)
            comparison.run_all()
            summary = comparison.summary()
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    report(summary)
    if arguments.json:
        with open(arguments.json, "a", encoding="ascii") as file:
            file.write(json.dumps(summary) + "\n")
    return 0 if summary["equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
