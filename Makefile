# A newcomer needs `make run` and `make test`. `make help` lists all targets.
SHELL := /bin/bash
.DEFAULT_GOAL := build

GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.buildVersion=$(VERSION) -X main.buildCommit=$(COMMIT)

# Percent of statements that tests must reach. Examples, generated code and packages for tests do not count.
COVERAGE  := 93
UNCOUNTED := ^iris/(examples|internal/(inferencepb|testenv|dataset/(datasettest|testdata)|registry/registrytest))/

FUZZTIME ?= 10s

.PHONY: build run demo stack test test-interop chaos bench-models bench-tables bench-serving bench-batch coverage lint fmt proto
.PHONY: histories vuln fuzz clean help

build: ## build bin/iris
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='$(LDFLAGS)' -o bin/iris ./cmd/iris

run: build ## start everything on this machine until Ctrl-C
	@bin/iris up

demo: build ## start everything, train, predict, batch-predict, stop
	@bin/iris up --demo

# With -race, the compiled dependencies of the installer serve `make test` too.
stack: ## install Temporal, MinIO and MLflow into .stack, as `make run` and `make test` do
	@echo 'checking the local stack (the first run compiles its installer for a minute or two)'
	@$(GO) run -race ./internal/testenv/install

# A fit is five times slower if the race detector watches the counters of its statements too. So the coverage of the
# learners has a run of its own, without that.
test: stack ## run every test with the race detector and check the coverage
	@set -o pipefail; mkdir -p bin; status=0; \
	others=$$($(GO) list ./... | grep -v '^iris/model' | paste -sd, -); \
	$(GO) test -race -timeout=25m -coverpkg=$$others -coverprofile=bin/others.out ./... 2>&1 \
	  | sed -u 's/[[:space:]]*coverage: .*//; /^warning: no packages being tested depend/d' \
	  | tee bin/test.log || status=1; \
	if [[ $$status == 0 ]]; then \
	  $(GO) test -covermode=atomic -coverpkg=./model/... -coverprofile=bin/model.out ./model/... >bin/model.log 2>&1 \
	    || { cat bin/model.log; status=1; }; \
	fi; \
	if [[ $$status == 0 ]]; then $(MAKE) -s coverage || status=1; fi; \
	awk '/^ok /{passed++} /^FAIL\t/{failed++} END{printf "packages: %d passed, %d failed\n", passed, failed}' \
	  bin/test.log; \
	exit $$status

test-interop: ## test Iris against MLflow's Python packages, onnxruntime, Triton's client and `mlflow models serve`
	@$(GO) run -race ./internal/testenv/install temporal minio mlflow interop tritonclient
	$(GO) test -race -tags=interop -count=1 -timeout=30m -v -run='^TestInterop' ./e2e

# `make chaos SEED=7` chooses other moments. CASE='train, mlflow runs/create' tries the cases whose name contains that,
# or the case that has this name.
SEED ?= 1
chaos: stack ## try every fault on a whole Iris, for about ten minutes; writes docs/reliability.md; needs an idle machine
	@mkdir -p bin && $(GO) test -c -o bin/chaos.test ./chaos
	@cd chaos && ../bin/chaos.test -test.v -test.timeout=60m -test.run='^TestChaos$$' -long -seed=$(SEED) \
	  $(if $(CASE),-case='$(CASE)',-page=../docs/reliability.md)

# The benchmarks write their results into docs/benchmarks.md and need an idle machine.
bench-models: ## compare the learners with those of scikit-learn and LightGBM
	@$(GO) run -race ./internal/testenv/install bench
	$(GO) test -tags=bench -count=1 -timeout=30m -v -run='^TestBenchModels$$' ./bench

# BENCH_AUTOML_FOLDS=5 gives FLAML all folds, for an hour. BENCH_FOLDS=1 BENCH_AUTOML_SECONDS=5 tries the run.
bench-tables: ## compare gbdt and auto with other libraries on public tables, with FLAML for a minute each
	@$(GO) run -race ./internal/testenv/install temporal minio mlflow interop tables
	$(GO) test -tags=bench -count=1 -timeout=120m -v -run='^TestBenchTables$$' ./bench
	$(GO) test -tags=interop -count=1 -timeout=30m -v -run='^TestTablesInterop$$' ./e2e

bench-serving: ## compare the API with other model servers; needs Linux and wrk
	@$(GO) run -race ./internal/testenv/install temporal minio mlflow interop fastapi mlserver
	$(GO) test -tags=bench -count=1 -timeout=30m -v -run='^TestBenchServing$$' ./bench

bench-batch: ## compare batches with scikit-learn and onnxruntime; needs Linux
	@$(GO) run -race ./internal/testenv/install temporal minio mlflow interop batch-peers
	$(GO) test -tags=bench -count=1 -timeout=60m -v -run='^TestBenchBatch$$' ./bench

coverage: ## check the coverage of the last `make test`
	@{ echo 'mode: atomic'; grep -hEv '^mode:|$(UNCOUNTED)' bin/others.out bin/model.out; } >bin/coverage.out
	@$(GO) tool cover -func=bin/coverage.out | awk '/^total:/ { \
	  printf "statement coverage %s, want at least $(COVERAGE)%%\n", $$3; sub("%", "", $$3); exit $$3 + 0 < $(COVERAGE) }'

lint: ## run golangci-lint, which also checks the format, go vet and workflowcheck
	$(GO) vet -tags=interop,bench ./...
	$(TOOL) golangci-lint run ./...
	$(TOOL) workflowcheck -config .workflowcheck.yml ./workflows/...

fmt: ## format the code as `make lint` expects it
	$(TOOL) golangci-lint fmt ./...

proto: ## generate the Go code of the gRPC messages in internal/inferencepb
	cd internal/inferencepb && $(GO) tool -modfile=../../tools/go.mod buf generate

histories: stack ## record the golden histories of the workflows again, from end-to-end runs
	IRIS_HISTORIES=$(CURDIR)/workflows/testdata/history/unreleased \
	  $(GO) test -count=1 -timeout=15m -run='^TestHistories' ./e2e

vuln: ## look for known vulnerabilities; needs the network
	$(TOOL) govulncheck ./...

fuzz: ## run every fuzz target for FUZZTIME
	@grep -rl --include='*_test.go' --exclude-dir='.*' '^func Fuzz' */ | xargs -n1 dirname | sort -u | \
	while read -r package; do \
	  for target in $$($(GO) test -list='^Fuzz' "./$$package" | grep '^Fuzz'); do \
	    echo "$$package $$target"; \
	    $(GO) test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1s "./$$package"; \
	  done; \
	done

clean: ## remove build results; the stack and the models in .stack stay
	rm -rf bin

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
