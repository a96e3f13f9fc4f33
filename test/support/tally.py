# SPDX-License-Identifier: Apache-2.0
"""Runs cases in parallel, counts them, prints one line per group and a last line with the sums."""

import concurrent.futures
import multiprocessing
import os
import random
import sys
import time
import traceback

SKIP_EXIT_CODE = 77  # ctest's SKIP_RETURN_CODE


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


class Failed(AssertionError):
    """Raised by a case that found something wrong."""


def reason_to_skip(function, *args):
    """None if function(*args) can be had here, else why not."""
    try:
        function(*args)
    except Skip as reason:
        return str(reason)
    return None


def expect(condition, text):
    """Fail the case with `text` unless `condition` holds."""
    if not condition:
        raise Failed(text)


def expect_equal(got, wanted, what):
    expect(got == wanted, f"{what}: {got!r}, wanted {wanted!r}")


def jobs():
    return int(os.environ.get("CMT_TEST_JOBS", "2"))


def full():
    """Everything instead of a sample?"""
    return os.environ.get("CMT_TEST_FULL", "0") not in ("", "0")


def sampled(cases):
    """Of many cases with CMT_TEST_SAMPLE=N one in N, of few one in two, in their order, others from run to run: where
    the program is instrumented and slow."""
    share = int(os.environ.get("CMT_TEST_SAMPLE", "1"))
    if share < 2:
        return cases
    if len(cases) <= share:
        share = 2
    return cases[CHOICE.randrange(share)::share]


def seed():
    """The seed of this run: given, or from the clock; printed by whoever uses it."""
    return int(os.environ.get("CMT_TEST_SEED", "0")) or int(time.time() * 1000) % 1_000_000_007


CHOICE = random.Random(seed())


def _run_case(function, case):
    try:
        return "passed", function(*case)
    except Skip as reason:
        return "skipped", str(reason)
    except Failed as failure:
        return "failed", str(failure)
    except Exception:  # a broken case is a failed case, and the others still run
        return "failed", traceback.format_exc()


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self._pool = None

    def run(self, title, function, cases, serial=False):
        """Call function(*case) for every case; a case fails by raising.  Returns what the passed
        cases returned, in order."""
        cases = sampled([case if type(case) is tuple else (case,) for case in cases])
        if not cases:
            return []
        started = time.monotonic()
        if serial or len(cases) < 2 or jobs() < 2:
            outcomes = [_run_case(function, case) for case in cases]
        else:
            if self._pool is None:
                self._pool = concurrent.futures.ProcessPoolExecutor(
                    jobs(), mp_context=multiprocessing.get_context("fork")
                )
            futures = [self._pool.submit(_run_case, function, case) for case in cases]
            outcomes = [future.result() for future in futures]
        self._report(title, cases, outcomes, time.monotonic() - started)
        return [value for outcome, value in outcomes if outcome == "passed"]

    def skip(self, title, reason):
        """Count a whole group as skipped."""
        self.skipped += 1
        print(f"skipped  {title}: {reason}", flush=True)

    def _report(self, title, cases, outcomes, seconds):
        failures = [(c, text) for c, (outcome, text) in zip(cases, outcomes) if outcome == "failed"]
        reasons = sorted({text for outcome, text in outcomes if outcome == "skipped"})
        skipped = sum(outcome == "skipped" for outcome, _ in outcomes)
        self.failed += len(failures)
        self.skipped += skipped
        self.passed += len(cases) - len(failures) - skipped
        word = "FAILED " if failures else "skipped" if skipped == len(cases) and cases else "ok     "
        counts = f"{len(cases)} cases" + (f", {skipped} skipped" if skipped else "")
        print(f"{word}  {title} ({counts}, {seconds:.1f} s)", flush=True)
        for reason in reasons:
            print(f"           skipped: {reason}", flush=True)
        shown = len(failures) if full() else 8
        for case, text in failures[:shown]:
            named = " ".join(str(part) for part in case)
            print(f"           {named}: {text}".rstrip(), flush=True)
        if len(failures) > shown:
            print(f"           … and {len(failures) - shown} more", flush=True)

    def finish(self):
        """Print the sums and end the program."""
        if self._pool is not None:
            self._pool.shutdown()
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        if self.failed:
            sys.exit(1)
        sys.exit(SKIP_EXIT_CODE if self.skipped and not self.passed else 0)
