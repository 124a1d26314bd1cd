/* Counts the images of a directory by the names of its files. */
#include "explore.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The channel of "<Id>_<channel>.png", and the length of the Id; -1: another name, whose length it
 * is. */
static int channel_of(const char *name, size_t *id_length)
{
    size_t length = strlen(name);
    for (int channel = 0; channel < HPAC_MAX_CHANNELS; channel++) {
        size_t own = strlen(hpac_channel_names[channel]);
        if (length <= own + 5)
            continue;
        *id_length = length - own - 5; /* "_" and ".png" */
        const char *rest = name + *id_length;
        if (*rest == '_' && strncmp(rest + 1, hpac_channel_names[channel], own) == 0 &&
            strcmp(rest + 1 + own, ".png") == 0)
            return channel;
    }
    *id_length = length;
    return -1;
}

/* A regular file, or a link to one, that is not hidden: AppleDouble files ("._<Id>_green.png")
 * have the names of images. */
static bool is_file(int directory, const struct dirent *entry)
{
    struct stat info;
    return entry->d_name[0] != '.' &&
           (entry->d_type == DT_REG ||
            (fstatat(directory, entry->d_name, &info, 0) == 0 && S_ISREG(info.st_mode)));
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Files of one image side by side. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    size_t one, other;
    (void)channel_of((*a)->d_name, &one);
    (void)channel_of((*b)->d_name, &other);
    int order = strncmp((*a)->d_name, (*b)->d_name, one < other ? one : other);
    return order != 0 ? order : (one > other) - (one < other);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

hpac_status hpac_directory_count(const char *path, const hpac_labels *labels,
                                 hpac_directory_census *census)
{
    *census = (hpac_directory_census){0};
    HPAC_AUTO_FREE char **ids = NULL;
    HPAC_TRY_NEW(ids, labels->count + 1);
    memcpy(ids, labels->ids, labels->count * sizeof *ids);
    qsort(ids, labels->count, sizeof *ids, compare_ids);

    struct dirent **entries;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = directory < 0 ? -1 : scandirat(directory, ".", &entries, is_entry, compare_entries);
    if (count < 0)
        hpac_fail(HPAC_ERR_DATA, "%s: cannot open directory: %s", path, strerror(errno));
    size_t length, channels = 0;
    const char *id = NULL;
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name;
        int channel = is_file(directory, entries[i]) ? channel_of(name, &length) : -1;
        if (channel < 0) {
            census->other_files++;
            continue;
        }
        name[length] = '\0';
        if (!id || strcmp(id, name) != 0) {
            id = name;
            channels = 0;
            census->images++;
            census->labelled +=
                bsearch(&name, ids, labels->count, sizeof *ids, compare_ids) != NULL;
        }
        census->files[channel]++;
        census->complete += ++channels == HPAC_MAX_CHANNELS;
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    if (count >= 0)
        free(entries);
    if (directory >= 0)
        close(directory);
    return count < 0 ? HPAC_ERR_DATA : HPAC_OK;
}
