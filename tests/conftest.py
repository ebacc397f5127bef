"""Fixtures for all tests: a clean environment, and real S3 servers that start when asked for."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tests import `helpers` and `servers` by these names, however pytest was started.
sys.path.insert(0, str(Path(__file__).parent))

from helpers import lack, needs_program
from servers import S3Server, ceph
from servers import postgres as postgresql
from servers import seaweedfs as seaweed

# The same examples in each run, and none is measured by the clock.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


def pytest_configure() -> None:
    """End the servers also when the run is ended from outside, as a cancelled CI job is.

    A shell lets its background jobs ignore Ctrl-C, and programs inherit that; tests send it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


#: The files that take longest begin, so that all workers end at about the same time.
LONGEST = (
    "test_readme",
    "test_documented_commands",
    "verifying/test_verify",
    "test_sweep",
    "test_experiments",
    "pipeline/test_storage",
    "test_bad_input",
    "test_reproduces",
    "pipeline/test_scan",
    "pipeline/test_erase",
    "test_cluster",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""

    def rank(item: pytest.Item) -> int:
        path = item.path.with_suffix("").as_posix()
        return next((i for i, name in enumerate(LONGEST) if path.endswith(name)), len(LONGEST))

    items.sort(key=rank)


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the developer's AWS and DVC settings out of the tests, and the tests out of them."""
    folder = tmp_path_factory.mktemp("environment")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "S3_"))]:
            patch.delenv(name)
        # Programs of the clones compile what they import once, not each time they start.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(folder / "aws-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "aws-credentials"))
        patch.setenv("DVC_SITE_CACHE_DIR", str(folder / "dvc-site-cache"))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(folder / "dvc-global"))
        patch.setenv("DVC_SYSTEM_CONFIG_DIR", str(folder / "dvc-system"))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        # A busy machine is no silent server.
        patch.setenv("QUICKSTACK_PATIENCE", "60")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[S3Server]:
    """Give a running SeaweedFS."""
    from quickstack.facts.errors import StorageError
    from quickstack.runtime.storage import seaweedfs

    try:
        seaweedfs.program()
    except StorageError as error:
        lack(str(error))
    with seaweed.running() as server:
        yield server


@pytest.fixture(scope="session", name="ceph")
def ceph_server() -> Iterator[S3Server]:
    """Give a running Ceph RGW."""
    needs_program(*ceph.PROGRAMS)
    with ceph.running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Database]:
    """Give a running PostgreSQL."""
    programs = postgresql.programs()
    needs_program("setpriv", programs / "initdb")
    with postgresql.running(programs) as database:
        yield database


@pytest.fixture(scope="session", params=["seaweedfs", "ceph"])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Give each of the S3 servers in turn."""
    return request.getfixturevalue(request.param)
