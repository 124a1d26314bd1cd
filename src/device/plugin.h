/*
 * Loading libhpac_cuda.so, and the libraries of NVIDIA that it needs.
 *
 * The library is looked for beside the program or the shared library that this code is in, in
 * hpac/, ../hpac/, ../lib/ or ../lib/hpac/ from there, and where the system looks. NVIDIA's
 * libraries are those that the dynamic linker finds (LD_LIBRARY_PATH, the path that the library was
 * linked with, the system's directories). Those it does not find are looked for in this order:
 *
 *   - $HPAC_CUDA_LIBRARIES: directories, separated by colons
 *   - the directory of libhpac_cuda.so
 *   - $VIRTUAL_ENV, $CONDA_PREFIX, ~/.local: NVIDIA's wheels for Python, conda's packages
 *   - $CUDA_HOME, $CUDA_PATH, /usr/local/cuda
 */
#ifndef HPAC_DEVICE_PLUGIN_H
#define HPAC_DEVICE_PLUGIN_H

#define HPAC_CUDA_LIBRARY "libhpac_cuda.so"

/* The handle of dlopen; NULL: dlerror() has the reason. It is never unloaded: the device's code is
 * in it. */
void *hpac_plugin_load(void);

#endif
