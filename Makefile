# hpac: one entry for building, testing, installing. `make help` lists the targets and variables.
#
# Variables of the command line:
#   BUILD=build      output directory; another one for another compiler or sanitizer
#   CC=gcc           gcc or clang
#   OPT="-O3 -g"     optimization. No -march: kernels are chosen by the processor at run time
#   CFLAGS= CPPFLAGS= LDFLAGS= LDLIBS=    appended to the project's own
#   SANITIZE=        address,undefined or thread
#   WERROR=1         warnings are errors
#   PREFIX=/usr/local DESTDIR=    for install
#   LIBDIR= PLUGINDIR=    of the libraries and of libhpac_cuda.so; default: PREFIX/lib
#   CUDA_HOME=       the CUDA toolkit, if tools/find-cuda does not find the right one
#   CUDA_ARCHS=      compute capabilities of libhpac_cuda.so, for example "75 90"; default: all
#   CUDA_HOST=       the C++ compiler that nvcc calls; default: g++
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

VERSION  := $(or $(shell tools/version),$(error tools/version failed))
DATE     := $(shell tools/version --date)# of the release, for the man pages
BUILD    ?= build
PREFIX   ?= /usr/local
DESTDIR  ?=
OPT      ?= -O3 -g
ifeq ($(origin CC),default)
CC := gcc
endif

# What tools/bootstrap makes where the system has none.
export PATH := $(CURDIR)/.tools/bin:$(PATH)
PKG_CONFIG  := PKG_CONFIG_PATH="$(CURDIR)/.tools/lib/pkgconfig:$$PKG_CONFIG_PATH" pkg-config

# Libraries with a pkg-config file. libcsv and oneDNN have none, HDF5 only in some distributions.
PACKAGES := jansson libdeflate libfyaml libpng libzip
PLAIN_LIBS := -lcsv -ldnnl
ifeq ($(shell $(PKG_CONFIG) --exists hdf5 2>/dev/null && echo there),there)
PACKAGES += hdf5
else
PLAIN_LIBS += -lhdf5
endif

# ---- flags -------------------------------------------------------------------------------------
# Enumerations without a name are C's integer constants, which newer clangs do not want beside a double.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-enum-float-conversion $(if $(WERROR),-Werror)
# An instrumented build stops at the first finding. The thread sanitizer does not understand the OpenMP
# runtime and reports its barriers as races: there the pragmas are ignored. Criterion does not start
# under it: tests/threads/criterion/ replaces it.
THREADS     := $(if $(findstring thread,$(SANITIZE)),-Wno-unknown-pragmas,-fopenmp)
INCLUDES    := $(if $(findstring thread,$(SANITIZE)),-Itests/threads)
INSTRUMENTS := $(SANITIZE:%=-fsanitize=% -fno-sanitize-recover=all -fno-omit-frame-pointer)
# No implicit contraction into FMA: prepared pixels and CSV figures must not depend on the compiler or
# the processor. Hot kernels enable FMA themselves.
DIALECT  := -D_GNU_SOURCE -DHPAC_DATE='"$(DATE)"' -Iinclude -Isrc $(INCLUDES) \
            $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)) -std=c17
# One set of objects for libhpac.a and libhpac.so; calls within it can still be inlined.
PIC      := -fPIC -fno-semantic-interposition
COMPILE   = $(CC) $(DIALECT) $(OPT) $(PIC) -ffp-contract=off $(THREADS) $(WARNINGS) $(INSTRUMENTS) \
            $(MODULE_FLAGS) $(CPPFLAGS) $(CFLAGS)
# Programs with libhpac.a export their symbols: libhpac_cuda.so resolves hpac_fail and others in them.
LINK      = $(CC) -rdynamic $(filter -fopenmp,$(THREADS)) $(INSTRUMENTS) $(LDFLAGS)
# libhpac.so exports what its map lists and leaves nothing open (but what a sanitizer adds).
LINK_SHARED = $(CC) -shared $(filter -fopenmp,$(THREADS)) $(INSTRUMENTS) $(LDFLAGS) -Wl,-soname,$(SONAME) \
              -Wl,--version-script=$(BUILD)/libhpac.map,-Bsymbolic-functions,--as-needed $(if $(SANITIZE),,-Wl,-z,defs)
LIBS     := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) $(PLAIN_LIBS) -ldl -lm -lpthread $(LDLIBS)

# $(call checksum,FILE,FLAGS): of a C file's text, preprocessed: its headers and the compiler's macros; and
# what is missing. Dependency files do not show that a package was upgraded: dpkg and rpm keep the times
# of its files, which are before those of our objects.
checksum = $(shell { LC_ALL=C $(CC) $(DIALECT) $(2) $(CPPFLAGS) $(CFLAGS) -E -dD -x c $(1) | cksum; } 2>&1 | \
             sed -nE 's/^([0-9]+) [0-9]+$$/sum:\1/p; s/.* error: (.*missing: )?(.*)/\2,/p')

