# Every target sets up .venv by itself; the second call finds it there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST := $(BIN)/pytest -n auto --dist worksteal

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/run.stamp ## Watch the whole gateway work on this machine (ARGS="--for 20s")
	@$(BIN)/lead-gateway demo $(ARGS)

.PHONY: test
test: $(VENV)/dev.stamp ## Run the tests (under 5 minutes)
	$(PYTEST) -m "not chaos and not browser" $(ARGS)

.PHONY: test-all
test-all: $(VENV)/dev.stamp $(VENV)/browser.stamp ## Run the long tests too: chaos and browser
	$(PYTEST) $(ARGS)

.PHONY: golden
golden: $(VENV)/dev.stamp ## Write the golden files anew; read the difference before you commit it
	GOLDEN=write $(PYTEST) tests/unit -k "golden or page_of_a_preset" $(ARGS)
	git diff --stat -- tests/golden docs/presets

.PHONY: attacks
attacks: $(VENV)/dev.stamp ## Try every attack and write down what happened (docs/security/attacks.md)
	ATTACKS=write $(BIN)/pytest tests/attacks $(ARGS)

.PHONY: chaos
chaos: $(VENV)/dev.stamp ## Run only the tests that kill real processes
	$(BIN)/pytest -m chaos $(ARGS)

.PHONY: lint
lint: $(VENV)/dev.stamp ## Check style, types and the structure's contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python deploy/check.py

.PHONY: format
format: $(VENV)/dev.stamp ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/dev.stamp ## Measure throughput, latency and memory on this machine
	$(BIN)/python -m bench $(ARGS)

.PHONY: docs
docs: $(VENV)/dev.stamp ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: screenshots
screenshots: $(VENV)/browser.stamp ## Draw the documentation's pictures anew
	$(BIN)/python -m tests.browser.shots docs/images/dashboard
	$(BIN)/python -m tests.browser.shots docs/images/claim --claims
	$(BIN)/python -m tests.browser.shots docs/images --messages

.PHONY: licences
licences: $(VENV)/dev.stamp ## List the licences of what is installed (docs/security/licences.md)
	$(BIN)/python -m tests.licences

.PHONY: lock
lock: $(VENV)/dev.stamp ## Pin the newest allowed dependencies, with hashes
	$(BIN)/uv pip compile -q --upgrade $(LOCK) pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade $(LOCK) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: clean
clean: ## Remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache site dist

# The environment, in steps that make can tell apart: the tool, what runs, what develops.
$(VENV)/uv.stamp: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit("lead-gateway needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/run.stamp: $(VENV)/uv.stamp requirements.lock pyproject.toml
	@echo "Setting up .venv (once)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock
	@echo "Adding the development tools to .venv (once)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

# The browser tests drive Debian's Chromium; elsewhere install a chromium by hand.
$(VENV)/browser.stamp: $(VENV)/dev.stamp
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium fonts-noto-color-emoji >/dev/null; }
	@touch $@
