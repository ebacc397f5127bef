"""One value has one meaning, by whatever format it came; `make prove-formats` tries more."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings

from quality.one_table import Table, disagreements, tables


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(table=tables())
def test_every_format_gives_the_same_values(tmp_path_factory, table: Table):
    assert disagreements(table, tmp_path_factory.mktemp("table")) == []
