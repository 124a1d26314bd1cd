/* The doctor's report: on the terminal, line by line, and as JSON. */
#include "doctor.h"

#include "base/cpu.h"

#include <jansson.h>
#include <inttypes.h>
#include <math.h>

/* "avx2"; the device is open, so HPAC_CPU is valid. */
static const char *cpu_path_name(void)
{
    hpac_cpu_path path;
    return hpac_cpu_path_get(&path) == HPAC_OK ? hpac_cpu_path_name(path) : "invalid";
}

/* ---- the terminal ---- */

void hpac_doctor_print_devices(const hpac_doctor *doctor, FILE *stream)
{
    const double mib = 0x1p-20;
    fprintf(stream, "CPU path: %s (HPAC_CPU; this processor's best is %s)\n", cpu_path_name(),
            hpac_cpu_path_name(hpac_cpu_path_best()));
    for (size_t i = 0; i < doctor->exam_count; i++) {
        const hpac_doctor_exam *exam = &doctor->exams[i];
        if (!exam->device) {
            fprintf(stream, "%s: not usable: %s\n", exam->name, exam->reason);
            continue;
        }
        fprintf(stream, "%s\n  libraries: %s\n  memory: %.0f MiB, %.0f MiB free\n", exam->info.name,
                exam->info.libraries, (double)exam->info.total_nbytes * mib,
                (double)exam->info.free_nbytes * mib);
    }
}

void hpac_doctor_print_head(const hpac_doctor *doctor, uint64_t seed, FILE *stream)
{
    fprintf(stream,
            "\nOperations compared with a double-precision reference, seed %" PRIu64
            ":\nmax error, its percentage of the tolerance, device time.\n",
            seed);
    fprintf(stream, "%-58s", "");
    for (size_t i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].device)
            fprintf(stream, "%29s", doctor->exams[i].name);
    fputc('\n', stream);
}

static void print_finding(const hpac_doctor_finding *finding, FILE *stream)
{
    const hpac_selfcheck_reading *reading = &finding->reading;
    if (finding->status != HPAC_OK)
        fprintf(stream, "%29s", "FAILS");
    else if (reading->error > 0)
        fprintf(stream, "%9.2g %6.2f %% %7.2f ms", reading->error,
                100 * reading->error / reading->tolerance, reading->elapsed_ms);
    else
        fprintf(stream, "%18s %7.2f ms", "exact", reading->elapsed_ms);
}

void hpac_doctor_print_case(const hpac_doctor *doctor, size_t index, FILE *stream)
{
    fprintf(stream, "%-58s", hpac_selfcheck_name(index));
    for (size_t i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].device)
            print_finding(&doctor->exams[i].findings[index], stream);
    fputc('\n', stream);
    for (size_t i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].findings[index].status != HPAC_OK)
            fprintf(stream, "  %s: %s\n", doctor->exams[i].name,
                    doctor->exams[i].findings[index].message);
    fflush(stream);
}

static void print_speed(const char *what, double speed, const char *unit, FILE *stream)
{
    if (speed > 0)
        fprintf(stream, "  %-42s %9.1f %s\n", what, speed, unit);
}

void hpac_doctor_print_speeds(const hpac_doctor_exam *exam, FILE *stream)
{
    const hpac_doctor_speeds *speeds = &exam->speeds;
    char text[64];
    fprintf(stream, "\n%s\n", exam->name);
    print_speed("upload from pinned memory", speeds->upload_gb_per_s, "GB/s", stream);
    print_speed("download to pinned memory", speeds->download_gb_per_s, "GB/s", stream);
    print_speed("copy on the device, read and write", speeds->copy_gb_per_s, "GB/s", stream);
    snprintf(text, sizeof text, "dense %zu x %zu, batch %zu, forward", speeds->dense_size,
             speeds->dense_size, speeds->dense_size);
    print_speed(text, speeds->dense_forward_gflop_per_s, "GFLOP/s", stream);
    print_speed("  backward", speeds->dense_backward_gflop_per_s, "GFLOP/s", stream);
    snprintf(text, sizeof text, "conv2d 3 x 3, 16 to 32, batch %zu, forward", speeds->conv2d_batch);
    print_speed(text, speeds->conv2d_forward_gflop_per_s, "GFLOP/s", stream);
    print_speed("  backward", speeds->conv2d_backward_gflop_per_s, "GFLOP/s", stream);
    if (*exam->trouble)
        fprintf(stream, "  %s\n", exam->trouble);
}

/* ---- JSON ---- */

/* JSON has no NaN and no infinity. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_of_case(const hpac_doctor_finding *finding, size_t index)
{
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:s}", "name", hpac_selfcheck_name(index), "passed",
                     finding->status == HPAC_OK, "error", number(finding->reading.error),
                     "tolerance", number(finding->reading.tolerance), "ms",
                     number(finding->reading.elapsed_ms), "message", finding->message);
}

static json_t *json_of_speeds(const hpac_doctor_speeds *speeds)
{
    return json_pack(
        "{s:f, s:f, s:f, s:I, s:f, s:f, s:I, s:f, s:f}", "upload_gb_per_s", speeds->upload_gb_per_s,
        "download_gb_per_s", speeds->download_gb_per_s, "copy_gb_per_s", speeds->copy_gb_per_s,
        "dense_size", (json_int_t)speeds->dense_size, "dense_forward_gflop_per_s",
        speeds->dense_forward_gflop_per_s, "dense_backward_gflop_per_s",
        speeds->dense_backward_gflop_per_s, "conv2d_batch", (json_int_t)speeds->conv2d_batch,
        "conv2d_forward_gflop_per_s", speeds->conv2d_forward_gflop_per_s,
        "conv2d_backward_gflop_per_s", speeds->conv2d_backward_gflop_per_s);
}

static json_t *json_of_exam(const hpac_doctor_exam *exam)
{
    if (!exam->device)
        return json_pack("{s:s, s:b, s:s}", "name", exam->name, "usable", 0, "reason",
                         exam->reason);
    json_t *cases = json_array();
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        json_array_append_new(cases, json_of_case(&exam->findings[i], i));
    return json_pack("{s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:s}", "name", exam->name,
                     "usable", 1, "description", exam->info.name, "libraries", exam->info.libraries,
                     "memory_bytes", (json_int_t)exam->info.total_nbytes, "free_bytes",
                     (json_int_t)exam->info.free_nbytes, "failed_cases",
                     (json_int_t)hpac_doctor_failure_count(exam), "cases", cases, "speeds",
                     json_of_speeds(&exam->speeds), "trouble", exam->trouble);
}

hpac_status hpac_doctor_print_json(const hpac_doctor *doctor, uint64_t seed, const char *verdict,
                                   bool well, FILE *stream)
{
    json_t *exams = json_array();
    for (size_t i = 0; i < doctor->exam_count; i++)
        json_array_append_new(exams, json_of_exam(&doctor->exams[i]));
    json_t *root = json_pack("{s:s, s:s, s:I, s:o, s:s, s:b}", "hpac", HPAC_VERSION, "cpu_path",
                             cpu_path_name(), "seed", (json_int_t)seed, "devices", exams, "verdict",
                             verdict, "well", well);
    bool failed = !root || json_dumpf(root, stream, JSON_INDENT(2)) != 0;
    json_decref(root);
    if (failed)
        return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for the report, or text that is not "
                                            "UTF-8 in it");
    fputc('\n', stream);
    return HPAC_OK;
}
