# Every verb does what set-up it needs. `make help` lists them.

PYTHON ?= python3
KAFKA_PORT ?= 9092
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := build/bench-venv
BENCH_READY := $(BENCH)/.ready
BASE ?= HEAD~1
PARTS_BENCH = $(BIN)/pytest -q tests/bench/parts.py -p no:cacheprovider --benchmark-storage=file://build/parts
KAFKA_JARS := deploy/kafka/lib/.ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-kafka chaos soak bench bench-parts check format kafka-jars kafka kafka-stop train build requirements clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make .venv with everything, and the command at .venv/bin/tocsin

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tocsin needs Python 3.11 or newer, this is %d.%d; name another with PYTHON=" % sys.version_info[:2])'
	@echo "installing into $(VENV) (a minute the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(READY) ## see it work: broker, worker, seed articles, events; leaves nothing running
	@$(BIN)/tocsin demo

test: $(READY) ## run the tests, the flow through the embedded broker included
	@$(BIN)/python -m pytest -m "not kafka"

test-kafka: $(READY) $(KAFKA_JARS) ## run the flow tests on a real Apache Kafka (needs Java 17, Maven and openssl)
	@$(BIN)/python -m pytest -m kafka

chaos: $(READY) $(KAFKA_JARS) ## hurt workers, brokers and network under load, and count (ONLY= RUNS= ARTICLES= PARTITIONS= DELIVERY= SEED= BREAK=)
	@$(BIN)/python tests/chaos

soak: $(READY) $(KAFKA_JARS) ## half of capacity for MINUTES=30, a worker killed every EVERY=3 minutes, and count
	@$(BIN)/python tests/chaos/soak.py

bench: $(BENCH_READY) $(KAFKA_JARS) ## measure speed beside what a user would write instead (PARTS= ONLY= ROUNDS= ARTICLES= SECONDS= BACKLOG= RATES= LENGTHS= PARTITIONS= WORKERS= REPLAY=)
	@$(BENCH)/bin/python tests/bench

bench-parts: $(READY) ## what decode, tag and encode cost, as a ratio to the commit BASE (the one before)
	@rm -rf build/before build/parts && mkdir -p build/before
	@git archive $(BASE) consumers models schemas | tar -x -C build/before
	@PYTHONPATH=build/before $(PARTS_BENCH) --benchmark-save=before >/dev/null
	@PYTHONPATH=. $(PARTS_BENCH) --benchmark-compare --benchmark-group-by=func --benchmark-columns=median,iqr,rounds

$(BENCH_READY): requirements/bench.txt pyproject.toml
	@echo "installing into $(BENCH) (a minute the first time)"
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --require-hashes -r requirements/bench.txt
	@$(BENCH)/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

check: $(READY) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests/chaos
	@$(BIN)/mypy tests/bench
	@$(BIN)/lint-imports --no-cache

format: $(READY) ## let ruff order and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

kafka-jars: $(KAFKA_JARS) ## fetch the jars of Apache Kafka with Maven

$(KAFKA_JARS): deploy/kafka/pom.xml
	@mvn -B -q -f deploy/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=lib
	@touch $@

kafka: $(READY) $(KAFKA_JARS) ## start an Apache Kafka on 127.0.0.1:$(KAFKA_PORT), with the three topics
	@$(BIN)/python -m consumers.local_kafka start $(KAFKA_PORT)
	@TOCSIN_BROKERS=127.0.0.1:$(KAFKA_PORT) $(BIN)/tocsin topics create

kafka-stop: $(READY) ## stop it again
	@$(BIN)/python -m consumers.local_kafka stop

train: $(READY) ## train the classifier anew and write models/artefact
	@$(BIN)/tocsin train

build: $(READY) ## build sdist and wheel into dist/
	@rm -rf dist
	@$(BIN)/python -m build --quiet

requirements: $(READY) ## compile requirements/*.txt from pyproject.toml, with hashes and without an index
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header -o requirements/run.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --extra demo --extra dev -o requirements/dev.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header -c requirements/dev.txt --extra bench -o requirements/bench.txt pyproject.toml

clean: ## remove .venv, build and dist
	@rm -rf $(VENV) build dist
