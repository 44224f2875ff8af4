# One script behind each target; each also runs by hand: npx tsx scripts/NAME.ts --help
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

RUN := node --import tsx
DEPS := node_modules/.package-lock.json

$(DEPS): package-lock.json package.json backend/package.json frontend/package.json
	@npm ci --loglevel=error

##@ Start here

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  \033[36m%-20s\033[0m %s\n", $$1, $$2 }' Makefile

.PHONY: host-setup
host-setup: $(DEPS) ## Install and start what is missing on this host
	@$(RUN) scripts/host-setup.ts

.PHONY: prod-env
prod-env: $(DEPS) ## Make .env.production with fresh secrets, or check it
	@$(RUN) scripts/prod-env.ts

##@ Production

.PHONY: prod-build
prod-build: $(DEPS) ## Build the images (NO_CACHE=1 from scratch)
	@$(RUN) scripts/build.ts $${NO_CACHE:+--no-cache}

.PHONY: prod-up
prod-up: $(DEPS) ## Start production behind the proxy (SWITCH=1 leaves test mode)
	@$(RUN) scripts/up.ts $${SWITCH:+--switch}

.PHONY: prod-down
prod-down: $(DEPS) ## Stop production; the data stay
	@$(RUN) scripts/down.ts

.PHONY: prod-logs
prod-logs: $(DEPS) ## Follow the logs
	@$(RUN) scripts/logs.ts $${SERVICE:+"$$SERVICE"}

.PHONY: prod-restart
prod-restart: $(DEPS) ## Restart the containers and wait until healthy
	@$(RUN) scripts/restart.ts

.PHONY: prod-health
prod-health: $(DEPS) ## Show how each container is doing
	@$(RUN) scripts/health.ts

##@ Test mode: the same stack with ports on 127.0.0.1

.PHONY: prod-test-up
prod-test-up: $(DEPS) ## Start in test mode (SWITCH=1 leaves production)
	@$(RUN) scripts/up.ts --test $${SWITCH:+--switch}

.PHONY: prod-test-down
prod-test-down: $(DEPS) ## Stop test mode; the data stay
	@$(RUN) scripts/down.ts --test

.PHONY: prod-test-logs
prod-test-logs: $(DEPS) ## Follow the logs
	@$(RUN) scripts/logs.ts $${SERVICE:+"$$SERVICE"}

.PHONY: prod-test-health
prod-test-health: $(DEPS) ## Ask page, API, WebSocket and database
	@$(RUN) scripts/health.ts --test

##@ Data

.PHONY: data-import
data-import: $(DEPS) ## Load FILE, CSV or TSV (DRY_RUN=1 only looks, REPLACE=1 removes what it lacks)
	@$(RUN) scripts/data-import.ts $${DRY_RUN:+--dry-run} $${REPLACE:+--replace} $${FILE:+"$$FILE"}

.PHONY: data-export
data-export: $(DEPS) ## Write all genes into FILE, CSV or TSV
	@$(RUN) scripts/data-export.ts $${FILE:+"$$FILE"}

##@ The network shared with Nginx Proxy Manager

.PHONY: npm-network-create
npm-network-create: $(DEPS) ## Make the network npm-proxy
	@$(RUN) scripts/npm-network.ts create

.PHONY: npm-network-check
npm-network-check: $(DEPS) ## Who is on it, and which names they answer to
	@$(RUN) scripts/npm-network.ts check

##@ Development

.PHONY: bench-search
bench-search: $(DEPS) ## Measure the search at 50,000 genes against a constant body
	@$(RUN) scripts/bench/search.ts

.PHONY: dev-up
dev-up: $(DEPS) ## Start the development stack with hot reload
	@$(RUN) scripts/dev.ts up

.PHONY: dev-down
dev-down: $(DEPS) ## Stop the development stack
	@$(RUN) scripts/dev.ts down

.PHONY: check
check: $(DEPS) ## Lint, types, dead code, compose and shell lint
	@$(RUN) scripts/check.ts

.PHONY: test
test: $(DEPS) ## Everything: check, unit tests, end-to-end tests on real Docker
	@$(RUN) scripts/test.ts
