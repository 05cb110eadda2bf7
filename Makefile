PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format parity sanitize clean

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

# The tests of the kernels under AddressSanitizer and UndefinedBehaviorSanitizer: a build of its own beside .venv's packages.
sanitize: .venv/installed
	$(PYTHON) -m venv build/sanitized
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" > \
	  $$(build/sanitized/bin/python -c "import site; print(site.getsitepackages()[0])")/dependencies.pth
	build/sanitized/bin/python -m pip install --quiet --ignore-installed --no-deps --editable . \
	  --config-settings cmake.define.AF2CPU_SANITIZE=ON --config-settings build-dir=build/sanitized/kernels
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 \
	  UBSAN_OPTIONS=halt_on_error=1 build/sanitized/bin/python -m pytest --capture=no tests/kernels

.venv/installed: pyproject.toml tests/constraints.txt $(wildcard kernels/*.* kernels/*/*)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint tests/constraints.txt --editable '.[dev,validate]'
	touch $@

clean:
	rm -rf .venv build dist
