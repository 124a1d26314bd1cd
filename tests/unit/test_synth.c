/*
 * Synthetic data sets: labels against the counts of the competition's train.csv (taken from the
 * file itself with pandas), Ids, files and directories, bad options.
 */
#include <hpac/labels.h>

#include "base/file.h"
#include "image/image.h"
#include "synth/synth.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REAL_ROWS 31072
#define DRAWS 200000

static const int real_images[HPAC_CLASS_COUNT] = {
    12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53,  45,   28,  1093, 688, 537,
    1066,  21,   530,  210,  902,  1482, 172,  3777, 802, 2965, 322, 8228, 328, 11};
static const int real_rows_by_labels[] = {0, 15126, 12485, 3160, 299, 2};

/* Rows with both classes: the commonest pairs and those with the strongest correlation. */
static const struct {
    int a, b, rows;
} real_pairs[] = {{0, 25, 3631}, {0, 2, 1735},  {0, 21, 1343}, {21, 25, 921}, {9, 10, 28},
                  {16, 17, 77},  {14, 16, 102}, {14, 17, 46},  {17, 18, 49},  {6, 10, 11}};

static hpac_synth_sampler make_sampler(uint64_t seed, bool balance)
{
    hpac_synth_sampler sampler;
    hpac_synth_sampler_init(seed, balance, &sampler);
    return sampler;
}

/* Five standard deviations: 46 such comparisons go wrong by chance once in forty thousand seeds. */
static void check_share(const char *what, int seen, double rows)
{
    double p = rows / REAL_ROWS, expected = DRAWS * p;
    double bound = 5.0 * sqrt(DRAWS * p * (1.0 - p));
    cr_assert(fabs(seen - expected) <= bound, "%s: %d, expected %.0f +- %.0f", what, seen, expected,
              bound);
}

Test(synth, labels_are_as_frequent_as_in_the_competition)
{
    hpac_synth_sampler sampler = make_sampler(3, false);
    int images[HPAC_CLASS_COUNT] = {0}, by_labels[HPAC_CLASS_COUNT + 1] = {0};
    int pairs[sizeof real_pairs / sizeof *real_pairs] = {0}, lone_lysosomes = 0;
    for (uint32_t number = 0; number < DRAWS; number++) {
        uint32_t labels = hpac_synth_labels(&sampler, number);
        cr_assert(labels != 0 && labels >> HPAC_CLASS_COUNT == 0);
        by_labels[__builtin_popcount(labels)]++;
        lone_lysosomes += (labels >> 10 & 1) && !(labels >> 9 & 1);
        for (int c = 0; c < HPAC_CLASS_COUNT; c++)
            images[c] += (labels >> c & 1) != 0;
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
            pairs[i] += (labels >> real_pairs[i].a & 1) && (labels >> real_pairs[i].b & 1);
    }
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        check_share(hpac_class_names[c], images[c], real_images[c]);
    for (int n = 1; n <= 5; n++)
        check_share("labels per image", by_labels[n], real_rows_by_labels[n]);
    for (int n = 6; n <= HPAC_CLASS_COUNT; n++)
        cr_assert_eq(by_labels[n], 0);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        check_share("a pair of classes", pairs[i], real_pairs[i].rows);
    cr_assert_eq(lone_lysosomes, 0, "lysosomes never occur without endosomes");
}

Test(synth, balanced_labels_have_equal_shares)
{
    static const int counts[] = {560, 20000};
    static const double tolerance[] = {0.35, 0.02};
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t seed = 0; seed < 5; seed++) {
            hpac_synth_sampler sampler = make_sampler(seed, true);
            int images[HPAC_CLASS_COUNT] = {0}, all = 0;
            for (int number = 0; number < counts[pass]; number++) {
                uint32_t labels = hpac_synth_labels(&sampler, (uint32_t)number);
                cr_assert_neq(labels, 0);
                all += __builtin_popcount(labels);
                for (int c = 0; c < HPAC_CLASS_COUNT; c++)
                    images[c] += (labels >> c & 1) != 0;
            }
            double mean = (double)all / HPAC_CLASS_COUNT;
            for (int c = 0; c < HPAC_CLASS_COUNT; c++)
                cr_assert(fabs(images[c] - mean) <= tolerance[pass] * mean,
                          "seed %d, %s: %d of %d images, the mean is %.1f", (int)seed,
                          hpac_class_names[c], images[c], counts[pass], mean);
        }
    }
}

