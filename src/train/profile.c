/* The profile of a training: a table in the log and profile.csv. */
#include "train_internal.h"

#include "base/memory.h"

#include <string.h>

static const hpac_column columns[] = {
    HPAC_COLUMN_TEXT("call", NULL),
    HPAC_COLUMN_INTEGER("calls", NULL),
    HPAC_COLUMN_REAL("total_ms", "total ms", 3),
    HPAC_COLUMN_REAL("mean_ms", "mean ms", 3),
    HPAC_COLUMN_REAL("share", NULL, 3),
    HPAC_COLUMN_REAL("bytes", NULL, 0),
    HPAC_COLUMN_REAL("gb_per_s", "GB/s", 2),
    HPAC_COLUMN_REAL("gflop", "GFLOP", 3),
    HPAC_COLUMN_REAL("gflop_per_s", "GFLOP/s", 1),
};

/* Adds the rows with calls, under their names behind the prefix. */
static void add_rows(const train_job *training, const hpac_profile_row *rows, size_t count,
                     const char *prefix, hpac_table *table)
{
    for (size_t i = 0; i < count; i++) {
        const hpac_profile_row *row = &rows[i];
        if (row->calls == 0)
            continue;
        char name[160];
        bool named = strncmp(row->name, prefix, strcspn(prefix, ":")) == 0;
        snprintf(name, sizeof name, "%s%s", named ? "" : prefix, row->name);
        double elapsed_ms = 1000 * training->clock.elapsed_s;
        double mean_ms = row->total_ms / (double)row->calls;
        double per_ms = mean_ms > 0 ? 1 / mean_ms : 0;
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_TEXT_CELL(name), HPAC_NUMBER_CELL(row->calls),
                       HPAC_NUMBER_CELL(row->total_ms), HPAC_NUMBER_CELL(mean_ms),
                       HPAC_NUMBER_CELL(elapsed_ms > 0 ? row->total_ms / elapsed_ms : 0),
                       HPAC_NUMBER_CELL(row->nbytes), HPAC_NUMBER_CELL(row->nbytes * per_ms * 1e-6),
                       HPAC_NUMBER_CELL(row->flops * 1e-9),
                       HPAC_NUMBER_CELL(row->flops * per_ms * 1e-6)));
    }
}

static hpac_status print_table(const void *table, FILE *stream)
{
    return hpac_table_print(table, 0, stream);
}

hpac_status train_report_profile(const train_job *training)
{
    const train_clock *clock = &training->clock;
    const hpac_profile_row loader = {
        .name = "wait for the loader", .calls = clock->batches, .total_ms = 1000 * clock->waited_s};
    const hpac_profile_row *rows;
    char title[96];
    snprintf(title, sizeof title, "profile: %llu steps in %.3f s; concurrent calls add up to more",
             (unsigned long long)clock->batches, clock->elapsed_s);
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    hpac_table_init(&table, "profile", title, columns, sizeof columns / sizeof *columns);
    add_rows(training, &loader, 1, "", &table);
    size_t count = hpac_network_profile(training->network, &rows);
    add_rows(training, rows, count, "", &table);
    count = hpac_network_profile(training->evaluation_network, &rows);
    add_rows(training, rows, count, "evaluate: ", &table);
    HPAC_TRY(train_log_printed(print_table, &table, false));
    return hpac_table_write_csv(&table, training->options->directory, "%s",
                                hpac_run_files[HPAC_RUN_PROFILE].name);
}
