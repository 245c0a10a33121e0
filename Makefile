# make demo    install, build the demo workspace, serve it on http://127.0.0.1:8050
# make test    install and run every test, JOBS=2 at once
# make fuzz    changed inputs for every reader, FUZZ_SECONDS=60 each; what fails is kept in FUZZ_KEEP=fuzz-found
# make check   ruff, mypy and the import contract
# GPU=1        installs tensorflow[and-cuda] instead of tensorflow-cpu
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8050
GPU ?=
JOBS ?= 2
FUZZ_SECONDS ?= 60
FUZZ_KEEP ?= fuzz-found

ifeq ($(GPU),)
FLAVOUR := cpu
TENSORFLOW := s/^tensorflow/tensorflow/
else
FLAVOUR := gpu
TENSORFLOW := s/^tensorflow-cpu/tensorflow[and-cuda]/
endif
INSTALLED := $(VENV)/installed-$(FLAVOUR)
INSTALLED_DEV := $(VENV)/installed-dev-$(FLAVOUR)

.PHONY: demo serve test fuzz installed check format bench clean

demo: $(INSTALLED)
	$(BIN)/python -m nnvis_dash demo --port $(PORT)

serve: $(INSTALLED)
	$(BIN)/python -m nnvis_dash serve --port $(PORT)

test: $(INSTALLED_DEV)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --no-loadscope-reorder

fuzz: $(INSTALLED_DEV)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) --keep $(FUZZ_KEEP)

installed: $(INSTALLED_DEV)

check: $(INSTALLED_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'NNVis needs Python 3.11 or newer; call make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): requirements.txt | $(BIN)/python
	sed '$(TENSORFLOW)' requirements.txt > $(VENV)/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/requirements.txt
	touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	sed '/^-r /d' requirements-dev.txt > $(VENV)/requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/requirements-dev.txt
	touch $@
