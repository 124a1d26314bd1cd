/* Measures of predictions beside scikit-learn's (tests/golden/evaluation.csv), and by hand. */
#include "base/csv.h"
#include "metrics/evaluation.h"

#include "formula.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_close(double a, double b, double tolerance, const char *what)
{
    cr_assert((isnan(a) && isnan(b)) || fabs(a - b) <= tolerance, "%s: %.12g, expected %.12g", what,
              a, b);
}

/* ---- scikit-learn ---- */

/* As tools/reference/make_evaluation_golden.py has it. */
static const struct golden_case {
    size_t images;
    size_t classes;
    double steps;
    bool plain;
} cases[] = {
    {500, 5, 0, true}, {300, 28, 10, false}, {40, 1, 0, true}, {60, 6, 7, false}, {1, 3, 0, true}};
static const double rates[] = {0.5, 0.1, 0.02, 0.9, 0.0, 1.0};

enum { CASES = sizeof cases / sizeof *cases, RATES = sizeof rates / sizeof *rates };

typedef struct golden_set {
    hpac_scored scored;
    int targets[HPAC_CLASS_COUNT];
    uint32_t *masks;
    float *probabilities;
    float thresholds[HPAC_CLASS_COUNT];
    hpac_evaluation evaluation, tuned, tuned_as_one;
} golden_set;

static double uniform(uint32_t seed, uint64_t index)
{
    return (formula_hash(seed, index) >> 8) / 16777216.0;
}

/* Targets fall, so that column and class number are not the same. */
static golden_set make_set(uint32_t seed, const struct golden_case *golden)
{
    golden_set set = {0};
    size_t classes = golden->classes;
    set.masks = calloc(golden->images, sizeof *set.masks);
    set.probabilities = malloc(golden->images * classes * sizeof *set.probabilities);
    for (size_t i = 0; i < golden->images * classes; i++) {
        size_t class = i % classes;
        bool truth = uniform(3 * seed, i) < rates[class % RATES];
        double p = 0.6 * uniform(3 * seed + 1, i) + 0.4 * truth * uniform(3 * seed + 2, i);
        if (golden->steps > 0)
            p = floor(p * golden->steps) / golden->steps;
        set.probabilities[i] = (float)p;
        set.masks[i / classes] |= (uint32_t)truth << (HPAC_CLASS_COUNT - 1 - class);
    }
    for (int t = 0; t < (int)golden->classes; t++) {
        set.targets[t] = HPAC_CLASS_COUNT - 1 - t;
        set.thresholds[t] = golden->plain ? 0.5F : (float)(0.15 + 0.02 * t);
    }
    return set;
}

static void evaluate_set(golden_set *set, const struct golden_case *golden)
{
    set->scored = (hpac_scored){.count = golden->images,
                                .target_count = golden->classes,
                                .targets = set->targets,
                                .masks = set->masks,
                                .probabilities = set->probabilities};
    float tuned[HPAC_CLASS_COUNT];
    cr_assert_eq(hpac_evaluate(&set->scored, set->thresholds, &set->evaluation), HPAC_OK);
    cr_assert_eq(hpac_tune_thresholds(&set->scored, tuned), HPAC_OK);
    cr_assert_eq(hpac_evaluate(&set->scored, tuned, &set->tuned), HPAC_OK);
    cr_assert_eq(hpac_tune_one_threshold(&set->scored, tuned), HPAC_OK);
    for (size_t t = 1; t < golden->classes; t++)
        cr_assert_eq(tuned[t], tuned[0]);
    cr_assert_eq(hpac_evaluate(&set->scored, tuned, &set->tuned_as_one), HPAC_OK);
}

