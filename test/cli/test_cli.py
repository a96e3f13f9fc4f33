#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line: flags, numbers, environment, configuration, streams, signals, terminals, exit codes.

Environment: CMTSTORE (the program), CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import hashlib
import json
import os
import re
import resource
import select
import signal
import subprocess

from common import BACKUP, CHAIN, WORK, Terminal, expect_sentence, expect_untouched, fast_clock, fresh, run, start, write_config
from support import homes, ldb, tools
from support.tally import Tally, expect, expect_equal

COMMANDS = ("info", "plan", "prune", "compact", "prune-and-compact", "dump", "rollback", "replay", "gen", "pin")


# ---- usage -----------------------------------------------------------------------------------------

USAGE = [
    ([], "no command"),
    (["prine"], '"prine" is not a command', "--help"),
    (["info", "dump"], "two commands", "./info"),
    (["here", "there"], "neither", "is a command"),
    (["a", "b", "c"], "one argument too many"),
    (["--hoem", "x", "info"], "unknown option --hoem"),
    (["-x", "info"], "unknown option -x"),
    (["-yx", "prune"], "unknown option -yx"),
    (["info", "--home"], "--home wants a value"),
    (["info", "-o"], "-o wants a value"),
    (["prune", "--yes=1"], "--yes takes no value"),
    (["prune", "--sw"], "unknown option --sw"),
    (["--home=", "info"], "--home is empty"),
    (["info", ""], "data directory is empty"),
    (["info", "-o", "xml"], "--output wants text or json", '"xml"'),
    (["info", "--log-level", "loud"], "--log-level wants debug, info, warn or error"),
    (["info", "--log-format", "xml"], "--log-format wants plain or json"),
    (["dump"], "--db blockstore or --db state"),
    (["dump", "--db", "evidence"], "--db wants blockstore or state"),
    (["info", "--values"], "--values does not go with info"),
    (["info", "--keep-blocks", "5"], "--keep-blocks does not go with info"),
    (["compact", "--retain-height", "5"], "--retain-height does not go with compact"),
    (["compact", "--force"], "--force does not go with compact"),
    (["dump", "--db", "state", "--yes"], "--yes does not go with dump"),
    (["prune", "--retain-height", "5", "-b", "5"], "either --retain-height or --keep-blocks"),
    (["--home", "a", "b", "info"], "either --home or a data directory"),
]


def says_one_sentence_about_usage(args, *words):
    expect_sentence(run(*args).expect_code(tools.USAGE), *words)


BAD_NUMBERS = ["", "+5", "-1", "0", " 5", "5 ", "1e3", "0x10", "1_000", "1,000", "1.0", "five", "9223372036854775808",
               "99999999999999999999", "\u0665"]


def rejects_number(flag, text):
    for args in [[flag, text]] + [[f"{flag}={text}"]] * flag.startswith("--"):
        expect_sentence(run("prune", *args).expect_code(tools.USAGE), "wants a whole number of 1 or more")


def wants_to_know_what_to_keep(command):
    home = fresh()
    before = homes.fingerprint(home)
    expect_sentence(run(command, "--home", home).expect_code(tools.USAGE), "--keep-blocks N", "--retain-height H", "--keep-for")
    expect_untouched(home, before, command)
    WORK.discard(home)


def helps():
    for command in COMMANDS:
        for args in ([command, "--help"], ["-h", command]):
            text = run(*args).expect_code(tools.OK).out.decode()
            expect(text.startswith(f"Usage: cmtstore {command} "), f"help of {command}: {text[:60]!r}")
            expect("Examples:\n  cmtstore " in text, f"help of {command} has no examples")
            widest = max(map(len, text.splitlines()))
            expect(widest <= 80, f"help of {command}: a line of {widest} columns")
    general = run("--help").expect_code(tools.OK).out.decode()
    for word in (*COMMANDS, "CMTHOME", "CMT_DB_BACKEND", "config.toml", "Exit codes"):
        expect(word in general, f"the help lacks {word}")
    expect(re.fullmatch(rb"cmtstore \d+\.\d+\.\d+\n", run("--version").expect_code(tools.OK).out), "version")


