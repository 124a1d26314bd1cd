/* Complete trainings in this process: the steps that reach the device, the weights that are kept,
 * and every column of the tables beside counts made here from labels and predictions. */
#include <hpac/model.h>
#include <hpac/trainer.h>

#include "base/file.h"
#include "rundir/run_files.h"

#include "formula.h"
#include "picture_directory.h"
#include "recorded_steps.h"
#include "scratch.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 50, TARGETS = 2, BATCH = 6 };

static const int targets[TARGETS] = {0, 5};

/* The labels: of half and of a third of the rows. */
static bool label_of(size_t row, int t)
{
    return formula_hash(5, row * TARGETS + (size_t)t) % 6 < (t == 0 ? 3 : 2);
}

/* ---- trainings ---- */

typedef struct fixture {
    picture_directory pictures;
    hpac_device *device;
    volatile sig_atomic_t stop;
    size_t stop_after; /* batches of the training; 0: never */
    const char *dense; /* more keys of the first dense layer; NULL: none */
} fixture;

static void open_fixture(fixture *fix)
{
    memset(fix, 0, sizeof *fix);
    picture_directory_create(&fix->pictures, COUNT);
    fix->device = open_tested_device((hpac_device_options){.threads = 1, .deterministic = true});
    char text[8192] = "Id,Target\n";
    size_t length = strlen(text);
    for (size_t row = 0; row < COUNT; row++)
        length += (size_t)snprintf(text + length, sizeof text - length, "id%zu,%s%s27\n", row,
                                   label_of(row, 0) ? "0 " : "", label_of(row, 1) ? "5 " : "");
    scratch_write_text("labels.csv", text);
}

static void close_fixture(fixture *fix)
{
    fix->device->ops->close(fix->device);
    picture_directory_remove(&fix->pictures);
}

static void watch(void *user, const hpac_progress *progress)
{
    fixture *fix = user;
    if (progress->phase == HPAC_PHASE_TRAIN && progress->batch == fix->stop_after)
        fix->stop = 1;
}

/* `train`: more lines of the configuration's train. */
static hpac_status train(fixture *fix, const char *name, int epochs, const char *train_lines,
                         bool resume)
{
    char yaml[10000];
    snprintf(yaml, sizeof yaml,
             "data: {labels: %s, images: %s, targets: [%d, %d], channels: 2,\n"
             "  image: {rows: 5, cols: 4}, scale: {rows: 1, cols: 1}, workers: 2}\n"
             "model: [{type: flatten}, {type: dense, units: 8, activation: relu%s},\n"
             "  {type: dropout, rate: 0.5}, {type: dense, units: classes, activation: sigmoid}]\n"
             "train:\n  epochs: %d\n  batch_size: %d\n  drop_last: false\n%s",
             scratch_path("labels.csv"), fix->pictures.path, targets[0], targets[1],
             fix->dense ? fix->dense : "", epochs, BATCH, train_lines);
    hpac_config config;
    assert_ok(hpac_config_parse("test", yaml, &config));
    const hpac_train_options options = {.config = &config,
                                        .device = fix->device,
                                        .directory = scratch_path(name),
                                        .resume = resume,
                                        .brief = true,
                                        .stop = &fix->stop,
                                        .progress = watch,
                                        .user = fix};
    hpac_status status = hpac_train(&options);
    hpac_config_fini(&config);
    return status;
}

/* "<run>/<file>", whole; the caller's. */
static char *read_text(const char *run, const char *file)
{
    char path[256];
    unsigned char *bytes;
    size_t nbytes;
    snprintf(path, sizeof path, "%s/%s", run, file);
    assert_ok(hpac_file_read(scratch_path(path), 1 << 20, &bytes, &nbytes));
    return (char *)bytes;
}

/* ---- steps ---- */

static void expect_steps(uint32_t first, uint32_t end)
{
    cr_expect_eq(recorded_step_count, end - first, "%zu steps", recorded_step_count);
    for (size_t i = 0; i < recorded_step_count; i++)
        cr_expect_eq(recorded_steps[i].step, first + i, "step %u at %zu", recorded_steps[i].step,
                     i);
    recorded_step_count = 0;
}

