/* The doctor's report as JSON. */
#include "doctor_json.h"

#include <jansson.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* JSON has no NaN and no infinity. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_of_case(const hpac_doctor_finding *finding, int index)
{
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:s}", "name", hpac_selfcheck_name(index), "passed",
                     finding->status == HPAC_OK, "error", number(finding->reading.error),
                     "tolerance", number(finding->reading.tolerance), "ms",
                     number(finding->reading.elapsed_ms), "message", finding->message);
}

static json_t *json_of_speeds(const hpac_doctor_speeds *speeds)
{
    return json_pack("{s:f, s:f, s:f, s:i, s:f, s:f, s:i, s:f, s:f}", "upload_gb_per_s",
                     speeds->upload_gb_per_s, "download_gb_per_s", speeds->download_gb_per_s,
                     "copy_gb_per_s", speeds->copy_gb_per_s, "dense_size", speeds->dense_size,
                     "dense_forward_gflop_per_s", speeds->dense_forward_gflop_per_s,
                     "dense_backward_gflop_per_s", speeds->dense_backward_gflop_per_s,
                     "conv2d_batch", speeds->conv2d_batch, "conv2d_forward_gflop_per_s",
                     speeds->conv2d_forward_gflop_per_s, "conv2d_backward_gflop_per_s",
                     speeds->conv2d_backward_gflop_per_s);
}

static json_t *json_of_exam(const hpac_doctor_exam *exam)
{
    if (!exam->device)
        return json_pack("{s:s, s:b, s:s}", "name", exam->name, "usable", 0, "reason",
                         exam->reason);
    json_t *cases = json_array();
    for (int i = 0; i < hpac_selfcheck_count(); i++)
        json_array_append_new(cases, json_of_case(&exam->findings[i], i));
    return json_pack("{s:s, s:b, s:s, s:s, s:I, s:I, s:i, s:o, s:o, s:s}", "name", exam->name,
                     "usable", 1, "description", exam->info.name, "libraries", exam->info.libraries,
                     "memory_bytes", (json_int_t)exam->info.total_nbytes, "free_bytes",
                     (json_int_t)exam->info.free_nbytes, "failed_cases",
                     hpac_doctor_failure_count(exam), "cases", cases, "speeds",
                     json_of_speeds(&exam->speeds), "trouble", exam->trouble);
}

hpac_status doctor_print_json(const hpac_doctor *doctor, uint64_t seed, const char *verdict,
                              bool well)
{
    json_t *exams = json_array();
    for (int i = 0; i < doctor->exam_count; i++)
        json_array_append_new(exams, json_of_exam(&doctor->exams[i]));
    json_t *root = json_pack("{s:s, s:I, s:o, s:s, s:b}", "hpac", HPAC_VERSION, "seed",
                             (json_int_t)seed, "devices", exams, "verdict", verdict, "well", well);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text)
        return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for the report, or text that is not "
                                            "UTF-8 in it");
    puts(text);
    free(text);
    return HPAC_OK;
}
