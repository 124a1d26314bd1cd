/* Shared by the files of a sweep. */
#ifndef HPAC_EXPERIMENT_SWEEP_INTERNAL_H
#define HPAC_EXPERIMENT_SWEEP_INTERNAL_H

#include "sweep.h"

#include "config/config_schema.h"
#include "train/run_directory.h"

/* ---- sweep_file.c: the file and its four keys ---- */

/* Values for keys, in their order. */
typedef struct sweep_values {
    hpac_config_value *items; /* (count) the paths are the file's */
    size_t count, capacity;
} sweep_values;

/* The configuration that runs start from. */
typedef struct sweep_config {
    const hpac_yaml_node *node; /* NULL: not given */
    char *path;                 /* owned; NULL: a problem */
} sweep_config;

/* An element of `runs`. */
typedef struct sweep_entry {
    sweep_config config; /* not given: the sweep's */
    const char *name;    /* given; NULL */
    sweep_values values;
} sweep_entry;

typedef struct sweep_file {
    hpac_reader reader; /* owns the nodes, which point to it: a sweep_file stays where it is */
    char **paths;       /* (path_count) every key that is set anywhere, once */
    size_t path_count, path_capacity;
    sweep_config config;
    sweep_values set, grid; /* grid: the nodes are lists */
    sweep_entry *entries;   /* (entry_count) one or more */
    size_t entry_count;
} sweep_file;

/* Reads the text of a sweep. Problems go to file->reader.problems. Errors: CONFIG when
 * nothing can be read, INTERNAL. */
hpac_status sweep_file_read(sweep_file *file, const char *path, const char *text, size_t nbytes);
void sweep_file_fini(sweep_file *file);

/* ---- sweep_load.c ---- */

#define SWEEP_NAME_NBYTES 251 /* of a run, with the NUL; Linux takes 255 */

/* What is wrong with a given name, or NULL. */
const char *sweep_name_fault(const char *name);

/* ---- sweep_results.c ---- */

typedef enum sweep_state {
    SWEEP_MISSING, /* not started, or not finished */
    SWEEP_FAILED,
    SWEEP_FINISHED,
} sweep_state;

/* The state of a run. */
typedef struct sweep_row {
    char *directory;
    sweep_state state;
    bool begun;           /* an earlier sweep left something that is not finished */
    hpac_train_plan plan; /* of a run that is not finished */
} sweep_row;

/* The rows of sweep.csv, from the files of the finished runs; for a dry run the schedules alone.
 * Errors: DATA, INTERNAL. */
hpac_status sweep_results_read(const hpac_sweep_options *options, const sweep_row *rows,
                               hpac_table *results);

#endif