/* Dropout is drawn from the step: each has a number of its own over epochs and resumes. */
Test(training, hands_consecutive_steps_to_the_device_over_epochs_and_resumes)
{
    fixture fix;
    open_fixture(&fix);
    recorded_steps_start(fix.device);
    hpac_run_info info;
    assert_ok(train(&fix, "run", 1, "", false));
    assert_ok(hpac_run_info_read(scratch_path("run"), &info));
    uint32_t batches = (uint32_t)info.steps;
    hpac_run_info_fini(&info);
    cr_assert_geq(batches, 4);
    expect_steps(0, batches);
    assert_ok(train(&fix, "run", 3, "", true));
    expect_steps(batches, 3 * batches);
    /* Stopped in the middle of an epoch. */
    fix.stop_after = 2;
    cr_assert_eq(train(&fix, "run", 4, "", true), HPAC_INTERRUPTED);
    uint32_t done = 3 * batches + (uint32_t)recorded_step_count;
    cr_expect_lt(done, 4 * batches);
    expect_steps(3 * batches, done);
    fix.stop = 0;
    fix.stop_after = 0;
    assert_ok(train(&fix, "run", 4, "", true));
    expect_steps(done, 4 * batches);
    recorded_steps_stop(fix.device);
    close_fixture(&fix);
}

static void expect_seed(fixture *fix, const char *name, const char *seed, bool is_number)
{
    char line[64], text[32];
    hpac_run_info info;
    snprintf(line, sizeof line, "  seed: %s\n", seed);
    assert_ok(train(fix, name, 1, line, false));
    assert_ok(hpac_run_info_read(scratch_path(name), &info));
    const json_t *found = json_object_get(info.json, "seed");
    cr_expect_eq(json_is_integer(found), is_number);
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(found));
    cr_expect_str_eq(is_number ? text : json_string_value(found), seed);
    hpac_run_info_fini(&info);
}

/* A seed has 64 bits, an integer of jansson 63. */
Test(training, run_json_has_every_seed)
{
    fixture fix;
    open_fixture(&fix);
    expect_seed(&fix, "a", "9223372036854775807", true);
    expect_seed(&fix, "b", "9223372036854775808", false);
    expect_seed(&fix, "c", "18446744073709551615", false);
    close_fixture(&fix);
}

/* ---- the best epoch ---- */

static hpac_model load_model(const char *run, const char *file)
{
    char path[256];
    hpac_model model;
    snprintf(path, sizeof path, "%s/%s", run, file);
    assert_ok(hpac_model_load(scratch_path(path), &model));
    return model;
}

static bool same_kernel(const hpac_weights *a, const hpac_weights *b)
{
    const hpac_tensor *x = &a->tensors[HPAC_KERNEL], *y = &b->tensors[HPAC_KERNEL];
    return x->count == y->count && memcmp(x->values, y->values, x->count * sizeof(float)) == 0;
}

static bool same_weights(const hpac_model *a, const hpac_model *b)
{
    bool same = true;
    for (size_t i = 0; i < a->layer_count; i++)
        same = same && (a->weights[i].tensors[HPAC_KERNEL].count == 0 ||
                        same_kernel(&a->weights[i], &b->weights[i]));
    return same;
}

/* A run that gets worse: its best.h5 is the model of a run that ends with the best epoch. */
Test(training, keeps_the_weights_of_the_epoch_with_the_lowest_validation_loss)
{
    static const char overfits[] = "  optimizer: {learning_rate: 1}\n";
    enum { EPOCHS = 6 };
    fixture fix;
    open_fixture(&fix);
    assert_ok(train(&fix, "long", EPOCHS, overfits, false));
    char *losses = read_text("long", "losses.csv"), *line = losses;
    double lowest = INFINITY;
    int best = 0;
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double loss;
        line = strchr(line, '\n') + 1;
        cr_assert_eq(sscanf(line, "%*d,%*f,%lf", &loss), 1);
        if (loss < lowest) {
            lowest = loss;
            best = epoch;
        }
    }
    free(losses);
    cr_assert_lt(best, EPOCHS, "this data set does not overfit");
    hpac_run_info info;
    assert_ok(hpac_run_info_read(scratch_path("long"), &info));
    cr_expect_eq(info.best_epoch, best);
    cr_expect_eq(info.epochs_without_best, EPOCHS - best);
    hpac_run_info_fini(&info);
    assert_ok(train(&fix, "short", best, overfits, false));
    hpac_model kept = load_model("long", "best.h5"), expected = load_model("short", "model.h5");
    hpac_model last = load_model("long", "model.h5");
    cr_expect(same_weights(&kept, &expected));
    cr_expect_not(same_weights(&kept, &last));
    hpac_model_fini(&kept);
    hpac_model_fini(&expected);
    hpac_model_fini(&last);
    close_fixture(&fix);
}

