# `make help` lists the targets. Everything happens in .venv; set-up runs by itself when it is needed.

PYTHON ?= python3
# Where pip may look for torch besides the configured index, for example
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu      (no GPU: 200 MB instead of gigabytes)
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cu130    (NVIDIA GPU, when the index offers only a CPU build)
TORCH_INDEX ?=
MODEL ?=
MINUTES ?=
NAME ?= filters
SPLIT ?= train
BLOCK ?= 0
POSITION ?= 0
# One more than cores: whole pipelines are among the tests, and wait for their own processes a fifth of the time.
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(8, (os.cpu_count() or 1) + 1))')

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export GX_ANALYTICS_ENABLED := false
# A run starts Python some thirty times, a test run hundreds of times: what is compiled once is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run fit test test-faults check flow bench cluster-demo chat where accept lock-sources setup docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: .venv/.ready-run ## set up, then raw text to the evaluation report (reports/report.html)
	@python -m pipeline.recovery
	dvc repro
	@python -m pipeline.reporting.weather
	@echo "The report is reports/report.html; how this run went is reports/run.html. Talk to the model: make chat"

fit: .venv/.ready-run ## size the pretraining in params.yaml to a time: make fit MINUTES=15; MODEL=yes sizes the model too
	@python -m pipeline.model.fit --minutes '$(MINUTES)' --model '$(or $(MODEL),no)'

test: .venv/.ready-test ## set up, then the test suite
	python -m pytest -m "not faults" --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-faults: .venv/.ready-test ## the long fault and soak tests
	python -m pytest -m faults

check: .venv/.ready-dev ## ruff, mypy strict, import contracts, generated docs fresh
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python -m pipeline.documentation --check

flow: .venv/.ready-flow ## the same pipeline as a Prefect flow
	@python -m pipeline.recovery
	python -m pipeline.flow
	@python -m pipeline.reporting.weather

bench: .venv/.ready-bench ## measure against peers: make bench NAME=filters CORPUS=folder-of-text
	@python -m benchmarks.bench $(NAME)

cluster-demo: .venv/.ready-cluster ## text stages on a Dask scheduler and two workers, one of them killed half-way
	@python -m benchmarks.cluster_demo

chat: .venv/.ready-run ## talk to a model: make chat MODEL=base|tuned|int8|int4
	@python -m stages.generate --model $(or $(MODEL),tuned)

where: .venv/.ready-run ## where a token comes from: make where SPLIT=train BLOCK=12 POSITION=34
	@python -m stages.where --split '$(SPLIT)' --block '$(BLOCK)' --position '$(POSITION)'

accept: .venv/.ready-run ## make this run the baseline that later reports compare with
	@python -m pipeline.reporting.accept

lock-sources: .venv/.ready-run ## pin what was fetched in data/sources.lock; RENEW=address lets go of pins that begin so
	@python -m pipeline.corpus.lock_sources $(if $(RENEW),--renew '$(RENEW)')

docs: .venv/.ready-run ## write the generated parts of README.md and data/README.md anew
	@python -m pipeline.documentation

setup: .venv/.ready-run ## only set up: .venv with what `dvc repro` needs

clean: ## remove work in progress and caches of tools (never data, downloads or the DVC cache)
	@find .work -mindepth 1 -maxdepth 1 ! -name downloads ! -name locks ! -name prefect -exec rm -rf {} + 2>/dev/null || true
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
	$(PIP) --quiet --upgrade pip

# Another TORCH_INDEX than the one torch came from: torch goes, so that the set-up brings the build that is asked for.
.venv/.torch-index: .FORCE | .venv/bin/python
	@test -e $@ || : > $@
	@test -z "$(TORCH_INDEX)" || test "$$(cat $@)" = "$(TORCH_INDEX)" || { $(BIN)/python -m pip uninstall --quiet --yes torch 2> /dev/null; echo "$(TORCH_INDEX)" > $@; }

.PHONY: .FORCE
.FORCE:

# Python compiles what is imported when it first is; where the environment forbids it to, all is compiled now.
.venv/.ready-run: EXTRAS :=
.venv/.ready-flow: EXTRAS := [flow]
.venv/.ready-test: EXTRAS := [test]
.venv/.ready-dev: EXTRAS := [dev]
.venv/.ready-bench: EXTRAS := [bench]
.venv/.ready-cluster: EXTRAS := [cluster]
.venv/.ready-%: pyproject.toml constraints.txt .venv/.torch-index | .venv/bin/python
	$(PIP) --no-compile --editable '.$(EXTRAS)'
	$(if $(PYTHONDONTWRITEBYTECODE),@$(BIN)/python -m compileall -q -j 0 .venv/lib > /dev/null || true)
	@touch $@
