"""The data contract: one file that says everything about one data set."""

from quickstack.facts.contract.loading import load_contract
from quickstack.facts.contract.model import Column, Contract, Source, Split

__all__ = ["Column", "Contract", "Source", "Split", "load_contract"]
