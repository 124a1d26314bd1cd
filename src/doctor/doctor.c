/* The doctor: opens devices, collects findings, prints them, concludes. */
#include "doctor.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "render/json.h"

#include <dlfcn.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* ---- what a machine lacks for CUDA, as far as it can be found out without CUDA ---- */

#define DRIVER_LIBRARY "libcuda.so.1"
#define PCI_DEVICES "/sys/bus/pci/devices"
#define NVIDIA_VENDOR 0x10de /* of the PCI */
#define DISPLAY_CLASS 0x03   /* of the PCI: the highest byte of the class of every GPU */

/* The hexadecimal number that a file of one line holds; 0 without one. */
static unsigned long read_number(const char *directory, const char *file)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", file);
    char line[32] = "";
    FILE *stream = path ? fopen(path, "r") : NULL;
    if (!stream)
        return 0;
    if (!fgets(line, sizeof line, stream))
        *line = '\0';
    fclose(stream);
    return strtoul(line, NULL, 16);
}

static bool has_nvidia_gpu(const char *root)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/dev/dxg", root); /* WSL's GPU */
    if (access(path, F_OK) == 0)
        return true;
    snprintf(path, sizeof path, "%s" PCI_DEVICES "/*", root);
    HPAC_AUTO(globfree) glob_t devices = {0};
    (void)glob(path, GLOB_NOSORT, NULL, &devices);
    for (size_t i = 0; i < devices.gl_pathc; i++)
        if (read_number(devices.gl_pathv[i], "vendor") == NVIDIA_VENDOR &&
            read_number(devices.gl_pathv[i], "class") >> 16 == DISPLAY_CLASS)
            return true;
    return false;
}

static bool loads(const char *library)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

void hpac_doctor_add_missing(const char *root, char *reason, size_t reason_nbytes)
{
    size_t length = strlen(reason);
    bool names_driver = strstr(reason, DRIVER_LIBRARY) != NULL;
    snprintf(reason + length, reason_nbytes - length, "%s%s",
             names_driver || loads(DRIVER_LIBRARY) ? ""
                                                   : ", no NVIDIA driver (" DRIVER_LIBRARY
                                                     " does not load)",
             has_nvidia_gpu(root) ? "" : ", no NVIDIA GPU (none in " PCI_DEVICES ")");
}

static hpac_status open_exam(hpac_doctor *doctor, const hpac_device_options *options, bool required)
{
    hpac_doctor_exam *exam = &doctor->exams[doctor->exam_count++];
    snprintf(exam->name, sizeof exam->name, "%s", options->name);
    exam->required = required;
    HPAC_TRY_NEW(exam->findings, hpac_selfcheck_count());
    HPAC_TRY(hpac_device_open(options, &exam->device));
    hpac_status status = exam->device->ops->describe(exam->device, &exam->info);
    if (status != HPAC_OK) {
        exam->device->ops->close(exam->device);
        exam->device = NULL;
    }
    return status;
}

static const char *without(const char *prefix, const char *text)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
}

/* A GPU that does not open is a finding; a name that is no device's is the caller's error. */
static hpac_status open_gpu(hpac_doctor *doctor, const hpac_device_options *options, bool required)
{
    hpac_status status = open_exam(doctor, options, required);
    if (status != HPAC_ERR_DEVICE)
        return status;
    hpac_doctor_exam *exam = &doctor->exams[doctor->exam_count - 1];
    const char *reason = without("not available: ", without("cuda: ", hpac_error_message()));
    snprintf(exam->reason, sizeof exam->reason, "%s", reason);
    hpac_doctor_add_missing("", exam->reason, sizeof exam->reason);
    return HPAC_OK;
}

