/* Reads a file in a child process before it is trusted. */
#ifndef HPAC_MODEL_MODEL_PROBE_H
#define HPAC_MODEL_MODEL_PROBE_H

#include <hpac/model.h>

/*
 * Runs `load` in a child process and returns its status and message. HDF5 does not validate what it
 * reads: of files with one damaged byte, versions like 1.10.8 crash on about one in 200 and hang on
 * some. Here such a file is an error (DATA); a file that loads in the child is loaded again by the
 * caller. Costs a fork and a second reading.
 */
hpac_status hpac_model_probe(const char *path, hpac_status (*load)(const char *, hpac_model *));

#endif
