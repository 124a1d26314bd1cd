/* Results of trainings, single or cross-validated, for the program. */
#ifndef HPAC_EXPERIMENT_FOLDS_H
#define HPAC_EXPERIMENT_FOLDS_H

#include "render/table.h"

/* The results of a finished training, read from its directory: for a run (`folds` 0) one row with
 * the columns steps to best_... of sweep.csv (run_results.h), for a cross-validation the rows of
 * folds.csv. Call hpac_table_fini whatever the status. Errors: DATA (metrics.csv is missing,
 * damaged or has no epochs), INTERNAL. */
hpac_status hpac_train_results(const char *directory, int folds, hpac_table *results);

#endif
