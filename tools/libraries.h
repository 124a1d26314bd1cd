/* The libraries, for the Makefile: each is present, in a release that hpac works with, and all
 * their text is what $(BUILD)/commands remembers. */
#if !__has_include(<omp.h>)
#error missing: OpenMP (omp.h, for clang in libomp-dev)
#endif

#if !__has_include(<csv.h>)
#error missing: libcsv (csv.h)
#else
#include <csv.h>
#endif

#if !__has_include(<dnnl.h>)
#error missing: oneDNN 2.2 or newer (dnnl.h)
#else
#include <dnnl.h>
#if DNNL_VERSION_MAJOR * 100 + DNNL_VERSION_MINOR < 202
#error missing: oneDNN 2.2 or newer (dnnl.h is older)
#endif
#endif

#if !__has_include(<hdf5.h>)
#error missing: HDF5 1.10 or newer (hdf5.h)
#else
#include <hdf5.h>
#if !H5_VERSION_GE(1, 10, 0)
#error missing: HDF5 1.10 or newer (hdf5.h is older)
#endif
#endif

#if !__has_include(<jansson.h>)
#error missing: jansson (jansson.h)
#else
#include <jansson.h>
#endif

#if !__has_include(<libdeflate.h>)
#error missing: libdeflate (libdeflate.h)
#else
#include <libdeflate.h>
#endif

#if !__has_include(<libfyaml.h>)
#error missing: libfyaml 0.7 or newer (libfyaml.h)
#else
#include <libfyaml.h>
#endif

#if !__has_include(<zip.h>)
#error missing: libzip (zip.h)
#else
#include <zip.h>
#endif

#if !__has_include(<png.h>)
#error missing: libpng 1.6 (png.h)
#else
#include <png.h>
#endif
