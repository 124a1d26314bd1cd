/* Which rows models are evaluated on, at which thresholds, and which models may be averaged. */
#include "infer/evaluate.h"
#include "infer/predict.h"

#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 40, TARGETS = 3 };

static hpac_classifier make_classifier(const char *path, const float *thresholds)
{
    hpac_classifier made = {.path = (char *)path, .model.has_thresholds = thresholds != NULL};
    made.model.target_count = TARGETS;
    for (int t = 0; t < TARGETS; t++) {
        made.model.targets[t] = t;
        if (thresholds)
            made.model.thresholds[t] = thresholds[t];
    }
    made.model.input = (hpac_shape){3, 8, 8, 1};
    return made;
}

/* The first half tunes, the second is evaluated; a row is in one of them. */
Test(evaluate_rows, are_halved_by_the_id)
{
    char texts[COUNT][16], *ids[COUNT];
    uint32_t masks[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "image-%d", i);
        ids[i] = texts[i];
    }
    const hpac_labels labels = {.count = COUNT, .ids = ids, .masks = masks};
    hpac_classifier classifier = make_classifier("a.h5", NULL);
    const hpac_evaluate_options options = {.rows = HPAC_ROWS_ALL, .labels = "train.csv"};
    evaluate_rows rows;
    assert_ok(evaluate_rows_choose(&options, &classifier, &labels, true, &rows));
    cr_assert(rows.tuning_count > 0 && rows.evaluated_count > 0);
    cr_assert_eq(rows.tuning_count + rows.evaluated_count, COUNT);
    for (size_t i = 0; i < rows.tuning_count; i++)
        cr_expect(hpac_is_tuning_id(ids[rows.tuning[i]]));
    for (size_t i = 0; i < rows.evaluated_count; i++)
        cr_expect_not(hpac_is_tuning_id(ids[rows.evaluated[i]]));
    evaluate_rows_fini(&rows);
    assert_ok(evaluate_rows_choose(&options, &classifier, &labels, false, &rows));
    cr_expect_eq(rows.evaluated_count, COUNT);
    evaluate_rows_fini(&rows);
}

Test(evaluate_rows, thresholds_of_several_models_are_averaged)
{
    static const float first[] = {0.25F, 0.5F, 0.1F}, second[] = {0.75F, 0.5F, 0.2F};
    static const float third[] = {0.5F, 0.125F, 0.6F}, given[] = {0.1F, 0.2F, 0.3F};
    const hpac_classifier models[] = {
        make_classifier("a.h5", first), make_classifier("b.h5", second),
        make_classifier("c.h5", third), make_classifier("d.h5", NULL)};
    float found[HPAC_CLASS_COUNT];
    assert_ok(hpac_thresholds_resolve(models, 3, NULL, 0, found));
    cr_expect_float_eq(found[0], 0.5F, 1e-7F);
    cr_expect_float_eq(found[1], 0.375F, 1e-7F);
    cr_expect_float_eq(found[2], 0.3F, 1e-7F);
    assert_ok(hpac_thresholds_resolve(models, 3, given, 3, found));
    cr_expect_arr_eq(found, given, sizeof given);
    assert_ok(hpac_thresholds_resolve(models, 3, given, 1, found));
    cr_expect(found[0] == given[0] && found[1] == given[0] && found[2] == given[0]);
    assert_ok(hpac_thresholds_resolve(models + 3, 1, NULL, 0, found));
    cr_expect(found[0] == 0.5F && found[2] == 0.5F);
    cr_expect_eq(hpac_thresholds_resolve(models + 2, 2, NULL, 0, found), HPAC_ERR_CONFIG);
    cr_expect_eq(hpac_thresholds_resolve(models, 1, given, 2, found), HPAC_ERR_CONFIG);
}

static void expect_unlike(hpac_classifier b, const char *what)
{
    const hpac_classifier a = make_classifier("a.h5", NULL);
    cr_expect_eq(hpac_classifier_check_alike(&a, &b), HPAC_ERR_CONFIG, "%s", what);
    expect_message("a.h5");
    expect_message("b.h5");
    expect_message(what);
}

Test(evaluate_rows, models_of_different_inputs_or_outputs_are_not_averaged)
{
    hpac_classifier a = make_classifier("a.h5", NULL), b = make_classifier("b.h5", NULL);
    assert_ok(hpac_classifier_check_alike(&a, &b));
    b.pixels = HPAC_PIXELS_FLOAT32;
    expect_unlike(b, "pixels");
    b = make_classifier("b.h5", NULL);
    b.model.targets[2] = 9;
    expect_unlike(b, "classes");
    b = make_classifier("b.h5", NULL);
    b.model.input.cols = 9;
    expect_unlike(b, "size");
    b = make_classifier("b.h5", NULL);
    b.channel_order[0] = 1;
    expect_unlike(b, "channels");
}