# Targets that compile nothing.
WITHOUT_LIBRARIES := help clean uninstall dist
ifneq ($(filter-out $(WITHOUT_LIBRARIES),$(or $(MAKECMDGOALS),all)),)
LIBRARIES := $(call checksum,tools/libraries.h) $(if $(shell command -v pkg-config 2>/dev/null),,pkg-config,)
ifneq ($(filter-out sum:%,$(LIBRARIES)),)
$(error missing: $(filter-out sum:%,$(LIBRARIES)) which `tools/bootstrap build` installs on Debian, Ubuntu, \
  Fedora, Rocky Linux and AlmaLinux; elsewhere install their development packages)
endif
endif

# ---- files -------------------------------------------------------------------------------------
MODULES      := base image device device/cpu net model data render metrics config loop rundir report \
                explore synth doctor train infer experiment
LIB_SOURCES  := $(wildcard $(MODULES:%=src/%/*.c))
TEMPLATES    := $(wildcard $(MODULES:%=src/%/*.html))
CLI_SOURCES  := $(wildcard src/cli/*.c)
UNIT_SOURCES := $(wildcard tests/unit/*.c)
FUZZ_SOURCES := $(wildcard tests/fuzz/*.c)
HEADERS      := $(wildcard include/hpac/*.h)
EXAMPLES     := $(wildcard examples/*.c)
CONFIGS      := $(wildcard configs/*.yaml)
PLOTS        := $(wildcard tools/plots/*.gp)

SONAME       := libhpac.so.0# the number changes with the ABI

COMMANDS     := $(patsubst src/cli/cmd_%.c,%,$(wildcard src/cli/cmd_*.c))
MAN_PAGES    := $(BUILD)/man/hpac.1 $(COMMANDS:%=$(BUILD)/man/hpac-%.1) $(BUILD)/man/hpac-config.5

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

all: $(BUILD)/hpac $(BUILD)/libhpac.so $(MAN_PAGES) $(BUILD)/hpac.bash ## build the program, the library, the manual

# ---- building ----------------------------------------------------------------------------------
# $(call remember,TEXT): the recipe of a file that keeps the text, and is touched when it changes.
define remember
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(1))' | cmp -s - $@ || echo '$(subst ','\'',$(1))' >$@
endef

# The commands that made the objects, and the libraries' headers: everything is rebuilt when they change.
$(BUILD)/commands: force
	$(call remember,$(COMPILE) / $(LINK) / $(LINK_SHARED) $(LIBS) / $(LIBRARIES))

# Criterion is only there for the tests.
$(BUILD)/criterion: force
	$(call remember,$(call checksum,/dev/null,-include criterion/criterion.h))
$(call objects,$(UNIT_SOURCES)): $(BUILD)/criterion

# Kernels are written once and compiled for each CPU path (src/base/cpu.h), which is chosen at run time.
# Here the compiler may contract a * b + c to one FMA, the exception to the rule above.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
AVX2   := -mavx2 -mfma -ffp-contract=fast
AVX512 := $(AVX2) -mavx512f -mavx512dq -mavx512bw -mavx512vl
$(BUILD)/obj/src/device/cpu/%_avx2.o:   private MODULE_FLAGS := $(AVX2)
$(BUILD)/obj/src/device/cpu/%_avx512.o: private MODULE_FLAGS := $(AVX512)
endif
# One file has the version, which every commit changes: nothing else is compiled again.
$(BUILD)/version: force
	$(call remember,$(VERSION))
$(BUILD)/obj/src/base/version.o: $(BUILD)/version
$(BUILD)/obj/src/base/version.o $(BUILD)/tidy/src/base/version.tidied: \
  private MODULE_FLAGS := -DHPAC_VERSION='"$(VERSION)"'

# Loops with sqrtf and conditions are vectorized only if no one asks for errno or exceptions.
$(BUILD)/obj/src/synth/%.o: private MODULE_FLAGS := -fno-math-errno -fno-trapping-math

$(BUILD)/obj/%.o: %.c $(BUILD)/commands
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# Templates of pages are in the program as they are: src/render/page.h.
$(BUILD)/obj/%.html.o: %.html
	@mkdir -p $(@D)
	$(LD) -r -b binary -z noexecstack -o $@ $<

$(BUILD)/obj/%.bash.o: %.bash
	@mkdir -p $(@D)
	$(LD) -r -b binary -z noexecstack -o $@ $<

# A list of objects, so that a source that was removed leaves the libraries too.
LIB_OBJECTS := $(call objects,$(LIB_SOURCES)) $(TEMPLATES:%=$(BUILD)/obj/%.o)
$(BUILD)/libhpac.a: $(LIB_OBJECTS) $(BUILD)/sources
	@rm -f $@
	ar rcs $@ $(filter %.o,$^)

# The functions and data that public headers declare, each at the start of a line.
$(BUILD)/libhpac.map: $(HEADERS) Makefile
	@mkdir -p $(@D)
	@{ echo 'HPAC_0 { global:'; \
	   sed -nE '/^(typedef|static)/d; s/^[a-z][a-z0-9_ *]*[ *](hpac_[a-z0-9_]+)[[(].*/\1;/p' $(HEADERS); \
	   echo 'local: *; };'; } >$@

$(BUILD)/$(SONAME): $(LIB_OBJECTS) $(BUILD)/libhpac.map $(BUILD)/sources
	$(LINK_SHARED) -o $@ $(filter %.o,$^) $(LIBS)

$(BUILD)/libhpac.so: $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $@

$(BUILD)/sources: force
	$(call remember,$(LIB_SOURCES) $(TEMPLATES))

PROGRAM := $(call objects,$(CLI_SOURCES)) $(BUILD)/obj/src/cli/completion.bash.o $(BUILD)/libhpac.a
$(BUILD)/hpac: $(PROGRAM)
	$(LINK) -o $@ $^ $(LIBS)

# Man pages and completion are generated from the tables of options and keys.
$(MAN_PAGES): $(BUILD)/hpac
	@mkdir -p $(@D)
	$< help $(patsubst hpac-%,%,$(filter hpac-%,$(basename $(@F)))) --man >$@

$(BUILD)/hpac.bash: $(BUILD)/hpac
	$< help --bash-completion >$@

$(BUILD)/tests/unit: $(call objects,$(UNIT_SOURCES)) $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) -lcriterion

