# Installing, and packages: bundle, Debian packages, source tarball. Included by the Makefile.
# docs/installing.md describes them.

# The directory of the library, and of libhpac_cuda.so, which hpac finds relative to itself.
LIBDIR    ?= $(PREFIX)/lib
PLUGINDIR ?= $(PREFIX)/lib

# In quotes: with a blank in the path, rm -rf would remove something else.
bindir     := '$(DESTDIR)$(PREFIX)/bin'
libdir     := '$(DESTDIR)$(LIBDIR)'
plugindir  := '$(DESTDIR)$(PLUGINDIR)'
includedir := '$(DESTDIR)$(PREFIX)/include/hpac'
datadir    := '$(DESTDIR)$(PREFIX)/share/hpac'
docdir     := '$(DESTDIR)$(PREFIX)/share/doc/hpac'
mandir     := '$(DESTDIR)$(PREFIX)/share/man'
bashdir    := '$(DESTDIR)$(PREFIX)/share/bash-completion/completions'

# hpac.pc is for libhpac.so; hpac-static.pc for libhpac.a, which needs its libraries at the link, and
# -rdynamic: libhpac_cuda.so, loaded at run time, resolves hpac_fail and others in the program.
define PC_FILE
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))

Name: $(1)
Description: Classifier for the Human Protein Atlas images
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} $(2)
endef
PC_SHARED = $(call PC_FILE,hpac,-lhpac)
define PC_STATIC
$(call PC_FILE,hpac-static,-l:libhpac.a -rdynamic $(PLAIN_LIBS) -fopenmp -ldl -lm -lpthread)
Requires: $(PACKAGES)
endef

install: install-program install-library ## install program, libraries, headers, configurations, plots, manual, documentation, completion: PREFIX=, DESTDIR=

install-program: all
	install -d $(bindir) $(plugindir) $(datadir)/configs $(datadir)/plots $(mandir)/man1 $(mandir)/man5 \
	  $(bashdir) $(docdir)/docs $(docdir)/examples
	install -m 755 $(BUILD)/hpac $(bindir)
	$(if $(CUDA),install -m 755 $(CUDA_LIBRARY) $(plugindir))
	install -m 644 $(CONFIGS) $(datadir)/configs
	install -m 644 $(PLOTS) $(datadir)/plots
	install -m 644 $(filter %.1,$(MAN_PAGES)) $(mandir)/man1
	install -m 644 $(filter %.5,$(MAN_PAGES)) $(mandir)/man5
	install -m 644 $(BUILD)/hpac.bash $(bashdir)/hpac
	install -m 644 README.md LICENSE THIRD_PARTY.md CHANGELOG.md $(docdir)
	install -m 644 $(wildcard docs/*) $(docdir)/docs
	install -m 644 $(wildcard examples/*) $(docdir)/examples

install-library: all
	install -d $(libdir)/pkgconfig $(includedir)
	install -m 644 $(BUILD)/libhpac.a $(BUILD)/$(SONAME) $(libdir)
	ln -sf $(SONAME) $(libdir)/libhpac.so
	install -m 644 $(HEADERS) $(includedir)
	$(file >$(BUILD)/hpac.pc,$(PC_SHARED))
	$(file >$(BUILD)/hpac-static.pc,$(PC_STATIC))
	install -m 644 $(BUILD)/hpac.pc $(BUILD)/hpac-static.pc $(libdir)/pkgconfig

uninstall: ## remove what install installed, with the same PREFIX= and DESTDIR=
	rm -f $(bindir)/hpac $(libdir)/libhpac.a $(libdir)/libhpac.so $(libdir)/$(SONAME) \
	  $(libdir)/pkgconfig/hpac.pc $(libdir)/pkgconfig/hpac-static.pc $(plugindir)/libhpac_cuda.so \
	  $(bashdir)/hpac $(mandir)/man1/hpac.1 $(mandir)/man1/hpac-*.1 $(mandir)/man5/hpac-config.5
	rm -rf $(includedir) $(datadir) $(docdir)

# ---- packages ----------------------------------------------------------------------------------
# In packages the libraries of CUDA are found by hpac, not by a path of the machine that built it.
$(BUILD)/packages/libhpac_cuda.so: $(CUDA_LIBRARY)
	@mkdir -p $(@D)
	$(LINK_CUDA) -o $@ $(CUDA_OBJECTS) $(filter-out -Xlinker -rpath=%,$(CUDA_LIBS))

# The libraries lie in ../lib. An RPATH, not a RUNPATH: the libraries find theirs by it, too.
$(BUILD)/packages/hpac: $(BUILD)/hpac $(BUILD)/packages/libhpac_compat.so
	$(LINK) -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib' -o $@ $(PROGRAM) $(@D)/libhpac_compat.so $(LIBS)

# For a C library that is older than that of this machine.
$(BUILD)/packages/libhpac_compat.so: packaging/bundle/compat.c
	@mkdir -p $(@D)
	$(CC) $(DIALECT) -O2 $(WARNINGS) -fPIC -shared -fno-builtin -Wl,-soname,$(@F) -o $@ $< -lm

$(BUILD)/packages/lower-libc: packaging/bundle/lower-libc.c
	@mkdir -p $(@D)
	$(CC) $(DIALECT) -O2 $(WARNINGS) -o $@ $<

BUNDLED := $(BUILD)/packages/hpac $(BUILD)/packages/lower-libc \
           $(if $(CUDA),$(BUILD)/packages/libhpac_cuda.so)

bundle: all $(BUNDLED) ## make build/hpac-VERSION-linux-x86_64.tar.zst: runs from any directory, without root
	packaging/make-bundle $(BUILD) $(VERSION)

deb: all $(if $(CUDA),$(BUILD)/packages/libhpac_cuda.so) ## make the Debian packages hpac, libhpac0 and libhpac-dev in build/deb/
	packaging/make-deb $(BUILD) $(VERSION)

dist: ## make build/hpac-VERSION.tar.gz: the sources of the last commit
	packaging/make-dist $(BUILD) $(VERSION)

.PHONY: install install-program install-library uninstall bundle deb dist
