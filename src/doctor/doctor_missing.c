/* What a machine lacks for CUDA, as far as it can be found out without CUDA. */
#include "doctor_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER_LIBRARY "libcuda.so.1"
#define PCI_DEVICES "/sys/bus/pci/devices"
#define NVIDIA_VENDOR 0x10de /* of the PCI */
#define DISPLAY_CLASS 0x03   /* of the PCI: the highest byte of the class of every GPU */

/* The hexadecimal number that a file of one line holds; 0 without one. */
static unsigned long read_number(const char *folder, const char *device, const char *file)
{
    char *path = hpac_path_join(folder, "%s/%s", device, file), line[32] = "";
    FILE *stream = path ? fopen(path, "r") : NULL;
    free(path);
    if (!stream)
        return 0;
    if (!fgets(line, sizeof line, stream))
        *line = '\0';
    fclose(stream);
    return strtoul(line, NULL, 16);
}

static bool has_nvidia_gpu(const char *root)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/dev/dxg", root); /* WSL's GPU */
    if (access(path, F_OK) == 0)
        return true;
    snprintf(path, sizeof path, "%s" PCI_DEVICES, root);
    DIR *folder = opendir(path);
    bool found = false;
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));)
        found = *entry->d_name != '.' &&
                read_number(path, entry->d_name, "vendor") == NVIDIA_VENDOR &&
                read_number(path, entry->d_name, "class") >> 16 == DISPLAY_CLASS;
    if (folder)
        closedir(folder);
    return found;
}

static bool loads(const char *library)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

void hpac_doctor_add_missing(const char *root, char *reason, size_t reason_nbytes)
{
    size_t length = strlen(reason);
    bool names_driver = strstr(reason, DRIVER_LIBRARY) != NULL;
    snprintf(reason + length, reason_nbytes - length, "%s%s",
             names_driver || loads(DRIVER_LIBRARY) ? ""
                                                   : ", no NVIDIA driver (" DRIVER_LIBRARY
                                                     " does not load)",
             has_nvidia_gpu(root) ? "" : ", no NVIDIA GPU (none in " PCI_DEVICES ")");
}
