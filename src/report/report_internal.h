/* What the files of the report share. */
#ifndef HPAC_REPORT_INTERNAL_H
#define HPAC_REPORT_INTERNAL_H

#include "report.h"

#include <hpac/labels.h>

#include "render/page.h"
#include "render/plot.h"
#include "rundir/run_results.h"

#include <jansson.h>
#include <stdbool.h>

/* ---- report_csv.c: tables that others wrote ---- */

/* Reads the columns of `table` (initialised, empty) from a CSV that may hold others, in any order;
 * an empty cell or "nan" is NaN in a column of numbers. `growing`: the file is being written, so
 * that it may not be there yet, be empty, or end in half a row, which is left out. Errors: DATA,
 * with file, line, column and what was expected. */
hpac_status report_csv_read(const char *folder, const char *name, bool growing, hpac_table *table);

/* predictions.csv: Id, and a probability a class. */
typedef struct report_predictions {
    size_t images;
    size_t class_count;
    char *classes[HPAC_CLASS_COUNT]; /* (class_count) owned */
    double *values;                  /* (images, class_count), 0..1 or NaN; owned */
    size_t capacity;                 /* of values */
} report_predictions;

/* On error nothing is left. Errors: DATA. */
hpac_status report_predictions_read(const char *path, report_predictions *predictions);
void report_predictions_fini(report_predictions *predictions);

/* ---- report_config.c: config.yaml as a list of keys ---- */

typedef struct report_value {
    char *path;   /* "data.split.fold"; owned, as are all below */
    char *text;   /* "0", "[Nucleoplasm, Cytosol]", without the quotes of YAML */
    char **items; /* (item_count) of a list of sections, "{type: flatten}"; else none */
    size_t item_count;
} report_value;

typedef struct report_config {
    report_value *values; /* (count) in the order of the file */
    size_t count, capacity;
    char *dropout; /* as hpac_dropout_text has it; NULL: no model */
} report_config;

/* Reads the text of a configuration that hpac wrote; "" has no keys. On error nothing is left.
 * Errors: DATA with path and line (no YAML), INTERNAL (memory). */
hpac_status report_config_read(const char *path, const char *text, report_config *config);
void report_config_fini(report_config *config);
/* NULL when the configuration has no such key. */
const report_value *report_config_find(const report_config *config, const char *path);

/* ---- report_run.c: the files of one run ---- */

enum report_class_column {
    REPORT_CLASS_EPOCH,
    REPORT_CLASS_NAME,
    REPORT_CLASS_SUPPORT,
    REPORT_CLASS_PRECISION,
    REPORT_CLASS_RECALL,
    REPORT_CLASS_F1,
    REPORT_CLASS_COLUMNS
};

typedef struct report_run {
    char *folder;       /* owned, as are all below */
    char *label;        /* what it is called beside others */
    json_t *json;       /* run.json; NULL: the sweep has it, but there is no such folder */
    const char *state;  /* of json, else absent_state */
    char *absent_state; /* "missing", "failed"; NULL: there is a folder */
    bool finished;
    char *config;             /* config.yaml; "" when there is none yet */
    report_config keys;       /* what is in it */
    char *warnings;           /* lines of train.log, each with a newline; "" without */
    hpac_table losses;        /* epoch, train_loss, val_loss */
    hpac_table metrics;       /* columns of run_results.h, a row an epoch */
    hpac_run_results results; /* what it comes to */
    hpac_table batch_losses;  /* step, batch_losses */
    hpac_table class_metrics; /* columns above, a row an epoch and class */
    size_t class_count;       /* of the last epoch, whose rows are the last of class_metrics */
    report_predictions predictions; /* no images when it is not finished, or they are not wanted */
} report_run;

/* Reads a run's folder; predictions are only `wanted` for a report of its own. On error nothing is
 * left. Errors: DATA. */
hpac_status report_run_read(const char *folder, bool predictions, report_run *run);
void report_run_fini(report_run *run);

size_t report_epochs(const report_run *run); /* that are finished */
/* NaN for a row that is not there. */
double report_metric(const report_run *run, size_t row, hpac_metric column);
/* Of the last epoch. */
const char *report_class_name(const report_run *run, size_t i);
double report_class_value(const report_run *run, size_t i, enum report_class_column column);
/* Of run.json; NULL and NaN when it has no such thing. */
const char *report_json_text(const report_run *run, const char *key);
double report_json_number(const report_run *run, const char *key);
/* Where the column of a name, of `length` bytes, is; column_count when there is none. */
size_t report_column(const hpac_table *table, const char *name, size_t length);
/* Whether each of these columns, separated by blanks, has a number in it: without one there is
 * nothing to draw. */
