"""The quick repository that sweeps run in."""

from __future__ import annotations

import pytest

from tuning.small import Small, make


@pytest.fixture(scope="session")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return make(tmp_path_factory.mktemp("tuning") / "project")


@pytest.fixture
def small(_small: Small, tmp_path) -> Small:
    """Give a copy of its own."""
    return _small.copy(tmp_path / "project")