def takes_options_anywhere_and_either_dash():
    home = fresh()
    data = os.path.join(home, "data")
    wanted = run("plan", "--home", home, "--keep-blocks", "300", "-o", "json").expect_code(tools.OK).out
    for args in (
        ["--home", home, "--keep-blocks", 300, "-o", "json", "plan"],
        ["--home", home, "plan", "--keep_blocks", 300, "--output=json"],
        ["-b300", f"--home={home}", "-ojson", "plan"],
        ["-qb", 300, "plan", "--output", "json", "--home", home],
        ["plan", data, "--keep-blocks=300", "-o", "json"],
        [data, "plan", "--keep-blocks=300", "-o", "json"],
        ["--keep-blocks=300", "-o", "json", "--", data, "plan"],
        ["plan", "--home", home, "--retain_height", 301, "-o", "json"],
    ):
        got = run(*args).expect_code(tools.OK).json()
        expect_equal({**got, "decided_by": ""}, {**json.loads(wanted), "decided_by": ""}, f"plan of {args}")
    run("prune_and_compact", "--home", home, "--dry_run", "-b", 300).expect_code(tools.OK)
    WORK.discard(home)


# ---- which home ------------------------------------------------------------------------------------


def height_of(done):
    return done.expect_code(tools.OK).json()["blockstore"]["height"]


def prefers_flag_to_environment_to_file():
    chain, backup = fresh(CHAIN), fresh(BACKUP)
    info = lambda *args, **env: run("info", "-o", "json", *args, env=env)  # noqa: E731
    expect_equal(height_of(info(CMTHOME=chain)), 600, "height by CMTHOME")
    expect_equal(height_of(info("--home", backup, CMTHOME=chain)), 10149, "height by --home over CMTHOME")
    expect_equal(height_of(info(os.path.join(backup, "data"), CMTHOME=chain)), 10149, "height of a data directory over CMTHOME")
    expect_equal(height_of(info("--home", chain, CMT_DB_DIR=os.path.join(backup, "data"))), 10149, "height by CMT_DB_DIR")
    write_config(chain, f'db_dir = "{backup}/data"\n')
    expect_equal(height_of(info("--home", chain)), 10149, "height by an absolute db_dir")
    expect_equal(height_of(info("--home", chain, CMT_DB_DIR="data")), 600, "height by CMT_DB_DIR over db_dir")
    expect_equal(height_of(info("--home", chain, CMT_DB_DIR="")), 10149, "an empty variable counts as unset")
    os.rename(os.path.join(chain, "data"), os.path.join(chain, "elsewhere"))
    write_config(chain, 'db_dir = "elsewhere"\n')
    expect_equal(height_of(info("--home", chain)), 600, "height by a relative db_dir")
    os.rename(chain, os.path.join(os.path.dirname(chain), ".cometbft"))
    expect_equal(height_of(info(HOME=os.path.dirname(chain))), 600, "height in $HOME/.cometbft")
    expect_sentence(run("info", env={"HOME": ""}).expect_code(tools.USAGE), "--home")
    WORK.discard(chain)
    WORK.discard(backup)


def plan_retains(home, *args, **env):
    return run("plan", "--home", home, "-o", "json", *args, env=env).expect_code(tools.OK).json()["retain_height"]


