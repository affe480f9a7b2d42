# `make help` lists the commands. Each creates the environment that it needs.
SHELL := /bin/bash
SUPPORTED := 3.11 3.12 3.13 3.14
INSTALLED = $(foreach version,$(SUPPORTED),$(if $(shell python$(version) --version 2>/dev/null),$(version)))
PYTHON ?= python$(firstword $(INSTALLED) 3.11)
VENV := .venv
MXNET := .venv-mxnet
BIN := $(VENV)/bin
LOCK := uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-annotate --no-header

.PHONY: help env kernels demo test test-mxnet test-pythons test-image test-page test-daft image wheel check format docs site lock bench clean

help:
	@echo "make env         create the environment, $(VENV)"
	@echo "make kernels     compile all kernels in advance"
	@echo "make demo        train, serve and query a model on the example"
	@echo "make test        run the tests, except those of the image"
	@echo "make test-mxnet  run the comparisons with the reference trainer, GluonTS on MXNet, in $(MXNET)"
	@echo "make test-pythons  test every kernel and a job of each algorithm on each installed CPython from 3.11 to 3.14"
	@echo "make image       build the container image, forecastle; VARIANT=lean omits MXNet"
	@echo "make wheel       build a wheel with compiled kernels for this platform, in dist/"
	@echo "make test-image  build and test the image; needs a Docker engine"
	@echo "make test-page   test the server's page in Chromium; writes screenshots to build/page"
	@echo "make test-daft   test transforms by Daft, in an environment with it"
	@echo "make check       check format, lint, types and import rules"
	@echo "make format      format and fix with ruff"
	@echo "make docs        update the generated parts of docs/"
	@echo "make site        build the documentation as a site, in build/site"
	@echo "make bench       run the benchmarks, compared with peers"
	@echo "make lock        resolve the dependencies again (needs uv)"
	@echo "make clean       remove the environments and the tools' caches"

env: $(VENV)/.complete

kernels: env
	@$(BIN)/forecastle compile

$(VENV)/.complete: requirements-dev.lock
$(MXNET)/.complete: PYTHON = python3.11
$(MXNET)/.complete: requirements-dev-mxnet.lock
OTHERS := $(patsubst %,.venv-%/.complete,$(SUPPORTED))
$(OTHERS): .venv-%/.complete: requirements-dev.lock
$(OTHERS): PYTHON = python$(patsubst .venv-%/.complete,%,$@)

# --no-build-isolation: take the build backend from the lock as well.
$(VENV)/.complete $(MXNET)/.complete $(OTHERS):
	@rm -rf $(@D)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --python $(PYTHON) $(@D) && \
	  uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $^ && \
	  uv pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation -e . ; \
	else \
	  command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) is not installed: forecastle needs CPython 3.11 to 3.14. Install one, or uv, or set PYTHON=…" >&2; exit 1; }; \
	  $(PYTHON) -m venv $(@D) && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $^ && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@
	@echo "The first job of each algorithm compiles its kernels, for up to a minute; make kernels does it now."

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Two processes: many tests use all cores themselves. A file's tests share fixtures and run in one process.
PARALLEL := --numprocesses 2 --dist loadfile

test: env
	$(BIN)/pytest -m 'not image' $(PARALLEL) $(ARGS)

test-mxnet: $(MXNET)/.complete
	$(MXNET)/bin/pytest -m mxnet $(PARALLEL) tests/algorithms/deepar $(ARGS)

# On the installed Pythons, except the one that `make test` uses.
test-pythons: $(patsubst %,test-python-%,$(filter-out $(PYTHON:python%=%),$(INSTALLED)))
test-python-%: .venv-%/.complete
	.venv-$*/bin/pytest tests/kernels tests/algorithms/test_every_algorithm.py tests/formats/test_rows.py tests/formats/test_json.py $(ARGS)

IMAGE ?= forecastle
VARIANT ?= full
image:
	docker build --build-arg VARIANT=$(VARIANT) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) -t $(IMAGE) .

# For a CPU level, as in the Dockerfile, instead of the build machine's CPU.
CPU_x86_64 := NUMBA_CPU_NAME=x86-64-v3 \
  NUMBA_CPU_FEATURES=+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave
CPU_aarch64 := NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES=+neon
WHEELS ?= dist
wheel: env
	$(CPU_$(shell uname -m)) NUMBA_CACHE_DIR=$(or $(NUMBA_CACHE_DIR),build/kernels) \
	  $(BIN)/python -m forecastle.container.compile kernels/shipped --wheel
	$(BIN)/python -m hatchling build --target wheel --directory $(WHEELS)
	rm -r kernels/shipped

test-image: env
	$(BIN)/pytest -m image $(ARGS)

