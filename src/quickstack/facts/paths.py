"""Where each thing lies, relative to the repository's root. `dvc.yaml` declares the same paths."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
REQUIREMENTS = Path("requirements.txt")
CONTRACTS = Path("configuration/contracts")
OWN_MODELS = Path("src/models")

RAW = Path("data/raw")
INTERIM = Path("data/interim")
QUARANTINE = Path("data/quarantine")

MODEL = Path("models/model.skops")
SCORER = Path("models/scorer.json")
REFERENCE = Path("models/reference.json")

QUALITY = Path("reports/quality.json")
TRAINING = Path("reports/training.json")
LEAKS = Path("reports/leaks.json")
METRICS = Path("reports/metrics.json")
SEGMENTS = Path("reports/segments.json")
CURVES = Path("reports/curves")
IMPORTANCE = Path("reports/importance.csv")
DRIFT = Path("reports/drift.json")
MODEL_CARD = Path("reports/model_card.md")

EXPORTS = Path("exports")


def contract_path(dataset: str) -> Path:
    """Return the path of a data set's contract."""
    return CONTRACTS / f"{dataset}.odcs.yaml"


#: Rows that broke the contract when too many did, until the next run that succeeds.
REJECTED = Path(".quickstack/rejected")
