VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
# What is built twice of one commit is the same twice: its date is the commit's.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
DATE    := $(shell date -u -d @$(SOURCE_DATE_EPOCH) +%Y-%m-%dT%H:%M:%SZ)
export SOURCE_DATE_EPOCH VERSION
LINKD   := build/linkd

.PHONY: all build install uninstall deb demo test simulate test-faults test-docker test-package test-systemd test-fleet test-vm test-web bench fuzz reference clean help needs share

all: build share ## what make install installs

# Go's own stamp would say that a checkout with a file more is another program.
build: ## build/linkd, static
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)' -o $(LINKD) ./cmd/linkd

# They are the same for every architecture, and made on this one.
share: ## build/share: manual pages, completions, copyrights
	@mkdir -p build/share
	@GOOS= GOARCH= go run ./internal/docgen -share build/share
	@packaging/copyrights >build/share/copyright

# The PATH of sudo often lacks Go: what was built before is installed then.
install: $(if $(shell command -v go),all) ## linkd and all that goes with it, below DESTDIR and PREFIX (/usr/local)
	packaging/install

uninstall: ## what install has put there goes; what others have put into /etc/linkd.d stays
	@tree=$$(mktemp -d) && trap 'rm -rf "$$tree"' EXIT && DESTDIR=$$tree packaging/install && cd "$$tree" && \
		find . -type f -printf '$(DESTDIR)/%P\0' | xargs -0 rm -f && \
		find . -depth -path '*/linkd*' -type d -printf '$(DESTDIR)/%P\0' | xargs -0 rmdir --ignore-fail-on-non-empty

DEB = "$$(ls -t $(CURDIR)/build/*.deb | head -n 1)"
deb: all ## build/linkd_VERSION_ARCH.deb, for the architecture GOARCH
	packaging/deb

demo: ## watch linkd at work, in a sandbox that leaves nothing behind; asks before it installs anything
	@tests/install-needs demo
	@$(MAKE) --no-print-directory build
	@tests/demo/run $(LINKD)

# The limit only ends what hangs: a slow and busy machine needs a tenth of it.
GO_TEST := go test -v -timeout 2h

# Most of a story is waiting for the kernel, so more of them run at a time than there are processors.
STORIES_AT_A_TIME := $(shell expr 3 \* "$$(nproc 2>/dev/null || echo 2)")
test: needs ## all checks and tests; lists what was skipped, and why
	@! gofmt -l cmd internal pkg tests | grep .
	go vet ./... && go vet -tags docgen ./cmd/linkd
	go tool staticcheck ./...
	@promtool=$$(tests/install-promtool) && export PATH="$$PATH$${promtool:+:$$promtool}" && $(call tell,test,$(GO_TEST) -vet=off -parallel $(STORIES_AT_A_TIME) ./...)

SEEDS := 10000
STEPS := 100
simulate: ## the core in a simulated world, 10^6 steps: SEEDS of STEPS each; make test runs 2,000 short ones
	go test ./pkg/reconcile -count=1 -timeout 2h -v -run '^TestSimulation$$' -seeds $(SEEDS) -steps $(STEPS)

test-faults: needs ## the stories about faults in full, of which make test tells a sample: killed at every step, and chaos
	@$(call tell,test-faults,$(GO_TEST) -parallel $(STORIES_AT_A_TIME) -run '^TestFaults$$$$' ./tests -thorough)

test-docker: build needs ## the tests with container engines, Docker and podman
	@engines=$$(tests/install-engines) && $(call tell,test-docker,$(GO_TEST) -run '^TestEngines$$$$' ./tests -linkd $(CURDIR)/$(LINKD) -engines "$$engines")

test-systemd: deb ## the tests of the service, each in a Debian system booted by systemd
	@debian=$$(tests/systemd/root) || [ $$? = 77 ] && $(call tell,test-systemd,$(GO_TEST) -run '^TestSystemd$$$$' ./tests -debian "$$debian" -deb $(DEB))

test-package: deb ## the Debian package: what is in it, and what lintian says
	@tests/install-needs package
	@$(call tell,test-package,$(GO_TEST) -run '^TestPackage$$$$' ./tests -linkd $(CURDIR)/$(LINKD) -deb $(DEB))

