# gaugeway: build, test and check. `make help` lists the targets.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 10m
BENCH    ?= .

# The lines of the benchmarks' table to measure, by name: LINE=reads,freshness.
LINE ?=

# Tools have a module of their own, so that they do not steer the product's versions.
TOOL := $(GO) tool -modfile=tools/go.mod

# The end-to-end tests are a module of their own. RUN names one scenario of them.
RUN ?=

MODULES := . tools e2e e2e/etcd e2e/caddy e2e/bench/floor

.DEFAULT_GOAL := build
.PHONY: help build demo test e2e bench bench-docs bench-go fuzz lint fmt generate verify verify-vet verify-fmt \
	verify-generated verify-modules test-deps bench-deps clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/gaugeway, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/gaugeway ./cmd/gaugeway

demo: build ## show what gaugeway does, without a cluster
	bin/gaugeway demo

test: test-deps ## run the tests of all packages, plain and with the race detector
	$(GO) test ./...
	CGO_ENABLED=1 $(GO) test -race ./...

e2e: test-deps ## run the end-to-end tests, as root; RUN=name runs one scenario
	$(GO) -C e2e run ./cmd/prepare
ifeq ($(RUN),)
	$(GO) -C e2e test -count=1 ./bench/...
	$(GO) -C e2e test -count=1 -timeout 10m -parallel 6 ./gateways
endif
	$(GO) -C e2e test -v -count=1 -timeout 20m -parallel 4 $(if $(RUN),-run 'TestScenarios/^$(RUN)$$') ./scenarios

bench: bench-deps ## measure the table of docs/performance.md; LINE=reads measures one line
	$(GO) -C e2e run ./bench -line '$(LINE)'

bench-docs: bench-deps ## the same, and write it to docs/performance.md
	$(GO) -C e2e run ./bench -line '$(LINE)' -write

bench-go: ## run the Go benchmarks of all packages; BENCH=regexp narrows them
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

fuzz: ## run every fuzz target for FUZZTIME (10m)
	hack/fuzz.sh $(FUZZTIME)

lint: ## check style, common mistakes and the import directions
	$(TOOL) golangci-lint run --allow-parallel-runners ./...
	cd e2e && $(GO) tool -modfile=../tools/go.mod golangci-lint run --allow-parallel-runners ./...

fmt: ## format the sources
	$(TOOL) golangci-lint fmt ./...

generate: ## write the generated files
	$(TOOL) controller-gen object crd paths=./pkg/apis/... output:crd:dir=manifests/base/crds
	$(GO) generate ./...
	$(GO) run ./cmd/gaugeway docs > docs/lua.md.new && mv docs/lua.md.new docs/lua.md

verify: verify-fmt verify-vet lint verify-generated verify-modules ## check everything that needs no run

verify-vet: ## go vet
	$(GO) vet ./...
	$(GO) -C e2e vet ./...

verify-fmt: ## gofmt
	@files=$$(gofmt -l cmd e2e hack manifests pkg); test -z "$$files" || { echo "not formatted, run make fmt:"; echo "$$files"; exit 1; }

verify-generated: ## generated files are what make generate writes
	@MAKE="$(MAKE)" hack/verify-generated.sh

verify-modules: ## go.mod and go.sum are what go mod tidy writes
	@for dir in $(MODULES); do $(GO) -C $$dir mod tidy -diff || { echo "run go mod tidy in $$dir"; exit 1; }; done

test-deps:
	@hack/install-test-deps.sh

bench-deps:
	@hack/install-test-deps.sh bench

clean: ## remove what was built
	rm -rf bin dist