bool report_has_numbers(const hpac_table *table, const char *columns);
/* Validation images that were judged: those predicted, else those of run.json. */
double report_images(const report_run *run);

/* ---- report_folders.c: which runs a folder holds ---- */

typedef enum report_kind {
    REPORT_RUN,   /* one */
    REPORT_RUNS,  /* several */
    REPORT_FOLDS, /* those of one cross-validation */
    REPORT_SWEEP, /* those of one sweep */
} report_kind;

typedef struct report_place {
    char *folder; /* owned */
    char *label;  /* owned */
    char *state;  /* of a sweep's run without a folder, owned; else NULL */
} report_place;

typedef struct report_places {
    report_kind kind;
    report_place *list; /* (count) owned */
    size_t count, capacity;
} report_places;

/* Finds the runs of the folders and names them as shortly as tells them apart. On error nothing is
 * left. Errors: CONFIG, DATA. */
hpac_status report_places_find(const hpac_report_options *options, report_places *places);
void report_places_fini(report_places *places);

/* ---- report_files.c: what a report leaves ---- */

#define REPORT_PAGE "report.html"
#define REPORT_PLOTS "plots"

/* Removes what an earlier report wrote to plots/ and a killed one left half-written, but for the
 * `kept` names. Errors: CONFIG. */
hpac_status report_files_remove(const char *plots, char *const *kept, size_t kept_count);

/* ---- report.c ---- */

/* More curves cannot be told apart: of more runs, those with the lowest validation losses. */
#define REPORT_CURVES 12

/* A table and two pictures each. */
#define REPORT_FILES 128

struct hpac_report {
    report_kind kind;
    char *out, *plots, *page; /* paths */
    report_run *runs;         /* (run_count) */
    size_t run_count;
    size_t curves[REPORT_CURVES]; /* (curve_count) of runs: those whose curves are drawn */
    size_t curve_count;
    hpac_table tables[HPAC_REPORT_TABLES]; /* (table_count) */
    size_t table_count;
    char *files[REPORT_FILES]; /* (file_count) names written into plots; owned */
    size_t file_count;
    const volatile sig_atomic_t *stop; /* may be NULL */
};

/* HPAC_INTERRUPTED when a stop is wanted, else `status`. */
hpac_status report_check_stop(const hpac_report *report, hpac_status status);
/* A table to fill. */
hpac_table *report_table(hpac_report *report, const char *name, const char *title,
                         const hpac_column *columns, size_t column_count);
/* The table of a name; NULL when the report has none. */
const hpac_table *report_find_table(const hpac_report *report, const char *name);
/* Room for `needed` items; NULL, with the old ones untouched, when memory is out. */
void *report_grow(void *items, size_t needed, size_t *capacity, size_t item_nbytes);
/* "<out>/plots/<name>", malloc'ed; the name is remembered as written. NULL when memory is out. */
char *report_plot_path(hpac_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- report_tables.c ---- */

/* Fill the tables of one run. Errors: INTERNAL (memory), DATA (files that contradict each other).
 */
hpac_status report_run_tables(hpac_report *report);
/* The table `runs`: a row a run, as in sweep.csv. */
void report_runs_table(hpac_report *report);

/* ---- report_compare.c: the tables of several runs ---- */

/* What guessing comes to, the constant prior's loss or the all-zero answer's accuracy, when it is
 * the same for all runs: they are judged on the same labels. NaN when it is not, or when none has
 * an epoch. */
double report_common(const hpac_report *report, hpac_metric metric);

hpac_status report_compare_tables(hpac_report *report);

/* ---- report_differences.c ---- */

/* The table `configurations`: a row a run, a column a key that differs. */
hpac_status report_differences_table(hpac_report *report);

/* ---- report_plots.c ---- */

/* Writes the tables and draws the pictures. */
hpac_status report_plots_draw(hpac_report *report);

/* ---- report_page.c, report_compare_page.c ---- */

/* What a noun ends with: "" for one, else "s". */
const char *report_plural(double count);
/* A picture of plots/, if it was drawn. */
void report_page_plot(hpac_page *page, const hpac_report *report, const char *name,
                      const char *caption);
/* A table of the report, if it has it. */
void report_page_table(hpac_page *page, const hpac_report *report, const char *name);
#define REPORT_PAGE_COLUMNS 24
/* Some columns of a table, at most so many, with a title of their own. */
void report_page_columns(hpac_page *page, const hpac_table *table, const char *title,
                         const char *const *names, size_t name_count);
hpac_status report_page_write(const hpac_report *report);
void report_compare_page(hpac_page *page, const hpac_report *report);

#endif
