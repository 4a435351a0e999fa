# Everything a developer does. Each target sets up what it needs: a clone and `make demo` are enough.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEFINITIONS := src/suture/fhir/definitions/data/.built
DEMO_DATABASE ?= sqlite:///suture-demo.db
# Two cores are enough; more processes than cores only make the timing tests noisy.
JOBS ?= 2

.PHONY: help setup demo test test-slow crash bench scale conformance lint type fmt docs definitions demo-data wheel lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) $(DEFINITIONS) ## Virtual environment in .venv with every dependency, and the FHIR definitions

$(READY): requirements-dev.lock pyproject.toml tools/setup.sh
	PYTHON=$(PYTHON) sh tools/setup.sh
	@touch $@

$(DEFINITIONS): $(wildcard tools/*definition*.py src/suture/fhir/definitions/packed_*.py) tools/value_set_expansion.py \
		src/suture/fhir/packages/lean.py | $(READY)
	$(BIN)/python tools/build_definitions.py
	@touch $@

definitions: $(READY) ## Build the packaged FHIR definitions again
	$(BIN)/python tools/build_definitions.py
	@touch $(DEFINITIONS)

demo: setup ## Serve the API with synthetic patients on http://127.0.0.1:8000
	$(BIN)/suture demo --database $(DEMO_DATABASE)

test: setup ## Run the tests, on SQLite and (where it can be had) on PostgreSQL
	sh tools/postgresql.sh
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: setup ## Run the long tests: every official example, large loads; the command line in new interpreters
	sh tools/postgresql.sh
	$(BIN)/python -m pytest -m slow
	SUTURE_TEST_FRESH=1 $(BIN)/python -m pytest -m "not slow" tests/cli tests/observability

crash: setup ## Kill a writing server fifty times per engine; nothing acknowledged may be lost
	sh tools/postgresql.sh
	$(BIN)/python -m tests.durability.crash --rounds 50

bench: setup ## Measure against the physical limit (docs/performance.md)
	sh tools/postgresql.sh
	$(BIN)/python -m bench.run

scale: setup ## Load and search 300 k, 1 M and 5 M generated resources (docs/performance.md)
	sh tools/postgresql.sh
	$(BIN)/python -m bench.scale all

conformance: setup ## Run the official suites and write docs/conformance.md
	sh tools/postgresql.sh
	$(BIN)/python tools/conformance.py

lint: setup ## Style, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: setup ## Types, strictly, in src
	$(BIN)/pyright

fmt: setup ## Format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup ## Build the documentation into build/site
	$(BIN)/python tools/build_docs.py
	$(BIN)/mkdocs build --strict

demo-data: setup ## Generate the demo patients again (five minutes)
	[ -x build/demo-venv/bin/python ] || $(PYTHON) -m venv build/demo-venv
	build/demo-venv/bin/python -m pip install --quiet --require-hashes -r requirements-demo.lock
	PYTHONPATH=src build/demo-venv/bin/python tools/build_demo.py

wheel: setup ## Build the wheel into dist
	$(BIN)/python -m build --wheel --no-isolation

lock: $(READY) ## Pin the newest versions that fit pyproject.toml
	sh tools/lock.sh

clean: ## Remove what was built (not .venv)
	rm -rf build dist suture-demo.db*
