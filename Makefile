# Two commands do everything: `make run` and `make test`.
GO       ?= go
FUZZTIME ?= 1m
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   = -s -w -X main.version=$(VERSION)
export GOTOOLCHAIN = local

.PHONY: run build test check fuzz waf-suite waf-differential waf-verdicts detection bench browser clean help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'

run: build ## build, then guard a sample bot server and a sample shop on loopback, with traffic and attackers
	./haechi demo $(ARGS)

build: ## build ./haechi, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o haechi ./cmd/haechi

test: ## run all tests under the race detector, installing the Debian packages they need
	./test/install.sh
	./test/run.sh

# Without cgo, as the released program: what is compiled here tests that build it find ready.
check: export CGO_ENABLED = 0
check: ## formatting, vet, staticcheck, tidiness, the rules of the house, and limits for a million keys
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt these:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	GOGC=400 $(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) test -count=1 ./internal/housetest ./internal/brick/gcra

fuzz: ## fuzz every target for FUZZTIME each
	./test/fuzz.sh $(FUZZTIME)

waf-suite: ## run all regression tests of the Core Rule Set, in process and over HTTP
	HAECHI_LONG=1 $(GO) test -count=1 -v ./internal/inspect/waf/waftest
	$(GO) test -count=1 -v -run TestWAFSuiteOverHTTP ./internal/app -waf-step 1

waf-verdicts: SEED := $(or $(SEED),$(shell date +%s))
waf-verdicts: ## print what share of attacks of each class is refused, without and with the rules of Haechi's own, and waf.context (SEED)
	HAECHI_LONG=1 $(GO) test -count=1 -v -run TestVerdicts ./internal/inspect/waf/sieve -mutants 8000 -requests 20000 -seed $(SEED)
	$(GO) test -count=1 -v -run TestContextVerdicts ./internal/app -waf-attacks 8000 -waf-honest 4000 -waf-learned 30000 -waf-seed $(SEED)

waf-differential: ## compare the fast engine of the WAF with Coraza: the suite, a million benign requests, mutated attacks (REQUESTS, SEED)
	HAECHI_LONG=1 GOGC=400 $(GO) test -count=1 -v -timeout 24h -run 'TestSuite|TestDifferential|TestMutated' ./internal/inspect/waf/sieve -requests $(or $(REQUESTS),1000000) -mutants 20000 -seed $(or $(SEED),$(shell date +%s)) -workers $(shell nproc)

detection: build ## replay the labelled captures and logs of EVAL=DIR, and print the table that its scorer makes
	@test -x "$(EVAL)/run" || { echo 'make detection EVAL=DIR: DIR/run PROGRAM replays labelled files and scores them'; exit 2; }
	"$(EVAL)/run" "$(CURDIR)/haechi" -list

bench: build ## measure beside the peers and print the tables of docs/benchmarks.md
	./bench/install.sh
	./bench/run.sh

clean: ## remove what building made
	rm -f haechi
