# hpac: one entry for building, testing, benchmarking. `make help` lists the targets.
.DEFAULT_GOAL := all

VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
OPT      ?= -O3 -g
PACKAGES := dnnl hdf5 jansson libdeflate libfyaml libpng

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(WERROR),-Werror)
# No contraction into FMA behind our back: prepared pixels and CSV figures must not depend on the
# compiler or the processor. Hot kernels ask for FMA themselves.
CFLAGS   := -std=c17 $(OPT) -ffp-contract=off -fopenmp $(WARNINGS) $(SANITIZE:%=-fsanitize=%)
CPPFLAGS := -D_GNU_SOURCE -DHPAC_VERSION='"$(VERSION)"' -Iinclude -MMD -MP
LDFLAGS  := -fopenmp $(SANITIZE:%=-fsanitize=%)

CPPFLAGS += $(shell pkg-config --cflags hdf5 jansson libdeflate libfyaml libpng)
LDLIBS   := $(shell pkg-config --libs hdf5 jansson libdeflate libfyaml libpng) -lcsv -ldnnl -ldl -lm -lpthread

LIB_SOURCES  := $(wildcard $(addprefix src/,base/*.c data/*.c net/*.c device/*.c device/cpu/*.c train/*.c report/*.c))
CLI_SOURCES  := $(wildcard src/cli/*.c)
UNIT_SOURCES := $(wildcard tests/unit/*.c)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

all: $(BUILD)/hpac ## build the program and the library

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/libhpac.a: $(call objects,$(LIB_SOURCES))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/hpac: $(call objects,$(CLI_SOURCES)) $(BUILD)/libhpac.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/unit: $(call objects,$(UNIT_SOURCES)) $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

unit: $(BUILD)/tests/unit ## run the unit tests
	$(BUILD)/tests/unit

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: all unit clean help
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
