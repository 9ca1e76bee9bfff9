# The verbs. A plain `make` prints them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help run test test-clients test-exporters crash-test network-test soak live-soak check audit fuzz bench notebooks pictures lock schema clean

help: ## print these verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

run: $(VENV)/.run ## install, start everything on http://127.0.0.1:8787, load the sample when empty
	@$(BIN)/backscroll serve --with-sample

test: $(VENV)/.dev ## install, run all tests against a Postgres that they start themselves
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

live-soak: $(VENV)/.dev ## 100,000 random commits under live streams that are cut, killed and restarted
	LIVE_SOAK_COMMITS=100000 $(BIN)/python -m pytest tests/acceptance/test_live_soak.py -s

network-test: $(VENV)/.dev ## two machines whose network to Postgres is away for 30 seconds
	NETWORK_LOST_S=30 $(BIN)/python -m pytest tests/acceptance/test_several_machines.py -k network

test-clients: $(VENV)/.dev ## run real client plugins from npm against a service (needs Node)
	$(BIN)/python -m pytest -m clients tests/acceptance

test-exporters: $(VENV)/.dev ## read exports of real transcripts with the libraries that they are for (network; Node for one)
	$(BIN)/python -m pytest -m exporters tests/acceptance

crash-test: $(VENV)/.dev ## kill everything at random, 50 times, while it is written to; nothing may be lost (half an hour; ROUNDS=, SEED=)
	PYTHONPATH=. $(BIN)/python tests/endurance/crash.py --rounds $(or $(ROUNDS),50) $(if $(SEED),--seed $(SEED)) --json crash-test.json

soak: $(VENV)/.dev ## 50 clients that send and 16 that search for 10 minutes: errors, memory, connections, lag (MINUTES=)
	PYTHONPATH=. $(BIN)/python tests/endurance/soak.py --minutes $(or $(MINUTES),10) --json soak.json

check: $(VENV)/.dev ## lint, types, import contracts, house tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/house

notebooks: $(VENV)/.dev ## open the notebooks in a browser: on the sample, a service or Parquet
	MARIMO_SKIP_UPDATE_CHECK=1 $(BIN)/marimo edit notebooks

pictures: $(VENV)/.dev ## draw the charts of docs/notebooks anew from the sample
	$(BIN)/python .ci/pictures.py

audit: ## look for known flaws in the locked dependencies (needs the network)
	$(PYTHON) .ci/audit.py

fuzz: $(VENV)/.dev ## ask every route ten minutes long for what its schema allows and forbids (SECONDS=)
	PYTHONPATH=. $(BIN)/python tests/acceptance/fuzzing.py $(SECONDS)

bench: $(VENV)/.dev ## measure this machine into benchmarks/results.md
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev ## write the lock files anew from what is installed
	$(BIN)/python .ci/lock.py

schema: $(VENV)/.dev ## write migrations/schema.sql anew after a new migration
	BACKSCROLL_UPDATE_SCHEMA=1 $(BIN)/python -m pytest tests/house/test_schema.py

clean: ## remove the virtual environment and caches (never your data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

# torch first and alone: pip then keeps whatever build of it is there (see "The CPU build" in the README).
$(VENV)/.run: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once; about a minute and 1.5 GB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@
