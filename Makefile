# site · test · lint · live · serve · reference · bench · lock · sphinx-9 · clean · mutation · assignment-pages · assignments · grade · answers · exam: each one line of thought.
PYTHON ?= python3
BIN := .venv/bin

# Same sources, same bytes: figures and pages carry the time of the last commit, not of the build.
export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 1767225600)
# One thread for linear algebra: processes that run side by side would wait for each other's threads
# (twenty times as long, where many small models are fitted), and last digits would hang on cores.
export OPENBLAS_NUM_THREADS := 1
# One formula engine, so that the same formula makes the same design everywhere.
export SM_FORMULA_ENGINE := patsy

.PHONY: site test lint live serve reference bench lock sphinx-9 clean mutation assignment-pages assignments grade answers exam

site: .venv/installed  ## execute and build the whole book
	$(BIN)/jupyter-book build . -W -n --keep-going
	$(BIN)/sphinx-build -b revealjs -W -n -E -q -d _build/.slides slides _build/html/slides
	@echo "The book is in _build/html/index.html: open it in a browser; to run pages: make serve."

test: site  ## every test, the pages' own included, and the live pages' if 'make live' has made them
	$(BIN)/pytest

lint: .venv/installed  ## style and spelling of code and prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

live: .venv/installed  ## what pages need to run in the browser: Python with its packages, and editors
	$(BIN)/python -m live.wheelhouse
	cd extensions/live_cells && npm ci --no-audit --no-fund && npm run build

serve: site  ## preview at http://localhost:8000
	$(BIN)/python -m http.server --directory _build/html 8000

reference: .venv/installed  ## store what every page says now, for the tests to compare with
	$(BIN)/python tests/pages.py

assignment-pages: .venv/installed  ## write the students' side of every assignment into the book
	$(BIN)/python -m assessment.pages

export OVERLAY  # a folder with private assignments, instead of those of the repository
assignments: site  ## a zip of each chapter for who teaches it; CLASS=ids.csv names the students
	$(BIN)/python -m assessment.release "$(or $(CLASS),assessment/example_class.csv)" $(CHAPTER)

grade: .venv/installed  ## CHAPTER=03-icc SUBMISSIONS=folder CLASS=ids.csv: writes folder/grades.csv
	$(if $(and $(CHAPTER),$(SUBMISSIONS),$(CLASS)),,$(error Say all three: make grade CHAPTER=03-icc CLASS=ids.csv SUBMISSIONS=folder))
	$(BIN)/python -m assessment.grade "$(CHAPTER)" "$(SUBMISSIONS)" "$(CLASS)"

answers: .venv/installed  ## do the hidden tests tell right from wrong, for a thousand ids? CHAPTER=03-icc
	$(BIN)/python -W ignore -m assessment.answers $(CHAPTER)

exam: .venv/installed  ## the exam bank as QTI, as Moodle XML and on paper, with keys, in _build/exam
	$(BIN)/python -m assessment.quiz assessment/exam _build/exam

bench: .venv/installed  ## measure profile_reml against other packages, lme4 among them if R has it
	$(BIN)/pip install --quiet --editable ".[bench]"
	OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 $(BIN)/python bench/bench.py

mutation: .venv/installed  ## spoil a module line by line: do the tests notice? make mutation MODULE=sums
	$(BIN)/pip install --quiet mutmut==3.8.1
	$(BIN)/mutmut run --max-children 2 "multilevel.$(MODULE).*" && $(BIN)/mutmut results

lock:  ## compile requirements.txt from pyproject.toml for Python 3.11 to 3.13
	$(PYTHON) -m venv .venv && $(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra book --extra test --extra live --extra assessment --extra lint --universal --python-version 3.11 --no-emit-index-url --output-file requirements.txt --upgrade --custom-compile-command "make lock"

# Jupyter Book 1 freezes Sphinx at version 7. The same sources must also build without it.
NOT_IN_SPHINX_9 := {'jupyter_book', 'sphinx_thebe', 'sphinx_comments', 'sphinx_jupyterbook_latex', 'sphinx_multitoc_numbering'}
S9 := _build/sphinx-9
sphinx-9: .venv/installed  ## build the same sources with the newest Sphinx and theme
	mkdir -p $(S9) && $(BIN)/jupyter-book config sphinx . && mv conf.py $(S9)/conf.py
	echo "extensions = [name for name in extensions if name not in $(NOT_IN_SPHINX_9)]" >> $(S9)/conf.py
	echo "bibtex_bibfiles = ['../../references.bib']" >> $(S9)/conf.py
	echo "del comments_config, use_jupyterbook_latex, use_multitoc_numbering" >> $(S9)/conf.py
	$(PYTHON) -m venv $(S9)/venv
	$(S9)/venv/bin/pip install --quiet "sphinx>=9" "sphinx-book-theme>=1.4" sphinx-external-toc myst-nb \
	  sphinx-exercise sphinx-design sphinx-copybutton sphinx-togglebutton sphinxcontrib-bibtex \
	  beautifulsoup4 mini-racer jupytext ipykernel seaborn --editable .
	PYTHONPATH=extensions $(S9)/venv/bin/sphinx-build -W -n --keep-going -c $(S9) . $(S9)/html

clean:  ## remove everything that is made
	rm -rf _build _nbval mutants .venv .live/build .live/site extensions/live_cells/node_modules

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
