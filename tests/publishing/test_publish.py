"""Publishing to a folder, SeaweedFS and Ceph: whole, once, in order, one of two at a time."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from datetime import timedelta

import boto3
import pyarrow.parquet as pq
import pytest

from publishing.cases import NOON, look, make_job, remote_of
from quickstack.facts.errors import DataError, StorageError
from quickstack.results.publishing.published_runs import read_state, rollback
from quickstack.results.publishing.publisher import publish
from quickstack.results.publishing.readers_place import BucketPlace, FolderPlace


def bucket_of(server, name):
    """Make a bucket, and give it as a place."""
    s3 = boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key, region_name="us-east-1",
    )  # fmt: skip
    s3.create_bucket(Bucket=name)
    return BucketPlace(remote_of(server, name))


@pytest.fixture
def place(request, tmp_path):
    """Give a kind of place, empty."""
    if request.param == "folder":
        return FolderPlace(tmp_path / "place")
    name = f"published-{request.node.originalname.removeprefix('test_')}".replace("_", "-")
    return bucket_of(request.getfixturevalue(request.param), name)


def published(place):
    """Return the manifest and the publication that the page of the current run holds."""
    state = read_state(place)
    page = place.read(f"runs/{state.run}/index.html").decode()
    (text,) = page.split('id="publication">')[1].split("</script>")[:1]
    return state.manifest, json.loads(text)


@pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)
def test_publish_again_change_and_roll_back(place, tmp_path):
    first = publish(make_job(place, tmp_path))
    manifest, _ = published(place)
    lists = (
        0 if isinstance(place, FolderPlace) else len(manifest["tables"])
    )  # only Athena reads them
    assert (first.run, first.sent) == ("20261124T130000Z-356a192b", 9 + lists)
    for table in manifest["tables"] if lists else ():
        run = place.address(f"runs/{first.run}")
        listed = place.read(f"runs/{first.run}/athena/{table['name']}/files.txt").decode().split()
        assert listed
        for address in listed:
            assert place.read(address.removeprefix(run.removesuffix(f"runs/{first.run}")))
    shown = look(place.read)
    assert shown[0] == first.run
    again = publish(make_job(place, tmp_path, clock=lambda: NOON + timedelta(days=1)))
    assert (again.run, again.built, look(place.read)) == (first.run, None, shown)

    second = publish(make_job(place, tmp_path, 2, value=0.81, verdict="alarm", drifted=1))
    manifest, page = published(place)
    assert page["changed"] == (
        "Since the last published run, the model was fitted again, the data have 1 clean row more, "
        "ROC AUC 0.8100 cannot be compared with 0.8000 of then, and the drift verdict went from "
        "stable to alarm."
    )
    assert [one["run"] for one in page["history"]] == [first.run, second.run]
    assert page["freshness"] | {"lead_hours": 0} == {
        "promise_hours": 840, "age_hours": 242, "kept": True, "lead_hours": 0,
        "lead_promise_hours": 24, "lead_kept": True,
    }  # fmt: skip
    assert (page["data_arrived"], page["published"]) == (
        "2026-11-24T07:00:00Z", "2026-11-24T14:00:00Z",
    )  # fmt: skip
    (table,) = [table for table in manifest["tables"] if table["name"] == "runs"]
    assert table["rows"] == 2
    assert {file["path"] for file in manifest["files"]} >= {"runs.csv", "runs.parquet"}

    assert rollback(place, tell=lambda _: None) == first.run
    assert look(place.read) == shown  # the earlier bytes
    third = publish(make_job(place, tmp_path, 3))
    runs = [row["run"] for row in read_state(place).runs]
    assert runs == [first.run, second.run, third.run]  # what was taken back is not forgotten
    assert rollback(place, first.run, tell=lambda _: None) == first.run


@pytest.mark.parametrize("place", ["folder", "seaweedfs", "ceph"], indirect=True)
def test_two_at_once_and_one_wins(place, tmp_path):
    publish(make_job(place, tmp_path / "0"))
    # The same commit in the same second, from two clones.
    jobs = [make_job(place, tmp_path / name, 2) for name in "ab"]
    both = threading.Barrier(2)
    jobs = [
        replace(job, begin=lambda _: (both.wait(20) and None) or (lambda _: None)) for job in jobs
    ]
    if isinstance(place, FolderPlace):
        jobs = [replace(job, begin=lambda _: lambda _: None) for job in jobs]
        with place.alone(), pytest.raises(StorageError, match="somebody publishes here"):
            publish(jobs[0])
        assert publish(jobs[0]).built is not None
        assert publish(jobs[1]).built is None
        return
    both, ended = threading.Barrier(2), []

    def begin(_):
        both.wait(20)  # neither switches before the other has sent something
        return lambda _: None

    jobs = [replace(job, begin=begin) for job in jobs]

    def run(job):
        try:
            ended.append(publish(job).run)
        except StorageError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [text for text in ended if text.startswith("2026")]
    (lost,) = [text for text in ended if text not in won]
    assert len(won) == 1
    assert f"somebody else published run {won[0]} meanwhile" in lost
    assert look(place.read)[0] == won[0]


def test_headers_and_types(s3_server, tmp_path):
    place = bucket_of(s3_server, "headers")
    run = publish(make_job(place, tmp_path)).run

    def head(path):
        found = place.store.client.head_object(Bucket="headers", Key=f"published/{path}")
        return found["CacheControl"], found["ContentType"]

    forever = "max-age=31536000, immutable"
    assert head("current.json") == ("no-cache", "application/json")
    assert head("index.html") == ("no-cache", "text/html; charset=utf-8")
    assert head(f"runs/{run}/manifest.json") == (forever, "application/json")
    assert head(f"runs/{run}/metrics.csv") == (forever, "text/csv; charset=utf-8")
    assert head(f"runs/{run}/runs.parquet") == (forever, "application/vnd.apache.parquet")


@pytest.fixture
def folder(tmp_path):
    return FolderPlace(tmp_path / "place")


def test_a_worse_model_needs_a_reason_which_is_recorded(folder, tmp_path):
    publish(make_job(folder, tmp_path, noise=1.0))
    before = look(folder.read)
    worse = make_job(folder, tmp_path, 2, noise=2.5)
    with pytest.raises(DataError, match=r"ROC AUC is 0\.\d+ where that has .* the 2,000 rows that"):
        publish(worse)
    assert look(folder.read) == before
    publish(worse, reason="The old one used </script><b> a leaked column")
    manifest, page = published(folder)
    assert page["reason"] == "The old one used </script><b> a leaked column"
    assert manifest["runs"][-1]["reason"] == page["reason"]
    assert re.search(r"ROC AUC went from .* on the same rows \(worse\)", page["changed"])
    table = pq.read_table(
        tmp_path / "place" / "runs" / manifest["publication"]["run"] / "runs.parquet"
    )
    assert table.column("reason").to_pylist() == [None, page["reason"]]
    assert table.column("current").to_pylist() == [False, True]
    # A reason that is not needed is not recorded.
    publish(make_job(folder, tmp_path, 3, noise=1.0, value=0.1), reason="why not")
    assert published(folder)[1]["reason"] is None


def test_the_same_predictions_are_the_same_whatever_more_rows_make_of_the_metric(folder, tmp_path):
    publish(make_job(folder, tmp_path, noise=1.0))
    publish(make_job(folder, tmp_path, 2, noise=1.0, value=0.641, low=0.63, high=0.65))
    assert re.search(r"ROC AUC stays 0\.\d+,", published(folder)[1]["changed"])


def test_a_model_without_gain_needs_a_reason_and_another_data_set_its_option(folder, tmp_path):
    doubtful = make_job(folder, tmp_path, doubts=("The model is worse than a guess",))
    with pytest.raises(DataError, match=r"worse than a guess.*--reason"):
        publish(doubtful)
    publish(doubtful, reason="nothing else is there")
    assert published(folder)[1]["reason"] == "nothing else is there"
    other = make_job(folder, tmp_path, 2)
    other.exports.manifest["dataset"] = "shops"
    with pytest.raises(DataError, match=r"data set 'people' there, and this run is of 'shops'"):
        publish(other)
    assert published(folder)[0]["dataset"] == "people"
    publish(other, replace=True)
    assert published(folder)[0]["dataset"] == "shops"


def test_a_clock_that_went_back_keeps_the_order(folder, tmp_path):
    first = publish(make_job(folder, tmp_path, 2))
    second = publish(make_job(folder, tmp_path, 3, clock=lambda: NOON))
    assert second.run < first.run
    assert any("The clock went back" in remark for remark in second.built.remarks)
    assert [row["run"] for row in read_state(folder).runs] == [first.run, second.run]
    assert rollback(folder, tell=lambda _: None) == first.run
    early = publish(make_job(folder, tmp_path, 4, clock=lambda: NOON - timedelta(days=1)))
    assert early.built.freshness.lead is None
    assert any("one of the clocks is wrong" in remark for remark in early.built.remarks)


def test_rollback_refuses_what_is_damaged_or_unknown(folder, tmp_path):
    with pytest.raises(StorageError, match="nothing is published"):
        rollback(folder)
    first = publish(make_job(folder, tmp_path))
    with pytest.raises(StorageError, match="no run before"):
        rollback(folder)
    publish(make_job(folder, tmp_path, 2))
    shown = look(folder.read)
    with pytest.raises(StorageError, match="there is no run 20"):
        rollback(folder, "20")
    path = tmp_path / "place" / "runs" / first.run / "metrics.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"m1", b"m9"))
    with pytest.raises(StorageError, match=r"1 files of run .* metrics\.csv"):
        rollback(folder, tell=lambda _: None)
    path.write_bytes(whole)
    manifest = path.with_name("manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b"people", b"People"))
    with pytest.raises(StorageError, match="not the one that was published"):
        rollback(folder, tell=lambda _: None)
    assert look(folder.read) == shown


def test_a_damaged_current_run_is_published_anew(folder, tmp_path):
    first = publish(make_job(folder, tmp_path))
    (tmp_path / "place" / "runs" / first.run / "metrics.csv").unlink()
    anew = publish(make_job(folder, tmp_path, clock=lambda: NOON + timedelta(hours=2)))
    assert anew.run != first.run
    assert look(folder.read)[0] == anew.run


def test_a_dry_run_leaves_no_trace(folder, tmp_path):
    outcome = publish(make_job(folder, tmp_path), dry_run=True)
    assert (outcome.sent, (tmp_path / "place").exists()) == (9, False)


def test_an_export_that_was_changed_by_hand_is_refused(folder, tmp_path):
    make_job(folder, tmp_path)
    (tmp_path / "exports" / "metrics.csv").write_text("mine")
    from quickstack.results.publishing.publication import read_exports

    with pytest.raises(DataError, match=r"other files than metrics\.csv"):
        read_exports(tmp_path / "exports")


@pytest.mark.parametrize("text", ["{", "[]", '{"run": 1}'])
def test_a_pointer_that_is_none(folder, tmp_path, text):
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "current.json").write_text(text)
    with pytest.raises(StorageError, match="not a pointer to a run"):
        publish(make_job(folder, tmp_path))
