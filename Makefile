# Each target does all its set-up itself: a local .venv, the tools, the build, the install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
JOBS ?= 2
TRACE ?=
OUT ?= demo-out
SECONDS ?= 60
SEED ?= 1
SOURCES := $(shell find csrc python/lpusim CMakeLists.txt pyproject.toml -type f -not -name '*.pyc' -not -name '*.so' 2>/dev/null)
PYTHON_FILES := python tests bench tools
CXX_FILES := $(shell find csrc bench -name '*.h' -o -name '*.cpp' -o -name '*.cc')
FUZZ := $(abspath csrc/lpusim/chip/fuzz)
CMAKE := $(BIN)/cmake -S . -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DLPUSIM_WERROR=ON

.PHONY: demo test test-reference lint format native-test fuzz fuzz-engines bench stubs clean

# Dependency groups need pip 25.1.
$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	touch $@

$(VENV)/installed: $(VENV)/made $(SOURCES)
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(PIP) install '.[plot,test]'
	touch $@

# The package is there already: pip adds what its extra asks for.
$(VENV)/reference: $(VENV)/installed
	$(PIP) install 'lpusim[reference]'
	touch $@

$(VENV)/lint-tools $(VENV)/native-tools: $(VENV)/%-tools: $(VENV)/made pyproject.toml
	$(PIP) install --group $*
	touch $@

demo: $(VENV)/installed
	$(BIN)/lpusim demo --out $(OUT) $(if $(TRACE),--trace $(TRACE))

test: $(VENV)/installed
	$(BIN)/python -m pytest tests

# Compares with torch and transformers, which the other targets do without.
test-reference: $(VENV)/reference
	$(BIN)/python -m pytest tests/reference

lint: $(VENV)/installed $(VENV)/lint-tools
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/ruff check $(PYTHON_FILES)
	@echo clang-format
	@$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)
	$(BIN)/mypy
	$(BIN)/python tools/stubs.py --check
	$(CMAKE) -B build/lint -DPython_EXECUTABLE=$(abspath $(BIN)/python) -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) > /dev/null
	$(BIN)/cmake --build build/lint -j $(JOBS)
	$(BIN)/python tools/tidy.py build/lint --jobs $(JOBS)

format: $(VENV)/lint-tools
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/clang-format -i $(CXX_FILES)

stubs: $(VENV)/installed $(VENV)/lint-tools
	$(BIN)/python tools/stubs.py

native-test: $(VENV)/native-tools
	$(CMAKE) -B build/native -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g" -DLPUSIM_PYTHON=OFF -DLPUSIM_NATIVE_TESTS=ON -DLPUSIM_SANITIZE=ON > /dev/null
	$(BIN)/cmake --build build/native -j $(JOBS)
	$(BIN)/ctest --test-dir build/native --output-on-failure -j $(JOBS)

# Compares the engines on ever new programs; SECONDS=0 ends with Ctrl-C.
fuzz-engines: $(VENV)/native-tools
	$(CMAKE) -B build/fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -g" -DLPUSIM_PYTHON=OFF -DLPUSIM_NATIVE_TESTS=ON > /dev/null
	$(BIN)/cmake --build build/fuzz -j $(JOBS) --target lpusim_chip_fuzz
	build/fuzz/lpusim_chip_fuzz $(SECONDS) $(SEED)

# Throws mutated programs at both readers; needs clang with libFuzzer (Debian package clang).
fuzz: $(VENV)/native-tools
	$(CMAKE) -B build/fuzz-readers -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g" -DLPUSIM_PYTHON=OFF -DLPUSIM_WERROR=OFF -DLPUSIM_FUZZ=ON > /dev/null
	$(BIN)/cmake --build build/fuzz-readers -j $(JOBS) --target lpusim_fuzz_text lpusim_fuzz_binary
	mkdir -p build/fuzz-readers/corpus/text build/fuzz-readers/corpus/binary
	cd build/fuzz-readers && ./lpusim_fuzz_text -max_total_time=$(SECONDS) -timeout=10 -dict=$(FUZZ)/text.dict corpus/text $(FUZZ)/corpus/text
	cd build/fuzz-readers && ./lpusim_fuzz_binary -max_total_time=$(SECONDS) -timeout=10 corpus/binary $(FUZZ)/corpus/binary

bench: $(VENV)/installed $(VENV)/native-tools
	$(CMAKE) -B build/bench -DCMAKE_BUILD_TYPE=Release -DLPUSIM_PYTHON=OFF -DLPUSIM_BENCH=ON > /dev/null
	$(BIN)/cmake --build build/bench -j $(JOBS)
	$(BIN)/python bench/run.py build/bench

clean:
	rm -rf build $(VENV) demo-out
