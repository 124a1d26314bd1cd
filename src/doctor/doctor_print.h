/*
 * Prints what the doctor (doctor.h) found: as text, case by case, or as JSON.
 *
 *     hpac_doctor_print_devices(&doctor, stdout);
 *     hpac_doctor_print_head(&doctor, seed, stdout);
 *     hpac_doctor_print_case(&doctor, 0, stdout);          // after hpac_doctor_check_case of each
 * exam hpac_doctor_print_speeds(&doctor.exams[0], stdout);  // after hpac_doctor_measure
 */
#ifndef HPAC_DOCTOR_DOCTOR_PRINT_H
#define HPAC_DOCTOR_DOCTOR_PRINT_H

#include "doctor.h"

#include <stdbool.h>
#include <stdio.h>

/* Each exam's device with its libraries and memory, or why it is not usable. */
void hpac_doctor_print_devices(const hpac_doctor *doctor, FILE *stream);
/* The head of the table of cases: one column per open device. */
void hpac_doctor_print_head(const hpac_doctor *doctor, uint64_t seed, FILE *stream);
/* A row of it, and what is wrong below; flushed. */
void hpac_doctor_print_case(const hpac_doctor *doctor, size_t index, FILE *stream);
/* How fast an open device is. */
void hpac_doctor_print_speeds(const hpac_doctor_exam *exam, FILE *stream);

/* All of it as one JSON object. `well`: nothing is bad. Errors: INTERNAL (memory, a text that is
 * not UTF-8). */
hpac_status hpac_doctor_print_json(const hpac_doctor *doctor, uint64_t seed, const char *verdict,
                                   bool well, FILE *stream);

#endif
