"""Kill repro, push and sweep at random times: `python tests/prove/kills.py [--kills 50]`.

Each is begun with something new to do, and at a random time its whole process group gets SIGKILL.
Then the same command is run again, plainly, and what must hold is looked at:

- it succeeds, and so does `quickstack verify`;
- no object is corrupt: the content of each one in the cache and in the buckets has the md5 that its
  name says;
- nothing is lost: every object that a commit or an experiment names is in the cache, and after a
  push every one that the commit names is in its bucket; a sweep has all its trials, and those that
  had finished are the same commits.

Of pushes, `quickstack push` is killed and DVC's own in turn. DVC 3.67 loses the place in a push
that is killed while it collects what to send: the plain rerun of `dvc push` then sends a part and
succeeds. Where that lost something, `quickstack push` comes next, and what is lost then counts;
of all other commands what is lost after the plain rerun counts.

It works in a temporary clone with a small sample and a SeaweedFS of its own, and prints one line
for each kill. The seed, with which a run can be repeated, decides what is killed and when; when a
kill comes after the end, it does not count.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

_OBJECT = re.compile(r"files/md5/([0-9a-f]{2})/([0-9a-f]{30})(\.dir)?$")
_BULK = "data/raw/bulk"


class Repository(Protocol):
    """A clone in which commands are run."""

    path: Path

    def run(self, *command: str, check: bool = True, timeout: float = 300) -> Any:
        """Run a command; fail where it fails, unless `check` is false."""


@dataclass
class Kill:
    """One kill, and what was found after the plain rerun."""

    what: str
    at: float
    rerun: str = "ok"
    verify: str = "ok"
    corrupt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    #: What is still lost after `quickstack push`, which follows a `dvc push` that lost something.
    still: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.rerun == self.verify == "ok" and not self.corrupt and not self.still

    def line(self, number: int) -> str:
        return (
            f"{number:>4}  {self.what:<28} {self.at:>5.1f} s  {self.rerun:<8} {self.verify:<8} "
            f"{len(self.corrupt):>7} {len(self.lost):>5} {len(self.still):>21}"
        )


HEADER = (
    "   #  killed                            at  rerun    verify   corrupt  lost  "
    "after quickstack push"
)


def killed(path: Path, command: list[str], after: float) -> bool:
    """Run a command in a process group of its own, and kill it; return whether it still ran."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        cwd=path,
        env={**os.environ, "PATH": programs},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


class Objects:
    """The objects of a cache or a bucket; each is read once, and again where it has changed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, str]] = {}
        #: The files of each folder, by the name of its object.
        self.folders: dict[str, list[str]] = {}

    def wrong(self, found: Iterator[tuple[str, Any, Callable[[], bytes]]]) -> tuple[set[str], list]:
        """Return the names of all objects, and those whose content is not what the name says.

        Parameters
        ----------
        found
            The name of each object, what changes when it is written, and how to read it.
        """
        names = set()
        for name, state, read in found:
            names.add(name)
            if self._seen.get(name, (None, ""))[0] == state:
                continue
            content = read()
            self._seen[name] = state, hashlib.md5(content, usedforsecurity=False).hexdigest()
            if name.endswith(".dir"):
                self.folders[name] = [child["md5"] for child in json.loads(content or "[]")]
        return names, [name for name in names if self._seen[name][1] != name[:32]]


def cached(path: Path) -> Iterator[tuple[str, Any, Callable[[], bytes]]]:
    """Yield each object of the cache, as `Objects.wrong` takes it."""
    for found in (path / ".dvc" / "cache" / "files" / "md5").glob("*/*"):
        if match := _OBJECT.search(found.as_posix()):
            state = found.stat()
            yield "".join(match.groups("")), (state.st_mtime_ns, state.st_size), found.read_bytes


def stored(s3: Any, bucket: str) -> Iterator[tuple[str, Any, Callable[[], bytes]]]:
    """Yield each object of a bucket, as `Objects.wrong` takes it."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            if match := _OBJECT.search(item["Key"]):
                where = {"Bucket": bucket, "Key": item["Key"]}
                state = bucket, item["ETag"], item["LastModified"], item["Size"]
                read = partial(lambda place: s3.get_object(**place)["Body"].read(), where)
                yield "".join(match.groups("")), state, read


