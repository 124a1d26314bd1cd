/* Trying a file out before it is trusted. */
#ifndef HPAC_MODEL_MODEL_PROBE_H
#define HPAC_MODEL_MODEL_PROBE_H

#include <hpac/model.h>

/*
 * Runs `load` in a process of its own and returns what it returned there, with its message. HDF5
 * follows what a file says: of files with one damaged byte, versions like 1.10.8 crash on about one
 * in 200 and never come back from some. Such a file is an error here (DATA) and harms nobody; one
 * that loaded there is loaded again by the caller, for good. Costs a fork and a second reading.
 */
hpac_status hpac_model_probe(const char *path, hpac_status (*load)(const char *, hpac_model *));

#endif
