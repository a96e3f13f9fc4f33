# SPDX-License-Identifier: Apache-2.0
"""The programs that the tests run: cmtstore itself, the C++ LevelDB checker, helpers built on demand."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time

from support import homes
from support.tally import Failed, Skip, expect

CMTSTORE = os.path.abspath(os.environ.get("CMTSTORE", os.path.join(homes.ROOT, "build", "bin", "cmtstore")))
CACHE = os.path.abspath(os.environ.get("CMT_TEST_CACHE", os.path.join(homes.ROOT, "build", "test-cache")))

# Exit codes of cmtstore
OK, FAILURE, USAGE, REFUSED, BUSY, NO_SPACE, UNVERIFIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130


class Run:
    """One finished run of cmtstore."""

    def __init__(self, args, env=None, timeout=120):
        done = subprocess.run([CMTSTORE, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              env=None if env is None else {**os.environ, **env})
        self.args, self.code, self.out = args, done.returncode, done.stdout
        self.err = done.stderr.decode(errors="replace")

    def expect_code(self, *codes):
        expect(self.code in codes, f"`cmtstore {' '.join(self.args)}` ended with {self.code}, wanted "
               f"{' or '.join(map(str, codes))}; it said: {self.err.strip()[-400:]}")
        return self

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            expect(False, f"`cmtstore {' '.join(self.args)}` printed no JSON: {self.out[:200]!r} {self.err[-200:]}")


def run(command, home, *flags, **kwargs):
    return Run([command, "--home", home, *map(str, flags)], **kwargs)


def change(command, home, *flags, **kwargs):
    """prune, compact or prune-and-compact without questions, answered in JSON."""
    return run(command, home, *flags, "--yes", "-o", "json", **kwargs)


def dump(home, name):
    """One database as lines, by cmtstore."""
    return run("dump", home, "--db", name).expect_code(OK).out


def require_cmtstore():
    if not os.access(CMTSTORE, os.X_OK):
        raise SystemExit(f"{CMTSTORE} is missing: build it first, or set CMTSTORE")


def compiled(name, source, *flags):
    """A C helper: given by the build through the environment, or compiled now."""
    given = os.environ.get("CMT_TEST_" + name.split(".")[0].upper())
    if given:
        return given
    source = os.path.join(homes.ROOT, "test", source)

    def compile_to(path):
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-o", path, source, *flags], check=True)

    return cached(name, [source], compile_to)


def cached(name, sources, make):
    """The path of a made file, made anew when a source is newer; one process at a time makes it."""
    target = os.path.join(CACHE, name)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(target) or os.path.getmtime(target) < max(map(os.path.getmtime, sources), default=0):
            make(target + ".new")
            os.rename(target + ".new", target)
    return target


def injector():
    """The library of crash/inject.c, for preloading."""
    with open(CMTSTORE, "rb") as f:
        if re.search(rb"__[at]san_init", f.read()):
            raise Skip("a sanitizer's run time does not stand beside a preloaded library")
    return compiled("inject.so", "crash/inject.c", "-shared", "-fPIC", "-ldl")


def cleveldb_check():
    return compiled("cleveldb_check", "interop/cleveldb_check.c", "-lleveldb", "-lcrypto")


def engine_db(*args):
    """The command line of the helper that opens databases with cmt_db_open(); only the build makes it."""
    path = os.environ.get("CMT_TEST_ENGINE_DB")
    if not path:
        raise Skip("CMT_TEST_ENGINE_DB is not set: run by ctest")
    return [path, *args]


def rocksdb_check(*args):
    return [compiled("rocksdb_check", "interop/rocksdb_check.c", "-lrocksdb", "-lcrypto"), *args]


def rocksdb_dump(directory):
    """One database as lines, by the RocksDB library.  It changes what it opens: give it a copy."""
    done = subprocess.run(rocksdb_check("dump", directory), capture_output=True, timeout=120)
    expect(done.returncode == 0, f"RocksDB: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


def cleveldb_dump(directory):
    """One database as lines, by C++ LevelDB.  The library changes what it opens: give it a copy."""
    done = subprocess.run([cleveldb_check(), "dump", directory], capture_output=True, timeout=120)
    expect(done.returncode == 0, f"C++ LevelDB: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


def rocksdb_dump(directory):
    """The same by RocksDB."""
    done = subprocess.run(rocksdb_check("dump", directory), capture_output=True, timeout=120)
    expect(done.returncode == 0, f"RocksDB: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


def cleveldb_compact(home):
    for name in homes.DATABASES:
        subprocess.run([cleveldb_check(), "compact", homes.database(home, name)], check=True, timeout=120)


CHANGING = (
    "open,openat,creat,write,pwrite64,writev,pwritev,copy_file_range,sendfile,fsync,fdatasync,ftruncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "chmod,fchmod,fchmodat,chown,fchown,fchownat,utimensat,truncate,setxattr,fsetxattr"
)


def changing_calls(home, command, *flags, code=OK):
    """Run cmtstore under strace.  Returns its calls on files under `home` that change something, and
    everything that opens a file for writing, as strace's lines."""
    if shutil.which("strace") is None:
        raise Skip("no strace here")
    trace = home + ".strace"
    args = [CMTSTORE, command, "--home", home, *map(str, flags)]
    done = subprocess.run(["strace", "-f", "-y", "-qq", "-e", f"trace={CHANGING}", "-o", trace, *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    text = done.stderr.decode(errors="replace")
    if "ptrace" in text and "Operation not permitted" in text:
        raise Skip("strace may not trace here")
    expect(done.returncode == code, f"`{' '.join(args)}` under strace ended with {done.returncode}: {text[-300:]}")
    with open(trace, encoding="utf-8", errors="replace") as f:
        lines = [line for line in f if home in line and "resumed>" not in line]
    os.unlink(trace)
    reads = re.compile(r" (open|openat)\(.*O_RDONLY(?!.*O_(CREAT|TRUNC|TMPFILE))")
    return [line.strip() for line in lines if not reads.search(line)]


def makes(line):
    """Whether an opening in strace's words creates or empties the file; other calls count as they are."""
    return not re.search(r" (open|openat)\(", line) or re.search(r"O_(CREAT|TRUNC|TMPFILE)", line) is not None


def calls_of_a_prune(home, *flags):
    """What a prune does to files, in order, as (call, path below the home)."""
    log = home + ".calls"
    change("prune", home, *flags, env={
        "LD_PRELOAD": injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_LOG": log}).expect_code(OK)
    with open(log, encoding="utf-8") as f:
        calls = [tuple(line.split()[1:]) for line in f]
    os.unlink(log)
    return calls


class Stopped:
    """A prune that stops itself at its n-th call that changes a file, until it is told to go on."""

    def __init__(self, home, at, *flags):
        self._process = subprocess.Popen(
            [CMTSTORE, "prune", "--home", home, "--yes", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "LD_PRELOAD": injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_AT": str(at),
                 "CMT_INJECT_ACTION": "stop"},
        )

    def __enter__(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self._process.pid, os.WUNTRACED | os.WNOHANG)
            if pid and os.WIFSTOPPED(status):
                return self
            expect(not pid, "cmtstore ended before the call at which it was to stop")
            time.sleep(0.01)
        self._process.kill()
        raise Failed("cmtstore neither stopped nor ended")

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)
        said = self._process.communicate(timeout=60)[1]
        expect(self._process.returncode == OK, f"a prune that was stopped for a while ended with "
               f"{self._process.returncode}: {said!r}")
