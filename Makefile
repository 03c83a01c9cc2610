# `make` lists what there is to make.
.DEFAULT_GOAL := help
.PHONY: help build demo test bench lint clean

CARGO_TARGET_DIR ?= target
export OFFSHOOT_BIN ?= $(abspath $(CARGO_TARGET_DIR))/release/offshoot
export FORGE_BIN ?= $(abspath $(CARGO_TARGET_DIR))/release/examples/forge

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the release binary, target/release/offshoot
	cargo build --release --locked

demo: ## the main job end to end, on an emulated AWS and a fake GitHub
	cargo build --release --locked --bin offshoot --example forge
	scripts/demo.sh

test: ## all tests: unit, integration, hook, example, and end to end on an emulated AWS
	.ci/run unit it hook examples e2e

bench: build ## Offshoot against the cdk CLI (SIZES=S,M for less; the whole takes over an hour)
	node benches/run.mjs

lint: ## format, clippy, links in the documents, the Action and its workflows, licences
	.ci/run format clippy docs action deny

clean: ## what was built, run and installed here
	-MINISTACK_RUN=.run/ministack rigs/ministack.sh stop
	rm -rf .run .venv-aws examples/*/node_modules examples/*/cdk.out
	cargo clean
