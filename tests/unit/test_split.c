/* Splits: scikit-learn's folds, numpy's printing, and what stratification promises. */
#include <hpac/labels.h>
#include <hpac/split.h>

#include "base/csv.h"
#include "base/random.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* As tools/reference/make_split_golden.py has it. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
    return hash * 6364136223846793005u + value + 1;
}

static uint64_t hash_rows(const hpac_split *split)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < split->count; i++) {
        const hpac_fold *fold = &split->folds[i];
        hash = mix(hash, fold->train_count);
        for (size_t k = 0; k < fold->train_count; k++)
            hash = mix(hash, fold->train[k]);
        hash = mix(hash, fold->validation_count);
        for (size_t k = 0; k < fold->validation_count; k++)
            hash = mix(hash, fold->validation[k]);
    }
    return hash;
}

static char *print_to_text(const hpac_split *split)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    hpac_split_print(split, out);
    fclose(out);
    return text;
}

static hpac_split make_split(hpac_split_options options, size_t rows, const uint32_t *masks)
{
    hpac_split split;
    cr_assert_eq(hpac_split_create(&options, rows, masks, &split), HPAC_OK, "%s",
                 hpac_error_message());
    return split;
}

static hpac_status compare_golden(void *user, const hpac_csv_row *row)
{
    int *cases = user;
    cr_assert_eq(row->count, 6);
    if (row->line == 1)
        return HPAC_OK;
    size_t rows = strtoull(row->cells[0], NULL, 10);
    hpac_split_options options = {.folds = (int)strtol(row->cells[1], NULL, 10),
                                  .repeats = (int)strtol(row->cells[2], NULL, 10),
                                  .seed = (uint32_t)strtoul(row->cells[3], NULL, 10)};
    hpac_split split = make_split(options, rows, NULL);
    cr_assert_eq(hash_rows(&split), strtoull(row->cells[4], NULL, 10),
                 "rows of golden line %zu (n = %zu)", row->line, rows);
    char *text = print_to_text(&split);
    uint64_t hash = 0;
    for (const char *c = text; *c; c++)
        hash = mix(hash, (uint64_t)*c);
    cr_assert_eq(hash, strtoull(row->cells[5], NULL, 10), "text of golden line %zu (n = %zu):\n%s",
                 row->line, rows, text);
    free(text);
    hpac_split_fini(&split);
    ++*cases;
    return HPAC_OK;
}