/* ---- the update ---- */

/* learning_rates.csv has those that the device got. */
static void expect_learning_rates(const char *run)
{
    char *text = read_text(run, "learning_rates.csv"), *line = text;
    for (size_t i = 0; i < recorded_step_count; i++) {
        unsigned step;
        double rate, given = (double)recorded_steps[i].learning_rate;
        line = strchr(line, '\n') + 1;
        cr_assert_eq(sscanf(line, "%u,%lf", &step, &rate), 2);
        cr_expect_eq(step, i + 1);
        cr_expect(fabs(rate - given) <= 1e-6 * given, "step %u: %g, not %g", step, rate, given);
    }
    free(text);
}

Test(training, hands_all_of_an_update_to_the_device)
{
    enum { RANGES = 4 }; /* kernel and bias of both dense layers */
    fixture fix;
    open_fixture(&fix);
    fix.dense = ", l2: 0.25";
    recorded_steps_start(fix.device);
    assert_ok(train(&fix, "run", 2,
                    "  optimizer: {type: adamw, learning_rate: 0.01, weight_decay: 0.25}\n"
                    "  schedule: {type: exponential, factor: 0.5}\n"
                    "  accumulate: 2\n  ema: 0.75\n  clip_norm: 3\n  l2: 0.5\n"
                    "  layers: [{match: dense_1, learning_rate_factor: 2}]\n",
                    false));
    recorded_steps_stop(fix.device);
    cr_expect_eq(recorded_optimizer.kind, HPAC_OPTIMIZER_ADAMW);
    cr_expect_eq(recorded_update.clip_norm, 3);
    cr_expect_eq(recorded_update.accumulate, 2);
    cr_expect_not_null(recorded_update.accumulated);
    cr_expect_not_null(recorded_update.average);
    cr_assert_eq(recorded_update.range_count, RANGES);
    for (size_t i = 0; i < RANGES; i++) {
        cr_expect_eq(recorded_ranges[i].learning_rate_factor, i < 2 ? 1 : 2);
        cr_expect_eq(recorded_ranges[i].weight_decay, 0.25F);
    }
    /* Of kernels; the gradient of l2 w^2 is 2 l2 w. */
    cr_expect_eq(recorded_ranges[0].l2, 0.5F);
    cr_expect_eq(recorded_ranges[2].l2, 1);
    cr_expect(recorded_ranges[1].l2 == 0 && recorded_ranges[3].l2 == 0);
    cr_assert_geq(recorded_step_count, 10);
    double epoch = (double)recorded_step_count / 4; /* in updates */
    for (uint32_t i = 0; i < recorded_step_count; i++) {
        double rate = 0.01 * pow(0.5, i / 2 / epoch),
               given = (double)recorded_steps[i].learning_rate;
        cr_expect(fabs(given - rate) <= 1e-6 * rate, "step %u: %g, not %g", i, given, rate);
        cr_expect_eq(recorded_steps[i].accumulates, i % 2 == 0);
        cr_expect_eq(recorded_steps[i].average_momentum, i < 2 ? 0 : 0.75F);
    }
    expect_learning_rates("run");
    close_fixture(&fix);
}

/* ---- the moving average ---- */

/* What is evaluated and saved is the average; a checkpoint has it beside the weights. Layers that
 * are frozen keep theirs. */
