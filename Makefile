# Everything is installed inside this directory: .venv, node_modules and .cache.
# Needed beforehand: make, Python 3.11 or 3.12, and the PyPI and npm registries.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# Extra arguments for `demo`, `test` and `lock`, for example: make demo ARGS=--json
ARGS ?=
# Parallel test processes.
WORKERS ?= 2

BIN := .venv/bin

export SOLCX_BINARY_PATH := $(CURDIR)/.cache/solcx
export APE_DATA_FOLDER := $(CURDIR)/.cache/ape
# What Python compiles is kept, and `make clean` removes it: each process of the tests would compile it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := all
.PHONY: all help setup setup-attack demo test test-slow engines networks attack sequences mutation symbolic slither lint format artifacts check-artifacts lock clean

all: setup help

help: ## show this list
	@echo "make targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

setup: ## install the tools and the package; a second run has nothing to do
	@scripts/make_venv.sh
	@$(BIN)/python scripts/setup_tools.py

setup-attack: ## install what `make attack` needs besides
	@scripts/make_venv.sh
	@$(BIN)/python scripts/setup_tools.py --attack

demo: setup ## run the demonstration on a local development chain
	@$(BIN)/chainbill demo $(ARGS)

test: setup ## run the tests except the slow ones, the attacks and those on real chains
	@$(BIN)/pytest -n $(WORKERS) -q -rs -m "not slow and not attack and not networks" $(ARGS)

test-slow: setup ## run the slow tests
	@$(BIN)/pytest -n $(WORKERS) -q -rs -m slow $(ARGS)

engines: setup ## build geth and the validators' programs once, which needs Go
	@$(BIN)/python -m scripts.networks build

networks: engines ## run the tests on geth and on five validators
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup -q -rs -m networks tests/networks $(ARGS)

attack: setup-attack sequences mutation symbolic slither ## attack the contracts: all of the four targets that follow

sequences: setup ## run random sequences of operations, twenty times as many as in the tests
	@$(BIN)/pytest -n $(WORKERS) -q -rs -m attack $(ARGS)

mutation: setup ## change the contracts in small ways and see whether the tests notice
	@$(BIN)/python scripts/mutate.py $(ARGS)

symbolic: setup-attack ## prove what tests/symbolic states, for all values
	@$(BIN)/python scripts/run_symbolic.py

slither: setup-attack ## analyse the contracts; every finding must be explained
	@$(BIN)/python scripts/run_slither.py

lint: setup ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## put the Python files into the standard format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

artifacts: setup ## compile the contracts and export ABIs and bytecode into the package
	@$(BIN)/python scripts/export_artifacts.py

check-artifacts: setup ## check that the exported artifacts belong to the contracts
	@$(BIN)/python scripts/export_artifacts.py --check

lock: setup ## pin the newest allowed versions of everything
	@$(BIN)/python scripts/lock.py $(ARGS)

clean: ## remove everything that make installed or built
	rm -rf .venv node_modules .cache .build .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
