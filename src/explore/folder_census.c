/* Counts the images of a directory by the names of its files. */
#include "explore.h"

#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file of an image. */
typedef struct entry {
    char *id; /* owned */
    int channel;
} entry;

typedef struct entries {
    entry *items;
    size_t count, capacity;
} entries;

/* The channel of "<Id>_<channel>.png", and the length of the Id; -1: another name. */
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
    return -1;
}

static hpac_status add_entry(entries *list, const char *name, size_t id_length, int channel)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 1024;
        entry *items = realloc(list->items, capacity * sizeof *items);
        if (!items)
            return hpac_fail_memory(capacity * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    char *id = strndup(name, id_length);
    if (!id)
        return hpac_fail_memory(id_length);
    list->items[list->count++] = (entry){id, channel};
    return HPAC_OK;
}

/* A regular file, or a link to one, that is not hidden: AppleDouble files ("._<Id>_green.png")
 * have the names of images. */
static bool is_file(DIR *directory, const struct dirent *found)
{
    struct stat info;
    return found->d_name[0] != '.' &&
           (found->d_type == DT_REG ||
            (fstatat(dirfd(directory), found->d_name, &info, 0) == 0 && S_ISREG(info.st_mode)));
}

static hpac_status read_directory(const char *path, entries *list, size_t *other_files)
{
    DIR *directory = opendir(path);
    if (!directory)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot open directory: %s", path, strerror(errno));
    hpac_status status = HPAC_OK;
    struct dirent *found;
    while (status == HPAC_OK && (errno = 0, found = readdir(directory))) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        size_t id_length;
        int channel = is_file(directory, found) ? channel_of(found->d_name, &id_length) : -1;
        if (channel < 0)
            ++*other_files;
        else
            status = add_entry(list, found->d_name, id_length, channel);
    }
    if (status == HPAC_OK && errno != 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
    closedir(directory);
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->id, ((const entry *)b)->id);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entries in order of their Ids, and the labels' Ids in order. */
static void count_images(const entries *list, char *const *ids, size_t id_count,
                         hpac_directory_census *census)
{
    for (size_t i = 0; i < list->count;) {
        char *const id = list->items[i].id;
        size_t channels = 0;
        for (; i < list->count && strcmp(list->items[i].id, id) == 0; i++, channels++)
            census->files[list->items[i].channel]++;
        census->images++;
        census->complete += channels == HPAC_MAX_CHANNELS;
        census->labelled += bsearch(&id, ids, id_count, sizeof *ids, compare_ids) != NULL;
    }
}

hpac_status hpac_directory_count(const char *folder, const hpac_labels *labels,
                                 hpac_directory_census *census)
{
    *census = (hpac_directory_census){0};
    entries list = {0};
    char **ids = malloc((labels->count + 1) * sizeof *ids);
    hpac_status status = ids ? HPAC_OK : hpac_fail_memory((labels->count + 1) * sizeof *ids);
    if (status == HPAC_OK)
        status = read_directory(folder, &list, &census->other_files);
    if (status == HPAC_OK) {
        memcpy(ids, labels->ids, labels->count * sizeof *ids);
        qsort(ids, labels->count, sizeof *ids, compare_ids);
        if (list.count > 0)
            qsort(list.items, list.count, sizeof *list.items, compare_entries);
        count_images(&list, ids, labels->count, census);
    }
    for (size_t i = 0; i < list.count; i++)
        free(list.items[i].id);
    free(list.items);
    free(ids);
    return status;
}
