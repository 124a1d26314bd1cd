/* Shared by the sources of the report. */
#ifndef HPAC_REPORT_INTERNAL_H
#define HPAC_REPORT_INTERNAL_H

#include "report.h"

#include <hpac/labels.h>

#include "rundir/run_files.h"
#include "rundir/run_results.h"

#include <jansson.h>
#include <stdbool.h>

#define REPORT_PAGE "report.html"
#define REPORT_PLOTS "plots"

/* More curves than this are illegible: of more runs, those with the lowest validation losses
 * are drawn. */
#define REPORT_CURVES 12

/* Those of the curves, in their order and again after the last: `colors` of tools/plots/common.gp.
 */
#define REPORT_COLORS "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"

#define REPORT_TABLES 16

/* A table and two pictures each. */
#define REPORT_FILES 128

typedef enum report_kind {
    REPORT_RUN,   /* one run */
    REPORT_RUNS,  /* several */
    REPORT_FOLDS, /* those of one cross-validation */
    REPORT_SWEEP, /* those of one sweep */
} report_kind;

typedef struct report_run {
    char *directory; /* owned, as are all below */
    char *path;      /* the same, absolute, without links and ".." */
    char *label;     /* its name in the report */
    char *state;     /* of run.json; without a directory, of sweep.csv: "missing" */
    json_t *json;    /* run.json; NULL: listed by the sweep, but without a directory */
    char *config;    /* config.yaml; "" when there is none yet */
    json_t *keys;    /* its values by path, see report_keys_read; NULL without */
    char *dropout;   /* as hpac_dropout_text has it; NULL: no model */
    char *warnings;  /* lines of train.log, each with a newline; "" without */
    bool finished;
    hpac_table losses;  /* columns of run_files.h and run_results.h, as in the run's files */
    hpac_table metrics; /* one row per epoch */
    hpac_table batch_losses;
    hpac_table learning_rates; /* no rows without a schedule */
    hpac_table class_metrics;  /* one row per epoch and class */
    size_t class_count;        /* of the last epoch, whose rows are the last of class_metrics */
    hpac_run_results results;  /* computed from metrics */
    /* Probabilities of predictions.csv in the order of the classes, NaN behind the last class;
     * no images when the run is not finished, or they are not wanted. */
    double (*predictions)[HPAC_CLASS_COUNT];
    size_t predicted_images, prediction_capacity;
} report_run;

struct hpac_report {
    report_kind kind;
    char *out, *plots, *page; /* paths */
    report_run *runs;         /* (run_count) */
    size_t run_count, run_capacity;
    size_t curves[REPORT_CURVES]; /* (curve_count) of runs: those whose curves are drawn */
    size_t curve_count;
    json_t *differences; /* {key that differs: [text per run]}, columns of `configurations` */
    hpac_table tables[REPORT_TABLES]; /* (table_count) */
    size_t table_count;
    char files[REPORT_FILES][48]; /* (file_count) names written into plots */
    size_t file_count;
    const volatile sig_atomic_t *stop; /* may be NULL */
};

/* ---- report_runs.c ---- */

/* Sets the kind, and the runs' directories and shortest names that differ; of runs without a
 * directory also their state. Errors: CONFIG, DATA. */
hpac_status report_find_runs(const hpac_report_options *options, hpac_report *report);

/* Reads the files of run->directory, with its predictions if wanted. Errors: DATA. */
hpac_status report_run_read(report_run *run, bool predictions);
void report_run_fini(report_run *run);

size_t report_epochs(const report_run *run); /* completed */
/* Of the last epoch. */
const char *report_class_name(const report_run *run, size_t i);
double report_class_value(const report_run *run, size_t i, hpac_class_metric column);
/* Of run.json; NULL and NaN when it has no such key. */
const char *report_json_text(const report_run *run, const char *key);
double report_json_number(const report_run *run, const char *key);
/* Whether each of these columns, separated by spaces, has a number in it; "*": any column. */
bool report_has_numbers(const hpac_table *table, const char *columns);
/* Validation images: those predicted, else those of run.json. */
double report_images(const report_run *run);

/* ---- report_configurations.c ---- */

/* Reads the configuration as lists of texts by path: {"data.split.fold": ["0"]}; a list of
 * sections, as the model's layers are, has a text each. Errors: DATA with path and line (invalid
 * YAML), INTERNAL (memory). */
hpac_status report_keys_read(report_run *run);
/* The table `configurations`: one row per run, one column per key that differs. */
hpac_status report_configurations_table(hpac_report *report);

/* ---- report_tables.c ---- */

/* Makes all tables. Errors: INTERNAL (memory), DATA (files that contradict each other). */
hpac_status report_tables_make(hpac_report *report);
/* A table to fill. */
hpac_table *report_table(hpac_report *report, const char *name, const char *title,
                         const hpac_column *columns, size_t column_count);
/* A table of the report or, in the report of one run, a table of the run; NULL: there is none. */
const hpac_table *report_find_table(const hpac_report *report, const char *name);
/* The constant prior's loss or the all-zero accuracy, when all runs have the same: they are
 * evaluated on the same labels. NaN when not, or when none has an epoch. */
double report_common(const hpac_report *report, hpac_metric metric);

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
        double (*value)(const hpac_report *report, hpac_metric metric);
        hpac_metric metric;
    } numbers[3]; /* further variables, ended by NULL */
} report_picture;

/* Ended by a row without a name. */
extern const report_picture report_pictures[];

/* Writes the tables and draws the pictures. */
hpac_status report_pictures_draw(hpac_report *report);

/* ---- report_page.c ---- */

hpac_status report_page_write(const hpac_report *report);

/* ---- report.c ---- */

/* Whether a file was written into plots/. */
bool report_has_file(const hpac_report *report, const char *name);

#endif