test-web: build needs ## the page of linkd web in Chromium, with its pictures in docs/pictures; UPDATE=-update makes these anew
	@tests/install-needs web
	@$(call tell,test-web,$(GO_TEST) ./tests/web -linkd $(CURDIR)/$(LINKD) $(UPDATE))

build/etcd: $(wildcard tests/etcd/*)
	cd tests/etcd && go vet . && go build -o ../../build/etcd .

test-fleet: build build/etcd needs ## the tests of a fleet: several machines, which are namespaces, with a real etcd
	@$(call tell,test-fleet,$(GO_TEST) -run '^TestFleet$$$$' ./tests -linkd $(CURDIR)/$(LINKD) -etcd $(CURDIR)/build/etcd)

print-%:
	@echo '$($*)'

test-vm: build ## the tests of what this kernel may lack, on Debian's kernel in a virtual machine
	@tests/install-needs vm
	@$(call tell,test-vm,tests/vm/run $(LINKD) '$(STORIES)')

bench: build ## how long linkd takes, and others
	engines=$$(tests/install-engines) && go run ./tests/bench -linkd $(LINKD) -engines "$$engines"
	go run ./tests/bench/isolation -linkd $(LINKD)
	go run ./tests/bench/cost -linkd $(LINKD)
	go run ./tests/bench/bulk -linkd $(LINKD)

FUZZTIME := 10s
fuzz: ## every fuzz test for $(FUZZTIME)
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' pkg cmd tests | while IFS=: read -r file func; do \
		echo "$${func#func } in $${file%/*}"; \
		go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "./$${file%/*}" || exit 1; \
	done

reference: ## what is generated in docs/: the reference, the JSON Schema and the picture, and what doctor looks at
	GOOS= GOARCH= go run ./internal/docgen -docs docs

clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

needs:
	@tests/install-needs

# Runs tests with -v, and prints of that what is worth reading.
tell = mkdir -p build; echo 1 >build/$(1).status; { $(2) 2>&1; echo $$? >build/$(1).status; } | tee build/$(1).log \
	| grep -vE '^(=== |PASS$$|[[:space:]]*--- PASS|\?)' || :; \
	awk "$$SKIPS" build/$(1).log | tee build/$(1).skipped; awk "$$FAILURES" build/$(1).log | tee build/$(1).failed; exit $$(cat build/$(1).status)

# A test's reason to skip is logged before its result, under the name given by the nearest line above with ===.
define SKIPS
/^=== (RUN|NAME|CONT)/ { name = $$3 }
/^ +[a-z_0-9]+\.go:[0-9]+: / { reason = $$0; sub(/^ +[^ ]+ /, "", reason); reasons[name] = reason }
/^ *--- SKIP: / { skipped[++n] = $$3 }
END {
	if (n == 0) print "Nothing was skipped."
	else print "Skipped:"
	for (i = 1; i <= n; i++) print "  " skipped[i] ": " reasons[skipped[i]]
}
endef
export SKIPS

# What each test that failed prints last, and what a story prints before it fails: a long log may be cut at its beginning.
define FAILURES
/^=== (RUN|NAME|CONT|PAUSE)/ { name = $$3; next }
/^ *--- FAIL: / { failed[++n] = $$3; name = ""; next }
/^ *--- (PASS|SKIP): / { name = ""; next }
/^FAIL\t.*\[/ { failed[++n] = $$0; next }
/^panic: / { name = "panic"; failed[++n] = name }
{ lines[name, ++count[name]] = $$0 }
/^ *FAIL: / { at[name] = count[name] }
END {
	if (n > 0) print "Failed:"
	for (i = 1; i <= n; i++) {
		for (j = 1; j <= n; j++) if (index(failed[j], failed[i] "/") == 1) break
		if (j <= n) continue
		print "  " failed[i]
		last = count[failed[i]]
		for (k = 1; k <= last; k++) if (k > last - 20 || at[failed[i]] - 10 < k && k < at[failed[i]] + 20) print lines[failed[i], k]
	}
}
endef
export FAILURES
