# The CUDA device: $(BUILD)/libhpac_cuda.so, which hpac loads when it runs. Included by the Makefile.
#
# It is built if tools/find-cuda finds a toolkit; if not, `make` says so once and builds the rest. The
# C files are compiled by $(CC), the kernels by nvcc, one source for all compute capabilities.

DEVICE_SOURCES := $(wildcard src/device/cuda/*.c)
KERNEL_SOURCES := $(wildcard kernels/*.cu)
CUDA_LIBRARY   := $(BUILD)/libhpac_cuda.so

# make 4.3 does not pass command-line variables to $(shell).
FIND_CUDA    := CUDA_HOME='$(CUDA_HOME)' tools/find-cuda
# Evaluated only when a target needs them. Without CUDA they are empty and the target says why.
NVCC        = $(shell $(FIND_CUDA) --nvcc)
CUDA_CFLAGS = $(shell $(FIND_CUDA) --cflags)
CUDA_LIBS   = $(shell $(FIND_CUDA) --libs)

# Empty when nothing is built.
CUDA := $(if $(filter-out $(WITHOUT_LIBRARIES),$(or $(MAKECMDGOALS),all)),$(DEVICE_SOURCES))
ifneq ($(CUDA),)
CUDA_MISSING := $(shell $(FIND_CUDA) 2>&1 >/dev/null)
ifneq ($(CUDA_MISSING),)
CUDA :=
all: $(BUILD)/cuda-missing
else
NVCC        := $(NVCC)
CUDA_CFLAGS := $(CUDA_CFLAGS)
CUDA_LIBS   := $(CUDA_LIBS)
all: $(CUDA_LIBRARY)
endif
endif

# Printed once, and again when the reason changes. A stale library would be loaded: it is removed.
$(BUILD)/cuda-missing: force
	@mkdir -p $(@D)
	@rm -f $(CUDA_LIBRARY) $(BUILD)/packages/libhpac_cuda.so
	@echo '$(subst ','\'',$(CUDA_MISSING))' | cmp -s - $@ || { \
	  echo '$(subst ','\'',$(CUDA_MISSING))' | tee $@; \
	  echo 'libhpac_cuda.so is not built: hpac will have the device cpu only'; }

# ---- compute capabilities ------------------------------------------------------------------------
# Machine code runs on its capability and on later ones of the same major number; for newer GPUs the
# driver compiles the PTX of the newest capability when it loads the library.
#   7.5 T4, RTX 20 / 8.0 A100 / 8.6 RTX 30 / 8.9 L4, RTX 40 / 9.0 H100 / 10.0 B200 / 12.0 RTX 50
WANTED_ARCHS := 75 80 86 89 90 100 120
ifneq ($(CUDA),)
KNOWN_ARCHS   := $(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch))
UNKNOWN_ARCHS := $(filter-out $(KNOWN_ARCHS),$(CUDA_ARCHS))
ifneq ($(UNKNOWN_ARCHS),)
$(error CUDA_ARCHS: $(NVCC) cannot build for $(UNKNOWN_ARCHS). It knows: $(KNOWN_ARCHS))
endif
ARCHS  := $(or $(strip $(CUDA_ARCHS)),$(filter $(KNOWN_ARCHS),$(WANTED_ARCHS)))
NEWEST := $(shell printf '%s\n' $(ARCHS) | sort -n | tail -n 1)
GENCODE := $(foreach arch,$(ARCHS),-gencode arch=compute_$(arch),code=sm_$(arch)) \
           -gencode arch=compute_$(NEWEST),code=compute_$(NEWEST)
endif

# ---- compiling -----------------------------------------------------------------------------------
DEVICE_FLAGS = -fPIC -Ikernels -DHPAC_CUDA_ARCHS='"$(ARCHS)"' $(CUDA_CFLAGS)
# Without exceptions and guarded statics libstdc++ is not needed. -lineinfo is free and gives line
# numbers to compute-sanitizer and the profilers. No -Wpedantic: what nvcc passes to the C++ compiler is
# not ISO C++; pragmas unknown to that are for nvcc.
HOST_FLAGS    = -fPIC,-fno-exceptions,-fno-threadsafe-statics,-Wall,-Wextra,-Wshadow,-Wno-unknown-pragmas
COMPILE_CUDA  = $(NVCC) -std=c++17 $(CUDA_HOST:%=-ccbin %) $(GENCODE) --threads 0 \
                $(filter -O0 -O1 -O2 -O3 -g,$(OPT)) -lineinfo \
                -Iinclude -Isrc -Ikernels $(CUDA_CFLAGS) -Xcompiler $(HOST_FLAGS) \
                $(if $(WERROR),--Werror all-warnings -Xcompiler -Werror) $(CUDA_FLAGS)
# hpac's public functions are resolved in the program or the libhpac.so that loads the library; any
# other undefined symbol is an error at that moment (-z now), not in the middle of a training.
LINK_CUDA     = $(CC) -shared $(INSTRUMENTS) $(LDFLAGS) \
                -Wl,-z,now,--as-needed,--enable-new-dtags,--version-script=src/device/cuda/exports.map

# The toolkit may be replaced by another release in the same directory.
CUDA_HEADERS  := cuda_runtime.h cublas_v2.h cudnn.h nvtx3/nvToolsExt.h
TOOLKIT        = $(shell $(NVCC) --version | tail -n 1) \
                 $(call checksum,/dev/null,$(CUDA_CFLAGS) $(CUDA_HEADERS:%=-include %))

$(BUILD)/cuda-commands: force
	$(call remember,$(DEVICE_FLAGS) / $(COMPILE_CUDA) / $(LINK_CUDA) $(CUDA_LIBS) / $(TOOLKIT))

DEVICE_OBJECTS := $(call objects,$(DEVICE_SOURCES))
KERNEL_OBJECTS := $(KERNEL_SOURCES:%.cu=$(BUILD)/obj/%.o)
# With a source of libhpac that is not public.
CUDA_OBJECTS   := $(DEVICE_OBJECTS) $(KERNEL_OBJECTS) $(call objects,src/device/plan.c)

$(DEVICE_OBJECTS): private MODULE_FLAGS = $(DEVICE_FLAGS)
$(BUILD)/tidy/src/device/cuda/%.tidied: private MODULE_FLAGS = $(DEVICE_FLAGS)
$(DEVICE_OBJECTS): $(BUILD)/cuda-commands

$(KERNEL_OBJECTS) $(BUILD)/obj/tests/cuda/kernels/numbers.o: $(BUILD)/obj/%.o: %.cu $(BUILD)/cuda-commands
	@mkdir -p $(@D)
	$(COMPILE_CUDA) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/cuda-sources: force
	$(call remember,$(DEVICE_SOURCES) $(KERNEL_SOURCES))

$(CUDA_LIBRARY): $(CUDA_OBJECTS) src/device/cuda/exports.map $(BUILD)/cuda-sources
	@rm -f $(BUILD)/cuda-missing
	$(LINK_CUDA) -o $@ $(filter %.o,$^) $(CUDA_LIBS)

# Tests and benchmarks look for it in their own directory, as hpac does.
$(BUILD)/tests/libhpac_cuda.so $(BUILD)/bench/libhpac_cuda.so: $(CUDA_LIBRARY)
	@mkdir -p $(@D)
	@ln -sf ../libhpac_cuda.so $@
ifneq ($(CUDA),)
$(BUILD)/tests/unit: | $(BUILD)/tests/libhpac_cuda.so
$(patsubst tools/%.c,$(BUILD)/%,$(wildcard tools/bench/*.c)): | $(BUILD)/bench/libhpac_cuda.so
endif

# ---- single kernels, on the CUDA simulator or a GPU ------------------------------------------------------
KERNEL_TESTS := $(wildcard tests/cuda/kernels/*.c)
KERNEL_TEST_OBJECTS := $(call objects,$(KERNEL_TESTS)) $(BUILD)/obj/tests/cuda/kernels/numbers.o
$(call objects,$(KERNEL_TESTS)): private MODULE_FLAGS = $(DEVICE_FLAGS)
$(BUILD)/tests/kernels: $(KERNEL_TEST_OBJECTS) $(KERNEL_OBJECTS) $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -Wl,--as-needed -o $@ $^ $(LIBS) $(CUDA_LIBS) -lcriterion

# ---- the toolchain -------------------------------------------------------------------------------
$(BUILD)/tests/cuda/toolchain: tests/cuda/toolchain.cu tools/find-cuda
	@mkdir -p $(@D)
	@$(FIND_CUDA) >/dev/null
	$(NVCC) -std=c++17 -cudart none $(CUDA_CFLAGS) -o $@ $< $(CUDA_LIBS)

# Asks the real cuDNN about configurations; see the file.
$(BUILD)/obj/tests/cuda/%.o: private MODULE_FLAGS = $(CUDA_CFLAGS)
$(BUILD)/tests/cuda/descriptors: $(call objects,tests/cuda/descriptors.c) $(BUILD)/libhpac.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(CUDA_LIBS) $(LIBS)

# ---- the CUDA simulator: stand-ins for the CUDA libraries ------------------------------------------------
-include tests/cudasim/cudasim.mk tests/cudasim/libraries.mk
