# make demo    the three pipelines on the embedded set, a table and a report
# make test    the test suite, but for what takes minutes
# make test-slow    the tests that take minutes each
# make test-extras  the tests that need an optional package
# make test-long  whole runs from the command line, killed runs, runs out of memory: tens of seconds each
# make test-browser  the tests that open reports in Chromium, which must be installed
# make soak    two hours on two cores: kills, full disks, fuzzing, an empty environment; each test tells what it came to.
#              RERANKBENCH_SOAK_SECONDS and RERANKBENCH_FUZZ_SECONDS say how long those of no fixed length go on
# make test-python PYTHON=python3.13   the test suite on another interpreter, in an environment of its own
# make audit   what is known of holes in the tested set; it needs an advisory service, and says so where there is none
# make licences   LICENCES.md again, from the installed packages
# make reports the published reports of the embedded set and of this CPU, made again (report-NAME: one of them)
# make bench   every engine on one workload, in turns; leave the machine alone meanwhile (bench-gpu: on CUDA)
# make check   formatting, lint, types
# make format  mend formatting and lint where that is safe
#
# A virtual environment in .venv is made on the way. PYTHON=python3.12 make … takes another interpreter for it.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

# Published under reports/ by `make reports`, each from the config of its name.
REPORTS := quickstart instructions profile-cpu

.PHONY: demo test test-slow test-extras bench bench-gpu test-long test-browser test-python soak audit licences reports \
  $(REPORTS:%=report-%) check format tracer assets clean

demo: $(INSTALLED)
	$(BIN)/rerankbench run configs/quickstart.yaml

# Several files at once, a thread each: trials that measure still take turns, by the lock of the machine.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 PYTHONSAFEPATH=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-long: $(INSTALLED)
	OMP_NUM_THREADS=1 PYTHONSAFEPATH=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m 'long and not slow and not soak'

test-slow: $(INSTALLED)
	$(BIN)/python -P -m pytest -m slow

soak: $(INSTALLED)
	OMP_NUM_THREADS=1 PYTHONSAFEPATH=1 $(BIN)/python -m pytest -n 2 --maxschedchunk 1 -m soak -rP --durations 30 tests

# In .venv/python3.13 and the like, so that the environment which all else is run in stays as it is.
OTHER = .venv/$(notdir $(PYTHON))
test-python:
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	OMP_NUM_THREADS=1 PYTHONSAFEPATH=1 $(OTHER)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# pip-audit in an environment of its own: what it needs is no part of the tested set.
audit: .venv/audit/.installed
	@.venv/audit/bin/python -P tests/audit.py constraints.txt

.venv/audit/.installed: $(INSTALLED)
	$(BIN)/python -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9'
	@touch $@

licences: $(INSTALLED) .extras/.installed
	$(BIN)/python -P tests/licences.py

# What needs an optional package, beside the environment rather than in it: torchao slows down every start of transformers.
QUANTISATION := torchao
RAY := ray|msgpack|jsonschema|jsonschema-specifications|protobuf|attrs|referencing|rpds-py
MLFLOW := mlflow-skinny|cachetools|cffi|cryptography|databricks-sdk|fastapi|gitdb|GitPython|google-auth|importlib_metadata|$\
  opentelemetry-(api|proto|sdk|semantic-conventions)|pyasn1|pyasn1_modules|pycparser|python-dotenv|smmap|sqlparse|starlette|uvicorn|zipp
BROWSER := playwright|greenlet|axe-playwright-python
EXTRAS := $(QUANTISATION)|$(RAY)|$(MLFLOW)|$(BROWSER)

test-extras: $(INSTALLED) .extras/.installed
	PYTHONPATH=$(CURDIR)/.extras $(BIN)/python -m pytest tests/rerankers/test_quantise.py tests/test_cluster.py \
	  tests/test_trackers.py

test-browser: $(INSTALLED) .extras/.installed
	PYTHONPATH=$(CURDIR)/.extras OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser tests/explorer -m browser \
	  -n auto --maxprocesses 2 --dist loadfile

.extras/.installed: constraints.txt Makefile
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .extras \
	  $$(grep -E '^($(EXTRAS))==' constraints.txt)
	@touch $@

bench: $(INSTALLED)
	$(BIN)/rerankbench run configs/engines.yaml

bench-gpu: $(INSTALLED)
	$(BIN)/rerankbench run configs/engines-gpu.yaml

# From results/, where what is measured already is not measured again; remove results/NAME to have it measured. The profile
# takes some 25 minutes: leave the machine alone meanwhile. Reports are English, whatever the locale.
reports: $(REPORTS:%=report-%)

report-profile-cpu: CONFIG := configs/profiles/cpu.yaml
report-%: CONFIG = configs/$*.yaml
$(REPORTS:%=report-%): report-%: $(INSTALLED)
	LC_ALL=C.UTF-8 $(BIN)/rerankbench run $(CONFIG)
	$(BIN)/python -P -m bench.published results/$* reports/$*

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The embedded set and models are checked in; these make them again (the models take up to an hour on two cores).
tracer: $(INSTALLED)
	$(BIN)/python -P -m bench.tracer generate --out datasets/tracer

assets: $(INSTALLED)
	$(BIN)/python -P -m bench.tracer train-embedder
	$(BIN)/python -P -m bench.tracer train-reranker

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .extras build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
