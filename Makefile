# LTI Groups. Every target installs what it needs into .venv; PYTHON=python3.12 chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint types contracts templates pytest browser lock wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runs ## Run the tool and a demo LMS on this machine (DEMO="--port 8000 --reset")
	@$(BIN)/lti-tool demo $(DEMO)

test: $(VENV)/.tests browser lint types contracts templates pytest ## Run every check, as CI does
	@echo "make test ran: format and lint, types, import contracts, templates, and all tests with the browser's: all passed"

lint: $(VENV)/.tests ## Format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.tests ## Types, strictly
	$(BIN)/mypy

contracts: $(VENV)/.tests ## Which layer may import which
	$(BIN)/lint-imports --no-cache

templates: $(VENV)/.tests ## Templates
	$(BIN)/djlint templates --check --lint --quiet

pytest: $(VENV)/.tests browser ## All tests, in parallel
	$(BIN)/pytest -n auto --dist worksteal

browser: $(VENV)/.tests ## Find Chromium, or install it
	@$(BIN)/python tests/e2e/chromium.py

bench: $(VENV)/.tests ## Benchmarks: a table here, JSON in var/bench/
	$(BIN)/python tests/bench/run.py

lock: $(VENV)/.tests ## Resolve the dependencies anew into the lock files
	$(BIN)/pip install --quiet "uv>=0.9,<1"
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev -o requirements-dev.lock

wheel: $(VENV)/.tests ## Build the wheel into dist/
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what the targets made (not var/)
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("LTI Groups needs Python 3.11 or newer; set PYTHON=…") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runs: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.tests: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $@ $(VENV)/.runs
