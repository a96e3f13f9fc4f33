# SPDX-License-Identifier: Apache-2.0
"""Real CometBFT nodes: a single validator with the persistent kvstore application, on loopback.

A version may name an engine that is not its default: 1.0.1-goleveldb, 0.38.26-rocksdb.  For those that are not in
the released program we build one (interop/go/node), of the version that go.mod there names.
"""

import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from support.oracle import go_build, go_sources
from support.tally import Failed, Skip, expect
from support.tools import CACHE, cached


TAGS = ("rocksdb", "badgerdb", "boltdb")  # engines, and the build tags by which CometBFT gets them


@functools.lru_cache(maxsize=None)
def installed(version):
    """The path of the program; Skip where it cannot be had."""
    version, _, engine = version.partition("-")
    if engine in TAGS:
        if shutil.which("go") is None:
            raise Skip("no Go here")
        return cached(f"cometbft-{version}-engines", go_sources(), lambda path: go_build("go", "./node", path, " ".join(TAGS)))
    if not os.path.exists(os.path.join(CACHE, f"cometbft-{version}")) and shutil.which("go") is None:
        raise Skip("no Go here")

    def install(path):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(["go", "install", f"github.com/cometbft/cometbft/cmd/cometbft@v{version}"],
                                  env={**os.environ, "GOBIN": directory}, capture_output=True, text=True, timeout=1800)
            if done.returncode != 0:
                raise Skip(f"CometBFT {version} cannot be installed: {done.stderr.strip()[-200:]}")
            shutil.copy(os.path.join(directory, "cometbft"), path)

    return cached(f"cometbft-{version}", [], install)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def init(version, home):
    """A fresh home whose evidence expires after 20 blocks and a second."""
    subprocess.run([installed(version), "init", "--home", home], check=True, capture_output=True, timeout=60)
    path = os.path.join(home, "config", "genesis.json")
    with open(path, encoding="utf-8") as f:
        genesis = json.load(f)
    genesis["consensus_params"]["evidence"].update(max_age_num_blocks="20", max_age_duration="1000000000")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(genesis, f, indent=2)
    engine = version.partition("-")[2]
    if engine:
        configure(home, db_backend=f'"{engine}"')


def configure(home, **settings):
    """Set what config.toml has already."""
    path = os.path.join(home, "config", "config.toml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for name, value in settings.items():
        text = re.sub(rf"(?m)^{name} = .*", f"{name} = {value}", text)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def hurry(home):
    """Blocks as fast as they come."""
    configure(home, timeout_commit='"50ms"', skip_timeout_commit="true")


class Node:
    """A running node; stopped at the end of the `with`, whatever happens."""

    def __init__(self, version, home):
        self.home = home
        hurry(home)
        self._rpc, p2p = free_ports(2)
        self._log = open(os.path.join(home, "node.log"), "ab")
        self._process = subprocess.Popen(
            [installed(version), "start", "--home", home, "--proxy_app", "persistent_kvstore",
             "--rpc.laddr", f"tcp://127.0.0.1:{self._rpc}", "--p2p.laddr", f"tcp://127.0.0.1:{p2p}",
             "--rpc.pprof_laddr", ""],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _on_pebble(self):
        return any(f.startswith("OPTIONS-") for f in os.listdir(os.path.join(self.home, "data", "kvstore.db")))

    def log(self):
        with open(os.path.join(self.home, "node.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def ask(self, what):
        """The result of an RPC, or None where the node answers with an error."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._rpc}/{what}", timeout=10) as answer:
                return json.load(answer).get("result")
        except urllib.error.HTTPError:
            return None

    def heights(self):
        """(earliest, latest) block, or None while the node does not answer."""
        try:
            sync = self.ask("status")["sync_info"]
        except (OSError, TypeError):
            return None
        return int(sync["earliest_block_height"]), int(sync["latest_block_height"])

    def wait_for_height(self, height, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise Failed(f"the node ended with {self._process.returncode}: {self.log()[-500:]}")
            heights = self.heights()
            if heights and heights[1] >= height:
                return heights
            time.sleep(0.05)
        raise Failed(f"the node is at {self.heights()} after {seconds} s, wanted {height}: {self.log()[-500:]}")

    def wait_for_end(self, seconds=30):
        """The exit code of a node that ends by itself."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"the node still runs after {seconds} s") from None

    def push_application(self):
        """Have the application write out what it knows.  With pebble it keeps the last 32 KiB of its log in memory
        and loses them when the node ends, and then it would be behind the base of a pruned block store."""
        _, latest = self.heights()
        for n in range(6):
            self.ask(f'broadcast_tx_sync?tx="push{latest}n{n}={"x" * 8000}"')
        _, latest = self.heights()  # on a busy machine blocks have been made meanwhile
        self.wait_for_height(latest + 3)

    def stop(self, how=signal.SIGTERM):
        if os.path.exists(os.path.join(self.home, "data", "kvstore.db")) and self._on_pebble():
            self.push_application()
        self._process.send_signal(how)
        code = self.wait_for_end()
        expect(how == signal.SIGKILL or code in (0, -signal.SIGTERM, 128 + signal.SIGTERM),
               f"the node ended with {code}: {self.log()[-300:]}")
