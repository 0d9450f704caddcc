# Needlepoint: everything a person types. `make help` lists it; README.md explains it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
JOBS ?= 2
UV := 0.13.9

# The newest Python that can make a virtual environment; failing that, the newest one at all: bootstrap.py then says
# what is missing. Running each one is the only sure test: a name on the PATH may be a shim that leads nowhere.
PYTHON ?= $(shell \
	for python in .venv/bin/python python3.14 python3.13 python3.12 python3.11 python3; do \
		$$python -c 'import sys, ensurepip; assert sys.version_info >= (3, 11)' 2>/dev/null && echo $$python && exit; \
	done; \
	for python in python3.14 python3.13 python3.12 python3.11; do \
		$$python -c '' 2>/dev/null && echo $$python && exit; \
	done; \
	command -v python3)
BOOTSTRAP = python="$(PYTHON)"; \
	if [ -z "$$python" ]; then echo "Needlepoint needs Python 3.11 or newer; there is no python3 here." >&2; exit 1; fi; \
	exec $$python bootstrap.py
VENV := .venv/bin/python

.PHONY: help run setup setup-dev test lint format types bench proof proof-long browser clients assets translations pictures lock

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: setup ## set up what is missing, then serve on http://127.0.0.1:8000 (PORT, HOST, DATABASE_URL override)
	@exec $(VENV) run.py

setup: ## make .venv, install, fetch front-end files; only what has changed
	@$(BOOTSTRAP) run

setup-dev:
	@$(BOOTSTRAP) test

# What failed is tried once more, alone: on a machine that is busy with other work a real browser or a killed server
# can miss a deadline. A fault fails both times.
test: setup-dev ## lint, types and every test on both databases; what was skipped is printed last
	@$(MAKE) clients || true
	@status=0; \
	$(MAKE) lint || status=1; \
	$(VENV) -m pytest -n $(JOBS) --dist loadfile $(ARGS) \
		|| $(VENV) -m pytest --last-failed --last-failed-no-failures none $(ARGS) || status=1; \
	exit $$status

lint: setup-dev ## ruff and mypy
	@$(VENV) -m ruff check . && $(VENV) -m ruff format --check . && $(VENV) -m mypy

format: setup-dev ## let ruff rewrite what it can
	@$(VENV) -m ruff check --fix . ; $(VENV) -m ruff format .

bench: setup-dev ## measure every claim; prints the table, writes bench/results/*.json
	@exec $(VENV) -m bench

proof: setup-dev clients ## the slow proofs (under 45 minutes)
	@exec $(VENV) -m pytest -m proof $(ARGS)

proof-long: setup-dev clients ## the nightly sizes and the soak
	@exec $(VENV) -m pytest -m proof --long $(ARGS)

browser: ## install Debian's Chromium and a Chinese font for the browser tests (as root)
	@$(BOOTSTRAP) browser

clients: ## make .venv-clients: the calendar clients that prove the feeds
	@$(BOOTSTRAP) clients

assets: setup ## fetch the front-end files again
	@exec $(VENV) -m web.assets

translations: setup ## check the Chinese catalogue and say how much of it is translated
	@exec $(VENV) -m babel.messages.frontend compile --statistics -d web/translations

pictures: setup-dev ## take the README's pictures again (needs Chromium)
	@exec $(VENV) -m docs.pictures

lock: ## write the lock files anew from requirements*.txt and package.json
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet uv==$(UV)
	@for name in requirements requirements-dev requirements-clients requirements-node; do \
		.venv-lock/bin/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-header --no-annotate --no-emit-index-url \
			$$( [ $$name = requirements-dev ] && echo --constraints requirements.lock ) \
			--output-file $$name.lock $$name.txt || exit 1; \
	done
	@rm -rf .venv-lock
	@npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit
	@$(BOOTSTRAP) strip-package-lock
