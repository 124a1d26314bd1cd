/* report.html: the values and tables of its templates. */
#include "report_internal.h"

#include "base/file.h"
#include "base/memory.h"
#include "render/page.h"

#include <math.h>
#include <string.h>

HPAC_TEMPLATE_FILE(run, "src_report_run_html");
HPAC_TEMPLATE_FILE(runs, "src_report_runs_html");
HPAC_TEMPLATE_FILE(runs_item, "src_report_runs_item_html");

/* Of a longer list in run.json, as that of skipped images may be, the first are shown. */
#define LIST_ITEMS 24

/* Sets a value unless it is NaN. */
static void set_number(hpac_page *page, const char *name, int decimals, double number)
{
    if (!isnan(number))
        hpac_page_set(page, name, "%.*f", decimals, number);
}

static void set_text(hpac_page *page, const char *name, const char *text)
{
    hpac_page_set(page, name, "%s", text ? text : "");
}

/* "3 min 20 s"; nothing when it is not known. */
static void set_time(hpac_page *page, double seconds)
{
    double minutes = floor(seconds / 60);
    if (seconds >= 0 && seconds < 60)
        hpac_page_set(page, "time", "%.1f s", seconds);
    else if (seconds >= 60 && minutes < 60)
        hpac_page_set(page, "time", "%.0f min %02.0f s", minutes, floor(fmod(seconds, 60)));
    else if (seconds >= 60 && seconds < 1e9)
        hpac_page_set(page, "time", "%.0f h %02.0f min", floor(minutes / 60), fmod(minutes, 60));
}

static void set_classes(hpac_page *page, const report_run *run)
{
    char text[HPAC_CLASS_COUNT * 64] = "";
    size_t length = 0;
    for (size_t c = 0; c < run->class_count && length < sizeof text; c++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", c > 0 ? ", " : "",
                                   report_class_name(run, c));
    hpac_page_set_count(page, "class_count", run->class_count);
    set_text(page, "classes", text);
}

/* The best validation loss beside the constant prior's, the last accuracy beside all zeros. */
static void set_results(hpac_page *page, const report_run *run)
{
    const double *last = run->results.last, *best = run->results.best;
    double prior = last[HPAC_METRIC_VAL_PRIOR_LOSS], loss = best[HPAC_METRIC_VAL_LOSS];
    double zeros = last[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY];
    set_number(page, "best_loss", 4, loss);
    set_number(page, "best_epoch", 0, best[HPAC_METRIC_EPOCH]);
    set_number(page, "prior_loss", 4, prior);
    set_number(page, "below_prior", 4, loss < prior ? prior - loss : NAN);
    hpac_page_set_count(page, "above_prior", loss >= prior);
    set_number(page, "zero_accuracy", 4, zeros);
    set_number(page, "accuracy", 4, isnan(zeros) ? NAN : last[HPAC_METRIC_VAL_ACCURACY]);
}

/* What the pages of one and of several runs have in common. */
static void set_run(hpac_page *page, const report_run *run)
{
    set_text(page, "state", run->state);
    set_text(page, "directory", run->directory);
    set_text(page, "device", report_json_text(run, "device"));
    set_text(page, "warnings", run->warnings);
    hpac_page_set(page, "done_epochs", "%zu", report_epochs(run));
}

static void set_only_run(hpac_page *page, const report_run *run)
{
    double skipped = report_json_number(run, "skipped_images");
    size_t steps = hpac_table_row_count(&run->batch_losses);
    set_run(page, run);
    set_text(page, "configuration", report_json_text(run, "configuration"));
    set_number(page, "train_images", 0, report_json_number(run, "train_images"));
    set_number(page, "validation_images", 0, report_images(run));
    set_number(page, "skipped_images", 0, skipped > 0 ? skipped : NAN);
    set_number(page, "epochs", 0, report_json_number(run, "epochs"));
    set_number(page, "steps", 0, report_json_number(run, "steps"));
    set_time(page, report_json_number(run, "elapsed_s"));
    set_classes(page, run);
    set_results(page, run);
    hpac_page_set_count(page, "unfinished", !run->finished);
    hpac_page_set(page, "done_steps", "%zu", steps);
    hpac_page_set_count(page, "has_epochs", report_epochs(run) > 0);
    hpac_page_set_count(page, "has_loss", report_epochs(run) + steps > 0);
    hpac_page_set_count(page, "predictions", run->predicted_images);
    set_text(page, "config", run->config);
}