static double figure_of_set(const golden_set *set, const char *measure)
{
    const hpac_evaluation *evaluation = &set->evaluation;
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"f1_min", evaluation->f1.min},
        {"f1_max", evaluation->f1.max},
        {"f1_mean", evaluation->f1.mean},
        {"f1_std", evaluation->f1.std},
        {"micro_f1", evaluation->micro_f1},
        {"sample_f1", evaluation->sample_f1},
        {"accuracy", evaluation->accuracy},
        {"all_zero_accuracy", evaluation->all_zero_accuracy},
        {"best_mean_f1", set->tuned_as_one.f1.mean},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (strcmp(figures[i].name, measure) == 0)
            return figures[i].value;
    cr_assert_fail("no measure %s", measure);
    return NAN;
}

static double figure_of_class(const golden_set *set, int class, const char *measure)
{
    const hpac_class_evaluation *own = &set->evaluation.classes[class];
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"support", (double)own->support},
        {"precision", own->precision},
        {"recall", own->recall},
        {"f1", own->f1},
        {"average_precision", own->average_precision},
        {"roc_auc", own->roc_auc},
        {"mean", own->mean},
        {"std", own->std},
        {"best_f1", set->tuned.classes[class].f1},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (strcmp(figures[i].name, measure) == 0)
            return figures[i].value;
    cr_assert_fail("no measure %s", measure);
    return NAN;
}

typedef struct golden_reader {
    golden_set sets[CASES];
    int rows;
} golden_reader;

static hpac_status compare_row(void *user, const hpac_csv_row *row)
{
    golden_reader *reader = user;
    cr_assert_eq(row->count, 4);
    if (row->line == 1)
        return HPAC_OK;
    const golden_set *set = &reader->sets[strtol(row->cells[0], NULL, 10)];
    const char *measure = row->cells[1], *class = row->cells[2];
    double found = *class ? figure_of_class(set, (int)strtol(class, NULL, 10), measure)
                          : figure_of_set(set, measure);
    char what[128];
    snprintf(what, sizeof what, "case %s, %s of class %s", row->cells[0], measure, class);
    /* Precision, recall and F1 have Keras's epsilon: 1e-7 over the count is the most that costs. */
    bool counted = strstr(measure, "f1") || strstr(measure, "precision") == measure ||
                   strcmp(measure, "recall") == 0;
    assert_close(found, strtod(row->cells[3], NULL), counted ? 1e-6 : 1e-11, what);
    reader->rows++;
    return HPAC_OK;
}

