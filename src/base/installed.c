/* Finding what is installed with the program. */
#include "installed.h"

#include "base/file.h"

#include <string.h>
#include <unistd.h>

#define LEVELS 4

void hpac_program_directory(char directory[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);
    directory[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(directory, '/');
    if (slash)
        *slash = '\0';
    else
        snprintf(directory, PATH_MAX, ".");
}

bool hpac_installed_find(const char *installed, const char *source, const char *file,
                         char directory[PATH_MAX])
{
    const char *const names[] = {installed, source};
    char above[PATH_MAX], *slash = above;
    hpac_program_directory(above);
    for (int level = 0; level < LEVELS && slash; level++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (snprintf(directory, PATH_MAX, "%s/%s", above, names[i]) < PATH_MAX &&
                hpac_directory_has(directory, file))
                return true;
        if ((slash = strrchr(above, '/')))
            *slash = '\0';
    }
    return false;
}