Test(split, equals_scikit_learn_and_prints_as_numpy)
{
    int cases = 0;
    cr_assert_eq(hpac_csv_read("tests/golden/split.csv", compare_golden, &cases), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_geq(cases, 200);
}

/* The output of the reference notebook for the competition's 31,072 rows. */
Test(split, prints_the_folds_of_the_reference_notebooks)
{
    hpac_split split = make_split((hpac_split_options){.folds = 3, .repeats = 1}, 31072, NULL);
    char *text = print_to_text(&split);
    cr_assert_str_eq(text, "TRAIN: [    1     2     3 ... 31063 31064 31065] "
                           "VALIDATION: [    0     4     6 ... 31069 31070 31071]\n"
                           "TRAIN: 20714 TEST: 10358\n"
                           "TRAIN: [    0     4     6 ... 31069 31070 31071] "
                           "VALIDATION: [    1     2     3 ... 31060 31061 31065]\n"
                           "TRAIN: 20715 TEST: 10357\n"
                           "TRAIN: [    0     1     2 ... 31069 31070 31071] "
                           "VALIDATION: [   10    11    13 ... 31062 31063 31064]\n"
                           "TRAIN: 20715 TEST: 10357\n");
    free(text);
    hpac_split_fini(&split);
}

/* numpy 2.4.6's text for 41 rows: the training side wraps, the validation side does not. */
Test(split, wraps_long_lines_where_numpy_does)
{
    hpac_split split = make_split((hpac_split_options){.folds = 3, .repeats = 1}, 41, NULL);
    char *text = print_to_text(&split);
    static const char first[] =
        "TRAIN: [ 0  1  3  5  6  7  8  9 12 13 14 15 16 17 18 19 21 22 23 24 26 32 33 34\n"
        " 37 39 40] VALIDATION: [ 2  4 10 11 20 25 27 28 29 30 31 35 36 38]\n"
        "TRAIN: 27 TEST: 14\n";
    cr_assert(strncmp(text, first, strlen(first)) == 0, "%s", text);
    free(text);
    hpac_split_fini(&split);
}

Test(split, refuses_options_out_of_range)
{
    static const struct {
        int folds, repeats;
        size_t rows;
        const char *message;
    } cases[] = {
        {1, 1, 10, "split: 1 folds of 10 rows, expected at least 2"},
        {0, 1, 10, "split: 0 folds"},
        {-3, 1, 10, "split: -3 folds"},
        {11, 1, 10, "split: 11 folds of 10 rows"},
        {2, 1, 1, "split: 2 folds of 1 rows"},
        {2, 1, 0, "split: 2 folds of 0 rows"},
        {2, 0, 10, "split: 0 repeats, expected at least 1"},
        {2, -1, 10, "split: -1 repeats"},
        {1000000, 1000000, 1000000, "more than half of this machine's"},
        {2, 1, (size_t)1 << 40, "expected at most 4294967295"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hpac_split_options options = {.folds = cases[i].folds, .repeats = cases[i].repeats};
        hpac_split split = {.count = 7};
        cr_assert_eq(hpac_split_create(&options, cases[i].rows, NULL, &split), HPAC_ERR_CONFIG);
        cr_assert_not_null(strstr(hpac_error_message(), cases[i].message), "%s",
                           hpac_error_message());
        cr_assert_eq(split.count, 0);
        cr_assert_null(split.folds);
    }
}

/* Every row is on exactly one side of each fold and validates once per repeat; sides ascend;
 * sizes differ by one at most. */
static void assert_partition(const hpac_split *split, int folds, size_t rows)
{
    int *validated = calloc(rows, sizeof *validated);
    for (size_t i = 0; i < split->count; i++) {
        const hpac_fold *fold = &split->folds[i];
        cr_assert_eq(fold->train_count + fold->validation_count, rows);
        cr_assert_geq(fold->validation_count, rows / (size_t)folds);
        cr_assert_leq(fold->validation_count, rows / (size_t)folds + 1);
        size_t t = 0, v = 0;
        for (size_t row = 0; row < rows; row++)
            if (v < fold->validation_count && fold->validation[v] == row) {
                validated[row]++;
                v++;
            } else {
                cr_assert_lt(t, fold->train_count);
                cr_assert_eq(fold->train[t++], row);
            }
        cr_assert_eq(v, fold->validation_count);
        cr_assert_eq(t, fold->train_count);
    }
    for (size_t row = 0; row < rows; row++)
        cr_assert_eq(validated[row], (int)split->count / folds);
    free(validated);
}

/* The most by which the counts of a class in two folds of one repeat differ. */
static size_t class_spread(const hpac_split *split, int folds, const uint32_t *masks, int c)
{
    size_t spread = 0;
    for (size_t first = 0; first < split->count; first += (size_t)folds) {
        size_t lowest = SIZE_MAX, highest = 0;
        for (size_t i = first; i < first + (size_t)folds; i++) {
            size_t ones = 0;
            for (size_t k = 0; k < split->folds[i].validation_count; k++)
                ones += masks[split->folds[i].validation[k]] >> c & 1;
            lowest = ones < lowest ? ones : lowest;
            highest = ones > highest ? ones : highest;
        }
        spread = highest - lowest > spread ? highest - lowest : spread;
    }
    return spread;
}

/* Labels drawn apart from one another, class c in a share of 0.5^(c / 3 + 1) of the rows. */
static uint32_t *draw_masks(size_t rows, uint64_t seed)
{
    uint32_t *masks = calloc(rows, sizeof *masks);
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 0, 0);
    for (size_t row = 0; row < rows; row++)
        for (int c = 0; c < HPAC_CLASS_COUNT; c++)
            if (hpac_random_next(&random) < UINT32_MAX >> (c / 3 + 1))
                masks[row] |= (uint32_t)1 << c;
    return masks;
}

Test(split, stratified_folds_are_partitions_of_even_classes)
{
    static const struct {
        size_t rows;
        int folds, repeats;
    } cases[] = {{5000, 3, 2}, {5000, 10, 1}, {1001, 2, 3}, {300, 7, 1}, {20, 3, 1}, {9, 9, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t *masks = draw_masks(cases[i].rows, i);
        hpac_split split = make_split((hpac_split_options){.folds = cases[i].folds,
                                                           .repeats = cases[i].repeats,
                                                           .method = HPAC_SPLIT_STRATIFIED},
                                      cases[i].rows, masks);
        assert_partition(&split, cases[i].folds, cases[i].rows);
        for (int c = 0; c < HPAC_CLASS_COUNT && cases[i].rows >= 1000; c++)
            cr_assert_leq(class_spread(&split, cases[i].folds, masks, c), 1, "case %zu class %d", i,
                          c);
        hpac_split_fini(&split);
        free(masks);
    }
}

/* Six rows of a rare class, all among the first: each of three folds must get two. */
Test(split, a_rare_class_reaches_every_fold)
{
    enum { ROWS = 600 };
    uint32_t masks[ROWS];
    for (size_t row = 0; row < ROWS; row++)
        masks[row] = row < 6 ? 1u << 27 | 1u : 1u;
    for (uint32_t seed = 0; seed < 50; seed++) {
        hpac_split split = make_split(
            (hpac_split_options){
                .folds = 3, .repeats = 1, .seed = seed, .method = HPAC_SPLIT_STRATIFIED},
            ROWS, masks);
        assert_partition(&split, 3, ROWS);
        cr_assert_eq(class_spread(&split, 3, masks, 27), 0);
        hpac_split_fini(&split);
    }
}

/* After one row of class 0 each, a fold lacks class 1 and the other class 2, and no exchange could
 * mend a wrong choice. */
Test(split, a_row_goes_to_the_fold_that_lacks_its_class)
{
    static const uint32_t masks[4] = {1 | 2, 1 | 4, 2, 4};
    for (uint32_t seed = 0; seed < 20; seed++) {
        hpac_split split = make_split(
            (hpac_split_options){
                .folds = 2, .repeats = 1, .seed = seed, .method = HPAC_SPLIT_STRATIFIED},
            4, masks);
        for (int c = 0; c < 3; c++)
            cr_assert_eq(class_spread(&split, 2, masks, c), 0, "seed %d, class %d", (int)seed, c);
        hpac_split_fini(&split);
    }
}

Test(split, rows_without_a_class_are_assigned_too)
{
    enum { ROWS = 10 };
    static const uint32_t masks[ROWS] = {0, 0, 0, 1, 0, 0, 1, 0, 0, 0};
    hpac_split split =
        make_split((hpac_split_options){.folds = 4, .repeats = 3, .method = HPAC_SPLIT_STRATIFIED},
                   ROWS, masks);
    assert_partition(&split, 4, ROWS);
    cr_assert_eq(class_spread(&split, 4, masks, 0), 1);
    hpac_split_fini(&split);
}

Test(split, stratified_folds_follow_from_the_seed)
{
    enum { ROWS = 500 };
    uint32_t *masks = draw_masks(ROWS, 1);
    hpac_split_options options = {
        .folds = 3, .repeats = 2, .seed = 5, .method = HPAC_SPLIT_STRATIFIED};
    hpac_split split = make_split(options, ROWS, masks), again = make_split(options, ROWS, masks);
    options.seed = 6;
    hpac_split other = make_split(options, ROWS, masks);
    cr_assert_eq(hash_rows(&split), hash_rows(&again));
    cr_assert_neq(hash_rows(&split), hash_rows(&other));
    cr_assert_arr_neq(split.folds[0].validation, split.folds[3].validation,
                      100 * sizeof(size_t)); /* another repeat, other folds */
    hpac_split_fini(&split);
    hpac_split_fini(&again);
    hpac_split_fini(&other);
    free(masks);
}

/* On the competition's table iterative-stratification 0.1.9 (MultilabelStratifiedKFold(3, shuffle,
 * random_state=0)) keeps each class within 1 with folds of 10450, 10337 and 10285 rows, and
 * scikit-multilearn 0.2.0 (IterativeStratification(3, order=1)) has classes up to 6 apart. */
Test(split, stratified_folds_of_the_real_table_are_even)
{
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(real_data_or_skip("train.csv"), &labels), HPAC_OK);
    for (uint32_t seed = 0; seed < 3; seed++) {
        hpac_split split = make_split(
            (hpac_split_options){
                .folds = 3, .repeats = 2, .seed = seed, .method = HPAC_SPLIT_STRATIFIED},
            labels.count, labels.masks);
        assert_partition(&split, 3, labels.count);
        for (int c = 0; c < HPAC_CLASS_COUNT; c++)
            cr_assert_leq(class_spread(&split, 3, labels.masks, c), 1, "class %d", c);
        hpac_split_fini(&split);
    }
    hpac_labels_fini(&labels);
}
