# Everything sets itself up: a fresh machine needs python3 (3.11 or newer), python3-venv and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: hunt test nightly check bench clean

hunt: $(READY)  ## hunt the bundled example
	@$(BIN)/falselight hunt examples/day --format table

test: $(READY)  ## run the tests
	@$(BIN)/python -m pytest -q

nightly: $(READY)  ## the long tests: 20,000 random cases, 10,000 mutations a reader
	@$(BIN)/python -m pytest -q -m nightly

check: $(READY)  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)  ## what the benchmarks are called, and how to run one
	@$(BIN)/python -m bench --help

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Falselight needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
	  { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 2; }
	@echo "Setting up $(VENV), once …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:  ## remove what was set up
	rm -rf $(VENV) build dist *.egg-info
