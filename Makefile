# make demo    the main job, end to end, on real data
# make test    what continuous integration runs
# make coverage   every branch of what writes a log and of what reads it; two minutes; fails below 100 %
# make proof   damage and crashes, enumerated up to large bounds: some minutes; then SEEDS simulated worlds, 1,000,000 unless
#              told otherwise: 7 to 8 hours of one core, shared by all; prints its figures, and how to go on after Ctrl-C
# make fuzz    the reader under atheris for FUZZ_S seconds (Linux, Python 3.11 to 3.13)
# make bench   every number we claim, beside its peers; read from files of 100,000 rows
# make bench-read   reading alone, with 10,000,000 rows and a log of over 1 GB; 20 minutes, 4 GB in $TMPDIR
PYTHON ?= python3
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
FUZZ_S := 120
FIRST_SEED := 0
SEEDS := 1000000
PACKAGES := $(shell find datastore sdk syncd -type d -not -name __pycache__)

.PHONY: setup demo test lint types coverage proof fuzz bench bench-read clean

# The editable install links file by file, so a file that comes or goes (a folder's time) calls for a new one.
setup: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml setup.cfg Makefile $(PACKAGES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tidelog needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade pip "setuptools>=77"
	rm -rf build/__editable__.*
	$(BIN)/python -m pip install -qq --editable '.[dev]' --group training --config-settings editable_mode=strict
	@touch $@

demo: setup
	$(BIN)/python examples/demo.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

test: lint types
	$(BIN)/python -m pytest -n 2

# Forked children and processes without NumPy are measured as well: [tool.coverage] in pyproject.toml. Left out is
# what bounds the seconds that an answer takes: measured, it takes three times as long.
coverage: setup
	$(BIN)/python -m pytest tests/datastore --ignore tests/datastore/test_fuzz.py -n 2 --cov

proof: setup
	$(BIN)/python -m pytest -m proof
	$(BIN)/python -m benchmarks.hub_load --seconds 60
	cd tests && ../$(BIN)/python -m simulation $(FIRST_SEED) --count $(SEEDS) --jobs 0

fuzz: setup
	$(BIN)/python -m pip install -qq --group fuzz
	mkdir -p build/fuzz
	cd tests && ../$(BIN)/python -m fuzz.fuzz_reader -max_total_time=$(FUZZ_S) -artifact_prefix=../build/fuzz/ -print_final_stats=1 \
		../build/fuzz fuzz/corpus

bench: setup
	$(BIN)/python -m benchmarks

bench-read: setup
	$(BIN)/python -m benchmarks --only reading,large,listing,follow --read-rows 100000,10000000

clean:
	rm -rf build dist .venv .venv-* benchmarks/*/.venv
