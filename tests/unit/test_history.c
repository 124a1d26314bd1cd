/* What a training has logged survives a crash: rows are on the disk before the call returns. */
#include "rundir/history.h"

#include "base/file.h"

#include "disk_trace.h"
#include "scratch.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int targets[] = {0, 14};

static void open_history(train_history *history, bool resume, size_t epochs, size_t steps)
{
    *history = (train_history){.targets = targets, .target_count = 2};
    assert_ok(history_open(history, scratch_directory(), resume, epochs, steps));
}

static void add_epoch(train_history *history, uint32_t epoch)
{
    const hpac_counts train = {
        .classes = 2,
        .images = 10,
        .loss_sum = 10,
        .confusion = {{.tp = 3, .fp = 1, .fn = 2}, {.tp = 1, .fp = 0, .fn = 0}}};
    const hpac_counts validation = {
        .classes = 2,
        .images = 4,
        .loss_sum = 6,
        .confusion = {{.tp = 1, .fp = 1, .fn = 0}, {.tp = 1, .fp = 0, .fn = 3}}};
    const history_epoch row = {.epoch = epoch,
                               .step = 2 * epoch,
                               .train = &train,
                               .validation = &validation,
                               .prior_loss = 0.25,
                               .elapsed_s = 1.5,
                               .images_per_s = 20,
                               .waiting = 0.125};
    assert_ok(history_add_epoch(history, &row));
}

static void add_batch(train_history *history, uint32_t step)
{
    const hpac_step_result result = {
        .true_positives = {1, 2}, .false_positives = {3, 4}, .false_negatives = {5, 6}};
    assert_ok(history_add_batch(history, step, 0.5, 0.25, &result));
}

static void expect_file(const char *name, const char *text)
{
    unsigned char *bytes;
    size_t nbytes;
    assert_ok(hpac_file_read(scratch_path(name), 1 << 16, &bytes, &nbytes));
    cr_expect_str_eq((char *)bytes, text, "%s:\n%s", name, bytes);
    free(bytes);
}

/* Expected values counted by hand. Nucleoplasm: p = 1/2, r = 1, f1 = 2/3; the second class: p = 1,
 * r = 1/4, f1 = 2/5, all with Keras's 1e-7. */
Test(history, writes_each_column_and_cuts_back_to_the_checkpoint)
{
    static const char class_metrics[] =
        "epoch,class,support,true_positives,false_positives,false_negatives,precision,recall,f1\n"
        "1,Nucleoplasm,1,1,1,0,0.499999975,0.9999999,0.666666578\n"
        "1,Microtubules,4,1,0,3,0.9999999,0.249999994,0.399999952\n";
    train_history history;
    open_history(&history, false, 0, 0);
    add_batch(&history, 1);
    add_batch(&history, 2);
    add_epoch(&history, 1);
    add_batch(&history, 3);
    add_epoch(&history, 2);
    history_close(&history);
    open_history(&history, true, 1, 2);
    history_close(&history);
    expect_file("losses.csv", "epoch,train_loss,val_loss\n1,0.5,0.75\n");
    expect_file("batch_losses.csv", "step,batch_losses\n1,0.5\n2,0.5\n");
    expect_file("batch_counts.csv", "step,Nucleoplasm true positives,Nucleoplasm false positives,"
                                    "Nucleoplasm false negatives,Microtubules true positives,"
                                    "Microtubules false positives,Microtubules false negatives\n"
                                    "1,1,3,5,2,4,6\n2,1,3,5,2,4,6\n");
    expect_file("class_metrics.csv", class_metrics);
    unsigned char *metrics;
    size_t nbytes;
    assert_ok(hpac_file_read(scratch_path("metrics.csv"), 1 << 16, &metrics, &nbytes));
    cr_expect_not_null(strstr((char *)metrics, ",0.25,1.500,20.0,0.125\n"));
    cr_expect_not_null(strstr((char *)metrics, "\n1,2,0.5,0.85,0.7,")); /* 3 of 20 wrong, 6 ones */
    free(metrics);
}

/* A line per file with its size at that time: nothing is left in a buffer. */
static void expect_all_synced(const char *trace)
{
    static const char *const names[] = {"losses.csv", "batch_losses.csv", "batch_counts.csv",
                                        "metrics.csv", "class_metrics.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned char *bytes;
        size_t nbytes;
        char line[64];
        assert_ok(hpac_file_read(scratch_path(names[i]), 1 << 16, &bytes, &nbytes));
        free(bytes);
        snprintf(line, sizeof line, "fsync %s %zu\n", names[i], nbytes);
        cr_expect_not_null(strstr(trace, line), "no %s in:\n%s", line, trace);
    }
}

Test(history, syncs_every_file_after_an_epoch_and_before_a_checkpoint)
{
    train_history history;
    open_history(&history, false, 0, 0);
    add_batch(&history, 1);
    disk_trace_begin(scratch_directory());
    add_epoch(&history, 1);
    expect_all_synced(disk_trace_end());
    add_batch(&history, 2);
    disk_trace_begin(scratch_directory());
    assert_ok(history_flush(&history));
    expect_all_synced(disk_trace_end());
    history_close(&history);
}

/* Each file in turn is on a full disk. */
Test(history, a_full_disk_is_an_error_with_file_and_reason)
{
    static const char *const names[] = {"losses.csv", "batch_losses.csv", "batch_counts.csv",
                                        "metrics.csv", "class_metrics.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        train_history history = {.targets = targets, .target_count = 2};
        (void)unlink(scratch_path(names[i]));
        cr_assert_eq(symlink("/dev/full", scratch_path(names[i])), 0);
        cr_expect_eq(history_open(&history, scratch_directory(), false, 0, 0), HPAC_ERR_DATA);
        char message[512];
        snprintf(message, sizeof message, "%s: write failed: No space left on device",
                 scratch_path(names[i]));
        expect_message(message);
        history_close(&history);
        cr_assert_eq(unlink(scratch_path(names[i])), 0);
    }
}
