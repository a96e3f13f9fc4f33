#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rollback: what CometBFT's own leaves, pair for pair; what it refuses, with nothing changed; killed on the way.

Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP, CMT_TEST_FULL=1: killed at every call.
"""

import fcntl
import os
import shutil
import signal

if os.access("/dev/shm", os.W_OK):  # the disk is not what is tested here
    os.environ.setdefault("CMT_TEST_TMP", "/dev/shm")

from common import CHAIN, WORK, expect_sentence, expect_untouched, fresh, run
from support import homes, ldb, tools
from support.tally import Tally, expect, expect_equal, full, reason_to_skip
from test_refusals import put_pair

# What `cometbft rollback` of the release that wrote the fixture says and leaves: height, app hash, SHA-256 of the dump
# of the state, and with --hard of the block store.
GOLDEN = {
    "multi-0.38": (599, "8FA0430460791461FF12ADD5DE520FA2635C03E48EDEF94957587D8B90CE390B",
                   "b839395986e837c945dc52e3a02c7b523afcb12d08b3256b0e45a12026e93084",
                   "17e9765ed2354f398b949ba373cbcd75fb4657b092ec95d6e8d7bdee3e1dbd93"),
    "multi-0.40": (599, "8FA0430460791461FF12ADD5DE520FA2635C03E48EDEF94957587D8B90CE390B",
                   "bf9046e0458145956e51e2bc378b054cea0c382edd6b5467fdde46e67dd87077",
                   "eb28827ede278534a0abacfea4550ab61e622d300ab721e9adcc550ebf08d4f9"),
    "multi-1.0-v2": (599, "8FA0430460791461FF12ADD5DE520FA2635C03E48EDEF94957587D8B90CE390B",
                     "bb67fe83a15457fd73fbdf281e3b3e71e79d6c9d8e8659eb98498970ef0415ec",
                     "c64b9e31bb56e08c6e492f791c158d754285815cbcf42bd259a99d182415e537"),
    "votes-ext-0.38": (299, "E202DB9AA4CBFBEC150B515F82295DE6856D1ABDA19A49FF9C9F10581CBA14BF",
                       "7bdf5f93b37fcb48da96e219ebf8ba6536694c458aaabd93231a18ef06f19abe",
                       "242ce589c36a4f76c35c806d7e66801f3f463706a4e98a634bdcdbb991388606"),
    "votes-ext-1.0": (219, "52971F51CF0BC072A65AAFFD8BDA6FA8561E0A6C6C39AEF17E4DC49D26DC1AD1",
                      "f7e9e5f1928c59f3168088b7d37097324c52a64846bebf98816dab7217ce05c5",
                      "882ef3d97e678d9a3cb0b57c0c93895d9c91d73d2dbc3cced0a642a082a42622"),
    "app-pruned-0.38": (499, "BEBA9FE8A568BCB7B904DAAFAB20890DA3CEDCC51D34A891825FFBEA10D995D1",
                        "992ba35597d73317f3c1f91746ba270ed0c7f000a886b89edff96a470056b004",
                        "2bdd035f7c3049fec1418ac0916d9758d84ed0936e587ff09e5e22bcc753f5e5"),
    "checkpoint-0.38": (100198, "43AFFAEBF07E340027660B5D1516D63287F5E008E913506A63AABE5D73D23761",
                        "d2148e53d5186f148341256d10ba53203d933fb4a2b5c21e033c58173555f7ae",
                        "4a66f7b0dfadbb5f409991f2dcecac436befa474c925223fc84968ece8c4008c"),
    "node-0.38.26": (505, "D002000000000000",
                     "2b14e05758e6c76a2b83948555c536463487f6837eab529b2c65e60e99a8ae97",
                     "a343f50f76861447063809636b2c17ef6444ad617e5a9644b6542b21b4b1f740"),
    # Its pairs were put into goleveldb for that.
    "multi-0.38-rocksdb": (599, "8FA0430460791461FF12ADD5DE520FA2635C03E48EDEF94957587D8B90CE390B",
                           "0a9ff6bfcf9bd5b2f855b12b4f56705112c73f073c63f6891ce9f264b618b298",
                           "801741911a3cbe5a85a17b479c58af09e618cb66faf0208afada2f2f58207622"),
}


def digests(home):
    return {name: homes.digest(tools.dump(home, name)) for name in homes.DATABASES}


def rolls_back_as_cometbft(fixture):
    """First the state alone, which leaves every block; then the block, which the state is one behind by then."""
    height, app_hash, state, blocks = GOLDEN[fixture]
    home = fresh(fixture)
    before = digests(home)
    done = run("rollback", "--home", home).expect_code(tools.OK)
    expect_equal(done.out.decode(), f"Rolled back state to height {height} and hash {app_hash}\n", "standard output")
    expect_equal(digests(home), {"blockstore": before["blockstore"], "state": state}, "after the state went back")
    again = run("rollback", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal(again, {"height": height, "app_hash": app_hash, "block_height": height + 1, "state_changed": False, "block_removed": False}, "the same again")
    expect_equal(digests(home)["state"], state, "the state stays where it is")
    done = run("rollback", "--home", home, "--hard").expect_code(tools.OK)
    expect_equal(done.out.decode(), f"Rolled back both state and block to height {height} and hash {app_hash}\n", "standard output")
    expect_equal(digests(home), {"blockstore": blocks, "state": state}, "after the block went, too")
    WORK.discard(home)


def rolls_back_both_at_once(fixture):
    height, app_hash, state, blocks = GOLDEN[fixture]
    home = fresh(fixture)
    report = run("rollback", "--hard", os.path.join(home, "data"), "-o", "json").expect_code(tools.OK).json()
    expect_equal(report, {"height": height, "app_hash": app_hash, "block_height": height, "state_changed": True, "block_removed": True}, "report")
    expect_equal(digests(home), {"blockstore": blocks, "state": state}, "pairs")
    expect(not run("info", "--home", home, "-o", "json").json()["state"]["needs_heal"], "the log is closed for a Go node")
    for below in range(1, 4):
        expect_equal(run("rollback", "--hard", "--home", home, "-o", "json").expect_code(tools.OK).json()["height"], height - below, "height")
    tools.run("dump", home, "--db", "state", "-q").expect_code(tools.OK)
    WORK.discard(home)


# ---- refusals --------------------------------------------------------------------------------------


def refuses(home, code, *words, flags=((), ("--hard",))):
    before = homes.fingerprint(home)
    for more in flags:
        expect_sentence(run("rollback", "--home", home, *more).expect_code(code), *words)
        expect_untouched(home, before, f"rollback {' '.join(more)}")
    WORK.discard(home)


def refuses_databases_of_different_heights():
    home, other = fresh(), fresh("digits-0.38")
    shutil.rmtree(homes.database(home, "state"))
    shutil.move(homes.database(other, "state"), homes.database(home, "state"))
    WORK.discard(other)
    refuses(home, tools.REFUSED, "statestore height (10149) is not one below or equal to blockstore height (600)", "backup")


def refuses_a_record(key, value, code, *words):
    home = fresh()
    put_pair(home, "state", key, value)
    refuses(home, code, *words)


RECORDS = [
    (b"stateKey", b"", tools.FAILURE, "no state found"),
    (b"stateKey", b"\xff\xff", tools.FAILURE, "State"),
    (b"validatorsKey:599", b"\xff", tools.FAILURE, "599"),
    (b"consensusParamsKey:600", b"\xff", tools.FAILURE, "600"),
]


def refuses_without_the_block(key):
    home = fresh()
    put_pair(home, "blockstore", key, b"")
    refuses(home, tools.FAILURE, f"block at height {key[2:].decode()} not found", "1 to 600")


def refuses_the_first_block():
    home = WORK.new()
    run("gen", "--home", home, "--blocks", "1", "--initial-height", "7").expect_code(tools.OK)
    refuses(home, tools.FAILURE, "block at height 6 not found", "7 to 7")


def keeps_the_only_block():
    """Its predecessor's header is kept for evidence, so the state can go back; CometBFT would remove the block, too."""
    home = fresh()
    run("prune", "--home", home, "--retain-height", "600", "--force", "-q").expect_code(tools.OK)
    kept = WORK.copy(home)
    refuses(home, tools.REFUSED, "block 600 is the only one", flags=(("--hard",),))
    run("rollback", "--home", kept).expect_code(tools.OK)
    refuses(kept, tools.REFUSED, "block 600 is the only one", flags=(("--hard",),))


