# Everything a user or a contributor runs; `make help` lists it.
PYTHON ?= python3.11
VENV := .venv
# Options of benchmarks.peers, such as PEERS="--pairs 128 --repeats 1 --only Juicer day".
PEERS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The sample run keeps its Prefect server's own database beside its results.
SAMPLE_ENV := PREFECT_HOME=$(CURDIR)/pairsift-data/prefect

.DEFAULT_GOAL := help
.PHONY: help setup run deploy containers test test-long test-production test-browser check format lint types layers licences audit bench bench-gpu screenshots clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(STAMP) ## make .venv with the command pairsift in it; does nothing when it is up to date

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

run: setup ## curate the sample data set with the embedded defaults
	mkdir -p pairsift-data
	$(SAMPLE_ENV) $(BIN)/pairsift run examples/sample/shards --dataset sample

deploy: setup ## put the flows on the Prefect server at PREFECT_API_URL; ALERTS=BLOCK-TYPE/NAME adds notifications
	$(if $(ALERTS),PAIRSIFT_ALERTS='$(ALERTS)') $(BIN)/python deployments/deploy.py

containers: ## start PostgreSQL, a Prefect server and workers in containers, with Docker's compose
	docker/secrets.sh
	docker compose --file docker/compose.yaml up --build --detach --wait

test: setup ## run all tests but the long ones, the fast ones first, side by side on up to four cores
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-long: setup ## run the long tests of hostile input: fuzzing, decompression bombs (minutes)
	$(BIN)/python -m pytest tests/hostile -m long

test-production: setup ## run the long tests: faults, and a real Prefect server, PostgreSQL and workers (an hour)
	$(BIN)/python -m pytest tests/production -m ''
	$(BIN)/python -m pytest tests/flows tests/containers -m production

test-browser: setup ## run the tests that need a browser, the command chromium (Debian: apt install chromium)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	PAIRSIFT_TEST_BROWSER=1 $(BIN)/python -m pytest -m browser tests/adapters

check: format-check lint types layers licences ## format, lint, types, layers and licences, as CI runs them

format: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: setup
	$(BIN)/ruff format --check .

lint: setup ## lint
	$(BIN)/ruff check .

types: setup ## check the types
	$(BIN)/mypy

layers: setup ## check that imports run one way
	$(BIN)/lint-imports

licences: setup ## check that every licence is known and allowed, and docs/licences.md up to date; needs no network
	$(BIN)/python .ci/licences.py --check

audit: ## ask a vulnerability service about every pinned version; needs a network to one, and a package index
	test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && .venv-audit/bin/pip install --quiet pip-audit; }
	.venv-audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

bench: setup ## measure decision quality, speed, and speed beside other systems (hours); figures go to docs/log.md
	$(BIN)/python -m benchmarks.decision_quality
	$(BIN)/python -m benchmarks.calibration_proof
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.peers $(PEERS)

bench-gpu: setup ## measure what a CUDA device does with open_clip models (minutes); figures go to docs/log.md
	$(BIN)/python -m benchmarks.gpu

screenshots: setup ## take the README's pictures anew, with the command chromium (minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m benchmarks.screenshots

clean: ## remove the environment, caches and the sample's results
	rm -rf $(VENV) .venv-audit pairsift-data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
