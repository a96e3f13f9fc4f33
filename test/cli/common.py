# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, tools  # noqa: E402
from support.tally import Skip, expect, expect_equal  # noqa: E402

WORK = homes.Workspace()
CHAIN, BACKUP = "multi-0.38", "digits-0.38"

# The environment of whoever runs the tests must not decide anything.
for name in [n for n in os.environ if n == "CMTHOME" or n.startswith("CMT_STORAGE") or n in ("CMT_DB_BACKEND", "CMT_DB_DIR")]:
    del os.environ[name]


def run(*args, **kwargs):
    return tools.Run([str(a) for a in args], **kwargs)


def fresh(fixture=CHAIN):
    return WORK.copy(WORK.fixture(fixture))


def write_config(home, text):
    os.makedirs(os.path.join(home, "config"), exist_ok=True)
    with open(os.path.join(home, "config", "config.toml"), "w", encoding="utf-8") as f:
        f.write(text)


def expect_sentence(done, *words):
    """Exactly one line on standard error, ours, with these words in it; nothing on standard output."""
    expect(re.fullmatch(r"cmtstore: [^\n]+\n", done.err), f"{done.args}: not one sentence: {done.err!r}")
    for word in words:
        expect(word in done.err, f"{done.args}: no {word!r} in {done.err!r}")
    expect_equal(done.out, b"", f"standard output of {done.args}")


def expect_untouched(home, before, what):
    expect_equal(homes.fingerprint(home), before, f"files after {what}")


def start(args, **kwargs):
    return subprocess.Popen([tools.CMTSTORE, *map(str, args)], **{"stdin": subprocess.DEVNULL, **kwargs})


def fast_clock():
    """What to put into the environment for a monotonic clock that races (fastclock.c)."""
    with open(tools.CMTSTORE, "rb") as f:
        if re.search(rb"__[at]san_init", f.read()):
            raise Skip("a sanitizer's run time does not stand beside a preloaded library")
    return {"LD_PRELOAD": tools.compiled("fastclock.so", "cli/fastclock.c", "-shared", "-fPIC")}
