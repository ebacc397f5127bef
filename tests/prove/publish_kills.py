"""Kill publishing at random moments: `python tests/prove/publish_kills.py [--kills 50] [--seed 5]`.

To a folder and to SeaweedFS, runs are published one after the other by processes that are killed
(SIGKILL) at random moments; each is then finished by publishing again, and at the end all are
rolled back. Then 20 runs are published to SeaweedFS through a proxy that cuts connections. Two
readers look throughout: the pointer, the manifest, all files, every hash compared. The exit code is
1 where a reader saw a mixture or missed a file, a rerun did not complete, or a rollback returned
other bytes.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

import boto3  # noqa: E402 - the path comes first

from publishing.cases import remote_of  # noqa: E402 - the path comes first
from publishing.kills import Tally, Where, broken, killed  # noqa: E402 - the path comes first
from servers import seaweedfs  # noqa: E402 - the path comes first


def main() -> int:
    """Run all, report, and return the exit code."""
    parser = argparse.ArgumentParser(description="Kill publishing.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as text, seaweedfs.running() as server:
        root = Path(text)
        s3 = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name="us-east-1",
        )
        for bucket in ("kills", "cuts"):
            s3.create_bucket(Bucket=bucket)
        dice = random.Random(arguments.seed)
        for name, run in {
            "folder": lambda: killed(Where(root / "place"), root / "folder", arguments.kills, dice),
            "SeaweedFS": lambda: killed(
                Where(remote=remote_of(server, "kills")), root / "s3", arguments.kills, dice
            ),
            "SeaweedFS that breaks off": lambda: broken(
                Where(remote=remote_of(server, "cuts")), root / "cuts", arguments.rounds, dice
            ),
        }.items():
            began = time.monotonic()
            tally: Tally = run()
            wrong += len(tally.wrong)
            seconds = time.monotonic() - began
            print(f"{name}: {tally.sentence()}; wrong {len(tally.wrong)}; {seconds:.0f} s")
            for sentence in tally.wrong[:20]:
                print(f"  {sentence}")
    print(f"seed {arguments.seed}: {'FAILED' if wrong else 'never a mixture or a missing file'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
