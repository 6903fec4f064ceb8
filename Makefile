# Everything a developer does. `make` alone tells what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help setup assets demo test servers check mypy pyright bench lock clean
.DEFAULT_GOAL := help

help:  ## Show this list.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) assets  ## Make the environment in .venv (pinned and hash-checked), and the pages' files.

assets: $(STAMP)  ## Build the pages' scripts and styles (Node and packages of npm), when they changed.
	@$(BIN)/python hatch_build.py

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else f"peil needs Python 3.11, 3.12 or 3.13; {sys.executable} is {v.major}.{v.minor}. Name another: make PYTHON=python3.12 …")'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "The venv module is missing: on Debian or Ubuntu, apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## The whole pipeline over fictional posts.
	@rm -rf .cache/demo-city
	$(BIN)/peil demo .cache/demo-city

# Tests often wait for servers: three workers keep two processors busy.
test: export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) * 3 // 2)')
test: setup  ## Run every test, with real servers (Java, Maven, curl and PostgreSQL must be there).
	@$(BIN)/python -m bench.servers fetch > /dev/null
	$(BIN)/python -m pytest -n auto --dist loadgroup --durations 20

servers: setup  ## Start a Kafka, an Elasticsearch and a PostgreSQL, until Ctrl-C.
	@$(BIN)/python -m bench.servers

check: setup  ## Formatting, lint, types and the contracts between packages.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory --jobs mypy pyright

mypy pyright: setup
	$(BIN)/$@

bench: setup  ## Measure; figures and conditions are in docs/performance.md.
	$(BIN)/python bench/log.py
	$(BIN)/python bench/parts.py
	$(BIN)/python bench/pipeline.py 1000 30
	$(BIN)/python bench/kills.py --roles 12

lock: setup  ## Resolve the ranges in pyproject.toml to pinned versions with hashes.
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --extra cluster --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --upgrade --output-file requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --constraint requirements/dev.txt --output-file requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --extra cluster --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --constraint requirements/dev.txt --output-file requirements/cluster.txt

clean:  ## Remove what was built.
	rm -rf build dist dashboard/static dashboard/browser/node_modules dashboard/browser/.built-tests .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
