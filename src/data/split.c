/* Repeated k-folds: drawing them, and printing them as numpy does. */
#include <hpac/split.h>

#include "stratify.h"

#include "base/machine.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

/* scikit-learn's KFold(shuffle=True): the shuffled rows are cut into folds, the first
 * row_count % folds of them one row longer. `rows` (row_count) is scratch. */
static void deal_shuffled(hpac_mt19937 *mt, int folds, size_t row_count, size_t *rows, int *fold_of)
{
    for (size_t i = 0; i < row_count; i++)
        rows[i] = i;
    hpac_mt19937_shuffle(mt, rows, row_count);
    size_t share = row_count / (size_t)folds, longer = row_count % (size_t)folds, at = 0;
    for (int fold = 0; fold < folds; fold++) {
        size_t size = share + ((size_t)fold < longer ? 1 : 0);
        for (size_t i = 0; i < size; i++)
            fold_of[rows[at++]] = fold;
    }
}

/* Both sides of one fold, in one block; ascending because the rows are gone through in order. */
static hpac_status collect_fold(hpac_fold *fold, int number, size_t row_count, const int *fold_of)
{
    size_t *rows = calloc(row_count, sizeof *rows);
    if (!rows)
        return hpac_fail_memory(row_count * sizeof *rows);
    for (size_t row = 0; row < row_count; row++)
        fold->train_count += fold_of[row] != number;
    fold->validation_count = row_count - fold->train_count;
    fold->train = rows;
    fold->validation = rows + fold->train_count;
    size_t *train = fold->train, *validation = fold->validation;
    for (size_t row = 0; row < row_count; row++)
        if (fold_of[row] == number)
            *validation++ = row;
        else
            *train++ = row;
    return HPAC_OK;
}

static hpac_status check_options(const hpac_split_options *options, size_t row_count)
{
    if (row_count > UINT32_MAX)
        return hpac_fail(HPAC_ERR_CONFIG, "split: %zu rows, expected at most %" PRIu32, row_count,
                         UINT32_MAX);
    if (row_count == 0 || options->folds < 2 || (size_t)options->folds > row_count)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "split: %d folds of %zu rows, expected at least 2 and at most one per row",
                         options->folds, row_count);
    if (options->repeats < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "split: %d repeats, expected at least 1",
                         options->repeats);
    /* Every fold holds every row number once; better a word now than being killed later. */
    double needed_mib =
        (double)options->folds * options->repeats * (double)row_count * sizeof(size_t) / (1 << 20);
    double machine_mib = (double)hpac_memory_total() / (1 << 20);
    if (needed_mib > machine_mib / 2)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "split: %d folds x %d repeats of %zu rows need %.0f MiB, more than half "
                         "of this machine's %.0f",
                         options->folds, options->repeats, row_count, needed_mib, machine_mib);
    return HPAC_OK;
}

hpac_status hpac_split_create(const hpac_split_options *options, size_t row_count,
                              const uint32_t *masks, hpac_split *split)
{
    *split = (hpac_split){0};
    HPAC_TRY(check_options(options, row_count));
    hpac_status status = HPAC_OK;
    size_t count = (size_t)options->folds * (size_t)options->repeats;
    int *fold_of = calloc(row_count, sizeof *fold_of);
    size_t *rows = malloc(row_count * sizeof *rows);
    split->folds = calloc(count, sizeof *split->folds);
    if (!fold_of || !rows || !split->folds) {
        status = hpac_fail_memory(row_count * sizeof *rows);
        goto done;
    }
    split->count = count;
    hpac_mt19937 mt; /* one for all repeats, as RepeatedKFold hands its generator on */
    hpac_mt19937_init(&mt, options->seed);
    for (int repeat = 0; repeat < options->repeats && status == HPAC_OK; repeat++) {
        if (options->method == HPAC_SPLIT_STRATIFIED)
            status = hpac_stratify(options->seed, (uint32_t)repeat, options->folds, row_count,
                                   masks, fold_of);
        else
            deal_shuffled(&mt, options->folds, row_count, rows, fold_of);
        hpac_fold *first = &split->folds[(size_t)repeat * (size_t)options->folds];
        for (int fold = 0; fold < options->folds && status == HPAC_OK; fold++)
            status = collect_fold(&first[fold], fold, row_count, fold_of);
    }

done:
    if (status != HPAC_OK)
        hpac_split_fini(split);
    free(rows);
    free(fold_of);
    return status;
}

void hpac_split_fini(hpac_split *split)
{
    for (size_t i = 0; split->folds && i < split->count; i++)
        free(split->folds[i].train); /* and its validation rows with it */
    free(split->folds);
    *split = (hpac_split){0};
}

/* numpy's print options: threshold, edgeitems, linewidth. */
enum { PRINT_THRESHOLD = 1000, PRINT_EDGE = 3, PRINT_WIDTH = 75 };

static int digits_of(size_t number)
{
    return snprintf(NULL, 0, "%zu", number);
}

/* str() of a numpy array. `rows` ascend, so the last has the most digits; a line holds words up to
 * one column less than the width, which is kept for the bracket. */
static void print_rows(const size_t *rows, size_t count, FILE *stream)
{
    bool summarized = count > PRINT_THRESHOLD;
    int width = digits_of(rows[count - 1]);
    int column = 1;
    fputc('[', stream);
    for (size_t i = 0; i < count; i++) {
        bool gap = summarized && i == PRINT_EDGE;
        int word_width = gap ? 3 : width;
        if (column > 1 && column + word_width > PRINT_WIDTH - 1) {
            fputs("\n ", stream);
            column = 1;
        } else if (column > 1) {
            fputc(' ', stream);
        }
        if (gap) {
            fputs("...", stream);
            i = count - PRINT_EDGE - 1;
        } else {
            fprintf(stream, "%*zu", width, rows[i]);
        }
        column += word_width + 1;
    }
    fputc(']', stream);
}

void hpac_split_print(const hpac_split *split, FILE *stream)
{
    for (size_t i = 0; i < split->count; i++) {
        const hpac_fold *fold = &split->folds[i];
        fputs("TRAIN: ", stream);
        print_rows(fold->train, fold->train_count, stream);
        fputs(" VALIDATION: ", stream);
        print_rows(fold->validation, fold->validation_count, stream);
        fprintf(stream, "\nTRAIN: %zu TEST: %zu\n", fold->train_count, fold->validation_count);
    }
}

static void print_json_rows(const char *name, const size_t *rows, size_t count, FILE *stream)
{
    fprintf(stream, "\"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%s%zu", i > 0 ? ", " : "", rows[i]);
    fputc(']', stream);
}

void hpac_split_print_json(const hpac_split *split, FILE *stream)
{
    fputs("{\"folds\": [", stream);
    for (size_t i = 0; i < split->count; i++) {
        const hpac_fold *fold = &split->folds[i];
        fputs(i > 0 ? ",\n  {" : "\n  {", stream);
        print_json_rows("train", fold->train, fold->train_count, stream);
        fputs(",\n   ", stream);
        print_json_rows("validation", fold->validation, fold->validation_count, stream);
        fputc('}', stream);
    }
    fputs("\n]}\n", stream);
}
