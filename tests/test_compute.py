from __future__ import annotations

import operator

import pytest

from examples import people_contract
from quickstack.data.readers.partitions import find_partitions
from quickstack.facts.contract import Source
from quickstack.facts.errors import SourceError
from quickstack.facts.params import ComputeParams
from quickstack.runtime.compute.partition_map import map_partitions


@pytest.fixture(scope="module")
def cluster():
    """Two workers in processes of their own, on loopback."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as started:
        yield ComputeParams(workers=1, scheduler_address=started.scheduler_address)


@pytest.fixture(params=["threads", "cluster"])
def compute(request):
    if request.param == "threads":
        return ComputeParams(workers=2)
    return request.getfixturevalue("cluster")


def test_results_come_in_the_order_of_the_items(compute):
    assert map_partitions(operator.neg, list(range(20)), compute) == [-i for i in range(20)]
    assert map_partitions(operator.neg, [], compute) == []


def test_an_error_keeps_its_sentence(compute):
    with pytest.raises(SourceError, match=r"data/raw/people/\*\.csv: there is no such file"):
        map_partitions(find_partitions, [people_contract()], compute)


def test_of_several_errors_the_first_in_order_is_said(compute):
    contracts = [people_contract(source=Source(path=f"{name}/*.csv")) for name in "cab"]
    with pytest.raises(SourceError, match=r"^c/\*\.csv: .*2 more partitions failed, too"):
        map_partitions(find_partitions, contracts, compute)
