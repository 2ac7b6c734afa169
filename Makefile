# Every command sets itself up first: a machine with make and Python 3.11 or newer is enough.
# `make help` lists the commands. Settings: PYTHON (the interpreter to build on), VENV (where), ARGS.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# The first interpreter that runs and is new enough.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

# The tests start our commands hundreds of times: none is to compile the code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-once check test lint types fast format bench soak lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.test $(VENV)/.svix1 $(VENV)/.node $(VENV)/.system ## install everything that the other commands need

demo: $(VENV)/.demo ## the main job, live: a user changes, a handler gets a verified event; stays up
	$(BIN)/python examples/demo.py $(ARGS)

demo-once: $(VENV)/.demo ## the same, then exits
	$(BIN)/python examples/demo.py --once $(ARGS)

check: $(VENV)/.test ## format, lint, types, floors, fast tests: before every commit
	@$(MAKE) -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) types lint fast

test: setup lint types ## everything that CI runs, the tests of the database on both databases
	$(BIN)/python -m pytest -n 2 $(ARGS)
	$(BIN)/python -m tests.helpers.both $(ARGS)
	$(BIN)/python -m tests.bench messages postgres --quick

lint: $(VENV)/.test
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.test
	$(BIN)/basedpyright

fast: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 -q tests/unit tests/docs $(ARGS)

format: $(VENV)/.test ## format the code and fix what lint can fix by itself
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

bench: $(VENV)/.test ## measure; prints a table, writes build/bench.json (ARGS: names, --quick; see docs/scale.md)
	$(BIN)/python -m tests.bench $(ARGS)

soak: setup ## the long versions of the tests, and databases that hesitate (hours)
	CONSIGNEASE_SOAK=1 $(BIN)/python -m pytest -m slow $(ARGS)
	CONSIGNEASE_TEST_HESITATE=0.5 $(BIN)/python -m pytest -n 2 tests/api tests/app tests/dashboard tests/e2e $(ARGS)
	CONSIGNEASE_TEST_HESITATE=0.5 $(BIN)/python -m tests.helpers.both $(ARGS)

lock: $(VENV)/.test ## rewrite requirements/*.txt from pyproject.toml
	scripts/lock.sh $(ARGS)

clean: ## remove what these commands made
	rm -rf $(VENV) tests/wire_compat/node_modules build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

# Stamps: a second run is instant, a changed lock installs again.
# The demo needs a small part of what the tests need, in the same versions.
$(VENV)/.demo: requirements/demo.txt pyproject.toml scripts/setup.py
	@$(if $(PYTHON),,$(error Python 3.11 or newer is needed and none was found; say PYTHON=/path/to/python3))
	$(PYTHON) scripts/setup.py $(VENV) requirements/demo.txt
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.demo
	$(PYTHON) scripts/setup.py $(VENV) requirements/test.txt
	@touch $@

# Two versions of one package cannot live in one environment.
$(VENV)/.svix1: tests/wire_compat/svix1.txt $(VENV)/.test
	$(BIN)/python -m tests.helpers.svix_sdks install
	@touch $@

$(VENV)/.system: scripts/system.sh $(VENV)/.demo
	@scripts/system.sh
	@touch $@

$(VENV)/.node: tests/wire_compat/package-lock.json tests/helpers/node.py $(VENV)/.test
	$(BIN)/python -m tests.helpers.node install
	@touch $@
