"""Links without keys: they work, and say their true end."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pytest

from publishing.cases import make_job, remote_of
from quickstack.facts.errors import StorageError
from quickstack.results.publishing.published_runs import page_link, true_end
from quickstack.results.publishing.publisher import publish
from quickstack.results.publishing.readers_place import BucketPlace, FolderPlace

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = SimpleNamespace(token=None)


@pytest.mark.parametrize(
    ("hours", "credentials", "end", "why"),
    [
        (24, KEYS, 24, "as asked"),
        (1000, KEYS, 168, "no link lasts longer than 7 days"),
        (24, SimpleNamespace(token="t", _expiry_time=NOW + timedelta(hours=1)), 1, "then"),
        (24, SimpleNamespace(token="t"), 24, "or before, when the session"),
        (24, None, 24, "as asked"),
    ],
)
def test_the_end_is_the_earliest_of_all(hours, credentials, end, why):
    found, said = true_end(NOW, timedelta(hours=hours), credentials)
    assert found == NOW + timedelta(hours=end)
    assert why in said


def test_a_link_opens_the_page_without_keys_until_its_end(seaweedfs, tmp_path):
    remote = remote_of(seaweedfs, "links")
    s3 = boto3.client(
        "s3", endpoint_url=seaweedfs.endpoint, aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key, region_name="us-east-1",
    )  # fmt: skip
    s3.create_bucket(Bucket="links")
    place = BucketPlace(remote)
    with pytest.raises(StorageError, match="nothing is published"):
        page_link(place, 1)
    publish(make_job(place, tmp_path))
    link = page_link(place, 500)
    assert "X-Amz-Expires=604800" in link.url or "X-Amz-Expires=604799" in link.url
    assert b'id="publication"' in urllib.request.urlopen(link.url).read()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link.url.replace("index.html", "manifest.json"))
    over = page_link(place, 1, now=datetime.now(UTC) - timedelta(hours=2))
    assert over.end < datetime.now(UTC)


def test_a_folder_has_no_links(tmp_path):
    with pytest.raises(StorageError, match="a folder needs no link"):
        page_link(FolderPlace(tmp_path), 1)
