# On a fresh machine with Python 3.11 and make: `make demo`, `make test`. The rest sets itself up in .venv.
# Where pip finds its packages is pip's business: PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE :=  # tests start many processes, each of which would compile every module again

.PHONY: demo test test-slow coverage lint docs bench clients clean

demo: .venv/ready
	$(BIN)/seehear demo

test: .venv/ready
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-slow: .venv/ready .venv/ray
	$(BIN)/pytest -n 2 --dist loadgroup -m slow

coverage: .venv/ready
	$(BIN)/pytest -n 2 -m "not slow" --cov --cov-report=term:skip-covered

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python -m benchmarks $(NAMES)

# The programs that people ask a server with. They do not go with the versions that training needs.
clients: .venv-clients/ready

.venv-clients/ready: tests/serve/clients/requirements.txt
	test -x .venv-clients/bin/python || $(PYTHON) -m venv .venv-clients
	.venv-clients/bin/python -m pip install --quiet -r $<
	touch $@

clean:
	rm -rf .venv .venv-clients .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache demo dist build

# 530 MB, for a few of the slow tests alone.
.venv/ray: .venv/ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ray,s3-test]'
	touch $@

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,start,lips,dicom,heic,demo,serve,mcp,postgres,docs,dev]'
	touch $@
