/* The doctor's report as JSON, for `hpac doctor --json`. */
#ifndef HPAC_CLI_DOCTOR_JSON_H
#define HPAC_CLI_DOCTOR_JSON_H

#include <hpac/doctor.h>

/* Prints to stdout. `well`: nothing is bad. Errors: INTERNAL. */
hpac_status doctor_print_json(const hpac_doctor *doctor, uint64_t seed, const char *verdict,
                              bool well);

#endif