# The page's tests have an environment of their own, with Playwright, and start the servers of `env`.
PAGE := .venv-page
$(PAGE)/.complete: tests/page/page.lock
	@rm -rf $(@D)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --python $(PYTHON) $(@D) && \
	  uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $< ; \
	else \
	  $(PYTHON) -m venv $(@D) && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< ; \
	fi
	@touch $@

test-page: env $(PAGE)/.complete
	FORECASTLE=$(BIN)/forecastle $(PAGE)/bin/python -m pytest -o addopts='-ra -p no:cacheprovider' --confcutdir tests/page tests/page $(ARGS)

# Daft and Ray, which `forecastle transform --engine` can use, have an environment of their own: 500 MB more than `env`.
DAFT := .venv-daft
$(DAFT)/.complete: tests/daft/daft.lock
	@rm -rf $(@D)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --python $(PYTHON) $(@D) && \
	  uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $< && \
	  uv pip install --quiet --python $(@D)/bin/python --no-deps -e . ; \
	else \
	  $(PYTHON) -m venv $(@D) && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . ; \
	fi
	@touch $@

test-daft: $(DAFT)/.complete
	$(DAFT)/bin/python -m pytest tests/daft $(ARGS)

demo: env
	@$(BIN)/forecastle demo

bench: env
	$(BIN)/python -m benchmarks.random_cut_forest
	$(BIN)/python -m benchmarks.deepar
	$(BIN)/python -m benchmarks.deepar_training
	$(BIN)/python -m benchmarks.hosts
	$(BIN)/python -m benchmarks.monte_carlo
	[ -z "$(TORCH_PYTHON)" ] || $(BIN)/python -m benchmarks.seq2seq
	$(BIN)/python -m benchmarks.region
	$(BIN)/python -m benchmarks.region_jobs
	$(BIN)/python -m benchmarks.transform

docs: env
	$(BIN)/python -m forecastle.container.reference README.md docs/*.md docs/*/*.md

# In an environment of its own: the site's generator shares no dependency with us.
SITE := .venv-site
$(SITE)/.complete: docs/site.lock
	@rm -rf $(@D)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --python $(PYTHON) $(@D) && uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $^ ; \
	else \
	  $(PYTHON) -m venv $(@D) && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $^ ; \
	fi
	@touch $@

site: env $(SITE)/.complete
	$(BIN)/python -m forecastle.container.site stage build/docs
	$(SITE)/bin/zensical build --clean --strict
	$(BIN)/python -m forecastle.container.site check build/site

# The locks name no registry, so any index can serve them. Those called mxnet add the reference trainer, which requires
# numpy 1; those called dev are for development, the others for the images.
lock:
	$(LOCK) --upgrade --extra dev pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements-dev.lock pyproject.toml -o requirements.lock
	$(LOCK) --upgrade --extra dev --extra mxnet pyproject.toml -o requirements-dev-mxnet.lock
	$(LOCK) -c requirements-dev-mxnet.lock --extra mxnet --extra region pyproject.toml -o requirements-mxnet.lock
	echo hatchling | $(LOCK) -c requirements-dev.lock - -o requirements-build.lock
	$(LOCK) --upgrade tests/attack/schemathesis.in -o tests/attack/schemathesis.lock
	$(LOCK) --upgrade tests/page/page.in -o tests/page/page.lock
	$(LOCK) --upgrade --extra ray --extra region pyproject.toml tests/daft/daft.in -o tests/daft/daft.lock
	$(LOCK) --upgrade tests/serving/opentelemetry.in -o tests/serving/opentelemetry.lock
	$(LOCK) --upgrade tests/deploy/kubernetes.in -o tests/deploy/kubernetes.lock
	$(LOCK) --upgrade docs/site.in -o docs/site.lock
	$(LOCK) --upgrade tests/sagemaker/sdk2.in -o tests/sagemaker/sdk2.lock
	$(LOCK) --upgrade benchmarks/s3_peers.in -o benchmarks/s3_peers.lock
	$(LOCK) --upgrade tests/region/clients/clients.in -o tests/region/clients/clients.lock
	$(LOCK) --upgrade tests/region/notebooks/taxi.in -o tests/region/notebooks/taxi.lock
	$(LOCK) --upgrade --python-version 3.8 tests/region/notebooks/electricity.in -o tests/region/notebooks/electricity.lock
	$(LOCK) --upgrade --override tests/sagemaker/sdk3.overrides tests/sagemaker/sdk3.in -o tests/sagemaker/sdk3.lock

clean:
	rm -rf .venv .venv-* build kernels/shipped .sagemaker-sdk .mypy_cache .ruff_cache .pytest_cache .hypothesis