Test(training, saves_the_moving_average)
{
    enum { FIRST = 1, LAST = 3 }; /* the dense layers */
    fixture fix;
    open_fixture(&fix);
    assert_ok(train(&fix, "start", 1, "  accumulate: 1000\n", false)); /* no update */
    assert_ok(train(&fix, "run", 1,
                    "  ema: 0.9\n  layers: [{match: dense, trainable: false}]\n"
                    "  optimizer: {type: sgd, learning_rate: 0.5}\n",
                    false));
    hpac_model start = load_model("start", "model.h5"), end = load_model("run", "model.h5");
    hpac_model best = load_model("run", "best.h5"), checkpoint = load_model("run", "resume.h5");
    const hpac_weights *average = checkpoint.training->states[HPAC_STATE_AVERAGE];
    cr_expect(same_kernel(&end.weights[LAST], &average[LAST]));
    cr_expect(same_kernel(&best.weights[LAST], &average[LAST]));
    cr_expect_not(same_kernel(&checkpoint.weights[LAST], &average[LAST]));
    cr_expect(same_kernel(&end.weights[FIRST], &start.weights[FIRST]));
    cr_expect(same_kernel(&checkpoint.weights[FIRST], &start.weights[FIRST]));
    hpac_model_fini(&start);
    hpac_model_fini(&end);
    hpac_model_fini(&best);
    hpac_model_fini(&checkpoint);
    close_fixture(&fix);
}

/* Before the first update it is the initial weights, wherever they are from. */
Test(training, begins_the_moving_average_with_the_initial_weights)
{
    static const char none[] = "  accumulate: 1000\n  ema: 0.9\n";
    char lines[512];
    fixture fix;
    open_fixture(&fix);
    assert_ok(train(&fix, "start", 1, "  accumulate: 1000\n", false));
    assert_ok(train(&fix, "seeded", 1, none, false));
    assert_ok(train(&fix, "trained", 1, "", false));
    snprintf(lines, sizeof lines, "%s  initial_model: %s\n", none,
             scratch_path("trained/model.h5"));
    assert_ok(train(&fix, "loaded", 1, lines, false));
    hpac_model start = load_model("start", "model.h5"), seeded = load_model("seeded", "model.h5");
    hpac_model trained = load_model("trained", "model.h5"),
               loaded = load_model("loaded", "model.h5");
    cr_expect(same_weights(&seeded, &start));
    cr_expect(same_weights(&loaded, &trained));
    cr_expect_not(same_weights(&loaded, &seeded));
    hpac_model_fini(&start);
    hpac_model_fini(&seeded);
    hpac_model_fini(&trained);
    hpac_model_fini(&loaded);
    close_fixture(&fix);
}

/* ---- tables ---- */

/* The validation rows of a run and their probabilities. */
typedef struct predictions {
    bool is_validation[COUNT];
    double p[COUNT][TARGETS];
    size_t count;
} predictions;

static predictions read_predictions(const char *run)
{
    predictions read = {.count = 0};
    char *text = read_text(run, "predictions.csv"), *rest = text;
    strsep(&rest, "\n");
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        size_t row;
        double p[TARGETS];
        cr_assert_eq(sscanf(line, "id%zu,%lf,%lf", &row, &p[0], &p[1]), 3);
        read.is_validation[row] = true;
        memcpy(read.p[row], p, sizeof p);
        read.count++;
    }
    free(text);
    cr_assert(read.count > 0 && read.count < COUNT);
    return read;
}

static void expect_near(double found, double expected, double tolerance, const char *what)
{
    cr_expect(fabs(found - expected) <= tolerance, "%s: %.9g, expected %.9g", what, found,
              expected);
}

typedef struct counted {
    double tp, fp, fn, precision, recall, f1;
} counted;

/* Keras's precision, recall and F1, with its epsilon. */
static void finish(counted *c)
{
    c->precision = c->tp / (c->tp + c->fp + 1e-7);
    c->recall = c->tp / (c->tp + c->fn + 1e-7);
    c->f1 = 2 * c->precision * c->recall / (c->precision + c->recall + 1e-7);
}

/* The last row of a table, from the `back`-th on: 1 is the last. */
static char *last_row(char *text, int back)
{
    char *end = text + strlen(text);
    for (; back > 0; back--)
        for (end--; end > text && end[-1] != '\n';)
            end--;
    return end;
}

/* Loss, accuracy, accuracy of all zeros and F1 min, max, mean, std. */
typedef struct set_metrics {
    double values[7];
} set_metrics;

