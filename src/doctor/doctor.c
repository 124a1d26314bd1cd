/* The doctor: opens devices, collects findings, concludes. */
#include "doctor_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static hpac_status open_exam(hpac_doctor *doctor, const hpac_device_options *options, bool wanted)
{
    hpac_doctor_exam *exam = &doctor->exams[doctor->exam_count++];
    size_t nbytes = hpac_selfcheck_count() * sizeof *exam->findings;
    snprintf(exam->name, sizeof exam->name, "%s", options->name);
    exam->wanted = wanted;
    exam->findings = calloc(1, nbytes);
    if (!exam->findings)
        return hpac_fail_memory(nbytes);
    hpac_status status = hpac_device_open(options, &exam->device);
    return status == HPAC_OK ? exam->device->ops->describe(exam->device, &exam->info) : status;
}

static const char *without(const char *prefix, const char *text)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
}

/* A GPU that does not open is a finding; a name that is no device's is the caller's error. */
static hpac_status open_gpu(hpac_doctor *doctor, const hpac_device_options *options, bool wanted)
{
    hpac_status status = open_exam(doctor, options, wanted);
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
    hpac_status status = open_gpu(doctor, &gpu, !any);
    if (status != HPAC_OK || (!any && !doctor->exams[0].device))
        return status;
    status = open_exam(doctor, &cpu, true);
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

void hpac_doctor_measure(hpac_doctor_exam *exam)
{
    if (exam->device && hpac_doctor_measure_device(exam->device, &exam->speeds) != HPAC_OK)
        snprintf(exam->trouble, sizeof exam->trouble, "%s", hpac_error_message());
}

/* ---- the verdict ---- */

size_t hpac_doctor_failure_count(const hpac_doctor_exam *exam)
{
    size_t count = 0;
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        count += exam->findings[i].status != HPAC_OK;
    return count;
}

static bool is_well(const hpac_doctor_exam *exam)
{
    if (!exam->device)
        return !exam->wanted;
    return hpac_doctor_failure_count(exam) == 0 && !*exam->trouble;
}

static void describe(const hpac_doctor_exam *exam, FILE *stream)
{
    size_t failures = hpac_doctor_failure_count(exam), first = 0;
    if (!exam->device) {
        fprintf(stream, "%s: not usable: %s", exam->name, exam->reason);
    } else if (failures > 0) {
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
}

hpac_status hpac_doctor_verdict(const hpac_doctor *doctor, char *verdict, size_t verdict_nbytes)
{
    char bad[HPAC_DOCTOR_MAX_EXAMS * (sizeof doctor->exams[0].name + 2)] = "";
    size_t bad_length = 0;
    FILE *stream = fmemopen(verdict, verdict_nbytes, "w");
    if (!stream)
        return hpac_fail_memory(verdict_nbytes);
    for (size_t i = 0; i < doctor->exam_count; i++) {
        const hpac_doctor_exam *exam = &doctor->exams[i];
        fputs(i > 0 ? "; " : "", stream);
        describe(exam, stream);
        if (!is_well(exam))
            bad_length += (size_t)snprintf(bad + bad_length, sizeof bad - bad_length, "%s%s",
                                           bad_length > 0 ? ", " : "", exam->name);
    }
    fclose(stream);
    verdict[verdict_nbytes - 1] = '\0';
    if (!*bad)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DEVICE, "%s: not ready to train; see the verdict", bad);
}
