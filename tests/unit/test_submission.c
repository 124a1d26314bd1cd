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
    hpac_submission submission = {.directory = scratch_directory(),
                                  .ids = &ids,
                                  .targets = targets,
                                  .target_count = TARGETS,
                                  .thresholds = thresholds,
                                  .empty = empty};
    cr_assert_eq(hpac_submission_begin(&submission), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, rows, 3, probabilities[0]), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, rows + 3, 1, probabilities[3]), HPAC_OK);
    cr_assert_eq(hpac_submission_commit(&submission), HPAC_OK);
    cr_assert_eq(count_entries(scratch_directory()), 2);
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

/* All classes, listed from the last to the first, with (class + 1) / 32. */
Test(submission, has_the_probability_of_each_class_in_its_own_column)
{
    int reversed[HPAC_CLASS_COUNT];
    float probabilities[HPAC_CLASS_COUNT];
    for (int t = 0; t < HPAC_CLASS_COUNT; t++) {
        reversed[t] = HPAC_CLASS_COUNT - 1 - t;
        probabilities[t] = (float)(reversed[t] + 1) / 32;
    }
    hpac_submission submission = {.directory = scratch_directory(),
                                  .ids = &(hpac_labels){1, (char *[]){"a"}, NULL},
                                  .targets = reversed,
                                  .target_count = HPAC_CLASS_COUNT};
    cr_assert_eq(hpac_submission_begin(&submission), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, &(size_t){0}, 1, probabilities), HPAC_OK);
    cr_assert_eq(hpac_submission_commit(&submission), HPAC_OK);
    assert_text("submission_proba.csv",
                "Id,Nucleoplasm,Nuclear membrane,Nucleoli,Nucleoli fibrillar center,"
                "Nuclear speckles,Nuclear bodies,Endoplasmic reticulum,Golgi apparatus,Peroxisomes,"
                "Endosomes,Lysosomes,Intermediate filaments,Actin filaments,Focal adhesion sites,"
                "Microtubules,Microtubule ends,Cytokinetic bridge,Mitotic spindle,"
                "Microtubule organizing center,Centrosome,Lipid droplets,Plasma membrane,"
                "Cell junctions,Mitochondria,Aggresome,Cytosol,Cytoplasmic bodies,Rods & rings\n"
                "a,0.03125,0.0625,0.09375,0.125,0.15625,0.1875,0.21875,0.25,0.28125,0.3125,0.34375,"
                "0.375,0.40625,0.4375,0.46875,0.5,0.53125,0.5625,0.59375,0.625,0.65625,0.6875,"
                "0.71875,0.75,0.78125,0.8125,0.84375,0.875\n");
    assert_text("submission.csv", "Id,Predicted\na,16 17 18 19 20 21 22 23 24 25 26 27\n");
}

Test(submission, predictions_have_the_targets_in_the_order_given)
{
    static const float probabilities[] = {0.25F, 0.5F, 0.75F, 0.125F, 0.0625F, 1};
    hpac_predictions predictions = {.target_count = TARGETS};
    cr_assert_eq(hpac_predictions_reserve(&predictions, 1), HPAC_OK);
    hpac_predictions_add(&predictions, &(size_t){4}, 1, probabilities);
    cr_assert_eq(hpac_predictions_reserve(&predictions, 1), HPAC_OK);
    hpac_predictions_add(&predictions, &(size_t){2}, 1, probabilities + TARGETS);
    cr_assert_eq(hpac_predictions_write(&predictions, targets, ids.ids, scratch_directory(),
                                        "predictions.csv"),
                 HPAC_OK);
    hpac_predictions_fini(&predictions);
    assert_text("predictions.csv", "Id,Cytosol,Nucleoplasm,Golgi apparatus\n"
                                   "f,0.25,0.5,0.75\n\"c,d\",0.125,0.0625,1\n");
}

Test(submission, discarded_it_leaves_nothing)
{
    hpac_submission submission = {
        .directory = scratch_directory(), .ids = &ids, .targets = targets, .target_count = TARGETS};
    cr_assert_eq(hpac_submission_begin(&submission), HPAC_OK);
    cr_assert_eq(hpac_submission_add(&submission, NULL, 0, NULL), HPAC_OK);
    hpac_submission_discard(&submission);
    cr_assert_eq(count_entries(scratch_directory()), 0);
}

/* /dev/full behaves as a disk that is full when the second file is written. */
Test(submission, both_files_change_or_neither)
{
    scratch_write_text("submission_proba.csv", "old");
    scratch_write_text("submission.csv", "old");
    hpac_submission submission = {
        .directory = scratch_directory(), .ids = &ids, .targets = targets, .target_count = TARGETS};
    cr_assert_eq(hpac_submission_begin(&submission), HPAC_OK);
    fclose(submission.labels.stream);
    submission.labels.stream = fopen("/dev/full", "w");
    cr_assert_eq(hpac_submission_commit(&submission), HPAC_ERR_DATA);
    hpac_submission_discard(&submission);
    assert_text("submission_proba.csv", "old");
    assert_text("submission.csv", "old");
    cr_assert_eq(count_entries(scratch_directory()), 2);
}
