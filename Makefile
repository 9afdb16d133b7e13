# Two commands from a fresh clone: `make search` and `make test`. They need python3 (3.11 to 3.13), its venv and make.
PYTHON ?= python3
TARGET ?= 15ms
BUDGET ?= 30m
VENV := .venv
BIN := $(VENV)/bin

# One thread a process: two on two busy cores are slower than one.
export OMP_NUM_THREADS ?= 1

.PHONY: search test check coverage docs format clean

search: $(VENV)/.installed
	$(BIN)/nas search --target-latency $(TARGET) --budget $(BUDGET)

test: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --verbose
	$(BIN)/pytest -n 2 --dist worksteal

# What takes seconds: before every commit.
QUICK := tests/design tests/latency tests/report tests/docs tests/test_public_names.py
check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" $(QUICK)

# Which lines of nas/ the tests run, and which not, by file; in this process and xdist's only.
coverage: $(VENV)/.installed-test
	$(BIN)/pytest -n 2 --dist worksteal --cov=nas --cov-report=term-missing:skip-covered

# The pages are docs/_build/index.html.
docs: $(VENV)/.installed-test
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A stamp is written only after a whole install, so an interrupted one is taken up again. The install is editable:
# a change of the code needs no new one, a change of what is required does.
$(VENV)/.installed: $(VENV)/.made pyproject.toml setup.py constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made pyproject.toml setup.py constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "nas needs Python 3.11 to 3.13 and '$(PYTHON)' is another or missing: name one, like make search PYTHON=python3.12." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build docs/_build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