static set_metrics metrics_of(double loss, const counted counts[TARGETS], double images)
{
    double wrong = 0, ones = 0, f1[TARGETS];
    for (int t = 0; t < TARGETS; t++) {
        wrong += counts[t].fp + counts[t].fn;
        ones += counts[t].tp + counts[t].fn;
        f1[t] = counts[t].f1;
    }
    double mean = (f1[0] + f1[1]) / 2;
    return (set_metrics){{loss, 1 - wrong / (images * TARGETS), 1 - ones / (images * TARGETS),
                          fmin(f1[0], f1[1]), fmax(f1[0], f1[1]), mean, fabs(f1[0] - f1[1]) / 2}};
}

/* A run's counts and losses, by hand: those of the validation from labels and predictions, those of
 * the training from the batches of its last epoch. */
typedef struct hand_count {
    predictions predicted;
    counted validation[TARGETS], training[TARGETS];
    double validation_loss, prior_loss, train_loss, train_images;
    int batches; /* of an epoch */
} hand_count;

static double train_ones(const hand_count *hand, int target)
{
    double ones = 0;
    for (size_t row = 0; row < COUNT; row++)
        ones += !hand->predicted.is_validation[row] && label_of(row, target);
    return ones;
}

static void count_validation(hand_count *hand)
{
    double labels = (double)hand->predicted.count * TARGETS;
    for (int t = 0; t < TARGETS; t++) {
        counted *count = &hand->validation[t];
        double q = train_ones(hand, t) / hand->train_images;
        for (size_t row = 0; row < COUNT; row++) {
            double p = hand->predicted.p[row][t];
            bool label = label_of(row, t);
            if (!hand->predicted.is_validation[row])
                continue;
            count->tp += p > 0.5 && label;
            count->fp += p > 0.5 && !label;
            count->fn += p <= 0.5 && label;
            hand->validation_loss -= log(label ? p : 1 - p) / labels;
            hand->prior_loss -= log(label ? q : 1 - q) / labels;
        }
        finish(count);
    }
}

static void count_training(hand_count *hand)
{
    char *losses = read_text("run", "batch_losses.csv");
    char *counts = read_text("run", "batch_counts.csv");
    double left = hand->train_images;
    for (int back = hand->batches; back > 0; back--) {
        double step, loss, c[2 * 3], images = fmin(left, BATCH);
        cr_assert_eq(sscanf(last_row(losses, back), "%lf,%lf", &step, &loss), 2);
        expect_near(step, 2 * hand->batches - back + 1, 0, "step of batch_losses.csv");
        cr_assert_eq(sscanf(last_row(counts, back), "%lf,%lf,%lf,%lf,%lf,%lf,%lf", &step, &c[0],
                            &c[1], &c[2], &c[3], &c[4], &c[5]),
                     7);
        expect_near(step, 2 * hand->batches - back + 1, 0, "step of batch_counts.csv");
        for (int t = 0; t < TARGETS; t++) {
            hand->training[t].tp += c[3 * t];
            hand->training[t].fp += c[3 * t + 1];
            hand->training[t].fn += c[3 * t + 2];
        }
        hand->train_loss += loss * images / hand->train_images;
        left -= images;
    }
    for (int t = 0; t < TARGETS; t++) {
        expect_near(hand->training[t].tp + hand->training[t].fn, train_ones(hand, t), 0,
                    "ones of batch_counts.csv");
        finish(&hand->training[t]);
    }
    free(losses);
    free(counts);
}

static void expect_class_metrics(const hand_count *hand)
{
    char *text = read_text("run", "class_metrics.csv");
    for (int t = 0; t < TARGETS; t++) {
        const counted *count = &hand->validation[t];
        double epoch, support, tp, fp, fn, precision, recall, f1;
        char class[64];
        char *row = last_row(text, TARGETS - t);
        cr_assert_eq(sscanf(row, "%lf,%63[^,],%lf,%lf,%lf,%lf,%lf,%lf,%lf", &epoch, class, &support,
                            &tp, &fp, &fn, &precision, &recall, &f1),
                     9, "%s", row);
        cr_expect_str_eq(class, hpac_class_names[targets[t]]);
        expect_near(epoch, 2, 0, "epoch");
        expect_near(support, count->tp + count->fn, 0, "support");
        expect_near(tp, count->tp, 0, "true_positives");
        expect_near(fp, count->fp, 0, "false_positives");
        expect_near(fn, count->fn, 0, "false_negatives");
        expect_near(precision, count->precision, 1e-8, "precision");
        expect_near(recall, count->recall, 1e-8, "recall");
        expect_near(f1, count->f1, 1e-8, "f1");
    }
    free(text);
}

