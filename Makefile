# The two commands of the README: make demo, make test. Both install what is missing by apt (Debian 12).
SHELL := /bin/bash
JOBS ?= $(shell nproc)

.PHONY: build demo test test-asan test-tsan corpus fuzz crash-long large packages packages-test clean

packages:
	@packaging/install-packages.sh packaging/packages-build.txt

packages-test: packages
	@packaging/install-packages.sh packaging/packages-test.txt

build: packages
	@cmake --preset release -DDCMFLOW_BUILD_TESTS=OFF >/dev/null
	@ninja -C build -j$(JOBS) dcmflow

demo: build
	@packaging/install-packages.sh packaging/packages-demo.txt
	@python3 tests/demo/demo.py build/dcmflow

test: packages-test
	@cmake --preset release -DDCMFLOW_BUILD_TESTS=ON >/dev/null
	@ninja -C build -j$(JOBS)
	@ctest --test-dir build --output-on-failure -j$(JOBS)

# Sanitizer runs of the same suite, in build folders of their own.
test-asan: packages-test
	@cmake --preset asan >/dev/null
	@ninja -C build-asan -j$(JOBS)
	@tests/sanitized asan ctest --test-dir build-asan --output-on-failure -j$(JOBS)

test-tsan: packages-test
	@cmake --preset tsan >/dev/null
	@ninja -C build-tsan -j$(JOBS)
	@tests/sanitized tsan ctest --test-dir build-tsan --output-on-failure -j$(JOBS)

# Every fuzz target for FUZZ_SECONDS, one after another; FUZZ_TARGETS picks some. docs/fuzzing.md.
FUZZ_SECONDS ?= 60
fuzz: packages-test
	@packaging/install-packages.sh packaging/packages-fuzz.txt
	@cmake --preset fuzz >/dev/null
	@ninja -C build-fuzz -j$(JOBS) fuzz_programs
	@python3 tests/fuzz/make_seeds.py build-fuzz/tests/fuzz/fuzz_regressions build-fuzz/seeds
	@FUZZ_SECONDS=$(FUZZ_SECONDS) python3 tests/fuzz/run.py build-fuzz $(FUZZ_TARGETS)

# 500 rounds of kill -9 instead of the 50 in make test.
crash-long: packages-test
	@cmake --preset release -DDCMFLOW_BUILD_TESTS=ON >/dev/null
	@ninja -C build -j$(JOBS) dcmflow
	@DCMFLOW_CRASH_ROUNDS=500 python3 tests/interop/kill_test.py build/dcmflow

# Every file of ../shared/corpus (or DCMFLOW_CORPUS) to every output, judged by other people's decoders. Debian's python3:
# the packages are its own. CORPUS_FLAGS='--write-docs docs/lossless.md' refreshes the tables there.
corpus: packages-test
	@cmake --preset release -DDCMFLOW_BUILD_TESTS=OFF >/dev/null
	@ninja -C build -j$(JOBS) dcmflow
	@cd tests/corpus && /usr/bin/python3 -m unittest -q judge_test
	@/usr/bin/python3 tests/corpus/corpus.py build/dcmflow --jobs $(JOBS) $(CORPUS_FLAGS)

# Large objects within their bound of memory: 1 GB of 2,000 frames in 512 MiB; a result of over 4 GiB. Takes 10 GB of disk.
large: packages-test
	@cmake --preset release -DDCMFLOW_BUILD_TESTS=ON >/dev/null
	@ninja -C build -j$(JOBS) dcmflow
	@python3 tests/large/recompress_memory.py build/dcmflow --frames 2000 --bound 512
	@python3 tests/large/extended_offsets.py build/dcmflow

clean:
	rm -rf build build-asan build-tsan build-debug build-clang build-fuzz
