"""Commands beside servers that do wrong: `python tests/prove/servers.py [--commands push,scan]`.

A small repository with a run, data and a place to publish points all its remotes to a server on
loopback that hangs, drips a byte a second, resets, answers 500 or a web page, sends to another
region, refuses the keys or knows no bucket. Each command runs beside each; a line shows the exit
code, the seconds, how many of them it waited for a processor that others had, and the sentence. It
fails where a command takes more than 5 s beside that, succeeds, prints a traceback or DVC's own
error, or leaves another file behind.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

LIMIT = 5.0
KEYS = "access_key_id = AKIAQUITEINVENTED\n    secret_access_key = s3cr3t-0123456789\n"
COMMANDS = {
    "doctor": ["doctor"],
    "push": ["push"],
    "pull": ["pull"],
    "publish": ["publish"],
    "runs": ["runs"],
    "rollback": ["rollback"],
    "verify --stored": ["verify", "--stored"],
    "scan": ["scan", "--values", "values.txt"],
    "erase": ["erase", "--column", "customer_id", "--value", "secret-1"],
    "land http": ["land", "http", "orders", "{address}/orders.csv"],
    "land s3": ["land", "s3", "orders", "s3://bucket/orders/*.csv", "--remote", "storage"],
}
#: What none of our sentences holds.
FOREIGN = ("Traceback", "Having any troubles", "unexpected error", "botocore", "ERROR:")


def make(root: Path) -> Path:
    """Make a repository with a committed run, whose cache holds all of it."""
    from projects import Project

    project = Project(root)
    project.folder("data/interim", {"a.parquet": b"1", "b.parquet": b"2"})
    project.file("models/model.skops", b"model")
    project.folder("exports", {"index.html": b"page"})
    (root / "values.txt").write_text("somebody@example.org\n")
    project.commit()
    return root


def point(root: Path, address: str) -> None:
    """Point all remotes to a server."""
    text = ""
    for name in ("storage", "restricted", "publish"):
        text += f"['remote \"{name}\"']\n    url = s3://bucket/{name}\n"
        text += f"    endpointurl = {address}\n    {KEYS}"
    (root / ".dvc/config.local").write_text(text)


def state(root: Path) -> dict[str, str]:
    """Return the hash of each file that is not of a log, a lock or a temporary folder."""
    left_out = (".git/", ".dvc/tmp", ".dvc/config.local", "data/raw/.landing/", ".quickstack/")
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not (name := path.relative_to(root).as_posix()).startswith(left_out)
    }


def run(root: Path, command: list[str]) -> tuple[int, float, float, str]:
    """Run a command as people do.

    Returns
    -------
    int, float, float, str
        The exit code, the seconds it took, those of them in which it waited for a processor that
        others had (where Linux tells), and what it said.
    """
    start, waited = time.monotonic(), 0.0
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("quickstack")), *command],
        cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(process.communicate()[0]))
    reader.start()
    while reader.is_alive():
        with suppress(OSError, ValueError, IndexError):
            waited = int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[1]) / 1e9
        reader.join(0.02)
    return process.returncode, time.monotonic() - start, waited, said[0]


def sentence(said: str) -> str:
    """Return the line that tells of the server."""
    lines = [line.strip() for line in said.splitlines()]
    told = [line for line in lines if "remote " in line or "127.0.0.1" in line]
    return next((line for line in told if "To fix it" in line), lines[-1] if lines else "")


def wrong(code: int, said: str, same: bool) -> list[str]:
    """Return what is wrong with an answer, the seconds apart."""
    found = [f"says {word!r}" for word in FOREIGN if word in said]
    if code not in (1, 2):
        found.append(f"exits with {code}")
    if "To fix it" not in said:
        found.append("has no remedy")
    return found if same else [*found, "left other files"]


def main() -> int:
    """Run the matrix, print it, and return the exit code."""
    from servers.hostile import ANSWERS, listening

    parser = argparse.ArgumentParser(description="Commands beside servers that do wrong.")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--behaviours", default=",".join(ANSWERS))
    arguments = parser.parse_args()
    bad = runs = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="quickstack-") as folder:
        os.environ |= {"DVC_SITE_CACHE_DIR": f"{folder}/site", "AWS_EC2_METADATA_DISABLED": "true"}
        root = make(Path(folder) / "project")
        _, start, _, _ = run(root, ["--version"])
        print(f"`quickstack --version` takes {start:.1f} s here; load {os.getloadavg()[0]:.0f}")
        for behaviour in arguments.behaviours.split(","):
            with listening(behaviour) as address:
                point(root, address)
                for name in arguments.commands.split(","):
                    before = state(root)
                    command = [word.format(address=address) for word in COMMANDS[name]]
                    code, seconds, waited, said = run(root, command)
                    found = wrong(code, said, state(root) == before)
                    found += [f"takes {seconds:.1f} s"] if seconds - waited > LIMIT else []
                    runs, bad, slowest = runs + 1, bad + bool(found), max(slowest, seconds - waited)
                    took = f"{seconds:>5.1f} s ({waited:.1f})"
                    line = f"{behaviour:<13}{name:<16}{code:>2} {took}  {sentence(said)}"
                    print(line, flush=True)
                    if found:
                        print(f"{'':13}WRONG: {'; '.join(found)}", flush=True)
    print(f"{runs} answers, {bad} wrong, the slowest after {slowest:.1f} s without that wait")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