static void set_runs(hpac_page *page, const hpac_report *report)
{
    size_t unfinished = 0, evaluated = 0, better = 0, drawable = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        const report_run *run = &report->runs[i];
        double prior = run->results.best[HPAC_METRIC_VAL_PRIOR_LOSS];
        double best = run->results.best[HPAC_METRIC_VAL_LOSS];
        unfinished += !run->finished;
        evaluated += !isnan(prior) && !isnan(best);
        better += best < prior;
        drawable += report_epochs(run) > 0;
    }
    hpac_page_set(page, "runs", "%zu", report->run_count);
    hpac_page_set_count(page, "unfinished_runs", unfinished);
    hpac_page_set_count(page, "evaluated_runs", evaluated);
    hpac_page_set(page, "better_runs", "%zu", better);
    hpac_page_set_count(page, "own_priors",
                        evaluated > 0 && isnan(report_common(report, HPAC_METRIC_VAL_PRIOR_LOSS)));
    hpac_page_set_count(page, "folds", report->kind == REPORT_FOLDS);
    hpac_page_set_count(page, "different",
                        report_find_table(report, "configurations")->column_count > 1);
    if (drawable > 0)
        hpac_page_set(page, "curves", "%zu", report->curve_count);
    hpac_page_set_count(page, "left_out", drawable > report->curve_count);
    hpac_page_set_count(page, "tradeoffs", report->kind != REPORT_FOLDS && report->curve_count > 1);
    hpac_page_set_count(page, "class_f1",
                        hpac_table_row_count(report_find_table(report, "class_f1")) > 0);
}

/* A table of several runs with a row per run gets the color of each one's curve, if that is drawn.
 */
static void insert_rows_of_runs(hpac_page *page, const hpac_report *report, const hpac_table *table)
{
    static const char *const curve_colors[] = {REPORT_COLORS};
    HPAC_AUTO_FREE const char **colors =
        report->kind == REPORT_RUN ? NULL : calloc(report->run_count, sizeof *colors);
    for (size_t i = 0; colors && i < report->curve_count; i++)
        colors[report->curves[i]] = curve_colors[i % (sizeof curve_colors / sizeof *curve_colors)];
    hpac_page_colored_table(page, table, 0, colors);
}

/* Some columns of a table, their names separated by commas, under another title. */
static void insert_columns(hpac_page *page, const hpac_report *report, const hpac_table *table,
                           char *names, const char *title)
{
    hpac_column columns[HPAC_METRICS];
    size_t from[HPAC_METRICS], count = 0;
    for (char *name; count < HPAC_METRICS && (name = strsep(&names, ","));) {
        from[count] = hpac_table_find_column(table, name);
        if (from[count] < table->column_count) {
            columns[count] = table->columns[from[count]];
            count++;
        }
    }
    HPAC_AUTO(hpac_table_fini) hpac_table part = {0};
    hpac_table_init(&part, table->name, title, columns, count);
    for (size_t row = 0; row < hpac_table_row_count(table); row++) {
        hpac_cell cells[HPAC_METRICS];
        for (size_t c = 0; c < count; c++)
            cells[c] = *hpac_table_cell(table, row, from[c]);
        hpac_table_add_row(&part, cells, count);
    }
    insert_rows_of_runs(page, report, &part);
}

/* "runs run,state Training schedules": a table; absent of its columns and title: all of it. */
static void insert_table(hpac_page *page, const hpac_report *report, const char *part)
{
    char name[64], columns[512] = "";
    int title = 0;
    (void)sscanf(part, "%63s %511s %n", name, columns, &title);
    const hpac_table *table = report_find_table(report, name);
    if (table && title > 0)
        insert_columns(page, report, table, columns, part + title);
    else if (table && strcmp(name, "configurations") == 0)
        insert_rows_of_runs(page, report, table);
    else if (table)
        hpac_page_table(page, table, 0);
}

static void insert_pictures(hpac_page *page, const hpac_report *report, const char *section)
{
    for (const report_picture *picture = report_pictures; picture->name; picture++) {
        char file[64];
        snprintf(file, sizeof file, "%s.png", picture->name);
        if (!(picture->kinds >> report->kind & 1) || strcmp(picture->section, section) != 0 ||
            !report_has_file(report, file))
            continue;
        HPAC_AUTO_FREE char *path = hpac_path_join(report->plots, "%s", file);
        hpac_page_picture(page, path, picture->caption);
    }
}

