/* The files a report writes, and removing them. */
#include "report_internal.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Tables of a run, of which reports of several have one per run, with a number: losses_2.csv. */
static const char *const run_tables[] = {"batch_losses", "losses", "metrics", NULL};

/* Tables of the report. */
static const char *const tables[] = {
    "runs",   "figures",        "class_summary", "label_shares",        "probability_histogram",
    "spread", "configurations", "class_f1",      "probability_density", "class_probability_density",
    NULL};

static bool is_among(const char *const *names, const char *name, size_t length)
{
    while (*names && (strlen(*names) != length || strncmp(*names, name, length) != 0))
        names++;
    return *names != NULL;
}

static bool is_picture(const char *name, size_t length)
{
    const report_picture *picture = report_pictures;
    while (picture->name &&
           (strlen(picture->name) != length || strncmp(picture->name, name, length) != 0))
        picture++;
    return picture->name != NULL;
}

/* Whether what follows the name of a file of ours is nothing or the suffix of an incomplete file
 * whose writer is gone: ".tmp.<pid>". */
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

static bool is_page(const void *user, const char *file)
{
    (void)user;
    size_t length = strlen(REPORT_PAGE);
    return strncmp(file, REPORT_PAGE, length) == 0 && is_complete_or_abandoned(file + length);
}

static bool is_plot(const void *user, const char *file)
{
    (void)user;
    size_t length = strcspn(file, "."), stem = length; /* without "_<number>" */
    const char *suffix = file + length;
    bool known = strncmp(suffix, ".csv", 4) == 0 || strncmp(suffix, ".png", 4) == 0 ||
                 strncmp(suffix, ".svg", 4) == 0;
    if (!known || !is_complete_or_abandoned(suffix + 4))
        return false;
    while (stem > 0 && file[stem - 1] >= '0' && file[stem - 1] <= '9')
        stem--;
    stem = stem > 0 && file[stem - 1] == '_' ? stem - 1 : length;
    return is_among(tables, file, length) || is_picture(file, length) ||
           is_among(run_tables, file, length) || is_among(run_tables, file, stem);
}

bool report_has_file(const hpac_report *report, const char *name)
{
    for (size_t i = 0; i < report->file_count; i++)
        if (strcmp(report->files[i], name) == 0)
            return true;
    return false;
}

/* Of an earlier report than `user`. */
static bool is_old_plot(const void *user, const char *file)
{
    return !report_has_file(user, file) && is_plot(NULL, file);
}

hpac_status report_files_remove(const hpac_report *report)
{
    return hpac_directory_remove_files(report->plots, is_old_plot, report);
}

hpac_status hpac_report_remove(const char *directory)
{
    HPAC_AUTO_FREE char *plots = hpac_path_join(directory, REPORT_PLOTS);
    HPAC_TRY_MEMORY(plots, strlen(directory));
    HPAC_TRY(hpac_directory_remove_files(directory, is_page, NULL));
    HPAC_TRY(hpac_directory_remove_files(plots, is_plot, NULL));
    (void)rmdir(plots); /* fails when files of others are in it: they stay */
    return HPAC_OK;
}