# Tests of what starts threads, for SANITIZE=thread.
THREAD_SOURCES := tests/threads/main.c tests/unit/scratch.c tests/unit/picture_directory.c \
                  tests/unit/loader_fixture.c
THREAD_SOURCES += $(wildcard $(foreach module,parallel loader dataset image_pool,tests/unit/test_$(module)*.c))
$(BUILD)/tests/threads: $(call objects,$(THREAD_SOURCES)) $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS)

# The tables of docs/configuration.md are generated from the schema; a unit test compares the two.
$(BUILD)/tools/print-configuration-manual: $(BUILD)/obj/tools/print-configuration-manual.o $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS)

docs: $(BUILD)/tools/print-configuration-manual ## regenerate docs/configuration.md from the schema
	sed -i '/^<!-- Generated/q' docs/configuration.md
	$< >>docs/configuration.md

# Benchmarks of single modules: each file describes its usage.
$(BUILD)/bench/%: $(BUILD)/obj/tools/bench/%.o $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/reference/%: $(BUILD)/obj/tools/reference/%.o $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS)

clean: ## remove what was built
	rm -rf $(BUILD)

# ---- CUDA --------------------------------------------------------------------------------------
include cuda.mk

# ---- testing -----------------------------------------------------------------------------------
# OpenMP threads that wait for one another spin, by default for milliseconds: with other work on the
# same cores (tests in parallel, image loaders) that makes everything ten times slower.
export GOMP_SPINCOUNT ?= 1000

# Each suite of tools/run-tests builds what it needs with this file.
test: ## unit, whole-program and CUDA simulator tests: does it work?
	tools/run-tests test

check: ## lint, clang, sanitizers, every CPU path: the rest of what CI runs
	tools/run-tests check

unit: $(BUILD)/tests/unit ## run the unit tests
	$(BUILD)/tests/unit

e2e: $(BUILD)/hpac ## run the whole-program tests
	HPAC=$(abspath $(BUILD)/hpac) bats tests/e2e

isa: ## run the tests with each HPAC_CPU of this processor
	tools/run-tests isa

asan: ## run the unit tests under the address and undefined-behavior sanitizers
	tools/run-tests asan

tsan: ## run the loader's tests under the thread sanitizer
	tools/run-tests tsan

clang: ## build everything with clang, warnings are errors
	tools/run-tests clang

