# Two commands for a user: `make demo`, `make test`. Two for a developer: `make check` while working, `make test` before handing over.
# Needs Python 3.11 or newer, make and git; everything else comes from the package registries, into .venv and .tools.
SHELL := /bin/bash
BIN := .venv/bin

.PHONY: help install lock demo check test prove docs

help:
	@sed -n 's/^#: //p' Makefile

#: make install   the environment in .venv, from the lock; again only when the lock changed
install: .venv/.installed

.venv/.installed: requirements/all.txt pyproject.toml scripts/install
	@scripts/install

#: make lock      resolve pyproject.toml again into requirements/all.txt
lock:
	@scripts/install --lock

#: make demo      train for real with two Ray workers here, dashboard open; ends by itself in a few minutes
demo: install
	@$(BIN)/steelyard run 01-ray-training --dashboard

#: make check     lint, types, import contracts, fast tests
check: install
	@scripts/test check

#: make test      check, then the tests with real Ray and a real browser; finds or installs Chromium
test: install
	@scripts/test all

#: make prove     the full counts: fuzzing, kills, long loads; takes hours
prove: install
	@scripts/prove

#: make docs      write the generated pages of docs/reference again
docs: install
	@$(BIN)/python -m steelyard.blueprint.reference docs/reference/blueprint.md
	@$(BIN)/python -m steelyard.telemetry.reference docs/reference/metrics.md
	@$(BIN)/python -m steelyard.cli.reference docs/reference/commands.md
