#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much cmtstore keeps: pins, by age, by size, and which of several decides.

Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import fcntl
import os
import stat
import time

from common import CHAIN, WORK, expect_sentence, expect_untouched, fresh, run, start, write_config
from support import homes, ldb, tools
from support.tally import Tally, expect, expect_equal

PRUNERS = ("plan", "prune", "prune-and-compact")
GEN = ["--blocks", 300, "--txs", 6, "--tx-bytes", 20000]  # a block every second, give or take half of one


def made():
    home = WORK.new()
    run("gen", "--home", home, *GEN, "-q").expect_code(tools.OK)
    return home


def plan(home, *args, **env):
    return run("plan", "--home", home, "-o", "json", *args, env=env).expect_code(tools.OK).json()


def pins(home):
    return run("pin", "list", "--home", home, "-o", "json").expect_code(tools.OK).json()["pins"]


def pin_file(home):
    return os.path.join(home, "data", "cmtstore", "pins")


def write_pins(home, *lines):
    """As docs/disk-format.md has it."""
    os.makedirs(os.path.dirname(pin_file(home)), exist_ok=True)
    text = "".join(f"{line}\n" for line in ("cmtstore pins 1", *lines)).encode()
    with open(pin_file(home), "wb") as f:
        f.write(text + b"crc32c %08x\n" % ldb.crc32c(text))


# ---- pins ------------------------------------------------------------------------------------------


def adds_lists_and_removes():
    home = fresh()
    data = os.path.join(home, "data")
    expect_equal(run("pin", "list", "--home", home).expect_code(tools.OK).out, b"no pins\n", "pins of a home that has none")
    expect(not os.path.exists(os.path.join(data, "cmtstore")), "listing makes no file")
    expect_equal(run("pin", "add", "backup", "--height", 120, "--home", home).expect_code(tools.OK).out,
                 b"pinned height 120 as backup\n", "pin add")
    done = run("pin", "add", "a.b-c_1", data, "--height=7", "--expires", "2099-12-31", "-o", "json").expect_code(tools.OK).json()
    expect_equal(done, {"name": "a.b-c_1", "height": 7, "expires": "2099-12-31T00:00:00Z"}, "pin add -o json")
    run(data, "pin", "add", "soon", "--height", 9, "--expires", "90m").expect_code(tools.OK)
    names = [(p["name"], p["height"], p["expired"]) for p in pins(home)]
    expect_equal(names, [("a.b-c_1", 7, False), ("backup", 120, False), ("soon", 9, False)], "pins, by name")
    left = next(p for p in pins(home) if p["name"] == "soon")["expires"]
    seconds = time.mktime(time.strptime(left + " UTC", "%Y-%m-%dT%H:%M:%SZ %Z")) - time.timezone - time.time()
    expect(5300 < seconds < 5500, f"--expires 90m: {seconds} s")
    text = run("pin", "list", data).expect_code(tools.OK).out.decode()
    expect("backup" in text and "120  never" in text and "2099-12-31T00:00:00Z" in text, text)
    expect_equal(run("pin", "remove", "soon", "--home", home).expect_code(tools.OK).out, b"removed the pin soon\n", "pin remove")
    expect_equal(run(data, "pin", "remove", "backup", "-o", "json").expect_code(tools.OK).json(), {"name": "backup"}, "its json")
    expect_equal([p["name"] for p in pins(home)], ["a.b-c_1"], "what is left")
    before = homes.fingerprint(home)
    expect_sentence(run("pin", "remove", "backup", "--home", home).expect_code(tools.FAILURE), 'there is no pin "backup"')
    expect_sentence(run("pin", "add", "a.b-c_1", "--height", 8, "--home", home).expect_code(tools.USAGE), "at height 7 already")
    expect_untouched(home, before, "what was refused")
    WORK.discard(home)


