# SPDX-License-Identifier: Apache-2.0
"""What the drivers of the benchmarks share: building both programs, chains made once, tables."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
DEFAULT_DIR = os.path.join(TOP, "build", "bench")


def run(*command, **kwargs):
    """Standard output of a command, which must not fail."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def prepare(path):
    """An absolute directory for programs and data sets."""
    path = os.path.abspath(path)
    os.makedirs(os.path.join(path, "data"), exist_ok=True)
    return path


def build_ours(target):
    print("building", file=sys.stderr)
    run("cmake", "--preset", "release", cwd=TOP)
    run("cmake", "--build", "--preset", "release", "--target", target, cwd=TOP)
    return os.path.join(TOP, "build", "release", "bench", target)


def build_theirs(out, name="cmtbench", tags=("rocksdb", "pebbledb")):
    path = os.path.join(out, "bin", name)
    run("go", "build", "-buildvcs=false", "-tags", " ".join(tags), "-o", path, ".", cwd=os.path.join(HERE, "go"))
    return path


def made(theirs, out, name, *options):
    """The home data/<name>, made by `cmtbench gen` with these options if it is not there."""
    home = os.path.join(out, "data", name)
    if not os.path.isdir(home):
        run(theirs, "gen", "-o", home + ".new", *options)
        os.rename(home + ".new", home)
    return home


def print_table(heads, rows, left=2):
    """Markdown; the first columns are words."""
    print("| " + " | ".join(heads) + " |")
    print("| " + " | ".join(["---"] * left + ["---:"] * (len(heads) - left)) + " |")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
