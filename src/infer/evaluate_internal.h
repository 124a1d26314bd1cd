/* What the files of evaluation share: the rows that a model is tuned and judged on. */
#ifndef HPAC_INFER_EVALUATE_INTERNAL_H
#define HPAC_INFER_EVALUATE_INTERNAL_H

#include "evaluate.h"

typedef struct evaluate_rows {
    size_t *tuning, *judging; /* owned; ascending */
    size_t tuning_count, judging_count;
    size_t *prior; /* owned: the rows whose shares the constant prior takes; NULL: those judged */
    size_t prior_count;
    size_t trained; /* rows of either kind that the model was trained on */
    char name[96];  /* "validation rows of fold 0 of 3" */
} evaluate_rows;

/* Chooses the rows for one classifier. With `halve` the half for tuning is kept apart. Errors:
 * CONFIG, DATA (the table of the training), INTERNAL. On error `rows` is left zeroed. */
hpac_status evaluate_rows_choose(const hpac_evaluate_options *options,
                                 const hpac_classifier *classifier, const hpac_labels *labels,
                                 bool halve, evaluate_rows *rows);
void evaluate_rows_fini(evaluate_rows *rows);

#endif