PIN_USAGE = [
    (["pin"], "add NAME, remove NAME or list"),
    (["pin", "move", "a"], "add NAME, remove NAME or list"),
    (["pin", "add"], "pin add wants a name"),
    (["pin", "remove"], "pin remove wants a name"),
    (["pin", "add", "a"], "--height H"),
    (["pin", "add", "a", "--height", "0"], "from 1 to"),
    (["pin", "list", "--height", "5"], "go with pin add only"),
    (["pin", "remove", "a", "--expires", "5h"], "go with pin add only"),
    (["pin", "add", "a", "--height", "5", "--expires", "soon"], "wants a duration such as 72h or a time"),
    (["pin", "add", "a", "--height", "5", "--expires", "-5h"], "wants a duration such as 72h or a time"),
    (["pin", "add", "a", "--height", "5", "--expires", "2001-01-01"], "in the past"),
    (["pin", "list", "a", "b"], "one argument too many"),
    (["x", "pin", "add", "a", "b", "--height", "5"], "one argument too many"),
    (["pin", "list", "--keep-blocks", "5"], "--keep-blocks does not go with pin"),
    (["info", "--height", "5"], "--height does not go with info"),
    (["prune", "--keep-for", "0s"], "--keep-for wants a duration"),
    (["prune", "--keep-for", "3 days"], "--keep-for wants a duration"),
    (["prune", "--keep-bytes", "0"], "--keep-bytes wants a size"),
    (["prune", "--keep-bytes", "all"], "--keep-bytes wants a size"),
    (["plan", "--keep-for", "5h", "--retain-height", "5"], "either --retain-height or"),
    (["plan", "--keep-bytes", "5G", "--retain-height", "5"], "either --retain-height or"),
    (["compact", "--keep-for", "5h"], "--keep-for does not go with compact"),
]


def says_one_sentence_about_usage(args, word):
    expect_sentence(run(*args).expect_code(tools.USAGE), word)


def refuses_a_name(name):
    home = fresh()
    before = homes.fingerprint(home)
    expect_sentence(run("pin", "add", "--home", home, "--height", 5, "--", name).expect_code(tools.USAGE), "cannot be the name of a pin")
    expect_untouched(home, before, "a name that was refused")
    WORK.discard(home)


def holds_a_prune_back(command, method):
    home = fresh()
    run("pin", "add", "high", "--height", 250, "--home", home).expect_code(tools.OK)
    run("pin", "add", "low", "--height", 120, "--home", home).expect_code(tools.OK)
    for flags in (["-b", 100], ["--retain-height", 300]):
        seen = plan(home, *flags)
        expect_equal((seen["retain_height"], seen["decided_by"]), (120, "pin low at height 120"), f"plan {flags}")
    expect_equal(plan(home, "--retain-height", 119)["decided_by"], "--retain-height 119", "a wish below the pin")
    done = run(command, "--home", home, "-b", 100, "--force", "--method", method, "-q", "-o", "json").expect_code(tools.OK).json()
    expect_equal((done["base"], done["retain_height"]), (120, 120), f"{command} with a pin")
    expect_equal(len(pins(home)), 2, "pins after a prune")
    run("pin", "remove", "low", "--home", home).expect_code(tools.OK)
    run(command, "--home", home, "-b", 100, "-q").expect_code(tools.OK)
    expect_equal(run("info", "--home", home, "-o", "json").json()["blockstore"]["base"], 250, "base with the other pin")
    WORK.discard(home)


def respects_a_pin_below_base():
    home = fresh()
    run("prune", "--home", home, "--retain-height", 200, "-q").expect_code(tools.OK)
    run("pin", "add", "late", "--height", 50, "--home", home).expect_code(tools.OK)
    seen = plan(home, "-b", 100)
    expect_equal((seen["retain_height"], seen["nothing_to_do"]), (200, True), "plan with a pin below base")
    expect_equal(seen["decided_by"], "pin late at height 50 (all blocks there are)", "decided_by")
    WORK.discard(home)


def forgets_what_has_expired():
    home = fresh()
    write_pins(home, "gone 5 1700000000", "here 400 never")
    expect_equal([(p["name"], p["expired"]) for p in pins(home)], [("gone", True), ("here", False)], "pins listed")
    expect(b"(expired)" in run("pin", "list", "--home", home).out, "the list says so")
    expect_equal(plan(home, "-b", 100)["retain_height"], 400, "retain height: one that expired does not count")
    run("pin", "add", "gone", "--height", 300, "--home", home).expect_code(tools.OK)
    expect_equal([(p["name"], p["height"]) for p in pins(home)], [("gone", 300), ("here", 400)], "pins after the next write")
    WORK.discard(home)


