# `make help` lists what there is.

.DEFAULT_GOAL := help
.PHONY: help demo run test lint fmt fuzz bench postgres python wrk

CARGO ?= cargo

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "make %-8s %s\n", $$1, $$2 }'

# The dev profile: from nothing it is ready in about half the time of the release profile (whose link-time optimisation
# and optimised dependencies buy nothing that a demo shows), and it shares most of its dependencies with `make test`.
demo: postgres ## everything at once, with built-in HR systems to play with; only Rust and a C compiler are needed
	$(CARGO) run --locked -- demo

run: postgres ## the server, with a database of its own unless ROLLBOOK_DATABASE_URL names one
	$(CARGO) run --locked -- serve

# Doc tests first, so that the summary of all others stands at the end. One of these takes all migrations down and up.
# ROLLBOOK_PYTHON_TOOLS names a virtual environment with tests/python/requirements.txt; without it one is made.
# TEST_DATABASE_URL names a server for the tests' databases; without it a throw-away cluster is started, which ends by
# itself half a minute after the last test.
test: postgres python ## all tests
	INSTA_UPDATE=no $(CARGO) test --workspace --locked --quiet --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		echo "$(CARGO) nextest run --workspace --locked"; INSTA_UPDATE=no $(CARGO) nextest run --workspace --locked; \
	else \
		echo "$(CARGO) test --workspace --locked --lib --bins --tests"; \
		INSTA_UPDATE=no $(CARGO) test --workspace --locked --lib --bins --tests; \
	fi

lint: ## format, clippy, documentation: all without a warning
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --locked --no-deps --quiet

fmt: ## formats the code
	$(CARGO) fmt --all

# Any toolchain will do: without a sanitizer libFuzzer needs none of the nightly one, and there is no unsafe code to watch.
# What was found grows in fuzz/corpus, apart from the seeds; an input that failed is kept in fuzz/artifacts.
SECONDS ?= 600
fuzz: ## ten minutes for each fuzz target (SECONDS=60: one minute)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || \
		{ echo "make fuzz needs cargo-fuzz and a C++ compiler: cargo install --locked cargo-fuzz" >&2; exit 1; }
	@set -e; for target in $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))); do \
		echo "fuzzing $$target for $(SECONDS) s"; \
		mkdir -p fuzz/corpus/$$target; \
		$(CARGO) fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(SECONDS) \
			-dict=fuzz/scim.dict -max_len=10000 -timeout=10 -rss_limit_mb=1024 -verbosity=0 -print_funcs=0 -print_final_stats=1; \
	done

# PEOPLE="2500 50000" measures companies of other sizes; PEOPLE="--attack 13000" only reads beside an attack.
bench: postgres wrk ## figures of reading at 10,000 and 100,000 people, beside what the machine can do: about half an hour
	$(CARGO) bench --locked --bench directory -- $(PEOPLE)

postgres:
	@if [ -z "$$TEST_DATABASE_URL" ]; then scripts/ensure-postgres; fi

# The tools that judge the server from outside, in a virtual environment under target/.
python:
	@if [ -z "$$ROLLBOOK_PYTHON_TOOLS" ]; then scripts/ensure-python-tools; fi

# The load generator of `make bench`.
wrk:
	@scripts/ensure-wrk
