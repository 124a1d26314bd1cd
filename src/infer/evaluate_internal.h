/* Shared by the files of evaluation: the rows that a model is tuned and evaluated on. */
#ifndef HPAC_INFER_EVALUATE_INTERNAL_H
#define HPAC_INFER_EVALUATE_INTERNAL_H

#include "evaluate.h"

typedef struct evaluate_rows {
    size_t *tuning, *evaluated; /* ascending */
    size_t tuning_count, evaluated_count;
    const size_t *prior; /* rows of the constant prior; NULL: the evaluated ones */
    size_t prior_count;
    size_t trained;   /* rows of either kind that the model was trained on */
    char name[96];    /* "validation rows of fold 0 of 3" */
    hpac_split split; /* owns `evaluated` and `prior` of a fold */
    size_t *all;      /* owns `evaluated` without a fold */
} evaluate_rows;

/* Chooses the rows for one classifier. With `halve` the tuning half is separated. For
 * evaluate_rows_fini whatever the status. Errors: CONFIG, DATA (the label file of the training),
 * INTERNAL. */
hpac_status evaluate_rows_choose(const hpac_evaluate_options *options,
                                 const hpac_classifier *classifier, const hpac_labels *labels,
                                 bool halve, evaluate_rows *rows);
void evaluate_rows_fini(evaluate_rows *rows);

#endif
