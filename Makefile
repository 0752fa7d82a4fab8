# What one types while working on it. Everything that must hold is in .ci/run.

FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

KILLS    ?= 100
SEED     ?= $(shell date +%s)

.PHONY: build test race lint fuzz kill kill-matrix demo bench

build:
	go build -ldflags "-X main.version=$(VERSION)" -o magento-optiply .

test:
	go test ./...

race:
	go test -race ./...

lint:
	.ci/run lint

# Each fuzz test for FUZZTIME; go fuzzes one at a time.
fuzz:
	@set -e; for package in $$(go list ./...); do \
	  for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "== $$package $$name"; \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

# Nights killed at random moments, while they read and while they send: KILLS rounds from SEED, which a failure names.
kill:
	go test -run '^TestKill_' -timeout 0 -kill.rounds $(KILLS) -kill.seed $(SEED) -v .

# Loads killed at random moments while Optiply misbehaves, and a fifth as many whole
# nights. Prints rounds, kills, requests, duplicates and losses; a failure names its seed.
kill-matrix: KILLS = 200
kill-matrix:
	@echo "seed $(SEED)"
	@go test -run '^TestKill_(Matrix|Nothing)' -timeout 0 -kill.rounds $(KILLS) -kill.seed $(SEED)

# The main job, twice, without an account anywhere: a recorded shop, its next
# night, and the sandbox as Optiply.
demo: build
	./magento-optiply run --fixtures fixtures/demo/night-1
	./magento-optiply run --fixtures fixtures/demo/night-2

# What each phase costs beside its floor, into bench/RESULTS.md. Takes some minutes, and an hour with
# BENCH='-growth 10000,100000,1000000'.
bench:
	go run ./bench -out bench/RESULTS.md -plot bench/growth.svg $(BENCH)