def takes_what_to_keep_from_file_and_environment():
    home = fresh()
    write_config(home, "[storage.pruning]\nkeep_blocks = 200\nsweep = false\n")
    expect_equal(plan_retains(home), 401, "keep_blocks of config.toml")
    expect_equal(plan_retains(home, CMT_STORAGE_PRUNING_KEEP_BLOCKS="100"), 501, "the variable over config.toml")
    expect_equal(plan_retains(home, "-b", 50, CMT_STORAGE_PRUNING_KEEP_BLOCKS="100"), 551, "the flag over all")
    expect_equal(plan_retains(home, "--retain-height", 7), 7, "the other flag over all")
    for env in ({"CMT_STORAGE_PRUNING_KEEP_BLOCKS": "1e3"}, {"CMT_STORAGE_PRUNING_SWEEP": "maybe"}):
        expect_sentence(run("plan", "--home", home, env=env).expect_code(tools.USAGE), list(env)[0])
    off = {"CMT_STORAGE_PRUNING_KEEP_BLOCKS": "0"}
    expect_sentence(run("prune", "--home", home, env=off).expect_code(tools.USAGE), "say what to keep")
    WORK.discard(home)


def takes_the_sweep_from_flag_environment_and_file():
    home = fresh("app-pruned-0.38")
    sweeps = lambda *args, **env: run("plan", "--home", home, "-b", 60, "-o", "json", *args, env=env).expect_code(tools.OK).json()["sweeps"]  # noqa: E731
    expect_equal(sweeps(), True, "sweep by default")
    expect_equal(sweeps("--no-sweep"), False, "--no-sweep")
    write_config(home, "[storage.pruning]\nsweep = false\n")
    expect_equal(sweeps(), False, "sweep = false")
    expect_equal(sweeps("--sweep"), True, "--sweep over config.toml")
    expect_equal(sweeps(CMT_STORAGE_PRUNING_SWEEP="true"), True, "the variable over config.toml")
    expect_equal(sweeps("--no-sweep", CMT_STORAGE_PRUNING_SWEEP="true"), False, "the flag over the variable")
    WORK.discard(home)


def reads_no_configuration_beside_a_bare_directory():
    home = fresh()
    write_config(home, "[storage\n")
    expect_sentence(run("info", "--home", home).expect_code(tools.USAGE), "config.toml: line 1")
    info = run("info", os.path.join(home, "data"), "-o", "json", env={"CMT_DB_BACKEND": "rocksdb"}).expect_code(tools.OK).json()
    expect_equal((info["home"], info["data_dir"]), (None, os.path.realpath(os.path.join(home, "data"))), "home and data_dir")
    WORK.discard(home)


CONFIG_ERRORS = [
    ("[storage]\ncompact = tru\n", "line 2", "not valid TOML"),
    ("db_dir = 5\n", "line 1", "db_dir must be a string"),
    ("[storage.pruning]\nkeep_blocks = -5\n", "line 2", "0 or more"),
    ("[storage.pruning]\nkep_blocks = 5\n", "unknown key storage.pruning.kep_blocks", "did you mean storage.pruning.keep_blocks?"),
    ("[storage]\n" * 2, "line 2", "already exists"),
    ("#" * ((1 << 20) + 1), "1048577 bytes"),
    ("a = " + "[" * 100000, "nested deeper than 32 levels"),
]


def refuses_configuration(text, *words):
    home = fresh()
    write_config(home, text)
    before = homes.fingerprint(home)
    for args in (["info"], ["prune", "-b", 300]):
        expect_sentence(run(*args, "--home", home).expect_code(tools.USAGE), "config.toml", *words)
    expect_untouched(home, before, "refused commands")
    WORK.discard(home)


def accepts_the_files_of_real_nodes(version):
    home = fresh()
    with open(os.path.join(homes.FIXTURES, "config", version + ".toml"), encoding="utf-8") as f:
        write_config(home, f.read().replace('db_backend = "pebbledb"', 'db_backend = "goleveldb"'))
    run("info", "--home", home).expect_code(tools.OK)
    WORK.discard(home)


def fails_where_nothing_is(what, args, *words):
    place = os.path.dirname(WORK.new())
    os.makedirs(os.path.join(place, "empty", "data"))
    with open(os.path.join(place, "file"), "w", encoding="ascii"):
        pass
    before = homes.fingerprint(place)
    done = run(*[a.replace("@", place) for a in args])
    expect_sentence(done.expect_code(tools.FAILURE), *words)
    expect_untouched(place, before, what)


