PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format parity clean

# A protein from its sequence to a relaxed structure and its report, with what comes with the program.
demo: .venv/installed
	$(BIN)/af2cpu predict examples/trp_cage.fasta --params demo --db demo -o out
	@echo "the report: $(CURDIR)/out/trp_cage/report.html"

test: lint
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All ten models in full size against the JAX reference; the table goes to benchmarks/results.
parity: .venv/installed
	$(BIN)/python benchmarks/parity.py

.venv/installed: pyproject.toml tests/constraints.txt $(wildcard kernels/*.* kernels/*/*)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint tests/constraints.txt --editable '.[dev,validate]'
	touch $@

clean:
	rm -rf .venv build dist
