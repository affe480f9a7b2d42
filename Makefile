# One command each: `make demo` shows it, `make test` proves it, `make check` reads it. Each makes its own environment.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
LEAN := .venv-lean
BIN := $(VENV)/bin
LOCK := uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-annotate --no-header

.PHONY: help env demo test test-lean test-image image check format docs lock bench clean

help:
	@echo "make env         the environment alone, in $(VENV)"
	@echo "make demo        train, serve and look at the example"
	@echo "make test        the test suite, but for the image's"
	@echo "make test-lean   the same without MXNet, in $(LEAN)"
	@echo "make image       the container image, forecastle; VARIANT=lean without MXNet"
	@echo "make test-image  build the image and test it; needs a Docker engine"
	@echo "make check       format, lint, types, import rules"
	@echo "make format      let ruff format and mend"
	@echo "make docs        write the generated parts of the README anew"
	@echo "make bench       the benchmarks, beside the peers"
	@echo "make lock        resolve the dependencies anew (needs uv)"

env: $(VENV)/.complete

$(VENV)/.complete: requirements-dev.lock
$(LEAN)/.complete: requirements-dev-lean.lock

# --no-build-isolation: the build backend, too, comes from the lock.
$(VENV)/.complete $(LEAN)/.complete:
	@rm -rf $(@D)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --python 3.11 $(@D) && \
	  uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $^ && \
	  uv pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation -e . ; \
	else \
	  command -v $(PYTHON) >/dev/null 2>&1 || { echo "forecastle needs CPython 3.11: install it, or uv, or name it with PYTHON=…" >&2; exit 1; }; \
	  $(PYTHON) -m venv $(@D) && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $^ && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: env
	$(BIN)/pytest -m 'not image' $(ARGS)

test-lean: $(LEAN)/.complete
	$(LEAN)/bin/pytest -m 'not image' $(ARGS)

IMAGE ?= forecastle
VARIANT ?= full
image:
	docker build --build-arg VARIANT=$(VARIANT) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) -t $(IMAGE) .

test-image: env
	$(BIN)/pytest -m image $(ARGS)

demo: env
	@$(BIN)/forecastle demo

bench: env
	$(BIN)/python -m benchmarks.random_cut_forest
	$(BIN)/python -m benchmarks.deepar
	$(BIN)/python -m benchmarks.deepar_training

docs: env
	$(BIN)/python -m forecastle.container.reference README.md

# The locks name no registry, so that whichever one you use serves them. Those called lean are without MXNet; those
# called dev are for working on it all, and the others for the images.
lock:
	$(LOCK) --upgrade --extra dev --extra mxnet pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements-dev.lock --extra dev pyproject.toml -o requirements-dev-lean.lock
	$(LOCK) -c requirements-dev.lock --extra mxnet pyproject.toml -o requirements.lock
	$(LOCK) -c requirements-dev.lock pyproject.toml -o requirements-lean.lock
	echo hatchling | $(LOCK) -c requirements-dev.lock - -o requirements-build.lock
	$(LOCK) --upgrade tests/sagemaker/sdk2.in -o tests/sagemaker/sdk2.lock
	$(LOCK) --upgrade --override tests/sagemaker/sdk3.overrides tests/sagemaker/sdk3.in -o tests/sagemaker/sdk3.lock

clean:
	rm -rf $(VENV) $(LEAN) .sagemaker-sdk .mypy_cache .ruff_cache .pytest_cache .hypothesis