Test(synth, labels_depend_on_the_seed_and_the_number_alone)
{
    hpac_synth_sampler a = make_sampler(11, false), b = make_sampler(11, false);
    hpac_synth_sampler other = make_sampler(12, false);
    int differ = 0;
    for (uint32_t number = 100; number-- > 0;) { /* backwards: nothing is drawn in a row */
        cr_assert_eq(hpac_synth_labels(&a, number), hpac_synth_labels(&b, number));
        differ += hpac_synth_labels(&a, number) != hpac_synth_labels(&other, number);
    }
    for (uint32_t number = 0; number < 100; number++)
        cr_assert_eq(hpac_synth_labels(&a, number), hpac_synth_labels(&b, number));
    cr_assert_gt(differ, 50);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

Test(synth, ids_are_uuids_and_differ)
{
    static char ids[20000][37];
    for (uint32_t number = 0; number < 20000; number++) {
        char *id = ids[number];
        hpac_synth_id(number % 2, number / 2, id);
        cr_assert_eq(strlen(id), 36);
        for (int i = 0; i < 36; i++) {
            bool dash = i == 8 || i == 13 || i == 18 || i == 23;
            cr_assert(dash ? id[i] == '-' : strchr("0123456789abcdef", id[i]) != NULL, "%s", id);
        }
        cr_assert_eq(id[14], '4', "%s: expected version 4 (RFC 4122)", id);
        cr_assert(strchr("89ab", id[19]), "%s: expected the variant (RFC 4122)", id);
    }
    qsort(ids, 20000, sizeof *ids, compare_ids);
    for (int i = 1; i < 20000; i++)
        cr_assert_str_neq(ids[i - 1], ids[i]);
}

/* ---- The data set ---- */

static hpac_synth_options small_set(const char *name)
{
    return (hpac_synth_options){.directory = scratch_path(name),
                                .count = 9,
                                .test_count = 4,
                                .size = 64,
                                .seed = 5,
                                .threads = 1};
}

/* Both directories hold the same file. */
static void compare_files(const char *a, const char *b, const char *name)
{
    unsigned char *bytes[2];
    size_t nbytes[2];
    const char *directories[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        char *path = hpac_path_join(directories[i], "%s", name);
        cr_assert_eq(hpac_file_read(path, 1 << 20, &bytes[i], &nbytes[i]), HPAC_OK, "%s",
                     hpac_error_message());
        free(path);
    }
    cr_assert(nbytes[0] == nbytes[1] && memcmp(bytes[0], bytes[1], nbytes[0]) == 0, "%s differs",
              name);
    free(bytes[0]);
    free(bytes[1]);
}

static void compare_images(const char *a, const char *b, const char *directory, const char *list)
{
    static const char *const channels[] = {"green", "blue", "red", "yellow"};
    hpac_labels ids;
    char *path = hpac_path_join(a, "%s", list);
    cr_assert_eq(hpac_ids_read_csv(path, &ids), HPAC_OK, "%s", hpac_error_message());
    free(path);
    for (size_t i = 0; i < ids.count; i++) {
        cr_assert(i == 0 || strcmp(ids.ids[i - 1], ids.ids[i]) < 0, "%s: not sorted", list);
        for (int channel = 0; channel < 4; channel++) {
            char *name = hpac_path_join(directory, "%s_%s.png", ids.ids[i], channels[channel]);
            compare_files(a, b, name);
            char *image = hpac_path_join(a, "%s", name);
            size_t rows, cols;
            cr_assert_eq(hpac_png_probe(image, &rows, &cols), HPAC_OK);
            cr_assert(rows == 64 && cols == 64);
            free(image);
            free(name);
        }
    }
    hpac_labels_fini(&ids);
}

Test(synth, data_sets_do_not_depend_on_threads)
{
    char one_directory[256], three_directory[256];
    hpac_synth_options one = small_set("one"), three = small_set("three");
    snprintf(one_directory, sizeof one_directory, "%s", one.directory);
    snprintf(three_directory, sizeof three_directory, "%s", three.directory);
    one.directory = one_directory;
    three.directory = three_directory;
    three.threads = 3;
    cr_assert_eq(hpac_synth_write(&one), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_synth_write(&three), HPAC_OK, "%s", hpac_error_message());
    compare_files(one_directory, three_directory, "train.csv");
    compare_files(one_directory, three_directory, "sample_submission.csv");
    compare_images(one_directory, three_directory, "train", "train.csv");
    compare_images(one_directory, three_directory, "test", "sample_submission.csv");
    char directory[512];
    snprintf(directory, sizeof directory, "%s/train", one_directory);
    cr_assert_eq(count_entries(directory), 9 * 4);
    snprintf(directory, sizeof directory, "%s/test", one_directory);
    cr_assert_eq(count_entries(directory), 4 * 4);
    cr_assert_eq(count_entries(one_directory), 4);
}

Test(synth, labels_in_the_file_are_those_drawn)
{
    hpac_synth_options options = small_set("set");
    hpac_labels labels;
    cr_assert_eq(hpac_synth_write(&options), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_labels_read_csv(scratch_path("set/train.csv"), &labels), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_eq(labels.count, 9);
    hpac_synth_sampler sampler = make_sampler(options.seed, false);
    for (uint32_t number = 0; number < 9; number++) {
        char id[37];
        size_t row = 0;
        hpac_synth_id(options.seed, number, id);
        while (row < labels.count && strcmp(labels.ids[row], id) != 0)
            row++;
        cr_assert_lt(row, labels.count, "%s is not in train.csv", id);
        cr_assert_eq(labels.masks[row], hpac_synth_labels(&sampler, number));
    }
    hpac_labels_fini(&labels);
}

static size_t shown, last_shown, total_shown;

static void count_calls(void *user, size_t done, size_t total)
{
    cr_assert_eq(user, &shown);
    shown++;
    last_shown = done;
    total_shown = total;
}

Test(synth, progress_is_reported_for_every_image)
{
    hpac_synth_options options = small_set("set");
    options.threads = 2;
    options.progress = count_calls;
    options.user = &shown;
    cr_assert_eq(hpac_synth_write(&options), HPAC_OK, "%s", hpac_error_message());
    cr_assert(shown == 13 && last_shown == 13 && total_shown == 13);
}

Test(synth, a_data_set_is_kept_unless_forced)
{
    hpac_synth_options options = small_set("set");
    options.test_count = 0;
    cr_assert_eq(hpac_synth_write(&options), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_synth_write(&options), HPAC_ERR_CONFIG);
    cr_assert(strstr(hpac_error_message(), "train.csv"));
    options.force = true;
    options.count = 2;
    cr_assert_eq(hpac_synth_write(&options), HPAC_OK, "%s", hpac_error_message());
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(scratch_path("set/train.csv"), &labels), HPAC_OK);
    cr_assert_eq(labels.count, 2);
    hpac_labels_fini(&labels);
}

static void expect_refusal(hpac_synth_options options, const char *part)
{
    cr_assert_eq(hpac_synth_write(&options), HPAC_ERR_CONFIG, "expected refusal: %s", part);
    cr_assert(strstr(hpac_error_message(), part), "%s", hpac_error_message());
    cr_assert_not(hpac_path_exists(options.directory));
}

Test(synth, bad_options_are_refused)
{
    hpac_synth_options options = small_set("none");
    options.count = 0;
    expect_refusal(options, "count 0");
    options = small_set("none");
    options.test_count = -1;
    expect_refusal(options, "-1");
    options = small_set("none");
    options.size = 63;
    expect_refusal(options, "63");
    options.size = 4097;
    expect_refusal(options, "4097");
    options = small_set("none");
    options.threads = -2;
    expect_refusal(options, "-2");
    options = small_set("none");
    options.count = options.test_count = INT32_MAX;
    expect_refusal(options, "test count 2147483647, expected an integer in [0, 0]");
}

Test(synth, a_file_in_place_of_the_directory_is_refused)
{
    hpac_synth_options options = small_set("set");
    options.directory = scratch_write_text("file", "no directory");
    cr_assert_eq(hpac_synth_write(&options), HPAC_ERR_CONFIG);
    cr_assert(strstr(hpac_error_message(), "file"), "%s", hpac_error_message());
}
