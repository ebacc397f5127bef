"""Kill `dvc repro` while it writes `dvc.lock`: `python tests/prove/lock_kills.py [--kills 100]`.

A tiny pipeline of two stages, whose lock file is long enough to take a while, runs with something
new to do. At a random time up to 0.5 s after "Updating lock file" its whole process group gets
SIGKILL. Then `quickstack restore` runs, and after it plain `dvc repro`, which must succeed and run
no stage whose lock was being written or was written before. One line for each kill says what was
left, and the seed repeats a run.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

STAGES = ("one", "two")
SCRIPT = """\
import pathlib, yaml
from quickstack.runtime.running.previous_outputs import keep_outputs
from quickstack.runtime.running.run_records import recorded
with recorded("{name}"):
    rows = yaml.safe_load(open("params.yaml"))["{name}"]["rows"]
    pathlib.Path("data").mkdir(exist_ok=True)
    pathlib.Path("data/{name}.csv").write_text("x\\n" * rows)
    pathlib.Path("{name}.json").write_text('{{"rows": %d}}' % rows)
    keep_outputs("{name}")
"""
#: So many parameters make a lock file that DVC writes for a while.
PARAMETERS = 400


class Round:
    """The pipeline in a repository of its own."""

    def __init__(self, root: Path, seed: int) -> None:
        from helpers import make_repository

        self.root, self.random = make_repository(root), random.Random(seed)
        stages = ""
        for name, dep in (("one", "src/one.py"), ("two", "data/one.csv")):
            script = self.root / f"src/{name}.py"
            script.parent.mkdir(exist_ok=True)
            script.write_text(SCRIPT.format(name=name))
            stages += f"""\
  {name}:
    cmd: python src/{name}.py
    deps: [{dep}]
    params: [{name}]
    outs: [data/{name}.csv, {{{name}.json: {{cache: false}}}}]
"""
        (self.root / "dvc.yaml").write_text(f"stages:\n{stages}")
        (self.root / ".dvc/config").write_text(
            "[core]\n    analytics = false\n    autostage = true\n"
        )
        self.parameters(1)
        self.run("git", "init", "--quiet", "--initial-branch=main")
        self.run("git", "config", "user.name", "Test")
        self.run("git", "config", "user.email", "test@example.org")
        self.run("dvc", "repro", "--quiet")
        self.commit()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        import programs

        return programs.run(command, self.root)

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "-m", "state")

    def parameters(self, rows: int) -> None:
        """Give both stages something new to do."""
        filler = "".join(f"  p{number:04}: {number}\n" for number in range(PARAMETERS))
        text = "dataset: sample\n" + "".join(f"{s}:\n  rows: {rows}\n{filler}" for s in STAGES)
        (self.root / "params.yaml").write_text(text)

    def killed(self, after: int, wait: float) -> bool:
        """Run `dvc repro`; kill it `wait` seconds after a stage says that it updates the lock."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": programs, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            ["dvc", "repro"], cwd=self.root, env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        said = 0
        for line in process.stdout:
            said += "Updating lock file" in line
            if said == after:
                time.sleep(wait)
                break
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        return alive

    def one(self, number: int) -> tuple[str, list[str]] | None:
        """Kill once; return what was left, and what is wrong. None: it came after the end."""
        self.parameters(number + 1)
        after, wait = self.random.choice([1, 2]), self.random.uniform(0, 0.5)
        if not self.killed(after, wait):
            return None
        done = STAGES[:after]
        size = (self.root / "dvc.lock").stat().st_size
        restored = self.run("quickstack", "restore")
        left = [line.split(" was ")[0] for line in restored.stderr.splitlines() if " was " in line]
        what = f"{done[-1]:<4}{wait:>6.3f} s {size:>7,} bytes  {', '.join(left) or '-'}"
        wrong = [] if restored.returncode == 0 else [f"restore: {restored.stderr}"]
        again = self.run("dvc", "repro")
        if again.returncode != 0:
            wrong.append(f"repro: {again.stderr}")
        wrong += [f"{name} ran again" for name in done if f"Running stage '{name}'" in again.stdout]
        if self.random.random() < 0.5:
            self.commit()
        elif self.random.random() < 0.5:
            self.run("git", "reset", "--quiet")
        return what, wrong


def main() -> int:
    """Kill, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description="Kill dvc repro while it writes dvc.lock.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {seed}, {arguments.kills} kills\n   #  stage  after  dvc.lock         left")
    kills = healed = cut = number = 0
    with tempfile.TemporaryDirectory(prefix="quickstack-") as folder:
        os.environ["DVC_SITE_CACHE_DIR"] = f"{folder}/site"
        pipeline = Round(Path(folder) / "project", seed)
        while kills < arguments.kills:
            number += 1
            found = pipeline.one(number)
            if found is None:
                continue
            kills += 1
            what, wrong = found
            healed += not wrong
            cut += "dvc.lock" in what.rpartition("bytes")[2]
            print(f"{kills:>4}  {what}  {'; '.join(wrong) or 'healed'}", flush=True)
    print(
        f"{kills} kills, {cut} cut dvc.lock, {healed} healed by `quickstack restore`; seed {seed}"
    )
    return 0 if healed == kills else 1


if __name__ == "__main__":
    raise SystemExit(main())
