# SPDX-License-Identifier: Apache-2.0
"""Measures one command: time, CPU, memory, block I/O and disk use; and prepares a cold page cache."""

import ctypes
import os
import re
import subprocess
import threading
import time

MIB = 1 << 20


def clear_cache():
    """Write out all dirty pages, then forget what is cached.  False without the right to."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as control:
            control.write("3")
    except OSError:
        return False
    return True


def with_libraries(programs):
    """The files of these programs and of the shared libraries that they load."""
    files = dict.fromkeys(os.path.realpath(program) for program in programs)
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        for path in re.findall(r"(/\S+) \(0x", listed.stdout):
            files[os.path.realpath(path)] = None
    return list(files)


def warm(files):
    """Read files into the page cache."""
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while file.read(MIB):
                pass


def disk_use(root):
    """Bytes on disk of all files below a directory."""
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512
               for folder, _, names in os.walk(root) for name in names)


class DiskUse:
    """Disk use of a directory, now and at its peak.

    Table files never change, so those there at the start are not looked at again: stat() of each
    would load its inode into the cache that the command is to find cold.
    """

    INTERVAL = 0.05

    def __init__(self, root):
        self.root = root
        self.tables = {}
        self.files = {}
        self.start = self.peak = self.end = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)

    def look(self):
        """To be called before the cache is cleared."""
        self.files = self._walk(sizes=True)
        self.start = self.peak = sum(size for _, size in self.files.values())
        for path, (inode, size) in self.files.items():
            if path.endswith((".ldb", ".sst")):
                self.tables[os.path.basename(path), inode] = size
        return self

    def _walk(self, sizes):
        """Path below the root -> inode, bytes on disk.  A renamed table is recognised."""
        found = {}
        folders = [self.root]
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except OSError:
                continue  # removed meanwhile
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                size = None if sizes else self.tables.get((entry.name, entry.inode()))
                if size is None:
                    try:
                        size = entry.stat(follow_symlinks=False).st_blocks * 512
                    except OSError:
                        continue
                found[os.path.relpath(entry.path, self.root)] = (entry.inode(), size)
        return found

    def _sample(self):
        while not self.stop.wait(self.INTERVAL):
            now = sum(size for _, size in self._walk(sizes=False).values())
            self.peak = max(self.peak, now)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        after = self._walk(sizes=True)
        self.end = sum(size for _, size in after.values())
        self.peak = max(self.peak, self.end)
        self.gone = sorted(set(self.files) - set(after))


class Adopted:
    """A command under bash whose resource use is its own.

    A process starts its count of peak memory with that of the process which forked it, and Python is
    larger than what is measured here.  So a shell starts the command and exits, and we, as the
    nearest subreaper, become the parent.
    """

    PR_SET_CHILD_SUBREAPER = 36

    def __init__(self, command, environment):
        if ctypes.CDLL(None, use_errno=True).prctl(self.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot become a subreaper")
        self.shell = subprocess.Popen(
            ["bash", "-c", 'bash -c "$1" &', "bash", command], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = self.shell.stdout

    def wait(self):
        """Exit status and resource use of the command."""
        result = None
        while result is None or self.shell.returncode is None:
            pid, status, usage = os.wait4(-1, 0)
            code = os.waitstatus_to_exitcode(status)
            if pid == self.shell.pid:
                self.shell.returncode = code
            elif result is None:
                result = code, usage
        return result


def run(command, home, retain, mark, programs):
    """Run a command on data that is cold, and return a dictionary of what it took.

    The command finds HOME_DIR and RETAIN in its environment.  `programs` are files that are in the
    page cache beforehand, so that their size does not count.
    """
    use = DiskUse(os.path.join(home, "data")).look()
    cold = clear_cache()
    warm(programs)
    lines = []
    marked = None
    with use:
        begin = time.monotonic()
        process = Adopted(command, dict(os.environ, HOME_DIR=home, RETAIN=str(retain)))
        ended = []
        waiter = threading.Thread(target=lambda: ended.extend([process.wait(), time.monotonic()]))
        waiter.start()
        try:
            for line in process.output:
                if marked is None and line.startswith(mark):
                    marked = time.monotonic()
                lines.append(line)
        finally:  # also when interrupted: its copy is removed next
            process.output.read()
            waiter.join()
        (code, usage), end = ended
    return {
        "exit": code, "cold": cold,
        "wall_s": end - begin,
        "ready_s": None if marked is None else min(marked, end) - begin,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mib": usage.ru_maxrss / 1024,
        "read_mib": usage.ru_inblock / 2048, "written_mib": usage.ru_oublock / 2048,
        "start_mib": use.start / MIB, "peak_mib": use.peak / MIB, "end_mib": use.end / MIB,
        "gone": use.gone,
        "output": b"".join(lines[-20:]).decode(errors="replace"),
    }


def unlink(folder, threads):
    """Seconds that unlinking all files below a folder takes when they are cold, and whether they were."""
    use = DiskUse(folder).look()
    cold = clear_cache()
    # In the order in which the directories have them, as the trash is emptied.
    names = [entry.path for part in os.scandir(folder) for entry in os.scandir(part.path)]
    queue = iter(names)  # next() holds the interpreter's lock; unlink() does not

    def work():
        for name in queue:
            os.unlink(name)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    with use:  # the same sampling as beside a command
        begin = time.monotonic()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return time.monotonic() - begin, cold
