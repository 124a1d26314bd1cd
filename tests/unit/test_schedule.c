/* Learning rates against Keras's schedules, and PyTorch's OneCycleLR
 * (tools/reference/make_keras_optimizers.py): 40 updates, 8 per epoch. */
#include "train/schedule.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    hpac_schedule options;
} cases[] = {
    {"step", {.kind = HPAC_SCHEDULE_STEP, .every = 2, .factor = 0.5F}},
    {"exponential", {.kind = HPAC_SCHEDULE_EXPONENTIAL, .every = 1, .factor = 0.9F}},
    {"step_warm_up", {.kind = HPAC_SCHEDULE_STEP, .every = 2, .factor = 0.5F, .warm_up = 1.5F}},
    {"exponential_warm_up",
     {.kind = HPAC_SCHEDULE_EXPONENTIAL, .every = 1, .factor = 0.9F, .warm_up = 1.5F}},
    {"cosine", {.kind = HPAC_SCHEDULE_COSINE, .final_factor = 0.02F}},
    {"warm_up", {.kind = HPAC_SCHEDULE_COSINE, .final_factor = 0.02F, .warm_up = 1.5F}},
    {"one_cycle",
     {.kind = HPAC_SCHEDULE_ONE_CYCLE, .rise = 0.3F, .start_factor = 0.04F, .final_factor = 4e-6F}},
};

enum { CASES = sizeof cases / sizeof *cases, WITH_AN_END = 4, UPDATES = 40 };

static double learning_rate(const hpac_schedule *options, uint32_t update)
{
    const train_schedule schedule = {
        .options = *options, .learning_rate = 0.1, .updates_per_epoch = 8, .updates = UPDATES};
    return train_schedule_at(&schedule, update);
}

Test(schedule, is_that_of_keras_and_pytorch)
{
    FILE *file = fopen("tests/golden/keras_schedules.csv", "re");
    size_t checked = 0;
    char line[128], name[32];
    unsigned update;
    double expected;
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%31[^,],%u,%lf", name, &update, &expected) != 3)
            continue;
        size_t i = 0;
        while (i < CASES && strcmp(cases[i].name, name) != 0)
            i++;
        cr_assert_lt(i, CASES, "%s", name);
        double got = learning_rate(&cases[i].options, update);
        cr_expect(fabs(got - expected) <= 1e-6 * expected + 1e-9, "%s, update %u: %.9g, not %.9g",
                  name, update, got, expected);
        checked++;
    }
    fclose(file);
    cr_expect_eq(checked, CASES * UPDATES);
}

/* What comes after the end, as when a training continues to more epochs, stays finite. */
Test(schedule, stays_where_it_ends)
{
    for (size_t i = WITH_AN_END; i < CASES; i++) {
        double last = learning_rate(&cases[i].options, UPDATES);
        cr_expect(last >= 0 && last <= 0.1 * 0.0201, "%s: %g", cases[i].name, last);
        cr_expect_eq(learning_rate(&cases[i].options, 10 * UPDATES), last, "%s", cases[i].name);
    }
}

Test(schedule, is_constant_after_the_warm_up)
{
    const hpac_schedule options = {.warm_up = 0.5F};
    for (uint32_t update = 0; update < UPDATES; update++)
        cr_expect(fabs(learning_rate(&options, update) - (update < 4 ? 0.025 * update : 0.1)) <
                  1e-12);
}

Test(schedule, counts_updates_not_batches)
{
    const hpac_config_train train = {.epochs = 3, .accumulate = 4, .optimizer.learning_rate = 0.5F};
    const train_schedule schedule = train_schedule_make(&train, 10);
    cr_expect_eq(schedule.updates_per_epoch, 2.5);
    cr_expect_eq(schedule.updates, 7);
    cr_expect_eq(schedule.learning_rate, 0.5);
}

/* Trainings too short for a rise and a fall. */
Test(schedule, of_one_update_is_finite)
{
    for (size_t i = 0; i < CASES; i++)
        for (double updates = 0; updates < 4; updates++) {
            const train_schedule schedule = {.options = cases[i].options,
                                             .learning_rate = 0.1,
                                             .updates_per_epoch = fmax(0.5, updates),
                                             .updates = updates};
            for (uint32_t update = 0; update < 4; update++)
                cr_expect(isfinite(train_schedule_at(&schedule, update)), "%s of %g updates",
                          cases[i].name, updates);
        }
}
