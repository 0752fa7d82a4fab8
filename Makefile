# What one types while working on it. Everything that must hold is in .ci/run.

FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: build test race lint fuzz demo

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

# The main job, twice, without an account anywhere: a recorded shop, its next
# night, and the sandbox as Optiply.
demo: build
	./magento-optiply run --fixtures fixtures/demo/night-1
	./magento-optiply run --fixtures fixtures/demo/night-2
