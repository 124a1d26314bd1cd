/* Measures of predictions beside scikit-learn's (tests/golden/evaluation.csv), and by hand. */
#include "base/csv.h"
#include "base/file.h"
#include "metrics/evaluation.h"
#include "render/table.h"

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
    /* Precision, recall and F1 have Keras's epsilon. */
    bool counted = strstr(measure, "f1") || strstr(measure, "precision") == measure ||
                   strcmp(measure, "recall") == 0;
    assert_close(found, strtod(row->cells[3], NULL), counted ? 1.5e-7 : 1e-11, what);
    reader->rows++;
    return HPAC_OK;
}

Test(evaluation, metrics_are_those_of_scikit_learn)
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

/* Predictions of equal probability stay together, and 0 is never above a threshold. */
Test(evaluation, thresholds_respect_ties_and_zeros)
{
    static const uint32_t masks[] = {1, 0, 1, 1};
    static const float tied[] = {0.5F, 0.5F, 0.5F, 0.25F}, zeros[] = {0, 0, 0, 0};
    static const float next[] = {0.5F, 0.49999997F, 0.5F, 0.5F};
    cr_assert_eq(tune_one(masks, tied, 4), 0.125F);
    cr_assert_eq(tune_one(masks, zeros, 4), 0.5F);
    float threshold = tune_one(masks, next, 4); /* two neighbors among the floats */
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

/* ---- tables: every column, by its name ---- */

static const hpac_evaluation_title title = {"runs/a \"b\"/model.h5", "all rows"};

/* Eight images, two classes, no two measures alike, by scikit-learn 1.7.2:
 * multilabel_confusion_matrix, precision_recall_fscore_support, f1_score (micro, samples),
 * average_precision_score, roc_auc_score; numpy's min, max, mean, std. The losses are the caller's.
 */
static hpac_evaluation lopsided_evaluation(void)
{
    static const uint32_t masks[] = {1, 1, 1, 1, 1, 1 << 18, 1 << 18, 1 << 18};
    static const int targets[] = {0, 18};
    static const float p[] = {0.9F, 0.1F, 0.8F,  0.2F, 0.7F, 0.1F, 0.2F, 0.1F,
                              0.1F, 0.2F, 0.85F, 0.6F, 0.3F, 0.7F, 0.4F, 0.15F};
    static const float thresholds[] = {0.5F, 0.3F};
    hpac_evaluation evaluation;
    const hpac_scored set = {8, 2, targets, masks, NULL, p};
    cr_assert_eq(hpac_evaluate(&set, thresholds, &evaluation), HPAC_OK);
    evaluation.loss = 0.25;
    evaluation.prior_loss = 0.125;
    return evaluation;
}

static const struct expected_column {
    const char *table, *column;
    double values[2]; /* the rows' */
} expected_columns[] = {
    {"evaluation", "images", {8, NAN}},
    {"evaluation", "loss", {0.25, NAN}},
    {"evaluation", "prior_loss", {0.125, NAN}},
    {"evaluation", "accuracy", {0.75, NAN}},
    {"evaluation", "all_zero_accuracy", {0.5, NAN}},
    {"evaluation", "f1_min", {0.6666666666666666, NAN}},
    {"evaluation", "f1_max", {0.8, NAN}},
    {"evaluation", "f1_mean", {0.7333333333333334, NAN}},
    {"evaluation", "f1_std", {0.06666666666666671, NAN}},
    {"evaluation", "micro_f1", {0.7142857142857143, NAN}},
    {"evaluation", "sample_f1", {0.5833333333333333, NAN}},
    {"class_evaluation", "support", {5, 3}},
    {"class_evaluation", "true_positives", {3, 2}},
    {"class_evaluation", "false_positives", {1, 0}},
    {"class_evaluation", "false_negatives", {2, 1}},
    {"class_evaluation", "precision", {0.75, 1}},
    {"class_evaluation", "recall", {0.6, 0.6666666666666666}},
    {"class_evaluation", "f1", {0.6666666666666666, 0.8}},
    {"class_evaluation", "average_precision", {0.7226190476190476, 0.8666666666666667}},
    {"class_evaluation", "roc_auc", {0.4666666666666667, 0.8666666666666667}},
    {"class_evaluation", "mean", {0.53125, 0.26875}},
    {"class_evaluation", "std", {0.29679275, 0.22491318}},
    {"class_evaluation", "threshold", {0.5, (double)0.3F}},
};

enum { EXPECTED_COLUMNS = sizeof expected_columns / sizeof *expected_columns };

static void assert_column(const struct expected_column *expected, size_t row, double found)
{
    char what[128];
    snprintf(what, sizeof what, "%s, %s, row %zu", expected->table, expected->column, row);
    assert_close(found, expected->values[row], 3e-7, what); /* Keras's epsilon; float32 */
}

Test(evaluation, each_column_of_the_csv_files_is_that_of_scikit_learn)
{
    static const char *const headers[] = {
        "model,set,images,loss,prior_loss,accuracy,all_zero_accuracy,f1_min,f1_max,f1_mean,f1_std,"
        "micro_f1,sample_f1\n",
        "class,support,true_positives,false_positives,false_negatives,precision,recall,f1,"
        "average_precision,roc_auc,mean,std,threshold\n"};
    static const char *const files[] = {"out/evaluation.csv", "out/class_evaluation.csv"};
    hpac_evaluation evaluation = lopsided_evaluation();
    cr_assert_eq(hpac_evaluation_write(&evaluation, &title, scratch_path("out")), HPAC_OK);
    for (int i = 0; i < 2; i++) {
        unsigned char *bytes;
        size_t nbytes;
        cr_assert_eq(hpac_file_read(scratch_path(files[i]), 1 << 16, &bytes, &nbytes), HPAC_OK);
        cr_assert_eq(strncmp((char *)bytes, headers[i], strlen(headers[i])), 0, "%s",
                     (char *)bytes);
        free(bytes);
    }
    for (size_t i = 0; i < EXPECTED_COLUMNS; i++) {
        const struct expected_column *expected = &expected_columns[i];
        const hpac_column column = HPAC_COLUMN_REAL(expected->column, NULL, 3);
        hpac_table table;
        char name[64];
        snprintf(name, sizeof name, "%s.csv", expected->table);
        hpac_table_init(&table, expected->table, "", &column, 1);
        cr_assert_eq(hpac_table_read_csv(&table, scratch_path("out"), name, false), HPAC_OK, "%s",
                     hpac_error_message());
        for (size_t row = 0; row < hpac_table_row_count(&table); row++)
            assert_column(expected, row, hpac_table_cell(&table, row, 0)->number);
        hpac_table_fini(&table);
    }
}

static json_t *json_of(const hpac_evaluation *evaluation)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    cr_assert_eq(hpac_evaluation_print_json(evaluation, &title, stream), HPAC_OK);
    fclose(stream);
    json_t *root = json_loads(text, 0, NULL);
    cr_assert_not_null(root, "%s", text);
    free(text);
    return root;
}

