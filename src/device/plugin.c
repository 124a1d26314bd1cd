/* Loading libhpac_cuda.so, and the libraries of NVIDIA that it needs. */
#include "plugin.h"

#include <dlfcn.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The runtime, cuBLAS, cuBLASLt, cuDNN, NVRTC: no more are ever missing. */
#define MAX_MISSING 8

/* Directories below the value of a variable; without a variable below the root. */
static const struct {
    const char *variable, *pattern;
} search_paths[] = {
    {"VIRTUAL_ENV", "/lib/python3*/site-packages/nvidia/*/lib"},
    {"CONDA_PREFIX", "/lib/python3*/site-packages/nvidia/*/lib"},
    {"CONDA_PREFIX", "/lib"},
    {"HOME", "/.local/lib/python3*/site-packages/nvidia/*/lib"},
    {"CUDA_HOME", "/lib64"},
    {"CUDA_PATH", "/lib64"},
    {NULL, "/usr/local/cuda/lib64"},
};

/* The file that this code is in: the program, or libhpac.so, which then shows its functions to the
 * library of the device even where it was loaded with RTLD_LOCAL, as from Python. */
static void find_own_file(char path[PATH_MAX])
{
    static const char own = 0;
    Dl_info info;
    struct link_map *map = NULL;
    bool shared = dladdr1(&own, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && *map->l_name;
    if (!shared || !realpath(map->l_name, path)) {
        ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
        path[length > 0 ? length : 0] = '\0';
    } else
        (void)dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

/* Sets `path` to that of libhpac_cuda.so; to its name, if only the system may know it. */
static void find_cuda_library(char path[PATH_MAX])
{
    static const char *const below[] = {"", "/hpac", "/../lib", "/../hpac", "/../lib/hpac"};
    char own[PATH_MAX];
    find_own_file(own);
    const char *directory = dirname(own); /* "." if it is unknown */
    for (size_t i = 0; i < sizeof below / sizeof *below; i++)
        if (snprintf(path, PATH_MAX, "%s%s/" HPAC_CUDA_LIBRARY, directory, below[i]) < PATH_MAX &&
            access(path, F_OK) == 0)
            return;
    snprintf(path, PATH_MAX, HPAC_CUDA_LIBRARY);
}

/* Loads a library that has its dependencies, for those that look for its soname later. */
static bool load_from(const char *directory, const char *name)
{
    char path[PATH_MAX];
    return *directory && snprintf(path, sizeof path, "%s/%s", directory, name) < PATH_MAX &&
           access(path, F_OK) == 0 && dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static bool load_from_list(const char *directories, const char *name)
{
    char *copy = directories ? strdup(directories) : NULL;
    bool loaded = false;
    for (char *rest = copy, *directory; !loaded && (directory = strsep(&rest, ":"));)
        loaded = load_from(directory, name);
    free(copy);
    return loaded;
}

/* Makes a pattern that matches this path alone. False: it is too long. */
static bool escape(const char *path, char pattern[PATH_MAX])
{
    size_t length = 0;
    for (; *path && length + 2 < PATH_MAX; path++) {
        if (strchr("*?[\\", *path))
            pattern[length++] = '\\';
        pattern[length++] = *path;
    }
    pattern[length] = '\0';
    return !*path;
}

static bool load_from_path(size_t index, const char *name)
{
    const char *variable = search_paths[index].variable, *above = variable ? getenv(variable) : "";
    char root[PATH_MAX], pattern[PATH_MAX];
    glob_t found;
    bool loaded = false;
    if (!above || (variable && !*above) || !escape(above, root) ||
        snprintf(pattern, sizeof pattern, "%s%s", root, search_paths[index].pattern) >= PATH_MAX ||
        glob(pattern, 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; !loaded && i < found.gl_pathc; i++)
        loaded = load_from(found.gl_pathv[i], name);
    globfree(&found);
    return loaded;
}

static bool load_needed(const char *own_directory, const char *name)
{
    if (load_from_list(getenv("HPAC_CUDA_LIBRARIES"), name) || load_from(own_directory, name))
        return true;
    for (size_t i = 0; i < sizeof search_paths / sizeof *search_paths; i++)
        if (load_from_path(i, name))
            return true;
    return false;
}

/* The name of the library that dlopen did not find: "libcudart.so.13: cannot open shared object
 * file: No such file or directory". False: it failed for another reason. */
static bool read_missing(const char *message, char name[NAME_MAX + 1])
{
    const char *colon = message ? strchr(message, ':') : NULL;
    if (!colon || !strstr(message, "cannot open shared object file") ||
        colon - message > NAME_MAX || memchr(message, '/', (size_t)(colon - message)))
        return false;
    snprintf(name, NAME_MAX + 1, "%.*s", (int)(colon - message), message);
    return true;
}

/* What must be loaded before a library: cuBLAS needs cuBLASLt, and cuDNN looks for NVRTC only when
 * it compiles a kernel. Both have the runtime's major number. */
static void load_companion(const char *own_directory, const char *name)
{
    static const char *const companions[][2] = {{"libcublas.so", "libcublasLt.so"},
                                                {"libcudart.so", "libnvrtc.so"}};
    char companion[NAME_MAX + 32];
    for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
        size_t length = strlen(companions[i][0]);
        if (strncmp(name, companions[i][0], length) != 0)
            continue;
        snprintf(companion, sizeof companion, "%s%s", companions[i][1], name + length);
        (void)load_needed(own_directory, companion); /* if it is not there, cuBLAS says so */
    }
}

void *hpac_plugin_load(void)
{
    char path[PATH_MAX], copy[PATH_MAX], name[NAME_MAX + 1];
    find_cuda_library(path);
    snprintf(copy, sizeof copy, "%s", path);
    const char *own_directory = strchr(path, '/') ? dirname(copy) : "";
    for (int missing = 0; missing < MAX_MISSING; missing++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
        if (!read_missing(dlerror(), name))
            break;
        load_companion(own_directory, name);
        if (!load_needed(own_directory, name))
            break;
    }
    return dlopen(path, RTLD_NOW | RTLD_LOCAL); /* for its message */
}
