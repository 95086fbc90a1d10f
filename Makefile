# `make demo` and `make test` do all set-up themselves: a local .venv, build, install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
TRACE ?=
OUT ?= demo-out
SOURCES := $(shell find csrc python/lpusim CMakeLists.txt pyproject.toml -type f -not -name '*.pyc' -not -name '*.so' 2>/dev/null)
CXX_FILES := $(shell find csrc bench -name '*.h' -o -name '*.cpp' -o -name '*.cc')

.PHONY: demo test lint format native-test bench stubs dev clean

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	touch $@

$(VENV)/installed: $(VENV)/made $(SOURCES)
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(BIN)/python -m pip install --quiet --disable-pip-version-check '.[plot,test]'
	touch $@

$(VENV)/lint-tools: $(VENV)/installed
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(BIN)/python -m pip install --quiet --disable-pip-version-check '.[plot,test,lint]' 'cmake>=3.26' ninja
	touch $@

demo: $(VENV)/installed
	$(BIN)/lpusim demo --out $(OUT) $(if $(TRACE),--trace $(TRACE))

test: $(VENV)/installed
	$(BIN)/python -m pytest tests

lint: $(VENV)/lint-tools
	$(BIN)/ruff format --check python tests bench
	$(BIN)/ruff check python tests bench
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)
	$(BIN)/mypy
	$(BIN)/python tools/stubs.py --check
	$(BIN)/cmake -S . -B build/lint -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DLPUSIM_WERROR=ON -DPython_EXECUTABLE=$(abspath $(BIN)/python) -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) > /dev/null
	$(BIN)/cmake --build build/lint -j $(JOBS)

format: $(VENV)/lint-tools
	$(BIN)/ruff format python tests bench
	$(BIN)/ruff check --fix python tests bench
	$(BIN)/clang-format -i $(CXX_FILES)

stubs: $(VENV)/lint-tools
	$(BIN)/python tools/stubs.py

$(VENV)/cmake-tools: $(VENV)/made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'cmake>=3.26' ninja
	touch $@

native-test: $(VENV)/cmake-tools
	$(BIN)/cmake -S . -B build/native -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g" -DLPUSIM_PYTHON=OFF -DLPUSIM_NATIVE_TESTS=ON -DLPUSIM_SANITIZE=ON > /dev/null
	$(BIN)/cmake --build build/native -j $(JOBS)
	$(BIN)/ctest --test-dir build/native --output-on-failure

bench: $(VENV)/installed $(VENV)/cmake-tools
	$(BIN)/cmake -S . -B build/bench -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=Release -DLPUSIM_PYTHON=OFF -DLPUSIM_BENCH=ON > /dev/null
	$(BIN)/cmake --build build/bench -j $(JOBS)
	$(BIN)/python bench/run.py build/bench

clean:
	rm -rf build $(VENV) demo-out
