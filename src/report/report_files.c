/* The files a report writes, and removing them. */
#include "report_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Tables of a run, of which reports of several have one per run, with a number: losses_2.csv. */
static const char *const run_tables[] = {"batch_losses", "losses", "metrics", NULL};
static const char *const suffixes[] = {".csv", ".png", ".svg"};

/* The length of `name`'s file name at the start of `file`, if an extension such as ".csv" follows;
 * else 0. */
static size_t match(const char *file, const char *name, bool numbered)
{
    if (strncmp(file, name, strlen(name)) != 0)
        return 0;
    size_t length = strlen(name);
    if (numbered && file[length] == '_')
        length += 1 + strspn(file + length + 1, "0123456789");
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strncmp(file + length, suffixes[i], strlen(suffixes[i])) == 0)
            return length + strlen(suffixes[i]);
    return 0;
}

/* The same for any table or picture. */
static size_t match_any(const char *file)
{
    size_t length = 0;
    for (size_t i = 0; length == 0 && run_tables[i]; i++)
        length = match(file, run_tables[i], true);
    for (size_t i = 0; length == 0 && report_table_names[i]; i++)
        length = match(file, report_table_names[i], false);
    for (size_t i = 0; length == 0 && report_pictures[i].name; i++)
        length = match(file, report_pictures[i].name, false);
    return length;
}

/* Whether what follows a file name of ours is "" or the suffix of an incomplete file whose writer
 * is gone: ".tmp.<pid>". */
static bool is_complete_or_abandoned(const char *rest)
{
    if (!*rest)
        return true;
    if (strncmp(rest, ".tmp.", 5) != 0)
        return false;
    char *end;
    long writer = strtol(rest + 5, &end, 10);
    return end > rest + 5 && !*end && writer > 0 && kill((pid_t)writer, 0) != 0 && errno == ESRCH;
}

static bool is_ours(const char *file)
{
    size_t length = match_any(file);
    return length > 0 && is_complete_or_abandoned(file + length);
}

static bool is_kept(const char *name, char *const *kept, size_t kept_count)
{
    for (size_t i = 0; i < kept_count; i++)
        if (strcmp(name, kept[i]) == 0)
            return true;
    return false;
}

static hpac_status remove_one(const char *folder, const char *name)
{
    char *path = hpac_path_join(folder, "%s", name);
    if (!path)
        return hpac_fail_memory(strlen(folder));
    hpac_status status = HPAC_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        status = hpac_fail(HPAC_ERR_CONFIG, "%s: cannot remove file: %s", path, strerror(errno));
    free(path);
    return status;
}

hpac_status report_files_remove(const char *plots, char *const *kept, size_t kept_count)
{
    DIR *folder = opendir(plots);
    if (!folder)
        return HPAC_OK;
    hpac_status status = HPAC_OK;
    for (struct dirent *entry; status == HPAC_OK && (entry = readdir(folder));)
        if (is_ours(entry->d_name) && !is_kept(entry->d_name, kept, kept_count))
            status = remove_one(plots, entry->d_name);
    closedir(folder);
    return status;
}

/* Incomplete pages of killed reports. */
static void remove_incomplete_pages(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    size_t length = strlen(REPORT_PAGE);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strncmp(entry->d_name, REPORT_PAGE ".", length + 1) == 0 &&
            is_complete_or_abandoned(entry->d_name + length))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

hpac_status hpac_report_remove(const char *folder)
{
    char *plots = hpac_path_join(folder, REPORT_PLOTS);
    if (!plots)
        return hpac_fail_memory(strlen(folder));
    remove_incomplete_pages(folder);
    hpac_status status = remove_one(folder, REPORT_PAGE);
    if (status == HPAC_OK)
        status = report_files_remove(plots, NULL, 0);
    if (status == HPAC_OK)
        (void)rmdir(plots); /* fails when files of others are in it: they stay */
    free(plots);
    return status;
}
