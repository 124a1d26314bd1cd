/* The profile of a training: a table in the log and profile.csv. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/csv.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* What one line says, of `rows` or of the loader. */
typedef struct profile_line {
    const char *name;
    uint64_t calls;
    double total_ms, mean_ms, share; /* of the passes' time */
    double nbytes, flops;            /* of one call; 0: none to speak of */
    double gb_per_s, gflop_per_s;
} profile_line;

static profile_line line_of(const train_job *training, const hpac_profile_row *row)
{
    double mean_ms = row->total_ms / (double)row->calls;
    return (profile_line){
        .name = row->name,
        .calls = row->calls,
        .total_ms = row->total_ms,
        .mean_ms = mean_ms,
        .share = training->clock.elapsed_ms > 0 ? row->total_ms / training->clock.elapsed_ms : 0,
        .nbytes = row->nbytes,
        .flops = row->flops,
        .gb_per_s = mean_ms > 0 ? row->nbytes / mean_ms * 1e-6 : 0,
        .gflop_per_s = mean_ms > 0 ? row->flops / mean_ms * 1e-6 : 0,
    };
}

static void print_line(const profile_line *line, int width, FILE *stream)
{
    fprintf(stream, "  %-*s %7llu %9.3f %6.1f %%", width, line->name,
            (unsigned long long)line->calls, line->mean_ms, 100 * line->share);
    if (line->nbytes > 0)
        fprintf(stream, " %9.2f %8.2f", line->nbytes * 1e-6, line->gb_per_s);
    if (line->flops > 0)
        fprintf(stream, " %9.3f %9.1f", line->flops * 1e-9, line->gflop_per_s);
    fputc('\n', stream);
}

static void write_line(const profile_line *line, FILE *stream)
{
    hpac_csv_write_cell(stream, line->name);
    fprintf(stream, ",%llu,%.6g,%.6g,%.6g,%.0f,%.6g,%.9g,%.6g\n", (unsigned long long)line->calls,
            line->total_ms, line->mean_ms, line->share, line->nbytes, line->gb_per_s,
            line->flops * 1e-9, line->gflop_per_s);
}

/* The loader first, then the network's calls. */
static hpac_profile_row loader_row(const train_job *training)
{
    return (hpac_profile_row){.name = "wait for the loader",
                              .calls = training->clock.batches,
                              .total_ms = training->clock.waited_ms};
}

static void print_table(const train_job *training, FILE *stream)
{
    const hpac_profile_row *rows, loader = loader_row(training);
    size_t count = hpac_network_profile(training->network, &rows);
    int width = (int)strlen(loader.name);
    for (size_t i = 0; i < count; i++)
        if (rows[i].calls > 0 && (int)strlen(rows[i].name) > width)
            width = (int)strlen(rows[i].name);
    fprintf(stream, "profile: %llu steps in %.3f s; what runs side by side adds up to more\n",
            (unsigned long long)training->clock.batches, training->clock.elapsed_ms * 1e-3);
    fprintf(stream, "  %-*s %7s %9s %8s %9s %8s %9s %9s\n", width, "call", "calls", "mean ms",
            "share", "MB", "GB/s", "GFLOP", "GFLOP/s");
    for (size_t i = 0; i <= count; i++) {
        profile_line line = line_of(training, i == 0 ? &loader : &rows[i - 1]);
        if (line.calls > 0)
            print_line(&line, width, stream);
    }
}

static hpac_status write_csv(const train_job *training)
{
    const hpac_profile_row *rows, loader = loader_row(training);
    size_t count = hpac_network_profile(training->network, &rows);
    char *path = hpac_path_join(training->options->folder, "profile.csv");
    if (!path)
        return hpac_fail_memory(0);
    hpac_file file = {0};
    hpac_status status = hpac_file_create(&file, path);
    free(path);
    if (status != HPAC_OK)
        return status;
    fputs("call,calls,total_ms,mean_ms,share,bytes,gb_per_s,gflop,gflop_per_s\n", file.stream);
    for (size_t i = 0; i <= count; i++) {
        profile_line line = line_of(training, i == 0 ? &loader : &rows[i - 1]);
        if (line.calls > 0)
            write_line(&line, file.stream);
    }
    return hpac_file_commit(&file);
}

hpac_status train_report_profile(const train_job *training)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return hpac_fail_memory(0);
    print_table(training, stream);
    hpac_status status = fclose(stream) == 0 ? HPAC_OK : hpac_fail_memory(length);
    if (status == HPAC_OK)
        train_log_lines(text, false);
    free(text);
    return status == HPAC_OK ? write_csv(training) : status;
}
