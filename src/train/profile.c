/* The profile of a training: a table in the log and profile.csv. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/csv.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* All rows with calls: the wait for the loader, the training's calls, the evaluation's. */
typedef struct profile_rows {
    hpac_profile_row *rows; /* (count) owned */
    size_t count;
    double elapsed_ms; /* of all passes */
} profile_rows;

static void add_rows(profile_rows *profile, const hpac_profile_row *rows, size_t count,
                     bool evaluation)
{
    for (size_t i = 0; i < count; i++) {
        hpac_profile_row *row = &profile->rows[profile->count];
        *row = rows[i];
        profile->count += row->calls > 0;
        if (evaluation && strncmp(rows[i].name, "evaluate", 8) != 0)
            snprintf(row->name, sizeof row->name, "evaluate: %.100s", rows[i].name);
    }
}

static hpac_status collect_rows(const train_job *training, profile_rows *profile)
{
    const hpac_profile_row *rows, *evaluation_rows;
    const hpac_profile_row loader = {.name = "wait for the loader",
                                     .calls = training->clock.batches,
                                     .total_ms = 1000 * training->clock.waited_s};
    size_t count = hpac_network_profile(training->network, &rows);
    size_t evaluation_count = hpac_network_profile(training->evaluation_network, &evaluation_rows);
    *profile = (profile_rows){.elapsed_ms = 1000 * training->clock.elapsed_s};
    profile->rows = calloc(1 + count + evaluation_count, sizeof *profile->rows);
    if (!profile->rows)
        return hpac_fail_memory((1 + count + evaluation_count) * sizeof *profile->rows);
    add_rows(profile, &loader, 1, false);
    add_rows(profile, rows, count, false);
    add_rows(profile, evaluation_rows, evaluation_count, true);
    return HPAC_OK;
}

/* Figures of a row. */
typedef struct profile_rates {
    double mean_ms, share, gb_per_s, gflop_per_s;
} profile_rates;

static profile_rates rates_of(const profile_rows *profile, const hpac_profile_row *row)
{
    double mean_ms = row->total_ms / (double)row->calls;
    return (profile_rates){
        .mean_ms = mean_ms,
        .share = profile->elapsed_ms > 0 ? row->total_ms / profile->elapsed_ms : 0,
        .gb_per_s = mean_ms > 0 ? row->nbytes / mean_ms * 1e-6 : 0,
        .gflop_per_s = mean_ms > 0 ? row->flops / mean_ms * 1e-6 : 0,
    };
}

static void print_row(const profile_rows *profile, const hpac_profile_row *row, int width,
                      FILE *stream)
{
    profile_rates rates = rates_of(profile, row);
    fprintf(stream, "  %-*s %7llu %9.3f %6.1f %%", width, row->name, (unsigned long long)row->calls,
            rates.mean_ms, 100 * rates.share);
    if (row->nbytes > 0)
        fprintf(stream, " %9.2f %8.2f", row->nbytes * 1e-6, rates.gb_per_s);
    if (row->flops > 0)
        fprintf(stream, " %9.3f %9.1f", row->flops * 1e-9, rates.gflop_per_s);
    fputc('\n', stream);
}

static void print_table(const train_job *training, const profile_rows *profile, FILE *stream)
{
    int width = 0;
    for (size_t i = 0; i < profile->count; i++)
        if ((int)strlen(profile->rows[i].name) > width)
            width = (int)strlen(profile->rows[i].name);
    fprintf(stream, "profile: %llu steps in %.3f s; concurrent calls add up to more\n",
            (unsigned long long)training->clock.batches, training->clock.elapsed_s);
    fprintf(stream, "  %-*s %7s %9s %8s %9s %8s %9s %9s\n", width, "call", "calls", "mean ms",
            "share", "MB", "GB/s", "GFLOP", "GFLOP/s");
    for (size_t i = 0; i < profile->count; i++)
        print_row(profile, &profile->rows[i], width, stream);
}

static hpac_status write_csv(const profile_rows *profile, const char *folder)
{
    char *path = hpac_path_join(folder, "profile.csv");
    if (!path)
        return hpac_fail_memory(0);
    hpac_file file = {0};
    hpac_status status = hpac_file_create(&file, path);
    free(path);
    HPAC_TRY(status);
    fputs("call,calls,total_ms,mean_ms,share,bytes,gb_per_s,gflop,gflop_per_s\n", file.stream);
    for (size_t i = 0; i < profile->count; i++) {
        const hpac_profile_row *row = &profile->rows[i];
        profile_rates rates = rates_of(profile, row);
        hpac_csv_write_cell(file.stream, row->name);
        fprintf(file.stream, ",%llu,%.6g,%.6g,%.6g,%.0f,%.6g,%.9g,%.6g\n",
                (unsigned long long)row->calls, row->total_ms, rates.mean_ms, rates.share,
                row->nbytes, rates.gb_per_s, row->flops * 1e-9, rates.gflop_per_s);
    }
    return hpac_file_commit(&file);
}

static hpac_status log_table(const train_job *training, const profile_rows *profile)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return hpac_fail_memory(0);
    print_table(training, profile, stream);
    hpac_status status = fclose(stream) == 0 ? HPAC_OK : hpac_fail_memory(length);
    if (status == HPAC_OK)
        train_log_lines(text, false);
    free(text);
    return status;
}

hpac_status train_report_profile(const train_job *training)
{
    profile_rows profile;
    HPAC_TRY(collect_rows(training, &profile));
    hpac_status status = log_table(training, &profile);
    if (status == HPAC_OK)
        status = write_csv(&profile, training->options->folder);
    free(profile.rows);
    return status;
}
