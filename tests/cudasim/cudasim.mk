# The CUDA simulator: simulated CUDA libraries, with their SONAMEs, and the host builds of the
# kernels, in $(BUILD)/cudasim. Put that first into LD_LIBRARY_PATH and libhpac_cuda.so runs on them.
# They are built without sanitizers: what is tested is what uses them.
CXX          ?= g++
CUDASIM      := $(BUILD)/cudasim
# libcudart.so.13, by the toolkit found; its symbols have that as their version.
CUDASIM_CUDART  = $(shell readelf -d "$$($(FIND_CUDA) --home)/lib64/libcudart.so" 2>/dev/null | \
                    sed -n 's/.*soname: \[\(.*\)\].*/\1/p')
CUDASIM_OPT    := -O2 -g -fPIC
CUDASIM_CC      = $(CC) $(DIALECT) $(CUDASIM_OPT) -ffp-contract=off $(WARNINGS) $(CUDA_CFLAGS)
CUDASIM_CXX     = $(CXX) -std=c++17 -Iinclude -Isrc -Ikernels $(CUDASIM_OPT) -ffp-contract=off -Wall -Wextra -Wshadow \
                  -Wno-unknown-pragmas -fsanitize=alignment,bounds $(if $(WERROR),-Werror) $(CUDA_CFLAGS)
CUDASIM_LINK    = -shared -Wl,-z,now -Wl,-z,defs -Wl,-rpath,'$$ORIGIN'

cudasim: $(CUDASIM)/libcudart.so $(CUDASIM)/libcudasim_kernels.so ## build the CUDA simulator

$(CUDASIM)/obj/%.o: tests/cudasim/%.c tests/cudasim/cudasim.mk
	@mkdir -p $(@D)
	$(CUDASIM_CC) -MMD -MP -c -o $@ $<

# ---- libcudart: never unloaded, so that leaks are looked for when the program ends --------------
CUDASIM_RUNTIME := runtime report memory stream event copy capture graph launch executor fiber \
                   device error_text checks

$(CUDASIM)/libcudart.so: $(CUDASIM_RUNTIME:%=$(CUDASIM)/obj/%.o) tests/cudasim/cudasim.mk
	@echo '$(CUDASIM_CUDART) { global: cuda*; __cuda*; cudasim_*; __ubsan_*; local: *; };' >$(CUDASIM)/cudart.map
	$(CC) $(CUDASIM_LINK) -Wl,-z,nodelete -Wl,-soname,$(CUDASIM_CUDART) \
	  -Wl,--version-script,$(CUDASIM)/cudart.map -o $(CUDASIM)/$(CUDASIM_CUDART) \
	  $(filter %.o,$^) -ldl -lpthread
	ln -sf $(CUDASIM_CUDART) $@

# ---- host builds: each library's own kernels, not the program's stubs of the same names ---------------
CUDASIM_KERNEL_LINK = $(CXX) $(CUDASIM_LINK) -Wl,-Bsymbolic -L$(CUDASIM)

$(CUDASIM)/obj/%.host.o: tests/cudasim/%.cpp tests/cudasim/cudasim.mk
	@mkdir -p $(@D)
	$(CUDASIM_CXX) -Itests/cudasim -include cuda_on_host.h -MMD -MP -c -o $@ $<

$(CUDASIM)/libcudasim_kernels.so: $(CUDASIM)/obj/host_kernels.host.o $(CUDASIM)/libcudart.so
	$(CUDASIM_KERNEL_LINK) -Wl,-soname,$(@F) -o $@ $< -lcudart

# ---- planted bugs (faults.bats) ------------------------------------------------------------------
FAULT_SOURCES := $(wildcard tests/cudasim/faults/*.c)
FAULT_OBJECTS := $(FAULT_SOURCES:tests/cudasim/%.c=$(CUDASIM)/obj/%.o)

cudasim: $(CUDASIM)/faults

$(CUDASIM)/obj/faults/%.cu.o: tests/cudasim/faults/%.cu tests/cudasim/cudasim.mk
	@mkdir -p $(@D)
	$(NVCC) -std=c++17 -arch=sm_75 -Xcompiler -fno-exceptions,-fno-threadsafe-statics -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(CUDASIM)/libcudasim_fault_kernels.so: $(CUDASIM)/obj/faults/host_kernels.host.o $(CUDASIM)/libcudart.so
	$(CUDASIM_KERNEL_LINK) -Wl,-soname,$(@F) -o $@ $< -lcudart

$(CUDASIM)/faults: $(FAULT_OBJECTS) $(CUDASIM)/obj/faults/kernels.cu.o $(CUDASIM)/libcudasim_fault_kernels.so
	$(CC) -Wl,-z,now -Wl,-rpath,'$$ORIGIN' -o $@ $(filter %.o,$^) \
	  -L$(CUDASIM) -Wl,--no-as-needed -lcudasim_fault_kernels -lcudart

# ---- bugs planted in hpac's own kernels and plans (planted_faults.bats) ---------------------------------
PLANTED := $(CUDASIM)/planted

cudasim: $(PLANTED)/libcudasim_kernels.so $(PLANTED)/libhpac_cuda.so

$(PLANTED)/source: tests/cudasim/planted_faults.txt tests/cudasim/plant-faults tests/cudasim/planted_fault.h \
  $(CUDASIM)/libcudasim_kernels.so $(CUDA_LIBRARY)
	tests/cudasim/plant-faults $< $@

$(PLANTED)/libcudasim_kernels.so: $(PLANTED)/source
	$(CUDASIM_CXX) -Itests/cudasim -include cuda_on_host.h -include planted_fault.h \
	  -c -o $(@:.so=.o) $</tests/cudasim/host_kernels.cpp
	$(CUDASIM_KERNEL_LINK) -Wl,-soname,$(@F) -o $@ $(@:.so=.o) -lcudart

# With the objects of hpac's own, but for those of files that have a fault.
PLANTED_SOURCES := $(shell sed -n 's/^+*\(src[^|]*\.c\)|.*/\1/p' tests/cudasim/planted_faults.txt | sort -u)
PLANTED_OBJECTS := $(PLANTED_SOURCES:src/device/cuda/%.c=$(PLANTED)/%.o)

$(PLANTED)/%.o: $(PLANTED)/source
	$(CC) $(DIALECT) $(DEVICE_FLAGS) -Itests/cudasim -include planted_fault.h -c -o $@ $</src/device/cuda/$*.c

$(PLANTED)/libhpac_cuda.so: $(PLANTED_OBJECTS)
	$(LINK_CUDA) -o $@ $^ $(filter-out $(call objects,$(PLANTED_SOURCES)),$(CUDA_OBJECTS)) $(CUDA_LIBS)

.PHONY: cudasim
-include $(wildcard $(CUDASIM)/obj/*.d $(CUDASIM)/obj/*/*.d)
