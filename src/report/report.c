/* Reports: reading, choosing, computing, writing. */
#include "report_internal.h"

#include "base/file.h"
#include "base/memory.h"
#include "render/plot.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Another run's own report must not be overwritten. */
static hpac_status check_out(const hpac_report_options *options)
{
    if (!options->out && options->run_count > 1)
        return hpac_fail(HPAC_ERR_CONFIG, "a report of several runs needs a directory");
    if (!options->out || !hpac_directory_has(options->out, "run.json"))
        return HPAC_OK;
    HPAC_AUTO_FREE char *out = realpath(options->out, NULL);
    HPAC_AUTO_FREE char *run = realpath(options->runs[0], NULL);
    if (options->run_count == 1 && out && run && strcmp(out, run) == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "%s: directory of a run, which has its own report; expected another one",
                     options->out);
}

static bool has_curves(const report_run *run)
{
    return report_has_numbers(&run->losses, "epoch train_loss val_loss") &&
           report_has_numbers(&run->metrics,
                              "epoch val_accuracy val_all_zero_accuracy val_f1_mean") &&
           report_has_numbers(&run->batch_losses, "step batch_losses");
}

/* How many runs have a lower validation loss, or the same and are before it; none is infinite. */
static size_t rank_of(const hpac_report *report, size_t which)
{
    size_t rank = 0;
    double own = fmin(report->runs[which].results.best[HPAC_METRIC_VAL_LOSS], INFINITY);
    for (size_t i = 0; i < report->run_count; i++) {
        double other = fmin(report->runs[i].results.best[HPAC_METRIC_VAL_LOSS], INFINITY);
        rank += has_curves(&report->runs[i]) && (other < own || (other <= own && i < which));
    }
    return rank;
}

/* Those that have epochs, in their order; of too many those with the lowest validation losses. */
static void choose_curves(hpac_report *report)
{
    for (size_t i = 0; i < report->run_count; i++)
        if (has_curves(&report->runs[i]) && rank_of(report, i) < REPORT_CURVES)
            report->curves[report->curve_count++] = i;
}

/* Tables of a run, of which reports of several have one per run, with a number: losses_2.csv. */
static const char *const run_tables[] = {"batch_losses", "losses", "metrics", NULL};

/* Tables of the report. */
static const char *const tables[] = {
    "runs",   "figures",        "class_summary", "label_shares",        "probability_histogram",
    "spread", "configurations", "class_f1",      "probability_density", "class_probability_density",
    NULL};

static const char *const suffixes[] = {"csv", "png", "svg", NULL};

static bool is_among(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static bool is_picture(const char *name)
{
    const report_picture *picture = report_pictures;
    while (picture->name && strcmp(picture->name, name) != 0)
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
    return !*end && writer > 0 && writer <= INT_MAX && kill((pid_t)writer, 0) != 0 &&
           errno == ESRCH;
}

static bool is_page(const void *user, const char *file)
{
    (void)user;
    size_t length = strlen(REPORT_PAGE);
    return strncmp(file, REPORT_PAGE, length) == 0 && is_complete_or_abandoned(file + length);
}

/* Of another report than `user`. */
static bool is_plot(const void *user, const char *file)
{
    char name[64], suffix[4];
    int end = 0;
    if (sscanf(file, "%63[^.].%3[a-z]%n", name, suffix, &end) != 2 || !is_among(suffixes, suffix) ||
        !is_complete_or_abandoned(file + end) || (user && report_has_file(user, file)))
        return false;
    if (is_among(tables, name) || is_picture(name) || is_among(run_tables, name))
        return true;
    size_t stem = strlen(name);
    while (stem > 0 && isdigit((unsigned char)name[stem - 1]))
        stem--;
    if (stem > 0 && name[stem - 1] == '_')
        name[stem - 1] = '\0';
    return is_among(run_tables, name);
}

bool report_has_file(const hpac_report *report, const char *name)
{
    for (size_t i = 0; i < report->file_count; i++)
        if (strcmp(report->files[i], name) == 0)
            return true;
    return false;
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

static hpac_status fill(hpac_report *report, const hpac_report_options *options)
{
    report->stop = options->stop;
    HPAC_TRY(report_find_runs(options, report));
    HPAC_TRY(check_out(options));
    const char *out = options->out ? options->out : options->runs[0];
    HPAC_TRY_MEMORY(report->out = strdup(out), strlen(out));
    HPAC_TRY_MEMORY(report->plots = hpac_path_join(out, REPORT_PLOTS), strlen(out));
    HPAC_TRY_MEMORY(report->page = hpac_path_join(out, REPORT_PAGE), strlen(out));
    for (size_t i = 0; i < report->run_count; i++)
        HPAC_TRY(report_run_read(&report->runs[i], report->kind == REPORT_RUN));
    choose_curves(report);
    return report_tables_make(report);
}

hpac_status hpac_report_open(const hpac_report_options *options, hpac_report **report)
{
    *report = NULL;
    hpac_report *own;
    HPAC_TRY_NEW(own, 1);
    hpac_status status = fill(own, options);
    if (status != HPAC_OK) {
        hpac_report_close(own);
        return status;
    }
    *report = own;
    return HPAC_OK;
}

void hpac_report_close(hpac_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->table_count; i++)
        hpac_table_fini(&report->tables[i]);
    for (size_t i = 0; i < report->run_count; i++)
        report_run_fini(&report->runs[i]);
    json_decref(report->differences);
    free(report->runs);
    free(report->out);
    free(report->plots);
    free(report->page);
    free(report);
}

const hpac_table *hpac_report_tables(const hpac_report *report, size_t *count)
{
    *count = report->table_count;
    return report->tables;
}

const char *hpac_report_directory(const hpac_report *report, size_t run)
{
    return report->runs[run].directory;
}

const char *hpac_report_page(const hpac_report *report)
{
    return report->page;
}

hpac_status hpac_report_save(hpac_report *report)
{
    HPAC_TRY(hpac_plot_probe());
    HPAC_TRY(hpac_directory_create(report->plots));
    HPAC_TRY(hpac_directory_probe(report->out));
    HPAC_TRY(hpac_directory_probe(report->plots));
    HPAC_TRY(report_pictures_draw(report));
    HPAC_TRY(report_page_write(report));
    return hpac_directory_remove_files(report->plots, is_plot, report);
}

hpac_status hpac_report_write(const hpac_report_options *options)
{
    hpac_report *report;
    HPAC_TRY(hpac_report_open(options, &report));
    hpac_status status = hpac_report_save(report);
    hpac_report_close(report);
    return status;
}
