# make run       the main job: environment, host, plugins, then the customer-service vertical
# make test      all checks and tests, from nothing
# make slow      the tests that take about ten seconds each and say little new from day to day; before a release
# make check     formatting, lint, types, import layers
# make coverage  the tests again, with a table of the lines and branches they miss (half as slow again)
# make bench     slow measurements; writes what docs/benchmarks.md reports
# make docs      regenerate docs/reference

PYTHON  ?= python3
VENV    ?= .venv
BIN     := $(VENV)/bin
PLUGINS := customer-service financial-sentiment recommendation
# faiss comes from one of two distributions, chosen from what the machine has.
HARDWARE := $(if $(shell command -v nvidia-smi 2>/dev/null),gpu,cpu)
# On Linux without a GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu saves gigabytes of CUDA libraries.
INDEX   := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# Compiling all that torch brings takes a minute; modules are compiled when they are first imported, and kept.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile -q $(INDEX) -c constraints.txt
EDITABLE := $(foreach plugin,$(PLUGINS),-e plugins/$(plugin))
PYTEST  := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --ignore=tests/e2e
PROJECTS := pyproject.toml constraints.txt $(foreach plugin,$(PLUGINS),plugins/$(plugin)/pyproject.toml)

.PHONY: run test slow check browser coverage bench docs clean

run: $(VENV)/installed
	$(BIN)/platform run customer-service

# The checks and the browser tests take one core each.
test: $(VENV)/installed-dev
	$(PYTEST)
	@$(MAKE) --no-print-directory -j 2 check browser

slow: $(VENV)/installed-dev
	$(PYTEST) -m slow

browser: $(VENV)/installed-dev
	$(BIN)/pytest tests/e2e

coverage: $(VENV)/installed-dev
	$(PYTEST) --cov --cov-report=term:skip-covered

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy platform/verticals $(foreach plugin,$(PLUGINS),plugins/$(plugin)/verticals_$(subst -,_,$(plugin)))

bench: $(VENV)/installed-dev
	$(BIN)/pytest tests/benchmarks -m bench -q -s

docs: $(VENV)/installed-dev
	$(BIN)/python docs/reference/generate.py

clean:
	rm -rf $(VENV) .platform build dist .mypy_cache .ruff_cache .coverage*

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python $(PROJECTS)
	@echo "Installing into $(VENV) (once; a few minutes) …"
	$(INSTALL) -e '.[$(HARDWARE),offline]' $(EDITABLE)
	@touch $@

$(VENV)/installed-dev: $(VENV)/bin/python $(PROJECTS)
	@echo "Installing into $(VENV), with what tests need (once; a few minutes) …"
	$(INSTALL) -e '.[$(HARDWARE),offline,postgres,dev]' $(EDITABLE)
	@touch $(VENV)/installed $@
