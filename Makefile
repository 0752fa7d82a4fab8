# What one types while working on it. Everything that must hold is in .ci/run.

FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT   ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS   = -X main.version=$(VERSION) -X main.commit=$(COMMIT)

KILLS    ?= 100
SEED     ?= $(shell date +%s)

.PHONY: build docs package-files deb rpm test-deb test race lint fuzz kill kill-matrix demo bench fleet

build:
	go build -ldflags "$(LDFLAGS)" -o magento-optiply .

# The reference of all commands and the man page, from the commands themselves.
docs:
	go build -o bin/docs .
	bin/docs reference > docs/commands.md
	bin/docs reference --format man > docs/magento-optiply.1
	rm bin/docs

# What a package holds beside the files of the repository: the program, its completion and its man page.
package-files:
	mkdir -p bin/package
	CGO_ENABLED=1 go build -trimpath -ldflags "-s -w $(LDFLAGS)" -o bin/package/magento-optiply .
	for shell in bash zsh fish; do bin/package/magento-optiply completion $$shell > bin/package/completion.$$shell; done
	gzip -9nc docs/magento-optiply.1 > bin/package/magento-optiply.1.gz

# A deb or an rpm for this machine: make deb VERSION=1.2.3, into bin/package.
NFPM = go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
deb rpm: package-files
	VERSION=$(VERSION) ARCH=$$(go env GOARCH) $(NFPM) package -f packaging/nfpm.yaml -p $@ -t bin/package

test-deb: deb
	go test -run '^TestPackaging_' -deb "$$(ls -t $(CURDIR)/bin/package/*.deb | head -1)" -v .

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

# A fleet of SHOPS shops and WORKERS workers over a real PostgreSQL: shops an hour, then two nights of disasters
# from SEED, each account compared with what it must hold. Half an hour on two cores.
SHOPS   ?= 200
WORKERS ?= 4
fleet:
	go test -run '^TestFleet_ManyShops' -timeout 0 -fleet.patience 30m -fleet.shops $(SHOPS) -fleet.workers $(WORKERS) -fleet.seed $(SEED) -v .

# The main job, twice, without an account anywhere: a recorded shop, its next
# night, and the sandbox as Optiply.
demo: build
	./magento-optiply run --fixtures fixtures/demo/night-1
	./magento-optiply run --fixtures fixtures/demo/night-2

# What each phase costs beside its floor, into bench/RESULTS.md. Takes some minutes, and an hour with
# BENCH='-growth 10000,100000,1000000'.
bench:
	go run ./bench -out bench/RESULTS.md -plot bench/growth.svg $(BENCH)