NOTHING = [
    ("no home", ["info", "--home", "@/no"], "the home", "does not exist"),
    ("no data directory", ["info", "@/no"], "the data directory", "does not exist"),
    ("home is a file", ["info", "--home", "@/file"], "is not a directory"),
    ("home without data", ["info", "--home", "@/empty/data"], "data directory", "does not exist"),
    ("empty data", ["info", "--home", "@/empty"], "there is no blockstore.db"),
    ("prune of empty data", ["prune", "-b", "5", "--home", "@/empty"], "there is no blockstore.db"),
]


def knows_a_home_from_a_data_directory():
    home = fresh()
    expect_sentence(run("info", home).expect_code(tools.FAILURE), "looks like a home", "--home")
    os.makedirs(os.path.join(home, "data", "data"))
    expect_sentence(run("info", "--home", os.path.join(home, "data")).expect_code(tools.FAILURE), "without --home")
    WORK.discard(home)


def checks_the_declared_engine():
    home = fresh()
    before = homes.fingerprint(home)
    for backend in ("goleveldb", "cleveldb"):
        for args, env in ((["--db-backend", backend], {}), (["--backend", backend], {}), ([], {"CMT_DB_BACKEND": backend})):
            run("info", "--home", home, *args, env=env).expect_code(tools.OK)
    for backend in ("rocksdb", "pebbledb", "badgerdb", "boltdb"):
        done = run("prune", "-b", 300, "--home", home, "--db_backend", backend)
        expect_sentence(done.expect_code(tools.REFUSED), "--db-backend says", backend, "goleveldb")
    for backend in ("leveldb", "memdb", "unknown", "none", "Goleveldb"):
        done = run("info", "--home", home, env={"CMT_DB_BACKEND": backend})
        expect_sentence(done.expect_code(tools.REFUSED), f'unknown db_backend "{backend}" from CMT_DB_BACKEND')
    expect_untouched(home, before, "refused commands")
    write_config(home, 'db_backend = "rocksdb"\n')
    expect_sentence(run("info", "--home", home).expect_code(tools.REFUSED), "config.toml says", "rocksdb", "goleveldb")
    run("info", "--home", home, "--db-backend", "goleveldb").expect_code(tools.OK)
    WORK.discard(home)


# ---- dump ------------------------------------------------------------------------------------------


def digest_of(pairs):
    """As CometBFT's own code, made into a program, prints it."""
    whole = hashlib.sha256()
    for key, value in sorted(pairs.items()):
        whole.update(len(key).to_bytes(4, "big") + key + hashlib.sha256(value).digest())
    return whole.hexdigest()


def dumps(fixture, name):
    home = fresh(fixture)
    pairs = ldb.pairs(homes.database(home, name))
    done = run("dump", "--home", home, "--db", name).expect_code(tools.OK)
    golden = homes.golden_lines(fixture, "before", name)
    expect(done.out == golden, f"dump: {homes.differences(done.out, golden)}")
    expect_equal(done.err, f"{name} pairs={len(pairs)} digest={digest_of(pairs)}\n", "summary")
    values = b"".join(b"%s %s\n" % (k.hex().encode(), v.hex().encode()) for k, v in sorted(pairs.items()))
    expect(run("dump", "--home", home, "--db", name, "--values").expect_code(tools.OK).out == values, "dump with values")
    report = run("dump", "--home", home, "--db", name, "-o", "json").expect_code(tools.OK)
    expect_equal(report.json(), {"database": name, "pairs": len(pairs), "digest": digest_of(pairs)}, "dump as JSON")
    expect_equal(report.err, "", "standard error of a dump as JSON")
    WORK.discard(home)


