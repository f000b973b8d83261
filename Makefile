# Everything starts here. `make demo` and `make test` set up what they need on a fresh Debian or Ubuntu machine with
# git, make and Python 3.11 or newer; both are quick when that is done. Packages come from wherever pip and apt of
# this machine are configured to get them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# The first Python that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
DEMO_PACKAGES := nftables fonts-noto-cjk
TEST_PACKAGES := snmpd snmp prometheus prometheus-alertmanager nftables fping iputils-ping iproute2 chromium fonts-noto-cjk postgresql
BENCH_PACKAGES := gcc prometheus-blackbox-exporter prometheus-snmp-exporter

.PHONY: help demo test test-slow check format lint types rules wheel bench bench-picture lock setup-demo setup-test clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: setup-demo ## a simulated city and a daemon over it; options: make demo DEMO="--cameras 1000"
	$(BIN)/healthd demo $(DEMO)

test: setup-test ## the tests, without the slow ones; options: make test PYTEST="-k snmp"
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal $(PYTEST)

test-slow: setup-test ## the tests that take minutes
	$(BIN)/python -m pytest -m slow $(PYTEST)

check: setup-test lint types rules wheel test test-slow ## the whole gate, as in CI

format: setup-test ## rewrite the source in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup-test
	$(BIN)/mypy

rules: setup-test ## let promtool and amtool check rules, their tests and configurations
	promtool check config config/prometheus.yml
	promtool check rules config/rules/*.yml
	promtool test rules tests/rules/*_test.yml
	amtool check-config config/alertmanager.yml
	$(BIN)/healthd alerting generate -c config/healthd.yml --check

# An old build/ would smuggle deleted modules into the wheel. What is proved is the wheel: away from the repository,
# in an environment of its own.
wheel: setup-test ## build the wheel into dist/ and prove that it runs without the repository
	rm -rf build dist
	$(PIP) wheel --no-deps -w dist .
	@away=$$(mktemp -d); trap 'rm -rf "$$away"' EXIT; set -x; \
	$(BIN)/python -m venv "$$away/venv"; \
	"$$away/venv/bin/python" -m pip --disable-pip-version-check -q install -c constraints.txt dist/*.whl; \
	cd "$$away"; venv/bin/healthd --help >/dev/null; venv/bin/python -m healthd --help >/dev/null

bench: setup-test ## measure healthd and other programs in one run; writes docs/benchmarks.md (half an hour)
	@.ci/system-packages $(BENCH_PACKAGES)
	$(PIP) install -c constraints.txt --group bench
	$(BIN)/python -m tests.bench --write

# A quarter of an hour: no part of `make bench`.
bench-picture: setup-test ## measure how accurate the picture's judgement is; writes docs/picture-accuracy.md
	nice -n 10 $(BIN)/python -m tests.bench.bench_picture -o docs/picture-accuracy.md

lock: ## write constraints.txt anew: the newest versions that pyproject.toml allows
	@away=$$(mktemp -d); trap 'rm -rf "$$away"' EXIT; set -x; \
	$(PYTHON) -m venv "$$away"; pip="$$away/bin/python -m pip --disable-pip-version-check -q"; \
	$$pip install --upgrade 'pip>=25.1'; \
	$$pip install -e . --group test --group bench; \
	{ echo '# Exact versions of every package, for installs that repeat. Written by `make lock`.'; \
	  $$pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$'; } >"$$away/constraints.txt"; \
	mv "$$away/constraints.txt" constraints.txt

clean: ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# --- Setting up ------------------------------------------------------------------------------------------------------

setup-demo: $(VENV)/demo.stamp
	@.ci/system-packages $(DEMO_PACKAGES)

setup-test: $(VENV)/test.stamp
	@.ci/system-packages $(TEST_PACKAGES)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(VENV)/venv.stamp
	@echo "Installing healthd's packages (once; a minute or two)"
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(VENV)/venv.stamp
	@echo "Installing healthd's and the tests' packages (once; a minute or two)"
	$(PIP) install -c constraints.txt -e . --group test
	@touch $@ $(VENV)/demo.stamp

# Debian's Python has no venv module until python3-venv is installed.
$(VENV)/venv.stamp:
	@test -n "$(PYTHON)" || { echo "healthd needs Python 3.11 or newer: install python3, or make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/system-packages $(notdir $(PYTHON))-venv
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@
