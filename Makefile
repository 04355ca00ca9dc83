VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINKD   := build/linkd

.PHONY: build demo test test-docker test-vm bench fuzz reference clean help needs

build: ## build/linkd, static
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(LINKD) ./cmd/linkd

demo: build needs ## watch linkd do its job, in a sandbox that leaves nothing behind
	@tests/demo/run $(LINKD)

# Most of a story is waiting for the kernel, so more of them run at a time than there are processors.
test: needs ## all checks and tests; lists what was skipped, and why
	go vet ./...
	go tool staticcheck ./...
	@PATH=$$PATH:$$(tests/install-promtool) && export PATH && $(call tell,test,go test -v -timeout 5m -parallel 6 ./...)

test-docker: build needs ## the tests with container engines, Docker and podman
	@engines=$$(tests/install-engines) && $(call tell,test-docker,go test -v -timeout 5m -run '^TestEngines$$$$' ./tests -linkd $(CURDIR)/$(LINKD) -engines "$$engines")

test-vm: build ## the tests of what this kernel may lack, on Debian's kernel in a virtual machine
	@tests/install-needs vm
	@$(call tell,test-vm,tests/vm/run $(LINKD) '$(STORIES)')

bench: build ## how long linkd takes, and others
	engines=$$(tests/install-engines) && go run ./tests/bench -linkd $(LINKD) -engines "$$engines"

FUZZTIME := 10s
fuzz: ## every fuzz test for $(FUZZTIME)
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' pkg cmd tests | while IFS=: read -r file func; do \
		echo "$${func#func } in $${file%/*}"; \
		go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "./$${file%/*}" || exit 1; \
	done

reference: ## docs/reference.md and the JSON Schema, from the Go types
	go test ./pkg/reference -run TestTheDocsAreOfToday -update

clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

needs:
	@tests/install-needs

# Runs tests with -v, and prints of that what is worth reading.
tell = mkdir -p build; echo 1 >build/$(1).status; { $(2) 2>&1; echo $$? >build/$(1).status; } | tee build/$(1).log \
	| grep -vE '^(=== |PASS$$|[[:space:]]*--- PASS|\?)' || :; \
	awk "$$SKIPS" build/$(1).log; exit $$(cat build/$(1).status)

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
