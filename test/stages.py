#!/usr/bin/env python3
"""Runs targets of the Makefile one after the other, all of them, and counts.

A target counts for as many tests as its last "N passed, N failed" line says, or
for one where it has none, and fails one more when it exits with a status that the
line does not explain. The last line is "N passed, N failed".
"""
import os
import re
import subprocess
import sys
import time

COUNT = re.compile(r"^(\d+) passed, (\d+) failed$")


def run(target):
    """(passed, failed) of a target, whose output is shown as it comes."""
    stage = subprocess.Popen([*os.environ.get("MAKE", "make").split(), target],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace")
    count = None
    for line in stage.stdout:
        match = COUNT.match(line.rstrip("\n"))
        count = tuple(map(int, match.groups())) if match else count
        print(line if not match else f"{target}: {line}", end="", flush=True)
    status = stage.wait()
    passed, failed = count or (int(status == 0), 0)
    return passed, failed + (status != 0 and failed == 0)


def main(targets):
    totals = []
    for target in targets:
        print(f"==== {target}", flush=True)
        start = time.monotonic()
        totals.append((target, *run(target), time.monotonic() - start))
    print("====")
    for target, passed, failed, seconds in totals:
        print(f"{'FAIL' if failed else 'pass'}  {target}: {passed} passed, {failed} failed"
              f" ({seconds:.0f} s)")
    passed, failed = (sum(total[i] for total in totals) for i in (1, 2))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