Test(evaluation, measures_are_those_of_scikit_learn)
{
    golden_reader reader = {0};
    for (uint32_t i = 0; i < CASES; i++) {
        reader.sets[i] = make_set(i, &cases[i]);
        evaluate_set(&reader.sets[i], &cases[i]);
    }
    cr_assert_eq(hpac_csv_read("tests/golden/evaluation.csv", compare_row, &reader), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_eq(reader.rows, 9 * (5 + 28 + 1 + 6 + 3) + 9 * CASES);
    for (uint32_t i = 0; i < CASES; i++) {
        free(reader.sets[i].masks);
        free(reader.sets[i].probabilities);
    }
}

/* ---- by hand ---- */

static const int one_target[] = {0};

/* Rows name images of a longer table; the order of the list does not matter. */
Test(evaluation, rows_choose_the_labels)
{
    static const uint32_t masks[] = {1, 0, 1, 0, 0};
    static const size_t rows[] = {2, 1, 4};
    static const float p[] = {0.9F, 0.4F, 0.6F}, half[] = {0.5F};
    hpac_evaluation evaluation;
    const hpac_scored set = {3, 1, one_target, masks, rows, p};
    cr_assert_eq(hpac_evaluate(&set, half, &evaluation), HPAC_OK);
    const hpac_class_evaluation *class = &evaluation.classes[0];
    cr_assert_eq(class->support, 1);
    cr_assert_eq(class->counts.tp, 1);
    cr_assert_eq(class->counts.fp, 1);
    cr_assert_eq(class->counts.fn, 0);
    assert_close(class->roc_auc, 1, 0, "AUC");
    assert_close(class->average_precision, 1, 0, "AP");
    assert_close(evaluation.accuracy, 2.0 / 3, 1e-15, "accuracy");
    cr_assert(isnan(evaluation.loss) && isnan(evaluation.prior_loss));
}

/* Positive is above the threshold, not at it. */
Test(evaluation, half_is_not_above_half)
{
    static const uint32_t masks[] = {1};
    static const float p[] = {0.5F}, half[] = {0.5F}, below[] = {0.49999F};
    hpac_evaluation evaluation;
    const hpac_scored set = {1, 1, one_target, masks, NULL, p};
    cr_assert_eq(hpac_evaluate(&set, half, &evaluation), HPAC_OK);
    cr_assert_eq(evaluation.classes[0].counts.tp, 0);
    cr_assert_eq(hpac_evaluate(&set, below, &evaluation), HPAC_OK);
    cr_assert_eq(evaluation.classes[0].counts.tp, 1);
}

static float tune_one(const uint32_t *masks, const float *p, size_t count)
{
    const hpac_scored set = {count, 1, one_target, masks, NULL, p};
    float threshold = -1;
    cr_assert_eq(hpac_tune_thresholds(&set, &threshold), HPAC_OK);
    return threshold;
}

Test(evaluation, thresholds_lie_halfway)
{
    static const uint32_t masks[] = {1, 0, 1, 0}, none[] = {0, 0, 0, 0}, all[] = {1, 1, 1, 1};
    static const float p[] = {0.75F, 0.125F, 0.5F, 0.25F};
    cr_assert_eq(tune_one(masks, p, 4), 0.375F); /* 0.75 and 0.5 above, 0.25 below: F1 = 1 */
    cr_assert_eq(tune_one(none, p, 4), 0.5F);
    cr_assert_eq(tune_one(all, p, 4), 0.0625F); /* below the least */
    cr_assert_eq(tune_one(masks, p, 1), 0.375F);
}

/* Three images, classes a and b: the first carries both, the third a. Above 0.6 the F1 of a is 2/3
 * and that of b 1; above 0.4 both are 2/3; above 0.3 they are 1 and 2/3. Of the two thresholds with
 * a mean of 5/6 the one nearer to 0.5 lies between 0.3 and 0.4. */
Test(evaluation, one_threshold_weighs_the_classes)
{
    static const int two[] = {0, 1};
    static const uint32_t masks[] = {3, 0, 1}, none[] = {0, 0, 0};
    static const float p[] = {0.9F, 0.8F, 0.3F, 0.6F, 0.4F, 0.1F};
    float thresholds[2];
    const hpac_scored set = {3, 2, two, masks, NULL, p}, empty = {3, 2, two, none, NULL, p};
    cr_assert_eq(hpac_tune_one_threshold(&set, thresholds), HPAC_OK);
    assert_close((double)thresholds[0], 0.35, 1e-6, "threshold");
    cr_assert_eq(thresholds[0], thresholds[1]);
    cr_assert_eq(hpac_tune_one_threshold(&empty, thresholds), HPAC_OK);
    cr_assert_eq(thresholds[0], 0.5F);
}

/* Answers of one probability cannot be told apart, and 0 is never above a threshold. */
Test(evaluation, thresholds_respect_ties_and_zeros)
{
    static const uint32_t masks[] = {1, 0, 1, 1};
    static const float tied[] = {0.5F, 0.5F, 0.5F, 0.25F}, zeros[] = {0, 0, 0, 0};
    static const float next[] = {0.5F, 0.49999997F, 0.5F, 0.5F};
    cr_assert_eq(tune_one(masks, tied, 4), 0.125F);
    cr_assert_eq(tune_one(masks, zeros, 4), 0.5F);
    float threshold = tune_one(masks, next, 4); /* two neighbours among the floats */
    cr_assert(threshold < next[0] && threshold >= next[1]);
}

/* Both halves are halves, also of Ids that count up; a row is on the same side for ever. */
Test(evaluation, ids_fall_into_halves)
{
    int count = 0;
    char id[32];
    for (int i = 0; i < 10000; i++) {
        snprintf(id, sizeof id, "%d", i);
        count += hpac_is_tuning_id(id);
    }
    cr_assert(count > 4800 && count < 5200, "%d of 10000", count); /* 4 standard deviations */
    static const char *const ids[] = {"", "a", "000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0",
                                      "000a9596-bbc4-11e8-b2bc-ac1f6b6435d0"};
    static const bool sides[] = {true, true, true, false}; /* by Python */
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        cr_assert_eq(hpac_is_tuning_id(ids[i]), sides[i], "%s", ids[i]);
}

/* ---- tables ---- */

static hpac_evaluation small_evaluation(void)
{
    static const uint32_t masks[] = {1, 0, 1, 0};
    static const int targets[] = {0, 18};
    static const float p[] = {0.75F, 0.25F, 0.25F, 0.5F, 0.5F, 0, 0, 0}, half[] = {0.5F, 0.5F};
    hpac_evaluation evaluation;
    const hpac_scored set = {4, 2, targets, masks, NULL, p};
    cr_assert_eq(hpac_evaluate(&set, half, &evaluation), HPAC_OK);
    evaluation.loss = 0.25;
    return evaluation;
}

static const hpac_evaluation_title title = {"runs/a \"b\"/model.h5", "all rows"};

Test(evaluation, json_has_null_for_what_is_not_defined)
{
    hpac_evaluation evaluation = small_evaluation();
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    cr_assert_eq(hpac_evaluation_print_json(&evaluation, &title, stream), HPAC_OK);
    fclose(stream);
    json_t *root = json_loads(text, 0, NULL);
    cr_assert_not_null(root, "%s", text);
    json_t *whole = json_array_get(json_object_get(root, "evaluation"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(whole, "model")), title.model);
    cr_assert_eq(json_real_value(json_object_get(whole, "loss")), 0.25);
    cr_assert(json_is_null(json_object_get(whole, "prior_loss")));
    json_t *second = json_array_get(json_object_get(root, "class_evaluation"), 1);
    cr_assert_str_eq(json_string_value(json_object_get(second, "class")),
                     "Microtubule organizing center");
    cr_assert(json_is_null(json_object_get(second, "roc_auc")));
    cr_assert_eq(json_integer_value(json_object_get(second, "support")), 0);
    json_decref(root);
    free(text);
}

Test(evaluation, text_fits_its_columns)
{
    hpac_evaluation evaluation = small_evaluation();
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    cr_assert_eq(hpac_evaluation_print(&evaluation, &title, stream), HPAC_OK);
    fclose(stream);
    size_t header = 0;
    int rows = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        cr_assert(strlen(line) <= 120, "%s", line);
        if (strncmp(line, "  class ", 8) == 0)
            header = strlen(line);
        else if (header > 0 && *line) {
            cr_assert_eq(strlen(line), header, "%s", line);
            rows++;
        }
    }
    cr_assert_eq(rows, 2);
    free(text);
}

static hpac_status keep_cells(void *user, const hpac_csv_row *row)
{
    int *rows = user;
    cr_assert_eq(row->count, 13);
    if (row->line == 3) {
        cr_assert_str_eq(row->cells[0], "Microtubule organizing center");
        cr_assert_str_eq(row->cells[9], ""); /* roc_auc */
        cr_assert_str_eq(row->cells[12], "0.5");
    }
    (*rows)++;
    return HPAC_OK;
}

Test(evaluation, csv_has_empty_cells_for_what_is_not_defined)
{
    hpac_evaluation evaluation = small_evaluation();
    int rows = 0;
    cr_assert_eq(hpac_evaluation_write(&evaluation, &title, scratch_path("out")), HPAC_OK);
    cr_assert_eq(hpac_csv_read(scratch_path("out/class_evaluation.csv"), keep_cells, &rows),
                 HPAC_OK);
    cr_assert_eq(rows, 3);
    cr_assert_eq(count_entries(scratch_path("out")), 2);
}
