/* Run directories made by hand, small enough to check by eye. */
#ifndef TESTS_REPORT_FIXTURE_H
#define TESTS_REPORT_FIXTURE_H

#include "report/report.h"

/* Writes a run of two epochs of two steps, two classes and four validation images into
 * scratch_path(name), whose path it returns. `state` is that of run.json; what a run has only at
 * its end is there when that is "finished". */
const char *report_fixture_write(const char *name, const char *state);

/* Writes a file into it. */
void report_fixture_put(const char *name, const char *file, const char *text);

/* The header of metrics.csv, without a newline. */
extern const char report_fixture_metrics_header[];

/* Writes a finished run of three epochs whose metrics are those of report_fixture_metric. */
void report_fixture_put_metrics(const char *name, int run);
/* No two are alike: 1000 per run, 100 per epoch (from 1), 1 per column of metrics.csv; but the
 * validation losses of the epochs are run + 3, run + 1 and run + 2. */
double report_fixture_metric(int run, int epoch, const char *metric);

/* Opens a report of scratch directories, names separated by blanks, or fails the test. */
hpac_report *report_fixture_open(const char *names);
/* The same where it must fail with this status. The message is in the error record. */
void report_fixture_refuse(const char *names, hpac_status expected);

/* A table of a report; NULL when it has none of this name. */
const hpac_table *report_fixture_table(const hpac_report *report, const char *name);
/* A number of a table, in the row whose first cell shows as `row`; NAN when it is not there. */
double report_fixture_number(const hpac_table *table, const char *row, const char *column);
/* A text in the same way; NULL when it is not there. */
const char *report_fixture_text(const hpac_table *table, const char *row, const char *column);

/* Fail the test unless they are as expected; numbers to 1e-12, NAN for an empty cell. */
void assert_number(const hpac_table *table, const char *row, const char *column, double expected);
void assert_text(const hpac_table *table, const char *row, const char *column,
                 const char *expected);

#endif
