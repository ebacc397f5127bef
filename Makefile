# What people and CI call. `make help` lists it; each target works on a fresh clone.
VENV ?= .venv
BIN := $(VENV)/bin
# The first Python that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# Stages are `python src/<stage>.py`: they find the environment on PATH.
export PATH := $(abspath $(BIN)):$(PATH)
export VIRTUAL_ENV := $(abspath $(VENV))
# Compiled once, programs start in half the time.
export UV_COMPILE_BYTECODE ?= 1
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help run test docs lint repro verify rerun hooks storage lock clean summary comment base \
	prove-choosing prove-datacontract prove-determinism prove-export prove-faults prove-formats prove-fuzz \
	prove-ingest \
	prove-kills prove-long prove-personal-data prove-publish prove-pull-requests prove-reruns prove-servers prove-torture \
	prove-verdicts prove-verify

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 18

run: repro ## make the environment, run the pipeline, say where the result is
	@quickstack result

repro: $(VENV)/.runtime ## run the stages whose code, data or parameters changed
	@quickstack restore --locks && dvc repro || { quickstack restore; exit 1; }

verify: $(VENV)/.runtime ## check that dvc.lock describes this commit, and deps what stages import
	@quickstack verify

rerun: $(VENV)/.runtime ## run everything anew in a clean clone, and compare the bytes
	@quickstack verify --rerun

hooks: $(VENV)/.runtime ## let git refuse to push commits whose data were not pushed
	@quickstack hooks

# In a folder of its own, into the same cache: what both commits share is made once.
base: $(VENV)/.runtime ## make what BASE made, where no remote has it, so that summary can compare
	@folder=$$(mktemp -d) && git worktree add --quiet --detach "$$folder/base" "$${BASE:-origin/main}" && \
		( cd "$$folder/base" && dvc config --quiet --local cache.dir "$(CURDIR)/.dvc/cache" && dvc repro ); \
		status=$$?; git worktree remove --force "$$folder/base"; rmdir "$$folder"; exit $$status

summary: $(VENV)/.runtime ## say what differs from BASE, also on the page of a GitHub job
	@mkdir -p .quickstack
	@quickstack summary "$${BASE:-origin/main}" --dashboard "$${DASHBOARD:-}" > .quickstack/summary.md
	@tee -a "$${GITHUB_STEP_SUMMARY:-/dev/null}" < .quickstack/summary.md
	@echo "summary=$$(head -c 60000 .quickstack/summary.md | base64 | tr -d '\n')" >> "$${GITHUB_OUTPUT:-/dev/null}"

comment: ## leave the summary on the pull request, or renew it; for the workflow
	@$(PYTHON) .github/comment.py

test: lint ## lint, check types, run all tests
	@pytest $(TESTS)

lint: $(VENV)/.development ## check style and types
	@ruff check .
	@ruff format --check .
	@mypy

prove-faults: $(VENV)/.development ## plant faults and look which verify finds, DVC's own commands beside it
	@$(BIN)/python tests/prove/planted_faults.py

prove-verify: $(VENV)/.development ## time verify beside dvc status, and a rerun beside dvc repro
	@$(BIN)/python benchmarks/verify.py

prove-choosing: $(VENV)/.development ## compare train.model: auto with the default on eleven data sets
	@$(BIN)/python benchmarks/choosing.py

prove-determinism: $(VENV)/.development ## every output's hash under other threads, seeds, places and clusters
	@$(BIN)/python tests/prove/determinism.py

prove-datacontract: $(VENV)/.development ## let datacontract-cli test the tables in exports against their contract
	@$(BIN)/python tests/prove/datacontract.py

prove-export: $(VENV)/.development ## time the export of a million predictions beside pyarrow alone
	@$(BIN)/python benchmarks/export.py

prove-formats: $(VENV)/.development ## write 10,000 random tables by every format, and compare what is read
	@$(BIN)/python tests/prove/formats.py

prove-fuzz: $(VENV)/.development ## ingest made-up bytes and contracts for ten minutes
	@$(BIN)/python tests/prove/fuzz_ingest.py

prove-ingest: $(VENV)/.development ## time ingest beside tools that only copy, and one new file of 100
	@$(BIN)/python benchmarks/ingest.py --rounds 5 --scale
	@$(BIN)/python benchmarks/ingest.py --files 100

prove-kills: $(VENV)/.development ## kill repro, push and sweep fifty times, and a hundred times where dvc.lock is written
	@$(BIN)/python tests/prove/kills.py
	@$(BIN)/python tests/prove/lock_kills.py

prove-long: $(VENV)/.development ## the tests that `make test` leaves out since they take long
	@pytest -m long --timeout 900

prove-personal-data: $(VENV)/.development ## recall and precision of detection, beside Presidio's where it is installed
	@$(BIN)/python benchmarks/personal_data.py

prove-pull-requests: $(VENV)/.development ## the workflow's steps on three branches, and their summaries
	@$(BIN)/python tests/prove/pull_requests.py

prove-publish: $(VENV)/.development ## kill publishing at 50 random moments, on a folder and on S3, while readers look
	@$(BIN)/python tests/prove/publish_kills.py

prove-reruns: $(VENV)/.development ## how often each stage would have run over the history, by rooms and by modules
	@$(BIN)/python benchmarks/reruns.py

prove-servers: $(VENV)/.development ## every command beside servers that hang, drip, reset, lie or refuse
	@$(BIN)/python tests/prove/servers.py

prove-torture: $(VENV)/.development ## what readers make of damaged files, pandas, Polars and DuckDB beside ingest
	@$(BIN)/python benchmarks/torture.py

prove-verdicts: $(VENV)/.development ## how often verdicts are true in 500 simulated worlds of each kind
	@$(BIN)/python tests/prove/verdicts.py

storage: $(VENV)/.development ## start a local S3 server and point the remotes to it
	@quickstack storage start

docs: $(VENV)/.runtime ## write the reference in docs/contract.md from the code
	@$(BIN)/python docs/contract_reference.py

lock: $(VENV)/.development ## write requirements.txt and tests/requirements.txt anew
	@uv pip compile --quiet pyproject.toml --output-file requirements.txt
	@uv pip compile --quiet --group pyproject.toml:dev --constraint requirements.txt --output-file tests/requirements.txt

clean: ## remove the environment and all that can be made again; data and models stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv where it is there or can be had, pip otherwise.
define install
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is not there. To fix it: install it." >&2; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then echo "Making the environment in $(VENV) ..."; \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); uv venv --quiet --seed --python $(PYTHON) $(VENV); } || \
		{ echo "The environment cannot be made. To fix it: install python3-venv, or uv." >&2; exit 1; }; fi
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python $(1); \
		else $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); fi
endef

$(VENV)/.runtime: requirements.txt pyproject.toml
	$(call install,-r requirements.txt -e .)
	@touch $@

$(VENV)/.development: tests/requirements.txt $(VENV)/.runtime
	$(call install,-r requirements.txt -r tests/requirements.txt)
	@touch $@
