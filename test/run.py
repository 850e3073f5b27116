#!/usr/bin/env python3
"""Runs test programs and scripts that print TAP, two at a time, and counts.

A program passes as many tests as it prints "ok" lines. It fails one more when it
exits with a status that its lines do not explain, runs no test, runs out of time
or skips: nothing is skipped silently. The last line is "N passed, N failed".

TEST_WRAPPER is put before each command (valgrind and the like); TEST_TIMEOUT is in
seconds.
"""
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import time

TIMEOUT = int(os.environ.get("TEST_TIMEOUT", "540"))
WRAPPER = shlex.split(os.environ.get("TEST_WRAPPER", ""))
RESULT = re.compile(r"^\s*(not ok|ok)\b(.*)$")


def run(path):
    start = time.monotonic()
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run([*WRAPPER, path], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
        status, output = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        status, output = "timeout", (late.stdout or b"").decode(errors="replace")
    except OSError as failure:
        status, output = "not run", str(failure)
    passed = failed = 0
    for line in output.splitlines():
        match = RESULT.match(line)
        if not match:
            continue
        skipped = re.search(r"#\s*skip", match.group(2), re.I)
        if match.group(1) == "ok" and not skipped:
            passed += 1
        else:
            failed += 1
    unexplained = passed + failed == 0 or (status != 0 and failed == 0)
    return path, passed, failed + unexplained, status, output, time.monotonic() - start


def main(paths):
    passed = failed = 0
    workers = min(2, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, path) for path in paths]):
            path, good, bad, status, output, seconds = done.result()
            passed, failed = passed + good, failed + bad
            print(f"{'FAIL' if bad else 'pass'}  {path}: {good} passed, {bad} failed"
                  f" ({seconds:.1f} s)" + (f", status {status}" if bad else ""), flush=True)
            for line in output.splitlines():
                if line.startswith("# note:") or bad and not re.match(r"\s*ok\b", line):
                    print("      " + line, flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
