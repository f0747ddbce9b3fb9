# `make` alone prints this list. Each recipe sets up what it needs; what is there already is not made again.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo up down test check format tables bench gpu-check fuzz chaos-lake microworld microworld-check clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.complete
PAGES := CONTRIBUTING.md docs/command-line.md docs/operations.md docs/refusals.md docs/sources.md
COG := $(BIN)/cog -e -P -I scripts -p "import tables" --verbosity=1

help: ## print this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

$(READY): pyproject.toml constraints.txt
	@scripts/setup

setup: $(READY) ## make the environment in .venv (the others do it too)

demo: $(READY) ## the nightly index on the micro world under Airflow, then three searches
	@$(BIN)/carlos demo

up: $(READY) ## start Airflow and the S3 server, print address and login
	@$(BIN)/python -m carlos_tasks.stack up

down: $(READY) ## stop what `make up` started
	@$(BIN)/python -m carlos_tasks.stack down

test: $(READY) ## unit tests, then the end-to-end tests
	@scripts/install-services postgresql
	@echo "unit tests"; time OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal -m "not end_to_end"
	@echo "end-to-end tests"; time $(BIN)/pytest -q -m end_to_end

check: $(READY) ## ruff, ruff format, the layers, mypy, the tables and the test of the documentation
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy
	@$(COG) --check --diff --check-fail-msg "make tables writes them anew" $(PAGES)
	@$(BIN)/pytest -q tests/test_docs.py

format: $(READY) ## rewrite the code as ruff wants it
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

tables: $(READY) ## write the tables of the documentation from what the code says
	@$(COG) -r $(PAGES)

bench: $(READY) ## every benchmark, one after the other
	@missed=0; for benchmark in $(filter-out benchmarks/gpu.py,$(wildcard benchmarks/*.py)); do \
	    echo "== $$benchmark"; $(BIN)/python "$$benchmark" || { missed=1; echo "== $$benchmark: a target is missed"; }; done; \
	    echo "== carlos evaluate (after make demo)"; $(BIN)/carlos evaluate; exit $$missed

gpu-check: $(READY) ## what a GPU makes of the index: SDXL at full size with random weights
	@$(BIN)/python benchmarks/gpu.py

fuzz: $(READY) ## hundreds of thousands of hostile files and records through the readers
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.campaign
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.guided

chaos-lake: $(READY) ## hundreds of faults: damaged objects, kills, failing storage, a full disk; is the lake right?
	@scripts/install-services faketime
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.campaign

microworld: $(READY) ## train the micro world's models and LoRAs again from their seed
	@$(BIN)/python -m carlos_tasks.microworld.train all --out carlos_tasks/microworld/weights
	@$(BIN)/python -m carlos_tasks.microworld.ground_truth
	@$(BIN)/python -m carlos_tasks.profiles.seal micro

microworld-check: $(READY) ## train a small micro world twice from its seed, and compare every byte
	@$(BIN)/python -m carlos_tasks.microworld.repeat

clean: ## remove the environment, caches and var/ (the local lake and Airflow's state)
	@if [ -x $(BIN)/python ] && [ -d var ]; then $(BIN)/python -m carlos_tasks.stack down; fi
	@rm -rf $(VENV) var build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
