"""Two revisions of a small repository: what differs, and what is not read, fetched or shown."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from projects import Project, people
from quickstack.cli.main import app
from quickstack.results.comparing import comparison as comparing
from quickstack.results.comparing.table_differences import group_tables
from quickstack.runtime.repository.revisions import find_revision


def diff(project, before="HEAD~1", after="HEAD", **settings):
    sides = find_revision(project.root, before), find_revision(project.root, after)
    return comparing.diff(*sides, **settings)


def table(compared, name="data/interim/sample"):
    return next(entry for entry in compared["tables"] if entry["name"] == name)


def two_states(project):
    """Commit three partitions, then change one, remove one, add one, and leave one."""
    first, second, third = (people(i, 300) for i in (0, 1000, 2000))
    project.params |= {"train": {"model": "linear", "seed": 0}}
    project.report("quality", rows={"read": 905, "clean": 900}, pseudonym_key="k")
    project.interim(a=first, b=second, c=third)
    project.commit()
    fee = [20.0] * 10 + first.column("monthly_fee").to_pylist()[10:]
    changed = first.set_column(3, "monthly_fee", [fee]).slice(5)
    project.params["train"] |= {"model": "random_forest"}
    project.report("quality", rows={"read": 1000, "clean": 995}, pseudonym_key="k")
    project.interim(a=changed, b=second, d=people(3000, 400))
    return project.commit()


def test_rows_are_added_removed_and_changed_by_key(project):
    two_states(project)
    compared = diff(project)
    found = table(compared)
    assert found["partitions"] == {"same": 1, "changed": 1, "added": 1, "removed": 1}
    assert found["rows"] == {
        "before": 900, "after": 995, "added": 400, "removed": 305, "changed": 5
    }  # fmt: skip
    assert found["columns"]["changed"] == {"monthly_fee": 5}
    assert compared["parameters"] == [
        {"name": "train.model", "before": "linear", "after": "random_forest"}
    ]
    assert compared["quality"]["rows"] == [
        {"name": "read", "before": 905, "after": 1000},
        {"name": "clean", "before": 900, "after": 995},
    ]


def test_the_workspace_is_compared_as_it_is(project):
    two_states(project)
    project.interim(a=people(0, 300), b=people(1000, 300), d=people(3000, 400))
    assert table(diff(project, "HEAD", None))["rows"]["added"] == 5


def test_equal_partitions_are_never_read(project):
    two_states(project)
    expected = diff(project)
    md5 = project.outs["data/interim"]["b.parquet"]
    (project.cache / md5[:2] / md5[2:]).write_bytes(b"not Parquet")
    assert diff(project, offline=True) == expected


def test_a_renamed_partition_has_the_same_rows(project):
    project.interim(a=people(0, 50), b=people(0, 50))
    project.commit()
    project.interim(z=people(0, 50), b=people(0, 50), c=people(0, 50))
    project.commit()
    found = table(diff(project))
    assert (found["rows"]["added"], found["rows"]["removed"]) == (50, 0)


def test_columns_and_types(project):
    before = people(0, 200)
    project.interim(a=before)
    project.commit()
    retyped = before.column("support_tickets").cast(pa.float64())
    after = before.drop_columns(["plan", "support_tickets"])
    after = after.append_column("support_tickets", retyped).append_column("new", [[1] * 200])
    project.interim(a=after)
    project.commit()
    columns = table(diff(project))["columns"]
    assert columns["added"] == ["new"]
    assert columns["removed"] == ["plan"]
    assert columns["retyped"] == [
        {"column": "support_tickets", "before": "int64", "after": "double"}
    ]
    assert table(diff(project))["rows"]["changed"] == 0


def test_the_shift_of_a_column_that_moved_and_of_none_else(project):
    before = people(0, 3000)
    project.interim(a=before)
    project.commit()
    fee = pa.array([value * 2 for value in before.column("monthly_fee").to_pylist()])
    project.interim(a=before.set_column(3, "monthly_fee", [fee]))
    project.commit()
    (moved,) = table(diff(project))["shift"]
    assert moved["column"] == "monthly_fee"
    assert moved["psi"] > 0.25
    assert moved["against"] == "rows"


def test_new_rows_are_compared_with_the_reference_profile(project):
    reference = {
        "rows": 300,
        "features": [
            {"name": "monthly_fee", "kind": "numeric", "cuts": [15.0, 20.0, 25.0],
             "counts": [50, 100, 100, 50, 0], "periods": {}},
        ],
    }  # fmt: skip
    project.file("models/reference.json", json.dumps(reference).encode())
    project.interim(a=people(0, 300))
    project.commit()
    dear = people(5000, 300, monthly_fee=[40.0] * 300)
    project.interim(a=people(0, 300), b=dear)
    project.commit()
    (moved,) = table(diff(project))["shift"]
    assert (moved["column"], moved["against"]) == ("monthly_fee", "reference")
    assert moved["psi"] > 1


def test_pseudonyms_of_another_key_are_not_matched(project):
    project.report("quality", pseudonym_key="one")
    project.interim(a=people(0, 120))
    project.commit()
    project.report("quality", pseudonym_key="other")
    project.interim(a=people(7000, 120))
    project.commit()
    assert "another key" in table(diff(project))["notes"][0]


def test_what_is_nowhere_is_named_and_the_rest_compared(project):
    two_states(project)
    md5 = project.outs["data/interim"]["a.parquet"]
    (project.cache / md5[:2] / md5[2:]).unlink()
    found = table(diff(project, offline=True))
    assert found["status"] == "not available"
    title = find_revision(project.root, "HEAD").title
    assert found["notes"] == [f"1 files of {title} are in no cache or shared remote"]


def test_what_the_shared_remote_has_is_fetched_and_the_restricted_one_not_asked(project):
    project.folder("data/quarantine", {"a.jsonl": b"{}\n"})
    two_states(project)
    expected = diff(project)
    shutil.copytree(project.root / ".dvc/cache", project.root.parent / "storage")
    shutil.rmtree(project.root / ".dvc/cache")
    assert table(diff(project, offline=True), "data/interim")["status"] == "not available"
    assert diff(project) == expected
    fetched = {path.name for path in project.cache.rglob("*") if path.is_file()}
    # Neither the quarantine nor the partition that is equal.
    kept = (project.outs["data/quarantine"]["a.jsonl"], project.outs["data/interim"]["b.parquet"])
    assert fetched
    assert not fetched & {md5[2:] for md5 in kept}


def test_no_value_of_a_row_is_shown_in_any_format(project):
    two_states(project)
    for form in ("text", "markdown", "json"):
        done = CliRunner().invoke(app, ["diff", "HEAD~1", "HEAD", "--format", form])
        assert done.exit_code == 0, done.output
        assert "monthly_fee" in done.stdout
        assert "random_forest" in done.stdout
        for value in ("secret", "basic", "plus", "2025-01"):
            assert value not in done.stdout


def test_the_same_revisions_give_the_same_text_in_any_folder(project, tmp_path, monkeypatch):
    two_states(project)
    first = CliRunner().invoke(app, ["diff", "HEAD~1", "HEAD"]).stdout
    copy = shutil.copytree(project.root, tmp_path / "another folder ä")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert CliRunner().invoke(app, ["diff", "HEAD~1", "HEAD"]).stdout == first


def test_nothing_differs_and_an_unknown_revision_gets_a_sentence(project):
    project.interim(a=people(0, 10))
    project.commit()
    assert "Nothing differs" in CliRunner().invoke(app, ["diff"]).stdout
    done = CliRunner().invoke(app, ["diff", "no-such"])
    assert done.exit_code == 1
    assert "git knows no commit 'no-such'" in done.output


@pytest.mark.parametrize("broken", ["not: [yaml", "id: other\n"])
def test_a_contract_of_another_time_does_not_end_the_comparison(tmp_path, broken):
    project = Project(tmp_path / "project")
    project.interim(a=people(0, 50))
    project.commit()
    (project.root / "configuration/contracts/sample.odcs.yaml").write_text(broken)
    project.interim(a=people(10, 50))
    project.commit()
    rows = table(diff(project))["rows"]
    assert (rows["added"], rows["removed"], rows["changed"]) == (10, 10, 40)


def test_the_files_of_a_folder_inside_an_output_are_one_table():
    listing = {"metrics.parquet": "a", "predictions/2025-01.parquet": "b"}
    listing |= {"predictions/2025-02.parquet": "c", "predictions/2025-02.csv": "d"}
    assert {name: len(files) for name, files in group_tables(listing, None).items()} == {
        "metrics": 1,
        "predictions": 2,
    }


def test_a_segment_s_metric_is_compared_with_that_of_the_segment():
    assert comparing.KEYS["metrics"] == ("split", "segment_column", "segment", "metric")