Test(evaluation, each_key_of_the_json_is_that_of_scikit_learn)
{
    hpac_evaluation evaluation = lopsided_evaluation();
    json_t *root = json_of(&evaluation);
    size_t keys = 0;
    for (size_t i = 0; i < EXPECTED_COLUMNS; i++) {
        const struct expected_column *expected = &expected_columns[i];
        json_t *rows = json_object_get(root, expected->table);
        for (size_t row = 0; row < json_array_size(rows); row++)
            assert_column(
                expected, row,
                json_number_value(json_object_get(json_array_get(rows, row), expected->column)));
    }
    const char *const names[] = {"evaluation", "class_evaluation"};
    for (int i = 0; i < 2; i++)
        keys += json_object_size(json_array_get(json_object_get(root, names[i]), 0));
    cr_assert_eq(keys, EXPECTED_COLUMNS + 3, "a key without an expected value"); /* and the texts */
    json_t *whole = json_array_get(json_object_get(root, "evaluation"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(whole, "model")), title.model);
    cr_assert_str_eq(json_string_value(json_object_get(whole, "set")), title.set);
    json_t *second = json_array_get(json_object_get(root, "class_evaluation"), 1);
    cr_assert_str_eq(json_string_value(json_object_get(second, "class")),
                     "Microtubule organizing center");
    json_decref(root);
}

/* A class without positives, and no prior loss. */
static hpac_evaluation undefined_evaluation(void)
{
    static const uint32_t masks[] = {1, 0, 1, 0};
    static const int targets[] = {0, 18};
    static const float p[] = {0.75F, 0.25F, 0.25F, 0.5F, 0.5F, 0, 0, 0}, half[] = {0.5F, 0.5F};
    hpac_evaluation evaluation;
    const hpac_scored set = {4, 2, targets, masks, NULL, p};
    cr_assert_eq(hpac_evaluate(&set, half, &evaluation), HPAC_OK);
    return evaluation;
}

Test(evaluation, undefined_values_are_null_and_empty_cells)
{
    hpac_evaluation evaluation = undefined_evaluation();
    json_t *root = json_of(&evaluation);
    json_t *whole = json_array_get(json_object_get(root, "evaluation"), 0);
    cr_assert(json_is_null(json_object_get(whole, "prior_loss")));
    json_t *second = json_array_get(json_object_get(root, "class_evaluation"), 1);
    cr_assert(json_is_null(json_object_get(second, "roc_auc")));
    json_decref(root);
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_evaluation_write(&evaluation, &title, scratch_path("out")), HPAC_OK);
    cr_assert_eq(hpac_file_read(scratch_path("out/class_evaluation.csv"), 1 << 16, &bytes, &nbytes),
                 HPAC_OK);
    cr_assert(strstr((char *)bytes, "\nMicrotubule organizing center,0,0,0,0,0,0,0,,,"), "%s",
              (char *)bytes);
    free(bytes);
    cr_assert_eq(count_entries(scratch_path("out")), 2);
}

/* What the terminal shows beside the table of classes. */
Test(evaluation, the_terminal_shows_each_metric_after_its_name)
{
    static const char *const parts[] = {"runs/a \"b\"/model.h5\nall rows: 8 images\n",
                                        "loss       0.2500   constant prior   0.1250",
                                        "accuracy   0.7500   all zero         0.5000",
                                        "F1         0.7333   over the classes: "
                                        "min 0.6667, max 0.8000, std 0.0667",
                                        "micro F1   0.7143   sample F1        0.5833",
                                        "Nucleoplasm                         5   3   1   2  0.750  "
                                        " 0.600  0.667  0.723  0.467  0.531  "
                                        "0.297  0.500"};
    hpac_evaluation evaluation = lopsided_evaluation();
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    cr_assert_eq(hpac_evaluation_print(&evaluation, &title, stream), HPAC_OK);
    fclose(stream);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(strstr(text, parts[i]), "expected %s in\n%s", parts[i], text);
    free(text);
}

Test(evaluation, text_fits_its_columns)
{
    hpac_evaluation evaluation = undefined_evaluation();
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