static void expect_metrics(const hand_count *hand, double elapsed_s)
{
    const set_metrics expected[2] = {
        metrics_of(hand->train_loss, hand->training, hand->train_images),
        metrics_of(hand->validation_loss, hand->validation, (double)hand->predicted.count)};
    char *text = read_text("run", "metrics.csv"), *cell = last_row(text, 1);
    double m[20];
    for (int i = 0; i < 20; i++, cell++)
        m[i] = strtod(cell, &cell);
    free(text);
    expect_near(m[0], 2, 0, "epoch");
    expect_near(m[1], 2 * hand->batches, 0, "step");
    for (int set = 0; set < 2; set++)
        for (int i = 0; i < 7; i++)
            expect_near(m[2 + 7 * set + i], expected[set].values[i], 2e-6, set ? "val" : "train");
    expect_near(m[16], hand->prior_loss, 1e-8, "val_prior_loss");
    expect_near(m[17], elapsed_s, 2e-3, "elapsed_s");
    cr_expect(m[18] > 0 && m[19] >= 0 && m[19] <= 1);
}

static void expect_losses(const hand_count *hand)
{
    char *text = read_text("run", "losses.csv");
    double train_loss, validation_loss;
    cr_assert_eq(sscanf(last_row(text, 1), "2,%lf,%lf", &train_loss, &validation_loss), 2);
    expect_near(train_loss, hand->train_loss, 2e-6, "train_loss of losses.csv");
    expect_near(validation_loss, hand->validation_loss, 2e-6, "val_loss of losses.csv");
    free(text);
}

Test(training, writes_tables_that_agree_with_counts_of_labels_and_predictions)
{
    fixture fix;
    open_fixture(&fix);
    assert_ok(train(&fix, "run", 2, "  optimizer: {learning_rate: 3}\n", false));
    hpac_run_info info;
    assert_ok(hpac_run_info_read(scratch_path("run"), &info));
    hand_count hand = {.predicted = read_predictions("run"), .batches = (int)info.steps / 2};
    hand.train_images = COUNT - (double)hand.predicted.count;
    count_validation(&hand);
    count_training(&hand);
    /* Precision and recall of at least one class must differ, or a swap would not show. */
    cr_assert(fabs(hand.validation[0].precision - hand.validation[0].recall) > 1e-3 ||
              fabs(hand.validation[1].precision - hand.validation[1].recall) > 1e-3);
    expect_class_metrics(&hand);
    expect_metrics(&hand, info.elapsed_s);
    expect_losses(&hand);
    hpac_run_info_fini(&info);
    close_fixture(&fix);
}

/* ---- balanced weights ---- */

/* Zeros / ones among the training rows alone: the same bits as with the list counted by hand. */
Test(training, balances_by_the_training_rows)
{
    fixture fix;
    char list[256];
    open_fixture(&fix);
    assert_ok(train(&fix, "balanced", 1, "  positive_weights: balanced\n", false));
    predictions predicted = read_predictions("balanced");
    double weights[TARGETS], all[TARGETS];
    for (int t = 0; t < TARGETS; t++) {
        double ones = 0, ones_of_all = 0, rows = COUNT - (double)predicted.count;
        for (size_t row = 0; row < COUNT; row++) {
            ones += !predicted.is_validation[row] && label_of(row, t);
            ones_of_all += label_of(row, t);
        }
        weights[t] = (rows - ones) / ones;
        all[t] = (COUNT - ones_of_all) / ones_of_all;
    }
    cr_assert(weights[0] != all[0] || weights[1] != all[1]);
    snprintf(list, sizeof list, "  positive_weights: [%.9g, %.9g]\n", weights[0], weights[1]);
    assert_ok(train(&fix, "list", 1, list, false));
    char *balanced = read_text("balanced", "batch_losses.csv");
    char *by_hand = read_text("list", "batch_losses.csv");
    cr_expect_str_eq(balanced, by_hand);
    free(balanced);
    free(by_hand);
    close_fixture(&fix);
}