# A file is checked again only when it, a header of it or the rules changed.
C_FILES       := $(LIB_SOURCES) $(CLI_SOURCES) $(UNIT_SOURCES) $(FUZZ_SOURCES) $(wildcard tools/*.c)
FORMATTED     := $(C_FILES) $(HEADERS) $(EXAMPLES) $(wildcard tools/*.h tools/*/*.c src/*/*.h src/*/*/*.h tests/*/*.h tests/threads/*.c \
                 tests/threads/*/*.h src/device/cuda/*.c kernels/*.[ch]* tests/cuda/*.c* tests/cuda/*/*.[ch]* tests/cudasim/*.[ch]* tests/cudasim/*/*.[ch]* packaging/bundle/*.c)
SHELL_SCRIPTS := .ci/run $(shell grep -lI '^.!/.*\(bash\|sh\)$$' tools/* examples/* packaging/* packaging/bundle/* 2>/dev/null) $(wildcard tests/*/*.bash)
tidied         = $(patsubst %.c,$(BUILD)/tidy/%.tidied,$(1))

lint: lint-format lint-tidy lint-cppcheck lint-shell lint-dependencies ## formatting, clang-tidy, cppcheck, shellcheck, dependencies

# Each release formats in its own way.
lint-format:
	@if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then \
	  clang-format --dry-run -Werror $(FORMATTED); \
	else \
	  echo "skipped: clang-format 14 is missing, which tools/bootstrap deps downloads"; \
	fi

# Not for the file that defines what the model replaces.
TIDY_MODEL = $(if $(filter %/status.c,$<),,-include tools/clang-tidy.h)

# Without CUDA its headers are missing.
lint-tidy: $(call tidied,$(LIB_SOURCES) $(CLI_SOURCES) $(FUZZ_SOURCES) $(CUDA))

$(BUILD)/tidy/%.tidied: %.c .clang-tidy tools/clang-tidy.h $(BUILD)/obj/%.o
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(DIALECT) $(MODULE_FLAGS) -fopenmp $(TIDY_MODEL) >$@.log 2>&1 || \
	  { grep -A 2 ' error: ' $@.log || cat $@.log; echo "the path to it: $@.log"; exit 1; }
	@touch $@

# Arenas are bytes cut into slices of floats: invalidPointerCast would report each of them; memleak
# what HPAC_AUTO_FREE releases, which the address sanitizer checks; subtractPointers the ends of a file in
# the program.
lint-cppcheck:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	  --inline-suppr --suppress=invalidPointerCast --suppress=memleak \
	  --suppress=subtractPointers --suppress=normalCheckLevelMaxBranches \
	  -Iinclude -Isrc -D'HPAC_CUDA_ARCHS=""' -D'__asm__(name)=' \
	  $(LIB_SOURCES) $(CLI_SOURCES) $(DEVICE_SOURCES)

lint-shell:
	@shellcheck --shell=bash $(SHELL_SCRIPTS)

# No module uses one above it; see the script.
lint-dependencies: $(BUILD)/libhpac.a $(call objects,$(CLI_SOURCES)) $(if $(CUDA),$(DEVICE_OBJECTS))
	@tools/check-dependencies $(BUILD)/obj

cuda-check: ## compile, link and start a program of the CUDA libraries
	tools/run-tests cuda

cuda12-check: ## compile the CUDA device with CUDA 12 (tools/bootstrap cuda12)
	tools/run-tests cuda12

debian13: ## build and run the unit tests on Debian 13, in a chroot (as root)
	tools/run-tests debian13

test-cudasim: ## test the CUDA device on the CUDA simulator, without a GPU
	tools/run-tests cudasim

test-gpu: ## test the CUDA device on a GPU: HPAC_TEST_DEVICE=cuda:1 for the second one
	tools/run-tests gpu

# Coverage-guided fuzzing of all readers of files, FUZZ_SECONDS each.
FUZZ_SECONDS ?= 30
fuzz: ## fuzz the readers of files, FUZZ_SECONDS=30 each
	FUZZ_SECONDS=$(FUZZ_SECONDS) tools/run-tests fuzz

# Fuzzers need clang. Built by tools/run-tests in build/fuzz.
FUZZERS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
fuzzers: $(FUZZERS)
$(FUZZERS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# ---- demo --------------------------------------------------------------------------------------
demo: $(BUILD)/hpac ## generate a synthetic data set and train on it, in a few minutes
	tools/demo $(BUILD)/hpac

fits: $(BUILD)/hpac ## train the four models of the reference notebooks on 2,000 synthetic images
	tools/fits $(BUILD)/hpac

# ---- installing, packages ----------------------------------------------------------------------
include packaging.mk

help: ## list the targets and variables
	@echo "targets:"
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' Makefile *.mk tests/*/*.mk | expand -t 24
	@echo "variables:"
	@sed -nE 's/^#   ([A-Z_]+=.*)/  \1/p' Makefile

force:
.PHONY: all clean test check unit e2e isa asan tsan clang cuda-check cuda12-check debian13 test-cudasim test-gpu
.PHONY: lint lint-format lint-tidy lint-cppcheck lint-shell lint-dependencies
.PHONY: docs fuzz fuzzers demo fits help force
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
