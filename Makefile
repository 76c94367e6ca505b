# make demo   set up the small runtime and run it on samples/
# make test   set up everything the tests need and run them
# make check  lint, format, types, import contracts, fast tests

PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check install --quiet
RUNTIME = .venv/.runtime
EVERYTHING = .venv/.everything

.PHONY: demo test check format bench clean

demo: $(RUNTIME)
	.venv/bin/uner extract samples --format table \
	  --types "person, organization, location, date, drug, disease, gene or protein, software, money, food ingredient"

test: $(EVERYTHING)
	.venv/bin/python -m pytest

check: $(EVERYTHING)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -m "not slow"

format: $(EVERYTHING)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: $(RUNTIME)
	.venv/bin/python benchmarks/tagger.py

clean:
	rm -rf .venv build dist

.venv/bin/python:
	$(PYTHON) -m venv .venv

$(RUNTIME): pyproject.toml | .venv/bin/python
	$(PIP) --editable .
	@touch $@

$(EVERYTHING): pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[train,export,dev]'
	@touch $@ $(RUNTIME)
