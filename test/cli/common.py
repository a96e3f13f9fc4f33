# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios

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


def preloaded(library, *flags):
    """A library of ours for LD_PRELOAD, from its source here."""
    with open(tools.CMTSTORE, "rb") as f:
        if re.search(rb"__[at]san_init", f.read()):
            raise Skip("a sanitizer's run time does not stand beside a preloaded library")
    return tools.compiled(f"{library}.so", f"cli/{library}.c", "-shared", "-fPIC", *flags)


def fast_clock():
    """What to put into the environment for a monotonic clock that races (fastclock.c)."""
    return {"LD_PRELOAD": preloaded("fastclock")}


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *args, env=None, columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
            os.execve(tools.CMTSTORE, [tools.CMTSTORE, *map(str, args)], {**os.environ, **(env or {})})
        self.text = ""

    def _read(self):
        """False at the end."""
        if not select.select([self.fd], [], [], 60)[0]:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            expect(False, f"nothing happens on the terminal: {self.text!r}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the program has closed its end
            return False
        self.text += data.decode(errors="replace")
        return data != b""

    def until(self, text):
        while text not in self.text:
            expect(self._read(), f"no {text!r} on the terminal: {self.text!r}")
        return self

    def type(self, text):
        os.write(self.fd, text.encode())
        return self

    def end(self):
        """Reads to the end and returns the exit code; minus the signal if one ended it."""
        while self._read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
