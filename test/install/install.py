#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library as another program finds it: installed, and the examples built against it by pkg-config and by CMake, as C
and as C++.

Environment: CMT_BUILD_DIR (of this build), CMT_FIXTURES.
"""

import os
import re
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "test"))

from support import homes  # noqa: E402
from support.tally import Tally, expect, expect_equal  # noqa: E402

EXAMPLES = os.path.join(TOP, "examples")
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
LANGUAGES = {"c": ["gcc", "-std=c11", "-x", "c"], "c++": ["g++", "-std=c++17", "-x", "c++"]}


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, **options)
    expect(done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}")
    return done.stdout


def pkg_config(prefix, *options):
    for folder, _, names in os.walk(prefix):
        if "cmtstore.pc" in names:
            return run("pkg-config", *options, "cmtstore", env=dict(os.environ, PKG_CONFIG_PATH=folder)).split()
    expect(False, "no cmtstore.pc was installed")


def says_what_it_should(program, prefix, home):
    libraries = [folder for folder, _, names in os.walk(prefix) if "libcmtstore.so" in names]
    environment = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))
    if os.path.basename(program).startswith("apply_blocks"):
        expect_equal(run(program, env=environment), "base 8, height 12\n", "what it says")
        return
    out = run(program, os.path.join(home, "data", "blockstore.db"), env=environment)
    expect(re.fullmatch(r"base 98000, height 100999\nblock 100999: [0-9A-F]{64}, \d+ transactions\n", out), out)


def builds_by_pkg_config(where, prefix, home, example, language):
    program = os.path.join(where, f"{example}-{language}")
    run(*LANGUAGES[language], *FLAGS, os.path.join(EXAMPLES, example + ".c"), "-x", "none", "-o", program,
        *pkg_config(prefix, "--cflags", "--libs"))
    says_what_it_should(program, prefix, home)


def builds_by_cmake(where, prefix, home):
    build = os.path.join(where, "build")
    run("cmake", "-S", EXAMPLES, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
    for example in ("open_store", "apply_blocks"):
        says_what_it_should(os.path.join(build, example), prefix, home)


def shows_public_functions_only(prefix):
    libraries = [os.path.join(folder, "libcmtstore.so") for folder, _, names in os.walk(prefix) if "libcmtstore.so" in names]
    expect_equal(len(libraries), 1, "libraries")
    expect_equal(os.path.basename(os.path.realpath(libraries[0])), "libcmtstore.so." + pkg_config(prefix, "--modversion")[0], "version")
    symbols = re.findall(r" [TDBRVW] (\S+)", run("nm", "-D", "--defined-only", libraries[0]))
    expect("cmt_block_executor_commit" in symbols, "cmt_block_executor_commit is not there")
    foreign = [s for s in symbols if not re.fullmatch(r"cmt_[a-z0-9]+(_[a-z0-9]+)*", s)]
    expect_equal(foreign, [], "what else can be seen")


def main():
    tally = Tally()
    with homes.Workspace() as work:
        where = work.path
        prefix = os.path.join(where, "installed")
        home = work.fixture("levels-0.38")
        run("cmake", "--install", os.environ["CMT_BUILD_DIR"], "--prefix", prefix)
        tally.run("shows public functions only", shows_public_functions_only, [(prefix,)])
        tally.run("builds by pkg-config", builds_by_pkg_config,
                  [(where, prefix, home, e, l) for e in ("open_store", "apply_blocks") for l in LANGUAGES])
        tally.run("builds by CMake", builds_by_cmake, [(where, prefix, home)])
    tally.finish()


if __name__ == "__main__":
    main()
