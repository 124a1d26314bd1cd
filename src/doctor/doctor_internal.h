/* What the files of the doctor share. */
#ifndef HPAC_DOCTOR_DOCTOR_INTERNAL_H
#define HPAC_DOCTOR_DOCTOR_INTERNAL_H

#include "doctor.h"

/* Appends to `reason` what a machine lacks for CUDA and the message does not name yet: the driver's
 * library, a GPU. `root` is the prefix of the paths looked at, "" for the machine itself. */
void hpac_doctor_add_missing(const char *root, char *reason, size_t reason_nbytes);

hpac_status hpac_doctor_measure_device(hpac_device *device, hpac_doctor_speeds *speeds);

#endif