hpac_status hpac_doctor_open(const hpac_device_options *options, hpac_doctor *doctor)
{
    const hpac_device_options cpu = {.name = "cpu", .threads = options->threads};
    hpac_device_options gpu = *options;
    *doctor = (hpac_doctor){0};
    if (strcmp(options->name, "cpu") == 0)
        return open_exam(doctor, &cpu, true);
    bool any = strcmp(options->name, "auto") == 0;
    if (any)
        gpu.name = "cuda";
    HPAC_TRY(open_gpu(doctor, &gpu, !any));
    if (!any && !doctor->exams[0].device)
        return HPAC_OK;
    hpac_status status = open_exam(doctor, &cpu, true);
    hpac_doctor_exam first = doctor->exams[0]; /* to be read beside the CPU, after it */
    doctor->exams[0] = doctor->exams[1];
    doctor->exams[1] = first;
    return status;
}

void hpac_doctor_close(hpac_doctor *doctor)
{
    for (size_t i = 0; i < doctor->exam_count; i++) {
        hpac_doctor_exam *exam = &doctor->exams[i];
        hpac_device_close(exam->device);
        free(exam->findings);
    }
    *doctor = (hpac_doctor){0};
}

/* "avx2"; the device is open, so HPAC_CPU is valid. */
static const char *cpu_path_name(void)
{
    hpac_cpu_path path;
    return hpac_cpu_path_get(&path) == HPAC_OK ? hpac_cpu_path_name(path) : "invalid";
}

/* Each exam's device with its libraries and memory, or why it is not usable. */
static void print_devices(const hpac_doctor *doctor, FILE *stream)
{
    const double mib = 0x1p-20;
    fprintf(stream, "CPU path: %s (HPAC_CPU; this processor's best is %s)\n", cpu_path_name(),
            hpac_cpu_path_name(hpac_cpu_path_best()));
    for (size_t i = 0; i < doctor->exam_count; i++) {
        const hpac_doctor_exam *exam = &doctor->exams[i];
        if (!exam->device) {
            fprintf(stream,
                    exam->required ? "%s: not usable: %s\n"
                                   : "%s: not usable: training uses the cpu. The reason, which "
                                     "matters only with an NVIDIA GPU:\n  %s\n",
                    exam->name, exam->reason);
            continue;
        }
        fprintf(stream, "%s\n  libraries: %s\n  memory: %.0f MiB, %.0f MiB free\n", exam->info.name,
                exam->info.libraries, (double)exam->info.total_nbytes * mib,
                (double)exam->info.free_nbytes * mib);
    }
}