def refuses_a_database_in_use(name):
    home = fresh()
    with open(os.path.join(homes.database(home, name), "LOCK"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refuses(home, tools.BUSY, "in use", f"{name}.db")


def fails_without(name):
    home = fresh()
    shutil.rmtree(homes.database(home, name))
    refuses(home, tools.FAILURE, f"there is no {name}.db in")


def takes_no_other_option(*args):
    home = fresh()
    before = homes.fingerprint(home)
    expect_sentence(run("rollback", "--home", home, *args).expect_code(tools.USAGE), args[0], "does not go with rollback")
    expect_untouched(home, before, "usage")
    WORK.discard(home)


# ---- killed on the way -----------------------------------------------------------------------------


def injected(home, at, action):
    log = os.path.join(os.path.dirname(home), "calls")
    done = run("rollback", "--hard", "--home", home, env={
        "LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_KIND": "all", "CMT_INJECT_AT": str(at),
        "CMT_INJECT_ACTION": action, "CMT_INJECT_LOG": log})
    with open(log, encoding="utf-8") as f:
        return done, len(f.read().splitlines())


def survives_a_kill(at):
    """What is there then is old, new, or the state alone gone back; the same command again finishes, with as many
    repetitions as the outcome shows to be needed."""
    _, _, state, blocks = GOLDEN[CHAIN]
    home = fresh()
    before = digests(home)
    done, _ = injected(home, at, "kill-before")
    expect_equal(done.code, -signal.SIGKILL, f"end at call {at}")
    found = digests(home)
    new = {"blockstore": blocks, "state": state}
    half = {"blockstore": before["blockstore"], "state": state}
    expect(found in (before, half, new), f"killed at call {at}: neither old nor new: {found}")
    if found != new:
        run("rollback", "--hard", "--home", home).expect_code(tools.OK)
    expect_equal(digests(home), new, f"after it was run again, killed at call {at}")
    WORK.discard(home)


def kill_points():
    home = fresh()
    done, calls = injected(home, 0, "count")
    done.expect_code(tools.OK)
    WORK.discard(home)
    expect(calls > 20, f"the injector saw {calls} calls: nothing would be tested")
    return range(1, calls + 1) if full() else range(3, calls + 1, calls // 8)


def main():
    tools.require_cmtstore()
    tally = Tally()
    for fixture in [*GOLDEN, "digits-0.38", "multi-1.0-v1-pebble", "node-0.37.18"]:
        WORK.fixture(fixture)  # before the cases want it at the same time
    tally.run("rolls back as CometBFT", rolls_back_as_cometbft, list(GOLDEN) if full() else ["multi-0.38", "multi-1.0-v2", "multi-0.38-rocksdb"])
    tally.run("rolls back both at once", rolls_back_both_at_once, list(GOLDEN) if full() else ["votes-ext-0.38", "app-pruned-0.38"])
    tally.run("refuses databases of different heights", refuses_databases_of_different_heights, [()])
    tally.run("refuses a bad record", refuses_a_record, RECORDS)
    tally.run("refuses without the block", refuses_without_the_block, [b"H:599", b"H:600"])
    tally.run("refuses the first block", refuses_the_first_block, [()])
    tally.run("keeps the only block", keeps_the_only_block, [()])
    tally.run("refuses a database in use", refuses_a_database_in_use, homes.DATABASES)
    tally.run("fails without a database", fails_without, homes.DATABASES)
    tally.run("refuses what it does not write", lambda fixture, *words: refuses(fresh(fixture), tools.REFUSED, *words),
              [("multi-1.0-v1-pebble", "pebbledb", "rollback"), ("node-0.37.18", "0.37")], serial=True)
    tally.run("takes no other option", takes_no_other_option, [("--retain-height", "5"), ("--yes",), ("--until", "3")])
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip("survives a kill", reason)
    else:
        tally.run("survives a kill", survives_a_kill, list(kill_points()))
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
