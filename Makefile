# One script behind each target; each also runs by hand: npx tsx scripts/NAME.ts --help
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

RUN := node scripts/launch.cjs --make
# Which words stand on make's command line: scripts/lib/terminal/word-rules.ts makes flags of them, and refuses others.
export MAKE_GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
# Tests, checks and development need all packages, operating a stack a fifth of them.
ALL := $(filter check test bench bench-search dev-up dev-down fault-report,$(MAKECMDGOALS))
DEPS := node_modules/$(if $(ALL),.all,.package-lock.json)

# A host that deploys releases of a registry may have no sources of the application.
$(DEPS): package-lock.json package.json $(wildcard backend/package.json frontend/package.json)
	@flock package-lock.json node scripts/install.cjs $(if $(ALL),--all)

##@ Start here

.PHONY: help
help: ## Show this help
	@bold= cyan= off=; if [ -t 1 ]; then bold='\033[1m' cyan='\033[36m' off='\033[0m'; fi; \
	awk -v bold="$$bold" -v cyan="$$cyan" -v off="$$off" 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s%s%s\n", bold, substr($$0, 5), off } \
	  /^[a-z-]+:.*## / { printf "  %s%-22s%s", cyan, $$1, off; column = 24; n = split($$2, words, " "); \
	    for (i = 1; i <= n; i++) { column += length(words[i]) + 1; \
	      if (column > 80) { printf "\n%24s", ""; column = 25 + length(words[i]) } printf " %s", words[i] } print "" }' Makefile

.PHONY: host-setup
host-setup: $(DEPS) ## Install and start what is missing on this host
	@$(RUN) scripts/host-setup.ts

.PHONY: prod-env
prod-env: $(DEPS) ## Make .env.production, check it, or write settings: DOMAIN=... STACK_PREFIX=...
	@$(RUN) scripts/prod-env.ts

##@ Production

.PHONY: prod-build
prod-build: $(DEPS) ## Build the images (NO_CACHE=1 from scratch)
	@$(RUN) scripts/build.ts

.PHONY: prod-up
prod-up: $(DEPS) ## Start production behind the proxy (PLAN=1 shows what it would do, SWITCH=1 leaves test mode)
	@$(RUN) scripts/up.ts

.PHONY: prod-down
prod-down: $(DEPS) ## Stop production; the data stay
	@$(RUN) scripts/down.ts

.PHONY: prod-logs
prod-logs: $(DEPS) ## Follow the logs
	@$(RUN) scripts/logs.ts

.PHONY: prod-restart
prod-restart: $(DEPS) ## Restart the containers and wait until healthy
	@$(RUN) scripts/restart.ts

.PHONY: prod-health
prod-health: $(DEPS) ## Show how each container is doing
	@$(RUN) scripts/health.ts

.PHONY: stack-list
stack-list: $(DEPS) ## Every stack of this kit on this host: state, domain, checkout
	@$(RUN) scripts/stack-list.ts

.PHONY: prod-watch
prod-watch: $(DEPS) ## Watch health, load, requests and errors live
	@$(RUN) scripts/watch.ts

.PHONY: prod-db-upgrade
prod-db-upgrade: $(DEPS) ## Move the data to a new major version of PostgreSQL (UNDO=1 back, DROP_OLD=1 old data gone)
	@$(RUN) scripts/db-upgrade.ts

.PHONY: prod-rotate-secrets
prod-rotate-secrets: $(DEPS) ## New database password and SECRET_KEY while all goes on (FORGET=1 drops the old key)
	@$(RUN) scripts/rotate-secrets.ts

.PHONY: api-token
api-token: $(DEPS) ## A token for NAME=... (DAYS=30), printed once; REVOKE=ID takes it back, LIST=1
	@$(RUN) scripts/api-token.ts

##@ Updates, and the way back

.PHONY: prod-update
prod-update: $(DEPS) ## Deploy this checkout without dropping a request
	@$(RUN) scripts/update.ts

.PHONY: prod-rollback
prod-rollback: $(DEPS) ## Go back to the release before, or TO=revision
	@$(RUN) scripts/rollback.ts

.PHONY: prod-images
prod-images: $(DEPS) ## The releases on this host (PRUNE=1 keeps the last 5) or, with REMOTE=1, of the registry
	@$(RUN) scripts/images.ts

.PHONY: prod-push
prod-push: $(DEPS) ## Push the images that were built last to REGISTRY=..., signed where there is a key
	@$(RUN) scripts/push.ts

.PHONY: deploy-key
deploy-key: $(DEPS) ## A key of SSH that may deploy to this host and do nothing else
	@$(RUN) scripts/deploy-key.ts

# What sshd runs for such a key; the words of the client come in SSH_ORIGINAL_COMMAND.
.PHONY: deploy
deploy: $(DEPS)
	@$(RUN) scripts/deploy.ts

.PHONY: prod-history
prod-history: $(DEPS) ## Who deployed what when
	@$(RUN) scripts/history.ts

