/* The doctor: opens devices, collects findings, concludes. */
#include "doctor.h"

#include "base/file.h"
#include "base/memory.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
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

/* ---- opening ---- */

static hpac_status open_exam(hpac_doctor *doctor, const hpac_device_options *options, bool required)
{
    hpac_doctor_exam *exam = &doctor->exams[doctor->exam_count++];
    snprintf(exam->name, sizeof exam->name, "%s", options->name);
    exam->required = required;
    HPAC_TRY_NEW(exam->findings, hpac_selfcheck_count());
    HPAC_TRY(hpac_device_open(options, &exam->device));
    return exam->device->ops->describe(exam->device, &exam->info);
}

static const char *without(const char *prefix, const char *text)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
}

/* A GPU that does not open is a finding; a name that is no device's is the caller's error. */
static hpac_status open_gpu(hpac_doctor *doctor, const hpac_device_options *options, bool required)
{
    hpac_status status = open_exam(doctor, options, required);
    const char *message = hpac_error_message(), *reason = without("cuda: ", message);
    if (status == HPAC_OK || reason == message)
        return status;
    hpac_doctor_exam *exam = &doctor->exams[doctor->exam_count - 1];
    reason = without("not available: ", reason);
    bool no_file = without("libhpac_cuda.so: cannot open", reason) != reason;
    snprintf(exam->reason, sizeof exam->reason, "%s%s",
             no_file ? "no libhpac_cuda.so beside hpac, in ../lib or in the library path: " : "",
             reason);
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
        if (exam->device)
            exam->device->ops->close(exam->device);
        free(exam->findings);
    }
    *doctor = (hpac_doctor){0};
}

/* ---- examining ---- */

void hpac_doctor_check_case(hpac_doctor_exam *exam, size_t index, uint64_t seed)
{
    hpac_doctor_finding *finding = &exam->findings[index];
    if (!exam->device)
        return;
    finding->status = hpac_selfcheck_run(exam->device, index, seed, &finding->reading);
    if (finding->status != HPAC_OK)
        snprintf(finding->message, sizeof finding->message, "%s", hpac_error_message());
}

/* ---- the verdict ---- */

size_t hpac_doctor_failure_count(const hpac_doctor_exam *exam)
{
    size_t count = 0;
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        count += exam->findings[i].status != HPAC_OK;
    return count;
}

/* Returns whether there is nothing wrong with it. */
static bool describe(const hpac_doctor_exam *exam, FILE *stream)
{
    size_t failures = hpac_doctor_failure_count(exam), first = 0;
    if (!exam->device) {
        fprintf(stream, "%s: not usable: %s", exam->name, exam->reason);
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
