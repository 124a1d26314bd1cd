/* Shared by the sources of the report. */
#ifndef HPAC_REPORT_INTERNAL_H
#define HPAC_REPORT_INTERNAL_H

#include "report.h"

#include <hpac/labels.h>

#include "render/page.h"
#include "render/plot.h"
#include "rundir/run_files.h"
#include "rundir/run_results.h"

#include <jansson.h>
#include <stdbool.h>

/* ---- report_predictions.c ---- */

/* predictions.csv: Id, and one probability per class. */
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
 * Errors: DATA with path and line (invalid YAML), INTERNAL (memory). */
hpac_status report_config_read(const char *path, const char *text, report_config *config);
void report_config_fini(report_config *config);
/* NULL when the configuration has no such key. */
const report_value *report_config_find(const report_config *config, const char *path);

/* ---- report_run.c: the files of one run ---- */

/* Columns of class_metrics.csv. */
enum report_class_column {
    REPORT_CLASS_EPOCH = HPAC_CLASS_METRIC_EPOCH,
    REPORT_CLASS_NAME = HPAC_CLASS_METRIC_NAME,
    REPORT_CLASS_SUPPORT = HPAC_CLASS_METRIC_SUPPORT,
    REPORT_CLASS_PRECISION = HPAC_CLASS_METRIC_PRECISION,
    REPORT_CLASS_RECALL = HPAC_CLASS_METRIC_RECALL,
    REPORT_CLASS_F1 = HPAC_CLASS_METRIC_F1,
};

typedef struct report_run {
    char *folder;       /* owned, as are all below */
    char *label;        /* its name in the report */
    json_t *json;       /* run.json; NULL: listed by the sweep, but without a directory */
    const char *state;  /* of json, else absent_state */
    char *absent_state; /* "missing", "failed"; NULL: there is a directory */
    bool finished;
    char *config;             /* config.yaml; "" when there is none yet */
    report_config keys;       /* its keys and values */
    char *warnings;           /* lines of train.log, each with a newline; "" without */
    hpac_table losses;        /* epoch, train_loss, val_loss */
    hpac_table metrics;       /* columns of run_results.h, one row per epoch */
    hpac_run_results results; /* computed from metrics */
    hpac_table batch_losses;  /* step, batch_losses */
    hpac_table class_metrics; /* columns above, one row per epoch and class */
    size_t class_count;       /* of the last epoch, whose rows are the last of class_metrics */
    report_predictions predictions; /* no images when it is not finished, or they are not wanted */
} report_run;

/* Reads a run's directory, and its predictions if wanted. On error nothing is left. Errors: DATA.
 */
hpac_status report_run_read(const char *folder, bool predictions, report_run *run);
void report_run_fini(report_run *run);

size_t report_epochs(const report_run *run); /* completed */
/* NaN for a row that is not there. */
double report_metric(const report_run *run, size_t row, hpac_metric column);
/* Of the last epoch. */
const char *report_class_name(const report_run *run, size_t i);
double report_class_value(const report_run *run, size_t i, enum report_class_column column);
/* Of run.json; NULL and NaN when it has no such key. */
const char *report_json_text(const report_run *run, const char *key);
double report_json_number(const report_run *run, const char *key);
/* Whether each of these columns, separated by spaces, has a number in it; "*": any column. */
bool report_has_numbers(const hpac_table *table, const char *columns);
/* Validation images: those predicted, else those of run.json. */
double report_images(const report_run *run);

/* ---- report_folders.c: which runs a directory holds ---- */

typedef enum report_kind {
    REPORT_RUN,   /* one run */
    REPORT_RUNS,  /* several */
    REPORT_FOLDS, /* those of one cross-validation */
    REPORT_SWEEP, /* those of one sweep */
} report_kind;

typedef struct report_location {
    char *folder; /* owned */
    char *label;  /* owned */
    char *state;  /* of a sweep's run without a directory, owned; else NULL */
} report_location;

