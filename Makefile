PYTHON ?= python3
BIN := .venv/bin

.PHONY: validate test verify bench clean

validate: .venv/ready
	$(BIN)/maskguide validate --report report

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not verify"
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=300 -p no:cacheprovider notebooks

verify: .venv/ready
	$(BIN)/maskguide verify
	$(BIN)/python -m pytest -m verify

bench: .venv/ready
	$(BIN)/python -m benchmarks

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'maskguide needs Python >= 3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,bench]"
	$(BIN)/pip install --quiet --disable-pip-version-check --only-binary=:all: "stormpy>=2.0" \
		|| echo "no wheel of stormpy for this machine: its test will be skipped"
	touch .venv/ready

clean:
	rm -rf .venv report .pytest_cache .hypothesis .ruff_cache
