/* Submissions: thresholds, empty predictions, rows of unreadable images. */
#include "rundir/submission.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { TARGETS = 3 };
static const int targets[TARGETS] = {25, 0, 7};

static void assert_text(const char *name, const char *expected)
{
    unsigned char *text;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path(name), 1 << 20, &text, &nbytes), HPAC_OK);
    cr_assert_str_eq((const char *)text, expected);
    free(text);
}

/* Five rows, the fourth unknown. */
static const hpac_labels ids = {.count = 5, .ids = (char *[]){"a", "b", "c,d", "e", "f"}};

static void write_submission(const float *thresholds, hpac_empty_prediction empty)
{
    static const float probabilities[][TARGETS] = {
        {0.9F, 0.6F, 0.1F}, {0.5F, 0.5F, 0.4F}, {0.2F, 0.3F, 0.31F}, {0.4F, 0.1F, 0.4F}};
    static const size_t rows[] = {0, 1, 2, 4};
    const hpac_submission_options options = {.directory = scratch_folder(),
                                             .ids = &ids,
                                             .targets = targets,
                                             .target_count = TARGETS,
                                             .thresholds = thresholds,
                                             .empty = empty};
    hpac_submission submission;
    cr_assert_eq(hpac_submission_create(&submission, &options), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, rows, 3, probabilities[0]), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, rows + 3, 1, probabilities[3]), HPAC_OK);
    cr_assert_eq(hpac_submission_commit(&submission), HPAC_OK);
    cr_assert_eq(count_entries(scratch_folder()), 2);
}

Test(submission, above_one_half_by_default)
{
    write_submission(NULL, HPAC_EMPTY_BLANK);
    assert_text("submission.csv", "Id,Predicted\na,0 25\nb,\n\"c,d\",\ne,\nf,\n");
}

/* In the order of the targets: Cytosol, Nucleoplasm, Golgi apparatus. */
Test(submission, a_threshold_a_class)
{
    static const float thresholds[] = {0.95F, 0.25F, 0.305F};
    write_submission(thresholds, HPAC_EMPTY_BLANK);
    assert_text("submission.csv", "Id,Predicted\na,0\nb,0 7\n\"c,d\",0 7\ne,\nf,7\n");
}

/* Of equals the first by number, not by column; a class not trained is never predicted. */
Test(submission, the_most_probable_where_there_is_none)
{
    write_submission(NULL, HPAC_EMPTY_ARGMAX);
    assert_text("submission.csv", "Id,Predicted\na,0 25\nb,0\n\"c,d\",7\ne,\nf,7\n");
}

/* A threshold of 0 is above no class that was not trained. */
Test(submission, classes_not_trained_are_never_answered)
{
    static const float zeros[TARGETS] = {0};
    write_submission(zeros, HPAC_EMPTY_BLANK);
    assert_text("submission.csv",
                "Id,Predicted\na,0 7 25\nb,0 7 25\n\"c,d\",0 7 25\ne,\nf,0 7 25\n");
    unsigned char *text;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("submission_proba.csv"), 1 << 20, &text, &nbytes),
                 HPAC_OK);
    cr_assert_not_null(strstr((const char *)text, "\na,0.600000024,0,0,0,0,0,0,0.100000001,0,"));
    cr_assert_not_null(strstr((const char *)text, "\ne,,,,,,,,,,,,,,,,,,,,,,,,,,,,\nf,"));
    free(text);
}

Test(submission, discarded_it_leaves_nothing)
{
    const hpac_submission_options options = {
        .directory = scratch_folder(), .ids = &ids, .targets = targets, .target_count = TARGETS};
    hpac_submission submission;
    cr_assert_eq(hpac_submission_create(&submission, &options), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, NULL, 0, NULL), HPAC_OK);
    hpac_submission_discard(&submission);
    cr_assert_eq(count_entries(scratch_folder()), 0);
}

/* /dev/full behaves as a disk that is full when the second file is written. */
Test(submission, both_files_change_or_neither)
{
    scratch_write_text("submission_proba.csv", "old");
    scratch_write_text("submission.csv", "old");
    const hpac_submission_options options = {
        .directory = scratch_folder(), .ids = &ids, .targets = targets, .target_count = TARGETS};
    hpac_submission submission;
    cr_assert_eq(hpac_submission_create(&submission, &options), HPAC_OK);
    fclose(submission.labels.stream);
    submission.labels.stream = fopen("/dev/full", "w");
    cr_assert_eq(hpac_submission_commit(&submission), HPAC_ERR_DATA);
    assert_text("submission_proba.csv", "old");
    assert_text("submission.csv", "old");
    cr_assert_eq(count_entries(scratch_folder()), 2);
}