.PHONY: prod-prune
prod-prune: $(DEPS) ## Remove our own old images, build cache (CACHE_AGE=24h) and logs
	@$(RUN) scripts/prune.ts
##@ Backups

.PHONY: prod-backup
prod-backup: $(DEPS) ## Back up the database into backups/
	@$(RUN) scripts/backup.ts

.PHONY: prod-backup-verify
prod-backup-verify: $(DEPS) ## Restore drill of FILE=... (default: latest)
	@$(RUN) scripts/backup.ts --verify

.PHONY: prod-backup-list
prod-backup-list: $(DEPS) ## Show the backups (REMOTE=1 those in the bucket)
	@$(RUN) scripts/backup.ts --list

.PHONY: prod-backup-prune
prod-backup-prune: $(DEPS) ## Remove backups that are too old (DRY_RUN=1 shows them)
	@$(RUN) scripts/backup.ts --prune

# Its name until version 0.2.
.PHONY: prod-backup-thin
prod-backup-thin: prod-backup-prune

.PHONY: prod-backup-schedule
prod-backup-schedule: $(DEPS) ## Back up every night, drill every week (REMOVE=1 stops it)
	@$(RUN) scripts/backup-schedule.ts

.PHONY: prod-restore
prod-restore: $(DEPS) ## Restore FILE=... (UNDO=1 swaps back, YES=1 does not ask)
	@$(RUN) scripts/restore.ts

##@ Test mode: the same stack with ports on 127.0.0.1

.PHONY: prod-test-up
prod-test-up: $(DEPS) ## Start in test mode (SWITCH=1 leaves production)
	@$(RUN) scripts/up.ts --test

.PHONY: prod-test-down
prod-test-down: $(DEPS) ## Stop test mode; the data stay
	@$(RUN) scripts/down.ts --test

.PHONY: prod-test-logs
prod-test-logs: $(DEPS) ## Follow the logs
	@$(RUN) scripts/logs.ts

.PHONY: prod-test-health
prod-test-health: $(DEPS) ## Ask page, API, WebSocket and database
	@$(RUN) scripts/health.ts --test

##@ Data

.PHONY: data-import
data-import: $(DEPS) ## Load FILE, CSV or TSV (DRY_RUN=1 only looks, REPLACE=1 removes what it lacks)
	@$(RUN) scripts/data-import.ts

.PHONY: data-export
data-export: $(DEPS) ## Write all genes into FILE, CSV or TSV
	@$(RUN) scripts/data-export.ts

##@ The network shared with Nginx Proxy Manager

.PHONY: npm-network-create
npm-network-create: $(DEPS) ## Make the network npm-proxy
	@$(RUN) scripts/npm-network.ts create

.PHONY: npm-network-check
npm-network-check: $(DEPS) ## Who is on it, and which names they answer to
	@$(RUN) scripts/npm-network.ts check

.PHONY: npm-up
npm-up: $(DEPS) ## Start an Nginx Proxy Manager on a host that has none
	@$(RUN) scripts/npm-stack.ts up

.PHONY: npm-down
npm-down: $(DEPS) ## Stop it; its settings and certificates stay
	@$(RUN) scripts/npm-stack.ts down

.PHONY: npm-proxy-host
npm-proxy-host: $(DEPS) ## Make or update NPM's proxy host: DOMAIN=... (DRY_RUN=1 shows)
	@$(RUN) scripts/npm-proxy-host.ts

.PHONY: npm-proxy-host-remove
npm-proxy-host-remove: $(DEPS) ## Remove NPM's proxy host: DOMAIN=...
	@$(RUN) scripts/npm-proxy-host.ts --remove

.PHONY: npm-verify
npm-verify: $(DEPS) ## Prove the site through the proxy: DOMAIN=... (QUICK=1 without the long WebSocket)
	@$(RUN) scripts/npm-verify.ts

##@ Proof

.PHONY: prod-verify
prod-verify: $(DEPS) ## Check the running stack's security (ONLY=, SKIP=ID=reason, JUNIT=FILE)
	@$(RUN) scripts/verify.ts

.PHONY: prod-test-verify
prod-test-verify: $(DEPS) ## The same in test mode
	@$(RUN) scripts/verify.ts --test

.PHONY: prod-scan
prod-scan: $(DEPS) ## Bill of materials of the images, and known vulnerabilities in them
	@$(RUN) scripts/scan.ts

##@ Development

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

.PHONY: fault-report
fault-report: $(DEPS) ## Try every fault and write docs/reliability.md (ENGINE=1 restarts the engine too)
	@$(RUN) scripts/fault-report.ts

.PHONY: bench
bench: $(DEPS) ## Measure beside what one would use instead (WRITE=1 writes docs/performance.md)
	@$(RUN) scripts/bench.ts

.PHONY: bench-search
bench-search: ## The search among 50,000 genes alone: make bench ONLY=search
	@$(MAKE) bench ONLY=search
