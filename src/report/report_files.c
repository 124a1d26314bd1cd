/* Which files are a report's own. */
#include "report_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Tables and pictures, by their names without the ending. */
static const char *const stems[] = {
    "accuracy",
    "batch_losses",
    "class_f1",
    "class_probability_density",
    "class_summary",
    "configurations",
    "f1",
    "f1_a_class",
    "f1_against_time",
    "figures",
    "label_shares",
    "last_batch_losses",
    "loss_against_steps",
    "losses",
    "metrics",
    "ones_a_class",
    "probability_density",
    "probability_histogram",
    "prediction_ranges",
    "runs",
    "spread",
};
/* Of these there is one a run, with a number: losses_2.csv. */
static const char *const numbered_stems[] = {"batch_losses", "losses", "metrics"};
static const char *const endings[] = {".csv", ".png", ".svg"};

/* The length of a stem and its number at the start of a name; 0: there is none. */
static size_t stem_length(const char *name)
{
    size_t longest = 0;
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        size_t length = strlen(stems[i]);
        if (strncmp(name, stems[i], length) == 0 && length > longest)
            longest = length;
    }
    bool numbered = false;
    for (size_t i = 0; i < sizeof numbered_stems / sizeof *numbered_stems; i++)
        numbered = numbered || (longest == strlen(numbered_stems[i]) && name[longest] == '_' &&
                                strncmp(name, numbered_stems[i], longest) == 0);
    return numbered ? longest + 1 + strspn(name + longest + 1, "0123456789") : longest;
}

/* Whether what follows a name of ours is "" or the ending of a half-written file that nobody is at
 * work on: ".tmp.<pid>". */
static bool is_whole_or_abandoned(const char *rest)
{
    if (!*rest)
        return true;
    if (strncmp(rest, ".tmp.", 5) != 0)
        return false;
    char *end;
    long writer = strtol(rest + 5, &end, 10);
    return end > rest + 5 && !*end && writer > 0 && kill((pid_t)writer, 0) != 0 && errno == ESRCH;
}

static bool is_ours(const char *name)
{
    size_t length = stem_length(name);
    for (size_t i = 0; length > 0 && i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (strncmp(name + length, endings[i], ending) == 0)
            return is_whole_or_abandoned(name + length + ending);
    }
    return false;
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
        status = hpac_fail(HPAC_ERR_CONFIG, "%s: cannot be removed: %s", path, strerror(errno));
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

/* A page that a killed report left half-written. */
static void remove_half_pages(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    size_t length = strlen(REPORT_PAGE);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strncmp(entry->d_name, REPORT_PAGE ".", length + 1) == 0 &&
            is_whole_or_abandoned(entry->d_name + length))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

hpac_status hpac_report_remove(const char *folder)
{
    char *plots = hpac_path_join(folder, REPORT_PLOTS);
    if (!plots)
        return hpac_fail_memory(strlen(folder));
    remove_half_pages(folder);
    hpac_status status = remove_one(folder, REPORT_PAGE);
    if (status == HPAC_OK)
        status = report_files_remove(plots, NULL, 0);
    if (status == HPAC_OK)
        (void)rmdir(plots); /* unless somebody else's files are in it */
    free(plots);
    return status;
}
