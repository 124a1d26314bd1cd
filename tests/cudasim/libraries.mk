# The CUDA simulator's libcublas and libcudnn, on top of its libcudart (cudasim.mk). Arithmetic is oneDNN's,
# descriptors are those of the real libcudnn, which is opened by its full path.
ifneq ($(CUDASIM),)
CUDASIM_COMMON := library numbers
CUDASIM_CUBLAS := cublas $(CUDASIM_COMMON)
CUDASIM_CUDNN  := cudnn_algorithm cudnn_choose cudnn_convolution cudnn_handle cudnn_problem \
                  cudnn_real columns convolution $(CUDASIM_COMMON)

# The real library of a name, by the toolkit found; and what it calls itself: libcublas.so.13.
cudasim_real    = $(realpath $(firstword $(wildcard \
                    $(patsubst -L%,%/$(1).so,$(filter -L%,$(CUDA_LIBS))))))
cudasim_soname  = $(shell readelf -d '$(call cudasim_real,$(1))' 2>/dev/null | \
                    sed -n 's/.*soname: \[\(.*\)\].*/\1/p')

$(patsubst %,$(CUDASIM)/obj/%.o,$(sort $(CUDASIM_CUBLAS) $(CUDASIM_CUDNN))): \
  private CUDASIM_OPT = -O3 -g -fPIC -fopenmp -DCUDNN_SIM_REAL='"$(call cudasim_real,libcudnn)"'

# $(call cudasim_library,PREFIX): links objects as the library of the target's name; only functions
# that begin with the prefix are seen. Never unloaded, so that leaks are looked for at the end.
define cudasim_library
	echo '$(call cudasim_soname,$(basename $(@F))) { global: $(1)*; local: *; };' >$(@:.so=.map)
	$(CC) $(CUDASIM_LINK) -Wl,-z,nodelete -Wl,-soname,$(call cudasim_soname,$(basename $(@F))) \
	  -Wl,--version-script,$(@:.so=.map) -fopenmp \
	  -o $(@D)/$(call cudasim_soname,$(basename $(@F))) $(filter %.o,$^) \
	  -L$(CUDASIM) -lcudart -ldnnl -ldl -lpthread -lm
	ln -sf $(call cudasim_soname,$(basename $(@F))) $@
endef

$(CUDASIM)/libcublas.so: $(CUDASIM_CUBLAS:%=$(CUDASIM)/obj/%.o) $(CUDASIM)/libcudart.so
	$(call cudasim_library,cublas)

$(CUDASIM)/libcudnn.so: $(CUDASIM_CUDNN:%=$(CUDASIM)/obj/%.o) $(CUDASIM)/libcudart.so
	$(call cudasim_library,cudnn)

cudasim: $(CUDASIM)/libcublas.so $(CUDASIM)/libcudnn.so

# ---- tests of the simulated libraries' arithmetic ----------------------------------------------------------
CUDASIM_UNIT := $(patsubst tests/cudasim/%.c,$(CUDASIM)/obj/%.o,$(wildcard tests/cudasim/unit/*.c))

$(CUDASIM)/unit: $(CUDASIM_UNIT) $(CUDASIM)/libcublas.so $(CUDASIM)/libcudnn.so $(CUDASIM)/libcudasim_kernels.so
	$(CC) -Wl,-rpath,'$$ORIGIN' -o $@ $(CUDASIM_UNIT) -L$(CUDASIM) -lcudart -lcublas -lcudnn -lcriterion -lm

# ---- a program with their users' mistakes, for libraries.bats ------------------------------------
LIBRARY_FAULTS := $(patsubst tests/cudasim/%.c,$(CUDASIM)/obj/%.o,$(wildcard tests/cudasim/library_faults/*.c))

$(CUDASIM)/library_faults: $(LIBRARY_FAULTS) $(CUDASIM)/libcublas.so $(CUDASIM)/libcudnn.so
	$(CC) -Wl,-rpath,'$$ORIGIN' -o $@ $(LIBRARY_FAULTS) -L$(CUDASIM) -lcudart -lcublas -lcudnn

cudasim: $(CUDASIM)/unit $(CUDASIM)/library_faults
endif