def named(repository: Repository, revision: str, folders: dict[str, list[str]]) -> set[str]:
    """Return the objects that a commit names: of dvc.lock, of pointers, and of their folders."""
    listed = repository.run("git", "ls-tree", "-r", "--name-only", revision).stdout.split()
    pipeline = yaml.safe_load(repository.run("git", "show", f"{revision}:dvc.yaml").stdout)
    entries = [
        entry
        for stage in pipeline["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for entry in stage.get(kind, ())
    ]
    uncached = {
        path
        for entry in entries
        if isinstance(entry, dict)
        for path, options in entry.items()
        if (options or {}).get("cache") is False
    }
    outs: list[dict[str, Any]] = []
    for path in listed:
        if path == "dvc.lock" or path.endswith(".dvc"):
            document = yaml.safe_load(repository.run("git", "show", f"{revision}:{path}").stdout)
            stages = document["stages"].values() if path == "dvc.lock" else [document]
            outs += [o for s in stages for o in s.get("outs", ()) if o["path"] not in uncached]
    found = {out["md5"] for out in outs}
    return found | {child for name in found for child in folders.get(name, ())}


def experiments(repository: Repository, name: str) -> dict[str, str]:
    """Return the commit of each finished trial of a sweep."""
    form = "--format=%(refname) %(objectname)"
    listed = repository.run("git", "for-each-ref", form, "refs/exps").stdout.splitlines()
    pairs = [line.split() for line in listed]
    return {r.split("/")[-1]: rev for r, rev in pairs if f"/{name}-" in r}


def commit(repository: Repository, message: str) -> None:
    """Commit everything that git does not ignore."""
    repository.run("git", "add", "--all")
    repository.run("git", "commit", "--quiet", "--allow-empty", "--message", message)


class Prover:
    """Kills, runs again and looks.

    Parameters
    ----------
    buckets
        The S3 client, the bucket of the remote `storage` and that of `restricted`.
    trials
        Of each sweep.
    large
        Whether a push now and then has a file of 110 MB.
    """

    def __init__(
        self,
        repository: Repository,
        seed: int,
        buckets: tuple[Any, str, str],
        *,
        trials: int = 2,
        large: bool = True,
    ) -> None:
        self.repository, self.random, self.trials = repository, random.Random(seed), trials
        self.large = large
        self.s3, *self.buckets = buckets
        self.start = repository.run("git", "rev-parse", "HEAD").stdout.strip()
        self.cache, self.remote = Objects(), Objects()
        self.seconds: dict[str, float] = {}
        self.number = 0

    def one(self, what: str) -> Kill | None:
        """Kill once; None when the kill came after the end."""
        self.number += 1
        command, label = self._begin(what)
        before = experiments(self.repository, f"k{self.number}")
        after = self.random.uniform(0.05, self.seconds.get(label, 6.0))
        hit = killed(self.repository.path, command, after)
        between = experiments(self.repository, f"k{self.number}") if what == "sweep" else before
        start = time.monotonic()
        again = self.repository.run(*command, check=False)
        took = time.monotonic() - start
        kill = Kill(label, after)
        if again.returncode != 0:
            kill.rerun = f"exit {again.returncode}"
            print(again.stdout[-2000:], again.stderr[-2000:], file=sys.stderr)
        commit(self.repository, f"after {label}")
        verify = self.repository.run("quickstack", "verify", check=False)
        if verify.returncode != 0:
            kill.verify = "failed"
            print(verify.stdout, verify.stderr, file=sys.stderr)
        kill.corrupt, kill.lost = self._look(what, between)
        kill.still = kill.lost
        if kill.lost and command == ["dvc", "push"]:
            self.repository.run("quickstack", "push")
            wrong, kill.still = self._look(what, between)
            kill.corrupt += wrong
        # How long it takes is learned from the runs that did it all again.
        known = self.seconds.get(label, 0.0)
        self.seconds[label] = max(0.7 * known, after + took / 2 if not known else took)
        return kill if hit else None

    def _begin(self, what: str) -> tuple[list[str], str]:
        """Give the command something new to do; return it, and what is done."""
        if what == "repro":
            setting = self.random.choice(["sample.seed", "train.linear", "resamples"])
            patterns = {
                "sample.seed": (r"(  seed: )\d+(?=\n\ningest)", str(self.number + 1)),
                "train.linear": (r"(learning_rate: )[\d.]+", f"{0.05 + self.number / 1000:.3f}"),
                "resamples": (r"(resamples: )\d+", str(20 + self.number)),
            }
            path = self.repository.path / "params.yaml"
            pattern, value = patterns[setting]
            text, times = re.subn(pattern, rf"\g<1>{value}", path.read_text(encoding="utf-8"))
            assert times == 1, setting
            path.write_text(text, encoding="utf-8")
            label = "learning_rate" if setting == "train.linear" else setting
            return ["dvc", "repro"], f"dvc repro, {label}"
        if what.endswith("push"):
            folder = self.repository.path / _BULK
            folder.mkdir(parents=True, exist_ok=True)
            for name in range(40):
                (folder / f"{name}.csv").write_bytes(self.random.randbytes(100_000))
            if self.large and self.number % 4 == 1:  # above the size at which it goes up in parts
                (folder / "large.csv").write_bytes(self.random.randbytes(110_000_000))
            self.repository.run("quickstack", "add", _BULK)
            commit(self.repository, "bulk data")
            return what.split(), what
        command = ["quickstack", "sweep", "--trials", str(self.trials)]
        return [*command, "--name", f"k{self.number}"], "quickstack sweep"

    def _look(self, what: str, before: dict[str, str]) -> tuple[list[str], list[str]]:
        """Return what is corrupt, and what is lost."""
        names, wrong = self.cache.wrong(cached(self.repository.path))
        lost: list[str] = []
        listed = self.repository.run("git", "rev-list", "--all", "--not", f"{self.start}^@")
        for revision in listed.stdout.split():
            lost += sorted(named(self.repository, revision, self.cache.folders) - names)
        if what.endswith("push"):
            places = chain.from_iterable(stored(self.s3, bucket) for bucket in self.buckets)
            there, damaged = self.remote.wrong(places)
            wrong += damaged
            lost += sorted(named(self.repository, "HEAD", self.cache.folders) - there)
        if what == "sweep":
            name = f"k{self.number}"
            found = experiments(self.repository, name)
            wanted = {f"{name}-{number:03d}" for number in range(1, self.trials + 1)}
            lost += sorted(wanted - set(found))
            lost += [trial for trial, rev in before.items() if found.get(trial) != rev]
        return wrong, lost


def main() -> int:
    """Kill, print the table, and return the exit code."""
    from pipeline.conftest import clone_into
    from pipeline.test_storage import Buckets
    from quickstack.runtime.stores.remotes import read_remote
    from quickstack.runtime.stores.s3 import create_buckets
    from servers import seaweedfs

    parser = argparse.ArgumentParser(description="Kill commands, and look what is left.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {seed}, {arguments.kills} kills\n{HEADER}", flush=True)
    kinds = ("repro", "quickstack push", "sweep", "repro", "dvc push", "sweep")
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory(prefix="quickstack-") as folder, seaweedfs.running() as server:
        os.environ["DVC_SITE_CACHE_DIR"] = f"{folder}/site"
        clone = clone_into(Path(folder) / "project")
        clone.set("^  rows: .*", "  rows: 2400")
        clone.set("^    iterations: .*", "    iterations: 5")
        clone.set("^  resamples: .*", "  resamples: 20")
        clone.set("^  folds: [0-9]+", "  folds: 2")
        clone.run("dvc", "repro")
        buckets = Buckets(server)
        buckets.point(clone.path, "storage", "restricted")
        create_buckets([read_remote(clone.path, name) for name in ("storage", "restricted")])
        commit(clone, "small sample")
        clone.run("dvc", "push")
        prover = Prover(clone, seed, (buckets.s3, buckets.storage, buckets.restricted))
        while len(kills) < arguments.kills:
            kill = prover.one(kinds[len(kills) % len(kinds)])
            if kill is not None:
                kills.append(kill)
                print(kill.line(len(kills)), flush=True)
    bad = [kill for kill in kills if not kill.good]
    plain = sum(bool(kill.lost) for kill in kills)
    print(
        f"{len(kills)} kills, {len(kills) - len(bad)} without any loss; {plain} lost objects after "
        f"the plain rerun, of `dvc push` until `quickstack push`; seed {seed}"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