/* The head of the table of cases: one column per open device. */
static void print_head(const hpac_doctor *doctor, uint64_t seed, FILE *stream)
{
    fprintf(stream,
            "\nOperations compared with a double-precision reference, seed %" PRIu64
            ":\nmax error (large where the numbers are), percentage of tolerance, device time;\n"
            "declined: not supported with views, so that a concat copies.\n",
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
    else if (reading->declined > 0)
        fprintf(stream, "%18s %7.2f ms", "declined", reading->elapsed_ms);
    else if (reading->error > 0)
        fprintf(stream, "%9.2g %6.2f %% %7.2f ms", reading->error,
                100 * reading->error / reading->tolerance, reading->elapsed_ms);
    else
        fprintf(stream, "%18s %7.2f ms", "exact", reading->elapsed_ms);
}

/* A row of it, with the errors below. */
static void print_case(const hpac_doctor *doctor, size_t index, FILE *stream)
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

static void print_speeds(const hpac_doctor_exam *exam, FILE *stream)
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

void hpac_doctor_check_case(hpac_doctor_exam *exam, size_t index, uint64_t seed)
{
    hpac_doctor_finding *finding = &exam->findings[index];
    if (!exam->device)
        return;
    finding->status = hpac_selfcheck_run(exam->device, index, seed, &finding->reading);
    if (finding->status != HPAC_OK)
        snprintf(finding->message, sizeof finding->message, "%s", hpac_error_message());
}

void hpac_doctor_examine(hpac_doctor *doctor, uint64_t seed, FILE *stream,
                         void (*progress)(void *user, size_t done, size_t total), void *user)
{
    size_t count = hpac_selfcheck_count();
    if (stream)
        print_devices(doctor, stream);
    if (!doctor->exams[0].device) /* the GPU that was asked for is not usable */
        return;
    if (stream)
        print_head(doctor, seed, stream);
    for (size_t i = 0; i < count; i++) {
        for (size_t e = 0; e < doctor->exam_count; e++)
            hpac_doctor_check_case(&doctor->exams[e], i, seed);
        if (stream)
            print_case(doctor, i, stream);
        else
            progress(user, i + 1, count);
    }
    for (size_t e = 0; e < doctor->exam_count; e++) {
        hpac_doctor_measure(&doctor->exams[e]);
        if (stream && doctor->exams[e].device)
            print_speeds(&doctor->exams[e], stream);
    }
}

static size_t failure_count(const hpac_doctor_exam *exam)
{
    size_t count = 0;
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        count += exam->findings[i].status != HPAC_OK;
    return count;
}

/* Returns whether there is nothing wrong with it. */
static bool describe(const hpac_doctor_exam *exam, FILE *stream)
{
    size_t failures = failure_count(exam), first = 0;
    if (!exam->device) {
        fprintf(stream, exam->required ? "%s: not usable: %s" : "%s: not usable, nor needed",
                exam->name, exam->reason);
        return !exam->required;
    }
    if (failures > 0) {
        while (exam->findings[first].status == HPAC_OK)
            first++;
        fprintf(stream, "%s: not ready to train: %zu of %zu cases fail, the first is %s: %s",
                exam->name, failures, hpac_selfcheck_count(), hpac_selfcheck_name(first),
                exam->findings[first].message);
    } else if (*exam->trouble) {
        fprintf(stream, "%s: not ready to train: %s", exam->name, exam->trouble);
    } else {
        fprintf(stream, "%s: ready to train", exam->name);
    }
    return failures == 0 && !*exam->trouble;
}

hpac_status hpac_doctor_verdict(const hpac_doctor *doctor, char *verdict, size_t verdict_nbytes)
{
    char bad[HPAC_DOCTOR_MAX_EXAMS * (sizeof doctor->exams[0].name + 2)] = "";
    FILE *stream = fmemopen(verdict, verdict_nbytes, "w");
    if (!stream)
        return hpac_fail_memory(verdict_nbytes);
    for (size_t i = 0; i < doctor->exam_count; i++) {
        const hpac_doctor_exam *exam = &doctor->exams[i];
        fputs(i > 0 ? "; " : "", stream);
        size_t length = strlen(bad);
        if (!describe(exam, stream))
            snprintf(bad + length, sizeof bad - length, "%s%s", *bad ? ", " : "", exam->name);
    }
    fclose(stream);
    verdict[verdict_nbytes - 1] = '\0';
    if (!*bad)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DEVICE, "%s: not ready to train; see the verdict", bad);
}

/* JSON has no NaN and no infinity. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_of_case(const hpac_doctor_finding *finding, size_t index)
{
    return json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:s}", "name", hpac_selfcheck_name(index),
                     "passed", finding->status == HPAC_OK, "declined",
                     finding->reading.declined > 0, "error", number(finding->reading.error),
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
                     (json_int_t)failure_count(exam), "cases", cases, "speeds",
                     json_of_speeds(&exam->speeds), "trouble", exam->trouble);
}

hpac_status hpac_doctor_print_json(const hpac_doctor *doctor, uint64_t seed, const char *verdict,
                                   bool well, FILE *stream)
{
    json_t *exams = json_array();
    for (size_t i = 0; i < doctor->exam_count; i++)
        json_array_append_new(exams, json_of_exam(&doctor->exams[i]));
    json_auto_t *root = json_pack("{s:s, s:s, s:I, s:o, s:s, s:b}", "hpac", hpac_version(),
                                  "cpu_path", cpu_path_name(), "seed", (json_int_t)seed, "devices",
                                  exams, "verdict", verdict, "well", well);
    if (!root)
        return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for the report, or text that is not "
                                            "UTF-8 in it");
    return hpac_json_write(root, stream);
}
