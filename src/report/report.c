/* Reports: reading, choosing, computing, writing. */
#include "report_internal.h"

#include "base/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- for the other sources ---- */

hpac_status report_check_stop(const hpac_report *report, hpac_status status)
{
    return report->stop && *report->stop
               ? hpac_fail(HPAC_INTERRUPTED, "interrupted; no report is written")
               : status;
}

hpac_table *report_table(hpac_report *report, const char *name, const char *title,
                         const hpac_column *columns, size_t column_count)
{
    hpac_table *table = &report->tables[report->table_count++];
    hpac_table_init(table, name, title, columns, column_count);
    return table;
}

const hpac_table *report_find_table(const hpac_report *report, const char *name)
{
    const report_run *run = &report->runs[0];
    const hpac_table *const own[] = {&run->losses, &run->metrics, &run->batch_losses};
    for (size_t i = 0; i < report->table_count; i++)
        if (strcmp(report->tables[i].name, name) == 0)
            return &report->tables[i];
    for (size_t i = 0; i < sizeof own / sizeof *own && report->kind == REPORT_RUN; i++)
        if (strcmp(own[i]->name, name) == 0)
            return own[i];
    return NULL;
}

void *report_grow(void *items, size_t needed, size_t *capacity, size_t item_nbytes)
{
    if (needed <= *capacity)
        return items;
    size_t grown = needed < 8 ? 8 : 2 * needed;
    items = realloc(items, grown * item_nbytes);
    if (items)
        *capacity = grown;
    return items;
}

char *report_plot_path(hpac_report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *name = NULL;
    if (vasprintf(&name, format, arguments) < 0)
        name = NULL;
    va_end(arguments);
    if (!name || report->file_count == REPORT_FILES) {
        free(name);
        return NULL;
    }
    report->files[report->file_count++] = name;
    return hpac_path_join(report->plots, "%s", name);
}

bool report_has_file(const hpac_report *report, const char *name)
{
    for (size_t i = 0; i < report->file_count; i++)
        if (strcmp(report->files[i], name) == 0)
            return true;
    return false;
}

/* ---- reading ---- */

/* Another run's own report must not be overwritten. */
static hpac_status check_out(const hpac_report_options *options)
{
    if (!options->out)
        return options->folder_count == 1
                   ? HPAC_OK
                   : hpac_fail(HPAC_ERR_CONFIG, "a report of several runs needs a directory");
    if (!hpac_directory_has(options->out, "run.json"))
        return HPAC_OK;
    char *out = realpath(options->out, NULL), *run = realpath(options->folders[0], NULL);
    bool own = options->folder_count == 1 && out && run && strcmp(out, run) == 0;
    free(out);
    free(run);
    return own ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG,
                           "%s: directory of a run, which has its own report; expected another one",
                           options->out);
}

static hpac_status set_paths(hpac_report *report, const hpac_report_options *options)
{
    report->out = strdup(options->out ? options->out : options->folders[0]);
    report->plots = report->out ? hpac_path_join(report->out, REPORT_PLOTS) : NULL;
    report->page = report->out ? hpac_path_join(report->out, REPORT_PAGE) : NULL;
    return report->plots && report->page ? HPAC_OK : hpac_fail_memory(1);
}

/* A run listed by a sweep, but without a directory. */
static hpac_status add_absent(const report_location *location, report_run *run)
{
    *run = (report_run){.folder = strdup(location->folder), .config = strdup("")};
    run->warnings = strdup("");
    run->absent_state = strdup(location->state);
    run->state = run->absent_state;
    hpac_run_results_of(&run->metrics, &run->results);
    return run->folder && run->config && run->warnings && run->state ? HPAC_OK
                                                                     : hpac_fail_memory(1);
}

static hpac_status read_runs(hpac_report *report, report_locations *locations)
{
    report->runs = calloc(locations->count, sizeof *report->runs);
    if (!report->runs)
        return hpac_fail_memory(locations->count * sizeof *report->runs);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < locations->count && status == HPAC_OK; i++) {
        report_location *location = &locations->list[i];
        report_run *run = &report->runs[i];
        report->run_count++;
        status = location->state
                     ? add_absent(location, run)
                     : report_run_read(location->folder, report->kind == REPORT_RUN, run);
        run->label = location->label;
        location->label = NULL;
    }
    return status;
}

/* ---- which curves are drawn ---- */

static double best_loss(const report_run *run)
{
    double loss = report_metric(run, run->results.best_row, HPAC_METRIC_VAL_LOSS);
    return isnan(loss) ? INFINITY : loss;
}

static bool has_curves(const report_run *run)
{
    return report_has_numbers(&run->losses, "epoch train_loss val_loss") &&
           report_has_numbers(&run->metrics,
                              "epoch val_accuracy val_all_zero_accuracy val_f1_mean") &&
           report_has_numbers(&run->batch_losses, "step batch_losses");
}

/* How many runs have a lower validation loss. */
static size_t rank_of(const hpac_report *report, size_t which)
{
    size_t rank = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        double other = best_loss(&report->runs[i]), own = best_loss(&report->runs[which]);
        bool before = other < own || (!(own < other) && i < which);
        rank += has_curves(&report->runs[i]) && before;
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

static hpac_status make_tables(hpac_report *report)
{
    HPAC_TRY(report->kind == REPORT_RUN ? report_run_tables(report)
                                        : report_compare_tables(report));
    for (size_t i = 0; i < report->table_count; i++)
        HPAC_TRY(report->tables[i].status);
    return HPAC_OK;
}

/* ---- the interface ---- */

static hpac_status fill(hpac_report *report, const hpac_report_options *options,
                        report_locations *locations)
{
    report->kind = locations->kind;
    report->stop = options->stop;
    HPAC_TRY(check_out(options));
    HPAC_TRY(set_paths(report, options));
    HPAC_TRY(read_runs(report, locations));
    choose_curves(report);
    return make_tables(report);
}

hpac_status hpac_report_open(const hpac_report_options *options, hpac_report **report)
{
    *report = NULL;
    report_locations locations;
    HPAC_TRY(report_locations_find(options, &locations));
    hpac_report *own = calloc(1, sizeof *own);
    hpac_status status = own ? fill(own, options, &locations) : hpac_fail_memory(sizeof *own);
    report_locations_fini(&locations);
    if (status == HPAC_OK)
        *report = own;
    else
        hpac_report_close(own);
    return status;
}

void hpac_report_close(hpac_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->table_count; i++)
        hpac_table_fini(&report->tables[i]);
    for (size_t i = 0; i < report->run_count; i++)
        report_run_fini(&report->runs[i]);
    for (size_t i = 0; i < report->file_count; i++)
        free(report->files[i]);
    free(report->runs);
    free(report->out);
    free(report->plots);
    free(report->page);
    free(report);
}

size_t hpac_report_tables(const hpac_report *report, const hpac_table **tables)
{
    for (size_t i = 0; i < report->table_count; i++)
        tables[i] = &report->tables[i];
    return report->table_count;
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
    return report_files_remove(report->plots, report->files, report->file_count);
}

hpac_status hpac_report_write(const hpac_report_options *options)
{
    hpac_report *report;
    HPAC_TRY(hpac_report_open(options, &report));
    hpac_status status = hpac_report_save(report);
    hpac_report_close(report);
    return status;
}