def says_when_output_does_not_arrive(args):
    home = fresh()
    args = [*args, "--home", home]
    with open("/dev/full", "wb") as full:
        process = start(args, stdout=full, stderr=subprocess.PIPE)
        expect_equal(process.communicate()[1].decode().splitlines()[-1].split(": ")[0], "cmtstore", "who complains")
    expect_equal(process.returncode, tools.FAILURE, "exit code with a full disk")
    reader, writer = os.pipe()
    os.close(reader)
    process = start(args, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    expect("Broken pipe" in process.communicate()[1].decode(), "a closed pipe is named")
    expect_equal(process.returncode, tools.FAILURE, "exit code with a closed pipe")
    WORK.discard(home)


def prunes_with_closed_streams(closed, code):
    """A database file that got the number of a closed stream would receive what is printed there."""
    home, wanted = fresh(), fresh()
    run("prune", "--home", wanted, "-b", 300).expect_code(tools.OK)
    command = [tools.CMTSTORE, "prune", "--home", home, "-b", "300", "--log-level", "debug"]
    done = subprocess.run(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, check=False)
    expect_equal(done.returncode, code, f"exit code: {done.stderr!r}")
    for name in homes.DATABASES:
        directory = homes.database(home, name)
        expect_equal(os.path.getsize(os.path.join(directory, "LOCK")), 0, f"size of LOCK of {name}")
        expect_equal(ldb.structure_problems(directory), [], f"structure of {name}")
        expect(tools.dump(home, name) == tools.dump(wanted, name), f"pairs of {name}")
    WORK.discard(home)
    WORK.discard(wanted)


def stops_a_dump(number):
    """Nobody reads: the dump stands in the middle when the signal comes."""
    home = fresh("parts-0.38")
    process = start(["dump", "--home", home, "--db", "blockstore", "--values"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    select.select([process.stdout], [], [], 60)
    process.send_signal(number)
    out, err = process.communicate()
    expect_equal(process.returncode, tools.INTERRUPTED, f"exit code; {len(out)} bytes came, {err!r}")
    expect_equal(err, b"cmtstore: interrupted; nothing was changed\n", "what is said")
    WORK.discard(home)


def is_interrupted_as_a_whole(number, delay_ms):
    """Whenever the signal comes: nothing was changed, or all of it was."""
    home = fresh("levels-0.38")
    before = homes.fingerprint(home)
    process = start(["prune-and-compact", "--home", home, "-b", 2000, "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=delay_ms / 1000)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        out, err = process.communicate()
    if process.returncode == tools.OK:
        expect(out.startswith(b"pruned 1000 blocks"), f"report {out!r}")
        info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
        expect_equal((info["blockstore"]["base"], info["unfinished_prune"], info["trash_bytes"]), (99000, False, 0), "what is left")
    else:
        expect(process.returncode in (tools.INTERRUPTED, -number), f"exit code {process.returncode}: {err!r}")
        if process.returncode == tools.INTERRUPTED:
            expect_equal(err, b"cmtstore: interrupted; nothing was changed\n", "what is said")
        expect_untouched(home, before, f"a signal after {delay_ms} ms")
    WORK.discard(home)
    return process.returncode


def is_interrupted_at_all():
    """Between a signal that comes before it is listened for and one that comes when all is done lies one that is heeded."""
    early, late, tries = 0, 1000, []
    for _ in range(40):
        delay_ms = (early + late) / 2
        end = is_interrupted_as_a_whole(signal.SIGINT, delay_ms)
        if end == tools.INTERRUPTED:
            return
        tries.append((round(delay_ms, 2), end))
        if late - early < 0.5:  # the machine was quicker or slower than a moment ago
            early, late = early * 0.7, late * 1.3
        elif end == tools.OK:
            late = delay_ms
        else:
            early = delay_ms
    expect(False, f"no signal was heeded: {tries}")


# ---- terminals -------------------------------------------------------------------------------------


def asks_at_a_terminal(answer, code):
    home = fresh()
    before = homes.fingerprint(home)
    terminal = Terminal("prune", "--home", home, "-b", 300).until("Proceed? [y/N] ")
    expect("301 to 600, 300 blocks" in terminal.text, f"the plan is shown first: {terminal.text!r}")
    expect_equal(terminal.type(answer).end(), code, f"exit code after {answer!r}: {terminal.text[-200:]!r}")
    if code == tools.OK:
        expect("pruned 300 blocks" in terminal.text, terminal.text)
    else:
        expect("nothing was changed" in terminal.text, terminal.text)
        expect_untouched(home, before, f"answering {answer!r}")
    WORK.discard(home)


def does_not_ask(args):
    home = fresh()
    terminal = Terminal(*args, "--home", home)
    expect_equal(terminal.end(), tools.OK, terminal.text)
    expect("Proceed?" not in terminal.text, terminal.text)
    WORK.discard(home)


def is_interrupted_at_the_question(number):
    home = fresh()
    before = homes.fingerprint(home)
    terminal = Terminal("prune", "--home", home, "-b", 300).until("Proceed? [y/N] ")
    os.kill(terminal.pid, number)
    expect_equal(terminal.end(), tools.INTERRUPTED, f"exit code: {terminal.text[-200:]!r}")
    expect("cmtstore: interrupted; nothing was changed" in terminal.text, terminal.text)
    expect_untouched(home, before, "an interrupted question")
    WORK.discard(home)


def holds_the_locks_while_asking():
    home = fresh()
    terminal = Terminal("prune", "--home", home, "-b", 300).until("Proceed? [y/N] ")
    expect_sentence(run("compact", "--home", home, "-q").expect_code(tools.BUSY), "in use")
    run("info", "--home", home).expect_code(tools.OK)
    expect_equal(terminal.type("n\n").end(), tools.INTERRUPTED, "exit code")
    WORK.discard(home)


def draws_a_bar():
    home = fresh("levels-0.38")
    clock = fast_clock()
    for command in ("compact", "prune-and-compact"):
        flags = ["-b", 1000] if command != "compact" else []
        terminal = Terminal(command, "--home", home, "-y", *flags, env=clock)
        expect_equal(terminal.end(), tools.OK, terminal.text)
        shown = re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", terminal.text)
        expect(len(shown) >= 2, f"no bar: {terminal.text!r}")
        for line in shown:
            expect(re.fullmatch(r"\w+( blockstore| state)? \[#*\.*\] +\d+ %  [\d.]+( \w+)? of [\d.]+( \w+)?(  [\d.]+ .+ left)?", line), line)
            expect(len(line) <= 79, f"{len(line)} columns: {line}")
        expect(re.search(r"\r\x1b\[Kready: ", terminal.text) or "\nready: " in terminal.text, f"ready stands on a line of its own: {terminal.text!r}")
        clean = re.sub(r"\r[^\r\n\x1b]*\x1b\[K|\r\x1b\[K", "", terminal.text)
        expect("%" not in clean and "[#" not in clean, f"a bar stays behind: {clean!r}")
    WORK.discard(home)


def logs_progress_where_no_terminal_is():
    home = fresh("levels-0.38")
    done = run("compact", "--home", home, env=fast_clock()).expect_code(tools.OK)
    expect(re.search(r"^I\[[^]]+\] progress {36} module=cmtstore phase=\w+ database=\w* done=\d+ total=\d+ percent=\d+ elapsed=\d+s$",
                     done.err, re.M), done.err)
    expect("\r" not in done.err and "\x1b" not in done.err, "no bar in a log")
    WORK.discard(home)


def heeds_an_ignored_hangup():
    """Under nohup SIGHUP is ignored from the start and stays so."""
    home = fresh()
    process = start(["dump", "--home", home, "--db", "blockstore", "--values"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    select.select([process.stdout], [], [], 60)
    process.send_signal(signal.SIGHUP)
    process.communicate()
    expect_equal(process.returncode, tools.OK, "exit code")
    WORK.discard(home)


def fails_with_few_files_allowed():
    """A pinned view holds every table open: the soft limit is raised to the hard one, and a lower hard one is an error."""
    home = fresh("levels-0.38")
    few = lambda soft, hard: lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))  # noqa: E731
    process = start(["info", "--home", home], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=few(8, 1024))
    process.communicate()
    expect_equal(process.returncode, tools.OK, "exit code with a low soft limit")
    process = start(["info", "--home", home], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=few(8, 8))
    err = process.communicate()[1].decode()
    expect_equal((process.returncode, err.count("\n")), (tools.FAILURE, 1), f"exit code and lines with a low hard limit: {err!r}")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    for fixture in (CHAIN, BACKUP, "app-pruned-0.38", "crashed-0.38", "parts-0.38", "levels-0.38"):
        WORK.fixture(fixture)
    tally = Tally()
    tally.run("says one sentence about usage", says_one_sentence_about_usage, [(args, *words) for args, *words in USAGE])
    tally.run("rejects bad numbers", rejects_number, [(f, t) for f in ("--retain-height", "--keep-blocks", "-b") for t in BAD_NUMBERS])
    tally.run("wants to know what to keep", wants_to_know_what_to_keep, ["plan", "prune", "prune-and-compact"])
    tally.run("helps", helps, [()])
    tally.run("takes options anywhere, with either dash", takes_options_anywhere_and_either_dash, [()])
    tally.run("prefers flag to environment to file", prefers_flag_to_environment_to_file, [()])
    tally.run("takes what to keep from file and environment", takes_what_to_keep_from_file_and_environment, [()])
    tally.run("takes the sweep from flag, environment and file", takes_the_sweep_from_flag_environment_and_file, [()])
    tally.run("reads no configuration beside a bare directory", reads_no_configuration_beside_a_bare_directory, [()])
    tally.run("refuses a bad config.toml", refuses_configuration, CONFIG_ERRORS)
    tally.run("accepts config.toml of real nodes", accepts_the_files_of_real_nodes, ["0.37", "0.38", "1.0"])
    tally.run("fails where nothing is", fails_where_nothing_is, NOTHING)
    tally.run("knows a home from a data directory", knows_a_home_from_a_data_directory, [()])
    tally.run("checks the declared engine", checks_the_declared_engine, [()])
    tally.run("dumps", dumps, [(f, n) for f in (CHAIN, "crashed-0.38") for n in homes.DATABASES])
    tally.run("says when output does not arrive", says_when_output_does_not_arrive,
              [(["dump", "--db", "state"],), (["dump", "--db", "state", "-o", "json"],), (["info"],), (["plan", "-b", 9],), (["--help"],)])
    tally.run("prunes with closed streams", prunes_with_closed_streams,
              [("<&-", tools.OK), (">&-", tools.FAILURE), ("2>&-", tools.OK), ("<&- >&- 2>&-", tools.FAILURE)])
    tally.run("stops a dump", stops_a_dump, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    tally.run("is interrupted as a whole", is_interrupted_as_a_whole,
              [(n, ms) for n in (signal.SIGINT, signal.SIGTERM) for ms in (1, 3, 6, 12, 20, 30, 40, 60, 80, 120, 200, 400, 800)])
    tally.run("is interrupted at all", is_interrupted_at_all, [()])
    tally.run("asks at a terminal", asks_at_a_terminal,
              [("y\n", tools.OK), ("YES\n", tools.OK), ("n\n", tools.INTERRUPTED), ("\n", tools.INTERRUPTED), ("yep\n", tools.INTERRUPTED),
               ("\x04", tools.INTERRUPTED), ("\x03", tools.INTERRUPTED)])
    tally.run("does not ask where no answer is wanted", does_not_ask,
              [(["prune", "-b", 300, "--yes"],), (["prune", "-b", 600],), (["prune", "-b", 300, "--dry-run"],), (["plan", "-b", 300],)])
    tally.run("is interrupted at the question", is_interrupted_at_the_question, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    tally.run("holds the locks while asking", holds_the_locks_while_asking, [()])
    tally.run("draws a bar", draws_a_bar, [()])
    tally.run("logs progress where no terminal is", logs_progress_where_no_terminal_is, [()])
    tally.run("heeds an ignored hangup", heeds_an_ignored_hangup, [()])
    tally.run("fails with few files allowed", fails_with_few_files_allowed, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
