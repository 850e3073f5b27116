"""What the tests of the border share: TAP, commands, and what the headers declare."""
import os
import re
import subprocess
import sys

BUILD = os.environ.get("BUILD", "build")
CC = os.environ.get("CC", "cc")
PKG_CONFIG = os.environ.get("PKG_CONFIG", "pkg-config")

# Which headers each library answers for.
LIBRARIES = {
    "libinvsrc": ("invsrc", "provider", "call"),
    "libinvsrc-providers": ("providers",),
    "libinvsrc-postgres": ("postgres",),
    "libinvsrc-testkit": ("testkit",),
}
HEADERS = [header for headers in LIBRARIES.values() for header in headers]

results = []


def check(good, name, detail=""):
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}", flush=True)
    if not good:
        for line in str(detail).splitlines():
            print(f"#   {line}")


def same(actual, expected, name):
    """Two sets of names are equal; what is not is listed."""
    lines = [f"missing: {item}" for item in sorted(expected - actual)]
    lines += [f"not expected: {item}" for item in sorted(actual - expected)]
    check(not lines, name, "\n".join(lines))


def done():
    print(f"1..{len(results)}")
    sys.exit(0 if results and all(results) else 1)


def run(*command, **options):
    """(status, standard output, standard error) of a command that ends by itself."""
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=300, **options)
    return ended.returncode, ended.stdout, ended.stderr


def must(*command, **options):
    """The standard output of a command without which the test makes no sense."""
    status, out, err = run(*command, **options)
    if status != 0:
        check(False, " ".join(command[:2]), err or out)
        done()
    return out


def header_text(header):
    """A public header without its comments."""
    with open(f"include/invsrc/{header}.h", encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)


def declared(library):
    """The functions that a library's headers mark with INVSRC_API."""
    pattern = r"\bINVSRC_API\b[^;(]*?\b(invsrc_\w+)\s*\("
    return {name for header in LIBRARIES[library]
            for name in re.findall(pattern, header_text(header))}
