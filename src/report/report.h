/*
 * Reports of one training, or comparing several: tables, plots and one page.
 *
 *     const char *const runs[] = {"runs/improved_batch128", "runs/improved_nodropout"};
 *     const hpac_report_options options = {.runs = runs, .run_count = 2, .out = "report"};
 *     status = hpac_report_write(&options); // report/report.html and report/plots/
 *
 * A directory is that of a run (run.json), of a cross-validation (fold0, fold1, ...), of a sweep
 * (sweep.csv), or any other with these in it. A report reads only the files in it (docs/design.md
 * lists them); an unfinished run, or one in training at the moment, is reported up to its last
 * epoch.
 *
 * A report is <out>/report.html, with every picture embedded, and in <out>/plots/ the pictures as
 * PNG and SVG and the tables they are drawn from. Files of an earlier report that this one does not
 * have are removed; files of other names are not touched.
 */
#ifndef HPAC_REPORT_REPORT_H
#define HPAC_REPORT_REPORT_H

#include "render/table.h"

#include <signal.h>

typedef struct hpac_report_options {
    const char *const *runs; /* (run_count) directories, at least 1 */
    size_t run_count;
    const char *out; /* created when missing; NULL: the one directory itself */
    /* Nonzero: stop, leave no page, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
} hpac_report_options;

/* Reads, draws and writes the report. Errors: CONFIG (a directory without a run, a duplicate one,
 * no `out` for several, an `out` that cannot be written or is another run's, no gnuplot), DATA with
 * file, row and the expected value (a table that cannot be read), those of plot.h and page.h,
 * HPAC_INTERRUPTED. */
hpac_status hpac_report_write(const hpac_report_options *options);

/* ---- the same in steps, for access to the tables ---- */

typedef struct hpac_report hpac_report;

/* Reads the directories and computes the tables; writes nothing. `*report` is the caller's; NULL on
 * error. */
hpac_status hpac_report_open(const hpac_report_options *options, hpac_report **report);
void hpac_report_close(hpac_report *report); /* NULL is fine */

/* The tables (count) in reading order, borrowed until the report is closed. */
const hpac_table *hpac_report_tables(const hpac_report *report, size_t *count);

/* The directory of a run, a row of the table `runs`. Borrowed. */
const char *hpac_report_directory(const hpac_report *report, size_t run);

/* Writes page, plots and tables. */
hpac_status hpac_report_save(hpac_report *report);

/* The path of the page, "report/report.html". Borrowed. */
const char *hpac_report_page(const hpac_report *report);

/* Removes from a directory the files a report wrote: report.html, the tables and pictures in
 * plots/, and plots/ itself when nothing else is in it. Errors: CONFIG, when something cannot be
 * removed. */
hpac_status hpac_report_remove(const char *directory);

#endif