DAMAGE = [
    ("empty", b""),
    ("of a newer version", b"cmtstore pins 2\nbackup 5 never\n"),
    ("without its end", b"cmtstore pins 1\nbackup 5 never\n"),
    ("with another checksum", b"cmtstore pins 1\nbackup 5 never\ncrc32c 00000000\n"),
    ("with a line that is none", ["backup 5"]),
    ("with a height that is none", ["backup 0 never"]),
    ("with a name that is none", ["back/up 5 never"]),
]


def refuses_a_damaged_file(what, contents):
    home = fresh()
    write_pins(home, *(contents if isinstance(contents, list) else []))
    if isinstance(contents, bytes):
        with open(pin_file(home), "wb") as f:
            f.write(contents)
    before = homes.fingerprint(home)
    for args in (["pin", "list"], ["pin", "remove", "backup"], *([c, "-b", 100] for c in PRUNERS)):
        expect_sentence(run(*args, "--home", home).expect_code(tools.FAILURE), "cmtstore/pins is damaged: ", "nothing is pruned")
        expect_untouched(home, before, f"{args} with a file {what}")
    expect_sentence(run("pin", "add", "x", "--height", 5, "--home", home).expect_code(tools.FAILURE), "cmtstore/pins is damaged: ")
    expect_equal(run("compact", "--home", home, "-q").code, tools.OK, "compact, which removes nothing")
    WORK.discard(home)


def works_beside_a_running_node():
    home = fresh()
    lock = open(os.path.join(homes.database(home, "blockstore"), "LOCK"), "rb+")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run("pin", "add", "backup", "--height", 5, "--home", home).expect_code(tools.OK)
        run("pin", "remove", "backup", "--home", home).expect_code(tools.OK)
        expect_equal(pins(home), [], "pins")
    WORK.discard(home)


def keeps_owner_and_mode():
    home = fresh()
    os.chmod(os.path.join(home, "data"), 0o750)
    run("pin", "add", "a", "--height", 5, "--home", home).expect_code(tools.OK)
    mode = lambda: stat.S_IMODE(os.stat(pin_file(home)).st_mode)  # noqa: E731
    expect_equal(mode(), 0o640, "mode of a new file, as the data directory's")
    os.chmod(pin_file(home), 0o604)
    run("pin", "add", "b", "--height", 5, "--home", home).expect_code(tools.OK)
    expect_equal(mode(), 0o604, "mode of a file that is there")
    if os.geteuid() == 0:
        os.chown(pin_file(home), 12, 34)
        run("pin", "remove", "a", "--home", home).expect_code(tools.OK)
        seen = os.stat(pin_file(home))
        expect_equal((seen.st_uid, seen.st_gid), (12, 34), "owner of a file that is there")
    WORK.discard(home)


def loses_none_of_many():
    home = fresh()
    many = [start(["pin", "add", f"p{i}", "--height", 100 + i, "--home", home, "-q"], stdout=-3) for i in range(24)]
    expect_equal([p.wait() for p in many], [tools.OK] * 24, "exit codes")
    expect_equal({p["name"] for p in pins(home)}, {f"p{i}" for i in range(24)}, "pins that were added at once")
    expect_equal(sorted(os.listdir(os.path.dirname(pin_file(home)))), ["pins", "pins.lock"], "files")
    WORK.discard(home)


# ---- by age and size -------------------------------------------------------------------------------


def keeps_by_age():
    home = made()
    for flag, height in (("100.5s", 200), ("1m40.5s", 200), ("99.5s", 201), ("240500ms", 60), ("299.5s", 1), ("720h", 1)):
        expect_equal(plan(home, "--keep-for", flag)["retain_height"], height, f"retain height of --keep-for {flag}")
    expect_equal(plan(home, "--keep-for", "100s")["decided_by"], "--keep-for 100s", "decided_by")
    expect_equal(plan(home, "--keep-for", "2h")["decided_by"], "--keep-for 2h (all blocks there are)", "decided_by of all")
    expect_sentence(run("plan", "--home", home, "--keep-for", "500ms").expect_code(tools.REFUSED), "a rollback needs two")
    done = run("prune", "--home", home, "--keep-for", "100.5s", "-q", "-o", "json").expect_code(tools.OK).json()
    expect_equal((done["base"], done["blocks_pruned"]), (200, 199), "prune")
    expect_equal(plan(home, "--keep-for", "50.5s")["retain_height"], 250, "retain height behind a prune")
    WORK.discard(home)


