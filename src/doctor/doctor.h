/*
 * The doctor: does a device compute correctly, and how fast is it?
 *
 *     hpac_doctor doctor;
 *     status = hpac_doctor_open(&(hpac_device_options){.name = "auto"}, &doctor);
 *     hpac_doctor_examine(&doctor, seed, stdout, NULL, NULL);
 *     status = hpac_doctor_verdict(&doctor, verdict, sizeof verdict);
 *     hpac_doctor_close(&doctor);
 *
 * An error of a device is a finding in its exam, not a failure of these functions. Devices are used
 * through their interface (device.h) only.
 */
#ifndef HPAC_DOCTOR_DOCTOR_H
#define HPAC_DOCTOR_DOCTOR_H

#include "selfcheck.h"

#include <stdio.h>

/* The result of one case of the self-check. */
typedef struct hpac_doctor_finding {
    hpac_status status;
    hpac_selfcheck_reading reading;
    char message[512]; /* what is wrong; "" with HPAC_OK */
} hpac_doctor_finding;

/* Throughput of copies and of the two large operations; 0 where the device lacks one. */
typedef struct hpac_doctor_speeds {
    double upload_gb_per_s, download_gb_per_s; /* between pinned memory and the device's */
    double copy_gb_per_s; /* within the device's memory; bytes read and bytes written count */
    size_t dense_size;    /* a matrix of this many rows and columns times another */
    double dense_forward_gflop_per_s, dense_backward_gflop_per_s;
    size_t conv2d_batch; /* images through the second convolution of the improved model */
    double conv2d_forward_gflop_per_s, conv2d_backward_gflop_per_s;
} hpac_doctor_speeds;

typedef struct hpac_doctor_exam {
    char name[32];       /* "cpu", "cuda:1" */
    bool required;       /* an error where it is not usable */
    hpac_device *device; /* NULL: it is not usable */
    char reason[1024];   /* why not: all that is missing */
    hpac_device_info info;
    hpac_doctor_finding *findings; /* (hpac_selfcheck_count()) */
    hpac_doctor_speeds speeds;
    char trouble[512]; /* the error while measuring; "": none */
} hpac_doctor_exam;

#define HPAC_DOCTOR_MAX_EXAMS 2

typedef struct hpac_doctor {
    hpac_doctor_exam exams[HPAC_DOCTOR_MAX_EXAMS];
    size_t exam_count;
} hpac_doctor;

/* Opens what is to be examined: the CPU, and unless the name in `options` is "cpu", a GPU beside
 * it. "auto" takes the first GPU and accepts none; "cuda" and "cuda:1" require theirs, and
 * without it nothing is examined. Precision and layout are the GPU's. Close the doctor
 * also after a failure. Errors: CONFIG for a name that is none of these, DEVICE for a CPU device
 * that does not open, INTERNAL. */
hpac_status hpac_doctor_open(const hpac_device_options *options, hpac_doctor *doctor);
/* Closes the devices that are open. */
void hpac_doctor_close(hpac_doctor *doctor);

/* Runs all cases of the self-check on all devices, and measures their speeds. With a stream, prints
 * devices, findings and speeds as they come; without, calls `progress` after each case. */
void hpac_doctor_examine(hpac_doctor *doctor, uint64_t seed, FILE *stream,
                         void (*progress)(void *user, size_t done, size_t total), void *user);
/* Its parts for one device; they do nothing where it is not open. */
void hpac_doctor_check_case(hpac_doctor_exam *exam, size_t index, uint64_t seed);
void hpac_doctor_measure(hpac_doctor_exam *exam);

/* One line on all exams: "cpu: ready to train; cuda: not usable: no driver library ...". HPAC_OK
 * when every device that is open passed all cases and was measured, and every one that is required
 * is open; else DEVICE, with the names of the others in the message. */
hpac_status hpac_doctor_verdict(const hpac_doctor *doctor, char *verdict, size_t verdict_nbytes);

/* The exams as one JSON object. `well`: no device has failed. Errors: INTERNAL (memory, a text that
 * is not UTF-8). */
hpac_status hpac_doctor_print_json(const hpac_doctor *doctor, uint64_t seed, const char *verdict,
                                   bool well, FILE *stream);

/* For open, and its test: appends to `reason` what a machine lacks for CUDA and the message does
 * not name yet: the driver's library, a GPU. `root` is the prefix of the paths looked at, "" for
 * the machine itself. */
void hpac_doctor_add_missing(const char *root, char *reason, size_t reason_nbytes);

#endif
