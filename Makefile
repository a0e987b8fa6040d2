# Two commands do it all on a fresh machine: `make demo` and `make test`. The rest is for daily work.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help setup setup-job setup-browser screenshots frames setup-deploy manifests demo test test-slow test-killed test-deploy test-images drill-cluster drill-cluster-audit drill-cluster-keys drill-cluster-down lint schemas lock bench clean
help:                ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.installed ## the Python environment and the pinned components (cached; resumes when broken off)
	@$(BIN)/torghut setup

setup-job: $(VENV)/.installed ## also what the Flink job needs: Flink, MinIO, its own Python environment (1.5 GB)
	@$(BIN)/torghut setup --job

$(VENV)/.installed: requirements/dev.lock requirements/uv.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or name it with PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setup: Python environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

demo: setup-job      ## the main job: the whole stack, a live table, and an audit of every event, bar and signal
	@$(BIN)/torghut demo

setup-browser:       ## Chromium for the slow tests of the console's page, by apt (as root, or with sudo)
	@command -v chromium >/dev/null || { $(if $(filter 0,$(shell id -u)),,sudo) apt-get update -qq && \
	  $(if $(filter 0,$(shell id -u)),,sudo) apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; }

screenshots: $(VENV)/.installed ## docs/images, from the console of the running stack
	@$(BIN)/python -m tools.screenshots

frames: $(VENV)/.installed ## how smoothly the console of the running stack draws
	@$(BIN)/python -m tools.frames

setup-deploy: setup  ## what checks deploy/: kustomize, kubeconform (Go), the schemas of custom resources (a Java since 21)
	@$(BIN)/python -m tools.deploy.validate --set-up

test: setup setup-deploy lint ## unit, conformance and integration tests on the real components (under 15 minutes)
	@$(BIN)/pytest -m "not slow"

test-slow: setup     ## the slower tiers: faults under load on the real components
	@$(BIN)/pytest -m slow

test-killed: setup setup-job ## procedures killed in every act, and with what they talk to killed (an hour)
	@$(BIN)/pytest -m slow tests/integration/test_procedures_killed.py tests/integration/test_job_procedures_killed.py

test-deploy: setup-deploy ## deploy/ before a real API server (built from its modules: a quarter of an hour, once)
	@$(BIN)/python -m tools.deploy.validate --set-up-server
	@$(BIN)/pytest tests/unit/deploy tests/integration/test_deploy_*.py tests/integration/test_kubernetes_*.py

test-images: setup   ## both images, built over stand-ins of their bases (root; buildah and debootstrap)
	@$(BIN)/python -m tools.deploy.images

drill-cluster: setup ## a real Kubernetes on this machine, for drills (root, Linux; built from its modules: half an hour, once)
	@$(BIN)/python -m drills.cluster up

drill-cluster-audit: ## what happened in it against what is in its Kafka
	@$(BIN)/python -m drills.cluster audit

drill-cluster-keys:  ## new keys of its feed, as options of alpaca-rotation; the old ones work for an hour more
	@$(BIN)/python -m drills.cluster new-keys

drill-cluster-down:  ## end it; nothing of it is left behind
	@$(BIN)/python -m drills.cluster down

lint: $(VENV)/.installed ## style, types, import contracts, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m torghut.wire.schemas --check
	@$(BIN)/python -m tools.deploy.generate --check
	@$(BIN)/python -m tools.monitoring.generate --check

manifests: $(VENV)/.installed ## write the generated parts of deploy/
	@$(BIN)/python -m tools.deploy.generate
	@$(BIN)/python -m tools.monitoring.generate

schemas: $(VENV)/.installed ## write schemas/ from torghut.wire
	@$(BIN)/python -m torghut.wire.schemas

bench: setup         ## the measurements behind every performance claim
	@$(BIN)/torghut bench forwarder

LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 pyproject.toml
lock:                ## resolve the dependencies anew
	@$(LOCK) --all-extras --group dev -o requirements/all.lock
	@$(LOCK) --extra web --extra audit --extra bench --extra kubernetes --group dev --group deploy -c requirements/all.lock -o requirements/dev.lock
	@$(LOCK) --extra web --extra audit -c requirements/all.lock -o requirements/image.lock
	@$(LOCK) --extra job -c requirements/all.lock -o requirements/job.lock
	@grep -A99 '^uv==' requirements/dev.lock | awk '/^[a-z]/ && !/^uv==/ {exit} {print}' > requirements/uv.lock

clean:               ## remove the environment and the local state (not the cache)
	@rm -rf $(VENV) .torghut
