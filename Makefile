# Everything a newcomer types. Each target sets up what it needs; nothing has to be installed first
# beyond Python 3.11, Node 20 (for the local databases) and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENTRIES ?= 2880
MINUTES ?= 10
# One worker more than there are cores: some tests wait for a server or a process that starts.
WORKERS = $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# Some container images set it; then each of the many processes compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo local test test-fast clients dashboard test-dashboard soak bench lint pythons format package clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Set up the Python environment in .venv

$(VENV)/.ready: requirements.txt requirements-dev.txt $(wildcard functions/*/requirements.txt local_cloud/*/requirements.txt)
	@echo "Setting up $(VENV) (a minute or two, once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
		|| { echo "Python 3.11 to 3.14 is needed; say which one: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "This Python can't make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --disable-pip-version-check --progress-bar on --requirement requirements-dev.txt \
		| { grep -E '^(Collecting|Installing|Successfully)' || true; } | cut -c1-100
	@$(BIN)/python -c 'import chalice, moto, pytest'
	@touch $@

node_modules/.ready: package.json package-lock.json
	@echo "Setting up node_modules (local stand-ins of the clouds' databases) ..."
	@npm ci --no-audit --no-fund
	@touch $@

demo: $(VENV)/.ready node_modules/.ready ## Run the main job on this machine, visibly, and end
	@$(BIN)/python -m deploy_scripts demo --entries $(ENTRIES)

local: $(VENV)/.ready node_modules/.ready ## Run the local cloud until Ctrl-C
	@$(BIN)/python -m deploy_scripts local --entries $(ENTRIES)

test: $(VENV)/.ready node_modules/.ready ## Run all tests
	@$(PYTEST)

test-fast: $(VENV)/.ready node_modules/.ready ## Run the unit tests only, in less than a minute
	@$(PYTEST) tests/unit

tests/clients/node_modules/.ready: tests/clients/package.json tests/clients/package-lock.json
	@echo "Setting up tests/clients/node_modules (TwinMaker's JavaScript clients) ..."
	@cd tests/clients && npm ci --no-audit --no-fund
	@touch $@

clients: $(VENV)/.ready node_modules/.ready tests/clients/node_modules/.ready ## Test that TwinMaker's own JavaScript clients can read
	@$(BIN)/python -m pytest tests/clients/test_javascript_clients.py tests/clients/test_connectors.py

examples/dashboard/node_modules/.ready: examples/dashboard/package.json examples/dashboard/package-lock.json
	@echo "Setting up examples/dashboard/node_modules (a minute or two, once) ..."
	@cd examples/dashboard && npm ci --no-audit --no-fund
	@touch $@

examples/dashboard/dist/.ready: examples/dashboard/node_modules/.ready $(wildcard $(addprefix examples/dashboard/,index.html vite.config.js src/* public/*))
	@cd examples/dashboard && npm run build
	@touch $@

dashboard: $(VENV)/.ready node_modules/.ready examples/dashboard/dist/.ready ## Run the local cloud and a dashboard of it until Ctrl-C
	@cd examples/dashboard && exec node local.js

test-dashboard: $(VENV)/.ready node_modules/.ready tests/clients/node_modules/.ready examples/dashboard/dist/.ready ## Test the dashboard in Chromium, which must be there
	@$(BIN)/python -m pytest tests/clients/test_dashboard.py

soak: $(VENV)/.ready node_modules/.ready ## Try random input and many readers for MINUTES (10), and record what came of it
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --requirement tests/fuzzing/requirements.txt \
		|| echo "atheris can't be installed here; going on without it"
	@$(BIN)/python -m tests.fuzzing.soak $(MINUTES)

bench: $(VENV)/.ready ## Measure the read path (a few minutes); see docs/performance.md
	@$(BIN)/python -m benchmarks

lint: $(VENV)/.ready ## Run the linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pythons: $(VENV)/.ready ## Check that Python 3.11 to 3.14 can install everything
	@for version in 3.11 3.12 3.13 3.14; do \
		echo "Resolving what Python $$version installs, wheels only ..."; \
		$(BIN)/uv pip compile --quiet --python-version $$version --only-binary :all: \
			--output-file /dev/null requirements-dev.txt; \
	done

format: $(VENV)/.ready ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

package: $(VENV)/.ready ## Package the multicloud stage into dist/
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} \
		$(BIN)/chalice package --stage multicloud dist

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) node_modules tests/clients/node_modules dist examples/dashboard/node_modules examples/dashboard/dist .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
