# site · test · lint · serve · lock · clean: each one line of thought.
PYTHON ?= python3
BIN := .venv/bin

# Same sources, same bytes: figures and pages carry the time of the last commit, not of the build.
export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 1767225600)
# One formula engine, so that the same formula makes the same design everywhere.
export SM_FORMULA_ENGINE := patsy

.PHONY: site test lint serve lock clean

site: .venv/installed  ## execute and build the whole book
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book is in _build/html/index.html: open it in a browser, or run 'make serve'."

test: site  ## every test, the pages' own included
	$(BIN)/pytest

lint: .venv/installed  ## style and spelling of code and prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

serve: site  ## preview at http://localhost:8000
	$(BIN)/python -m http.server --directory _build/html 8000

lock:  ## compile requirements.txt from pyproject.toml for Python 3.11 to 3.13
	$(PYTHON) -m venv .venv && $(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-index-url --output-file requirements.txt --upgrade --custom-compile-command "make lock"

clean:  ## remove everything that is made
	rm -rf _build _nbval .venv

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