typedef struct report_locations {
    report_kind kind;
    report_location *list; /* (count) owned */
    size_t count, capacity;
} report_locations;

/* Finds the runs of the directories and gives them the shortest names that differ. On error nothing
 * is left. Errors: CONFIG, DATA. */
hpac_status report_locations_find(const hpac_report_options *options, report_locations *locations);
void report_locations_fini(report_locations *locations);

/* ---- report.c ---- */

#define REPORT_PAGE "report.html"
#define REPORT_PLOTS "plots"

/* More curves than this are illegible: of more runs, those with the lowest validation losses
 * are drawn. */
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

/* HPAC_INTERRUPTED when a stop is requested, else `status`. */
hpac_status report_check_stop(const hpac_report *report, hpac_status status);
/* A table to fill. */
hpac_table *report_table(hpac_report *report, const char *name, const char *title,
                         const hpac_column *columns, size_t column_count);
/* A table of the report or, in the report of one run, a table of the run; NULL: there is none. */
const hpac_table *report_find_table(const hpac_report *report, const char *name);
/* Grows an array to `needed` items; NULL, with the old one unchanged, when out of memory. */
void *report_grow(void *items, size_t needed, size_t *capacity, size_t item_nbytes);
/* "<out>/plots/<name>", malloc'ed; the name is remembered as written. NULL when memory is out. */
char *report_plot_path(hpac_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether a file was written into plots. */
bool report_has_file(const hpac_report *report, const char *name);

/* ---- report_files.c: the files a report writes ---- */

/* Removes files of an earlier report from plots/, and incomplete ones of a killed one, except the
 * `kept` names. Errors: CONFIG. */
hpac_status report_files_remove(const char *plots, char *const *kept, size_t kept_count);

/* ---- report_tables.c ---- */

/* Names of the tables of all kinds of reports, ended by NULL. */
extern const char *const report_table_names[];
/* Fills the tables of one run. Errors: INTERNAL (memory), DATA (files that contradict each other).
 */
hpac_status report_run_tables(hpac_report *report);
/* The table `runs`: one row per run, as in sweep.csv. */
void report_runs_table(hpac_report *report);

/* ---- report_compare.c: the tables of several runs ---- */

/* The constant prior's loss or the all-zero accuracy, when all runs have the same: they are
 * evaluated on the same labels. NaN when not, or when none has an epoch. */
double report_common(const hpac_report *report, hpac_metric metric);

hpac_status report_compare_tables(hpac_report *report);

/* ---- report_differences.c ---- */

/* The table `configurations`: one row per run, one column per key that differs. */
hpac_status report_differences_table(hpac_report *report);

/* ---- report_pictures.c ---- */

/* One row per picture: the plots, the page and docs/design.md follow from it. */
typedef struct report_picture {
    const char *name;      /* plots/<name>.png and .svg */
    const char *section;   /* of the page: {{>pictures loss}} */
    const char *script;    /* tools/plots/<script>.gp */
    unsigned kinds;        /* in which reports: bits 1 << report_kind */
    const char *table;     /* its variable `csv`; in reports of several runs with a number per run,
                              variables file1, file2, ..., unless it is a table of the report */
    const char *curve;     /* a second table, variable `curve`, if it has numbers; or NULL */
    const char *needs;     /* not drawn unless each of these columns has a number; NULL: a curve */
    const char *title;     /* in the picture */
    const char *caption;   /* below it on the page */
    const char *texts[10]; /* names and values of further variables, ended by NULL */
    struct {
        const char *name;
        double (*value)(const hpac_report *report);
    } numbers[3]; /* further variables, ended by NULL */
} report_picture;

/* Ended by a row without a name. */
extern const report_picture report_pictures[];

/* Writes the tables and draws the pictures. */
hpac_status report_pictures_draw(hpac_report *report);

/* ---- report_page.c ---- */

hpac_status report_page_write(const hpac_report *report);

#endif
