/* A configuration by its path, or by the name of an installed one. */
#include "cli.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/installed.h"
#include "base/memory.h"
#include "base/nearest.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define ENDING ".yaml"

/* A link that leads nowhere is one, too: opening it says why. */
static bool is_file(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && !hpac_path_is_directory(path);
}

/* The length of "improved.yaml" without its ending; 0 if it has another one. */
static size_t stem_length(const char *file)
{
    size_t length = strlen(file), ending = strlen(ENDING);
    return length > ending && strcmp(file + length - ending, ENDING) == 0 ? length - ending : 0;
}

static int is_configuration(const struct dirent *entry)
{
    return stem_length(entry->d_name) > 0;
}

/* "configuration "imporved": no such file, and no configuration of this name in DIRECTORY; ..." */
static hpac_status refuse_name(const char *name, const char *directory)
{
    struct dirent **entries = NULL;
    char names[512] = "", suggestion[HPAC_NEAREST_MAX + 32] = "";
    hpac_nearest nearest = hpac_nearest_to(name);
    int count = scandir(directory, &entries, is_configuration, alphasort);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(names);
        char *stem = entries[i]->d_name;
        stem[stem_length(stem)] = '\0';
        snprintf(names + length, sizeof names - length, "%s%s", i > 0 ? ", " : "", stem);
        hpac_nearest_offer(&nearest, stem);
        free(entries[i]);
    }
    free(entries);
    if (*nearest.best)
        snprintf(suggestion, sizeof suggestion, "did you mean %s? ", nearest.best);
    return hpac_fail(
        HPAC_ERR_CONFIG,
        "configuration: no file \"%s\", and no configuration of this name; %s%s has %s", name,
        suggestion, directory, names);
}

hpac_status cli_find_configuration(const char *name, char **path)
{
    char directory[PATH_MAX];
    HPAC_AUTO_FREE char *file = NULL;
    bool is_name = !strchr(name, '/') && !is_file(name);
    const char *ending = is_name && stem_length(name) == 0 ? ENDING : "";
    *path = NULL;
    HPAC_TRY_MEMORY(asprintf(&file, "%s%s", name, ending) >= 0, strlen(name));
    bool installed = is_name && !is_file(file) &&
                     hpac_installed_find("share/hpac/configs", "configs", "demo.yaml", directory);
    HPAC_TRY_MEMORY(*path = installed ? hpac_path_join(directory, "%s", file) : strdup(file),
                    strlen(file));
    if (is_file(*path)) {
        if (is_name)
            hpac_log_info("configuration: %s", *path);
        return HPAC_OK;
    }
    HPAC_AUTO_FREE char *inner = hpac_path_join(name, "config.yaml");
    if (inner && is_file(inner))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "configuration: %s is a directory; did you mean its configuration, %s?",
                         name, inner);
    return installed ? refuse_name(name, directory) : HPAC_OK; /* reading it says why not */
}
