# Two commands matter: `make demo` and `make test`. Everything happens in .venv; a second call installs nothing anew.

VENV := .venv
BIN := $(VENV)/bin
COMPARE := $(VENV)/.compare-installed
DEV := $(VENV)/.dev-installed
EMPTY := build/empty
JOBS ?= 2
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations=15

.DEFAULT_GOAL := help
.PHONY: help demo test test-full lint format types layers build claims docs bench stubs constraints clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1: \2/p' Makefile

demo: $(COMPARE) ## compare losses on handwritten digits and say where the report is
	$(BIN)/perdita compare digits --out perdita-runs/demo
	@echo "The report: $(CURDIR)/perdita-runs/demo/report.html"

test: $(DEV) ## run the test suite on $(JOBS) processes, ending with its slowest tests
	$(PYTEST)

test-full: $(DEV) ## the same with the tests marked full
	$(PYTEST) -m ""

lint: $(DEV) ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV) ## bring every file into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV) ## strict types on core
	$(BIN)/mypy

layers: $(DEV) ## a room imports only from the rooms above it
	$(BIN)/lint-imports

build: $(DEV) ## build the wheel, install it alone in an empty environment, import it from elsewhere
	rm -rf dist $(EMPTY)
	$(BIN)/python -m build --wheel --outdir dist
	$(BIN)/python -m venv $(EMPTY)
	$(EMPTY)/bin/python -m pip install --quiet --constraint constraints.txt dist/*.whl
	cd "$$(mktemp -d)" && $(CURDIR)/$(EMPTY)/bin/python -c \
		"import perdita; perdita.functional.cross_entropy; print('imported', perdita.__version__, perdita.__file__)"
	rm -rf $(EMPTY)

claims: $(DEV) ## measure every claim anew and write the table of what holds up
	OMP_NUM_THREADS=1 $(BIN)/perdita reproduce --all --write
	$(BIN)/python -m tools.claims_page
	$(BIN)/python -m tools.which_loss_page

docs: $(DEV) ## build the documentation into build/docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W -q -b html docs build/docs
	@echo "The documentation: $(CURDIR)/build/docs/index.html"

bench: $(DEV) ## race every row of the benchmarks against its peer
	$(BIN)/python -m benchmarks

stubs: $(DEV) ## write the type stubs of the catalogue, and the page that chooses from it
	$(BIN)/python -m tools.stubs
	$(BIN)/python -m tools.which_loss_page

constraints: $(DEV) ## pin the versions that are installed now
	{ echo "# The whole development environment, pinned; renewed by: make constraints"; \
	$(BIN)/python -m pip freeze --exclude-editable | sed -n 's/^\([A-Za-z0-9._-]*==[^+]*\).*/\1/p' | grep -v '^perdita==' \
	| LC_ALL=C sort -f; } > constraints.txt

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "perdita needs Python 3.11 or newer; name it: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "perdita needs Python 3.11 or newer; $(PYTHON) is not" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(COMPARE): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); PyTorch is large, this takes a few minutes."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[compare]'
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); PyTorch is large, this takes a few minutes."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(COMPARE) $@