static void write_json(FILE *stream, const json_t *value)
{
    size_t count = json_array_size(value);
    if (json_is_string(value))
        fputs(json_string_value(value), stream);
    else if (!json_is_array(value) && !json_is_null(value))
        json_dumpf(value, stream, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    for (size_t i = 0; i < count && i < LIST_ITEMS; i++) {
        fputs(i > 0 ? ", " : "", stream);
        write_json(stream, json_array_get(value, i));
    }
    if (count > LIST_ITEMS)
        fprintf(stream, " and %zu more", count - LIST_ITEMS);
}

static const hpac_column pair_columns[] = {HPAC_COLUMN_TEXT("name", NULL),
                                           HPAC_COLUMN_TEXT("value", NULL)};

/* run.json, key by key. */
static void insert_environment(hpac_page *page, const report_run *run)
{
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    hpac_table_init(&table, "environment", "run.json", pair_columns, 2);
    const char *key;
    json_t *value;
    json_object_foreach(run->json, key, value)
    {
        HPAC_AUTO_FREE char *text = NULL;
        size_t nbytes;
        if (json_is_array(value) && json_array_size(value) == 0)
            continue; /* no image was skipped */
        FILE *stream = open_memstream(&text, &nbytes);
        if (stream)
            write_json(stream, value);
        if (stream && fclose(stream) == 0)
            hpac_table_add_row(&table, HPAC_CELLS(HPAC_TEXT_CELL(key), HPAC_TEXT_CELL(text)));
        else
            table.status = hpac_fail_memory(BUFSIZ);
    }
    hpac_page_table(page, &table, 0);
}

static void insert_files(hpac_page *page, const report_run *run)
{
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    hpac_table_init(&table, "files", "Files of the run", pair_columns, 2);
    for (const hpac_run_file *file = hpac_run_files; file < hpac_run_files + HPAC_RUN_FILE_COUNT;
         file++) {
        bool old = file->written == HPAC_WRITTEN_AT_END && !run->finished;
        if (hpac_directory_has(run->directory, file->name))
            hpac_table_add_row(
                &table, HPAC_CELLS(HPAC_TEXT_CELL(file->name),
                                   HPAC_TEXT_CELL(old ? "from before this training was continued"
                                                      : file->description)));
    }
    hpac_page_table(page, &table, 0);
}

static void insert_runs(hpac_page *page, const hpac_report *report)
{
    for (size_t i = 0; i < report->run_count; i++) {
        const report_run *run = &report->runs[i];
        set_run(page, run);
        set_text(page, "label", run->label);
        hpac_page_set_count(page, "absent", !run->json);
        hpac_page_set_count(page, "has_page", hpac_directory_has(run->directory, REPORT_PAGE));
        hpac_page_render(page, HPAC_TEMPLATE(runs_item), NULL, NULL);
    }
}

static void insert(void *user, hpac_page *page, const char *part)
{
    const hpac_report *report = user;
    if (strncmp(part, "table ", 6) == 0)
        insert_table(page, report, part + 6);
    else if (strncmp(part, "pictures ", 9) == 0)
        insert_pictures(page, report, part + 9);
    else if (strcmp(part, "environment") == 0)
        insert_environment(page, &report->runs[0]);
    else if (strcmp(part, "files") == 0)
        insert_files(page, &report->runs[0]);
    else if (strcmp(part, "runs") == 0)
        insert_runs(page, report);
}

hpac_status report_page_write(const hpac_report *report)
{
    static const char *const titles[] = {[REPORT_RUNS] = "Comparison",
                                         [REPORT_FOLDS] = "Cross-validation",
                                         [REPORT_SWEEP] = "Sweep"};
    char title[512];
    if (report->kind == REPORT_RUN)
        snprintf(title, sizeof title, "Training %s", report->runs[0].label);
    else
        snprintf(title, sizeof title, "%s of %zu %s", titles[report->kind], report->run_count,
                 report->kind == REPORT_FOLDS ? "folds" : "runs");
    hpac_page *page;
    HPAC_TRY(hpac_page_create(report->page, title, &page));
    if (report->kind == REPORT_RUN)
        set_only_run(page, &report->runs[0]);
    else
        set_runs(page, report);
    hpac_page_render(page, report->kind == REPORT_RUN ? HPAC_TEMPLATE(run) : HPAC_TEMPLATE(runs),
                     insert, (void *)report);
    return hpac_page_commit(page);
}
