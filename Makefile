PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint tests/constraints.txt
KERNELS := $(wildcard kernels/*.cpp kernels/*/*.h kernels/*/*.cpp)
SOURCES := pyproject.toml tests/constraints.txt af2cpu/_kernels.pyi $(wildcard kernels/*.* kernels/*/*)

.PHONY: demo test coverage faults lint format parity sanitize oldest audit docs dist clean

# A protein from its sequence to a relaxed structure and its report, with what comes with the program.
demo: .venv/demo
	$(BIN)/af2cpu predict examples/trp_cage.fasta --params demo --db demo -o out
	@echo "the report: $(CURDIR)/out/trp_cage/report.html"

test: lint
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder --durations=40 \
	  -m "not slow"

# The same tests, and the lines of af2cpu/ that none of them runs.
coverage: .venv/installed
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not slow" \
	  --cov --cov-report=term-missing:skip-covered

# Every fault of docs/faults.md, provoked for real: the table with what has passed.
faults: .venv/installed
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m fault --faults

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(KERNELS)

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(KERNELS)

# All fifteen models in full size against the JAX reference; the table goes to benchmarks/results.
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

# A part of the tests with the oldest versions that pyproject.toml claims, in build/oldest.
oldest:
	$(PYTHON) scripts/checks/oldest.py

# Known vulnerabilities of the pinned packages; fails if one of them can't be asked about.
audit: .venv/installed
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	$(BIN)/python -m pip freeze --exclude-editable > build/audit/requirements.txt
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement build/audit/requirements.txt

# The documentation in build/site, without warnings; nothing is fetched while it is built.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "python3 -m http.server -d $(CURDIR)/build/site   shows it"

# The sdist and the wheel in dist/, each installed into an empty environment, where it predicts the demo.
dist:
	scripts/release/make.sh $(PYTHON)

# The program with what it needs to run.
.venv/demo: $(SOURCES)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing the packages and compiling the kernels: some minutes without a line"
	$(cpu_torch)
	$(INSTALL) --editable .
	touch $@

# What the tests, the checks and the comparison with the JAX reference need besides.
.venv/installed: .venv/demo
	$(INSTALL) --editable '.[dev,docs,validate]'
	touch $@

# What the documentation is built with.
.venv/docs: .venv/demo
	$(INSTALL) --editable '.[docs]'
	touch $@

# PyTorch's CPU build from the index in AF2CPU_TORCH_INDEX: one short try. Without the variable, or where the index can't
# be reached, PyTorch comes with the other requirements from the default index; on some machines that is its CUDA build.
define cpu_torch
@if [ -n "$(AF2CPU_TORCH_INDEX)" ]; then \
  $(INSTALL) --index-url "$(AF2CPU_TORCH_INDEX)" --retries 0 --timeout 10 --no-deps torch \
    || echo "PyTorch's CPU build could not be had from $(AF2CPU_TORCH_INDEX); taking PyTorch from the default index" >&2; \
fi
endef

clean:
	rm -rf .venv build dist