def kept_bytes(home, *flags):
    seen = plan(home, *flags)
    return sum(f["total_bytes"] - f["dead_bytes"] for f in seen["families"] if f["database"] == "blockstore"), seen


def keeps_by_size():
    home = made()
    total, _ = kept_bytes(home, "-b", 300)
    expect(total > 4_000_000, f"{total} bytes are too few for this test")
    heights = []
    for size in (total // 8, total // 4, total // 2, total * 3 // 4):
        kept, seen = kept_bytes(home, "--keep-bytes", size)
        expect(0.6 * size <= kept <= 1.5 * size, f"--keep-bytes {size} keeps {kept}")
        expect_equal(seen["decided_by"], f"--keep-bytes {size}", "decided_by")
        heights.append(seen["retain_height"])
    expect_equal(heights, sorted(heights, reverse=True), "more bytes, lower heights")
    expect_equal(plan(home, "--keep-bytes", "1G")["retain_height"], 1, "retain height where all fits")
    run("prune-and-compact", "--home", home, "--keep-bytes", total // 4, "-q").expect_code(tools.OK)
    left = run("info", "--home", home, "-o", "json").json()["blockstore"]["bytes"]
    expect(left <= 0.4 * total, f"{left} of {total} bytes are left")
    WORK.discard(home)


def lets_the_one_that_keeps_most_win():
    home = made()
    decided = lambda *flags, **env: (lambda p: (p["retain_height"], p["decided_by"]))(plan(home, *flags, **env))  # noqa: E731
    expect_equal(decided("-b", 50, "--keep-for", "100.5s"), (200, "--keep-for 100500ms"), "age keeps more")
    expect_equal(decided("-b", 150, "--keep-for", "100s"), (151, "--keep-blocks 150"), "blocks keep more")
    expect_equal(decided("-b", 50, "--keep-bytes", "1G")[0], 1, "size keeps more")
    write_config(home, '[storage.pruning]\nkeep_for = "100.5s"\nkeep_blocks = 50\n')
    expect_equal(decided(), (200, "--keep-for 100500ms"), "config.toml")
    expect_equal(decided("-b", 20), (281, "--keep-blocks 20"), "a flag leaves config.toml out")
    expect_equal(decided(CMT_STORAGE_PRUNING_KEEP_FOR="120.5s"), (180, "--keep-for 120500ms"), "the environment's age")
    expect_equal(decided(CMT_STORAGE_PRUNING_KEEP_BYTES="1GB")[0], 1, "the environment's size")
    for name, value in (("FOR", "2 days"), ("FOR", "-2s"), ("BYTES", "much")):
        env = {f"CMT_STORAGE_PRUNING_KEEP_{name}": value}
        expect_sentence(run("plan", "--home", home, env=env).expect_code(tools.USAGE), f"CMT_STORAGE_PRUNING_KEEP_{name}")
    write_config(home, '[storage.pruning]\nkeep_bytes = "1GB"\nprune = "service"\n')
    expect_equal(decided()[0], 1, "keep_bytes of config.toml")
    write_config(home, '[storage.pruning]\nprune = "now"\n')
    expect_sentence(run("plan", "--home", home, "-b", 5).expect_code(tools.USAGE), "inline service")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    WORK.fixture(CHAIN)
    tally = Tally()
    tally.run("adds, lists and removes pins", adds_lists_and_removes, [()])
    tally.run("says one sentence about usage", says_one_sentence_about_usage, PIN_USAGE)
    tally.run("refuses a name", refuses_a_name, [("",), ("a b",), ("a/b",), ("\u00e4",), ("x" * 65,)])
    tally.run("holds a prune back", holds_a_prune_back, [(c, m) for c in PRUNERS[1:] for m in ("edit", "engine")])
    tally.run("respects a pin below base", respects_a_pin_below_base, [()])
    tally.run("forgets what has expired", forgets_what_has_expired, [()])
    tally.run("refuses a damaged file", refuses_a_damaged_file, DAMAGE)
    tally.run("works beside a running node", works_beside_a_running_node, [()])
    tally.run("keeps owner and mode", keeps_owner_and_mode, [()])
    tally.run("loses none of many", loses_none_of_many, [()])
    tally.run("keeps by age", keeps_by_age, [()])
    tally.run("keeps by size", keeps_by_size, [()])
    tally.run("lets the one that keeps most win", lets_the_one_that_keeps_most_win, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
