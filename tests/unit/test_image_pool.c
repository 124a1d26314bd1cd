/* Images shared by data sets: who shares with whom, what is decoded, what memory is kept. */
#include "picture_folder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 7, IMAGE_NBYTES = PICTURE_PIXELS };

static picture_folder pictures;
static hpac_image_pool *pool;

static void open_pool(void)
{
    picture_folder_create(&pictures, COUNT);
    cr_assert_eq(hpac_image_pool_create(&pool), HPAC_OK);
}

static void close_pool(void)
{
    hpac_image_pool_destroy(pool);
    picture_folder_remove(&pictures);
}

#define POOL_TEST(name) Test(image_pool, name, .init = open_pool, .fini = close_pool)

/* A data set that keeps its images when another wants them too. */
static hpac_dataset_options shared_options(size_t channels)
{
    return (hpac_dataset_options){.images = pictures.path,
                                  .labels = &pictures.labels,
                                  .channels = channels,
                                  .rows = PICTURE_ROWS,
                                  .cols = PICTURE_COLS,
                                  .pool = pool,
                                  .shared_nbytes = 1 << 20};
}

static hpac_dataset *create(const hpac_dataset_options *options)
{
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(options, &dataset), HPAC_OK, "%s", hpac_error_message());
    return dataset;
}

/* What a training does to a pool that counts. */
static void plan(const hpac_dataset_options *options, int times)
{
    for (int i = 0; i < times; i++)
        hpac_dataset_destroy(create(options));
}

static void read_all(hpac_dataset *dataset, size_t channels)
{
    hpac_dataset_reader *reader;
    cr_assert_eq(hpac_dataset_reader_create(dataset, &reader), HPAC_OK);
    uint8_t pixels[PICTURE_PIXELS * HPAC_MAX_CHANNELS];
    for (size_t row = 0; row < hpac_dataset_get_options(dataset)->labels->count; row++) {
        cr_assert_eq(hpac_dataset_read(reader, row, pixels), HPAC_OK, "%s", hpac_error_message());
        cr_assert(picture_matches(pixels, row, (int)channels), "row %zu", row);
    }
    hpac_dataset_reader_destroy(reader);
}

/* A training of some epochs: what it decoded. */
static size_t train(const hpac_dataset_options *options, int epochs)
{
    size_t before = hpac_image_pool_files_decoded(pool);
    hpac_dataset *dataset = create(options);
    for (int epoch = 0; epoch < epochs; epoch++)
        read_all(dataset, options->channels);
    hpac_dataset_destroy(dataset);
    return hpac_image_pool_files_decoded(pool) - before;
}

POOL_TEST(files_are_decoded_once_for_all)
{
    hpac_dataset_options options = shared_options(2);
    plan(&options, 3);
    cr_assert_eq(hpac_image_pool_nbytes(pool), 0, "a pool that counts keeps nothing");
    hpac_image_pool_begin(pool);
    cr_expect_eq(train(&options, 1), 2 * COUNT);
    for (size_t row = 0; row < COUNT; row++)
        cr_assert_eq(unlink(picture_path(&pictures, row, 0)), 0);
    cr_expect_eq(train(&options, 2), 0);
    cr_expect_eq(hpac_image_pool_nbytes(pool), 2 * COUNT * IMAGE_NBYTES);
    cr_expect_eq(train(&options, 1), 0);
    cr_expect_eq(hpac_image_pool_nbytes(pool), 0, "nobody wants them any more");
}

POOL_TEST(one_pass_of_one_training_keeps_nothing)
{
    hpac_dataset_options options = shared_options(1);
    plan(&options, 1);
    hpac_image_pool_begin(pool);
    hpac_dataset *dataset = create(&options);
    cr_expect_not(hpac_dataset_is_cached(dataset));
    cr_expect_eq(hpac_image_pool_nbytes(pool), 0);
    hpac_dataset_destroy(dataset);
    options.cache_nbytes = 1 << 20; /* several epochs of its own */
    dataset = create(&options);
    cr_expect(hpac_dataset_is_cached(dataset));
    hpac_dataset_destroy(dataset);
}

/* Each differs from the first in one thing. */
POOL_TEST(other_images_are_not_taken_for_the_same)
{
    hpac_dataset_options first = shared_options(1), other[6];
    hpac_labels fewer = pictures.labels, swapped = pictures.labels;
    char *ids[COUNT];
    fewer.count = COUNT - 1;
    memcpy(ids, pictures.labels.ids, sizeof ids);
    ids[0] = pictures.labels.ids[1];
    ids[1] = pictures.labels.ids[0];
    swapped.ids = ids;
    for (int i = 0; i < 6; i++)
        other[i] = first;
    other[0].channels = 2;
    other[1].rows = PICTURE_ROWS - 1;
    other[2].pixels = HPAC_PIXELS_FLOAT32;
    other[3].labels = &fewer;
    other[4].labels = &swapped;
    other[5].channel_order = (const int[]){2};
    plan(&first, 2);
    for (int i = 0; i < 6; i++)
        plan(&other[i], 2);
    hpac_image_pool_begin(pool);
    hpac_dataset *kept = create(&first);
    read_all(kept, 1);
    for (int i = 0; i < 6; i++) {
        size_t before = hpac_image_pool_files_decoded(pool);
        hpac_dataset *dataset = create(&other[i]);
        hpac_dataset_reader *reader;
        float pixels[PICTURE_PIXELS * 2];
        cr_assert_eq(hpac_dataset_reader_create(dataset, &reader), HPAC_OK);
        cr_assert_eq(hpac_dataset_read(reader, 0, pixels), HPAC_OK);
        cr_expect_gt(hpac_image_pool_files_decoded(pool), before, "number %d", i);
        hpac_dataset_reader_destroy(reader);
        hpac_dataset_destroy(dataset);
    }
    hpac_dataset_destroy(kept);
}

POOL_TEST(targets_and_the_folders_spelling_may_differ)
{
    char path[sizeof pictures.path + 8];
    snprintf(path, sizeof path, "%s/../%s/", pictures.path, strrchr(pictures.path, '/') + 1);
    const int targets[] = {3, 1};
    hpac_dataset_options first = shared_options(1), second = first;
    second.images = path;
    second.targets = targets;
    second.target_count = 2;
    plan(&first, 1);
    plan(&second, 1);
    hpac_image_pool_begin(pool);
    cr_expect_eq(train(&first, 1), COUNT);
    cr_expect_eq(train(&second, 1), 0);
}

POOL_TEST(memory_is_what_the_data_set_allows)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2);
    one.shared_nbytes = two.shared_nbytes = 2 * COUNT * IMAGE_NBYTES; /* either, not both */
    plan(&one, 2);
    plan(&two, 2);
    hpac_image_pool_begin(pool);
    cr_expect_eq(train(&one, 1), COUNT);
    cr_expect_eq(hpac_image_pool_nbytes(pool), COUNT * IMAGE_NBYTES);
    cr_expect_eq(train(&two, 2), 2 * COUNT, "the first set makes room");
    cr_expect_eq(hpac_image_pool_nbytes(pool), 2 * COUNT * IMAGE_NBYTES);
    cr_expect_eq(train(&one, 2), COUNT, "decoded anew, once");
    two.shared_nbytes--;
    cr_expect_eq(train(&two, 1), 2 * COUNT, "kept no longer: one byte short");
}

POOL_TEST(images_in_use_are_not_given_up)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2);
    one.shared_nbytes = two.shared_nbytes = 2 * COUNT * IMAGE_NBYTES;
    plan(&one, 2);
    plan(&two, 2);
    hpac_image_pool_begin(pool);
    hpac_dataset *user = create(&one);
    read_all(user, 1);
    cr_expect_eq(train(&two, 1), 2 * COUNT);
    cr_expect_eq(hpac_image_pool_nbytes(pool), COUNT * IMAGE_NBYTES);
    read_all(user, 1);
    cr_expect_eq(hpac_image_pool_files_decoded(pool), 3 * COUNT);
    hpac_dataset_destroy(user);
}

POOL_TEST(nothing_is_given_up_for_what_does_not_fit_all_the_same)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2), four = shared_options(4);
    one.shared_nbytes = two.shared_nbytes = four.shared_nbytes = 5 * COUNT * IMAGE_NBYTES;
    plan(&one, 2);
    plan(&two, 2);
    plan(&four, 2);
    hpac_image_pool_begin(pool);
    cr_expect_eq(train(&one, 1), COUNT);
    hpac_dataset *user = create(&two);
    read_all(user, 2);
    cr_expect_eq(train(&four, 1), 4 * COUNT, "with two in use there is no room");
    cr_expect_eq(train(&one, 1), 0, "one has been kept");
    hpac_dataset_destroy(user);
}

POOL_TEST(checked_once_and_bad_files_are_told_of_every_time)
{
    hpac_dataset_options options = shared_options(1);
    write_bytes(picture_path(&pictures, 2, 0), "no picture", 10);
    for (int i = 0; i < 2; i++) {
        hpac_dataset *dataset = create(&options);
        cr_expect_eq(hpac_dataset_check(dataset, NULL, 0, 1), HPAC_ERR_DATA);
        hpac_dataset_destroy(dataset);
    }
    uint8_t pixels[PICTURE_PIXELS] = {0};
    write_png(picture_path(&pictures, 2, 0), pixels, PICTURE_ROWS, PICTURE_COLS);
    hpac_dataset *dataset = create(&options);
    cr_expect_eq(hpac_dataset_check(dataset, NULL, 0, 1), HPAC_OK);
    cr_assert_eq(unlink(picture_path(&pictures, 2, 0)), 0);
    cr_expect_eq(hpac_dataset_check(dataset, NULL, 0, 1), HPAC_OK);
    hpac_dataset_destroy(dataset);
}

typedef struct steps {
    size_t calls, done, total;
    volatile sig_atomic_t stop;
} steps;

static void on_progress(void *user, size_t done, size_t total)
{
    steps *seen = user;
    cr_expect_gt(done, seen->done);
    seen->calls++;
    seen->done = done;
    seen->total = total;
}

POOL_TEST(prepares_ahead_and_leaves_bad_images_to_their_reader)
{
    hpac_dataset_options options = shared_options(1);
    plan(&options, 2);
    hpac_image_pool_begin(pool);
    truncate_file(picture_path(&pictures, 4, 0), 60);
    hpac_dataset *dataset = create(&options);
    steps seen = {0};
    const hpac_dataset_preparation preparation = {
        .threads = 3, .stop = &seen.stop, .progress = on_progress, .user = &seen};
    size_t prepared;
    cr_assert_eq(hpac_dataset_prepare(dataset, &preparation, &prepared), HPAC_OK);
    cr_expect_eq(prepared, COUNT - 1, "all but the bad one");
    cr_expect_eq(seen.done, COUNT);
    cr_expect_eq(seen.total, COUNT);
    cr_expect_eq(hpac_image_pool_files_decoded(pool), COUNT - 1);
    hpac_dataset_reader *reader;
    uint8_t pixels[PICTURE_PIXELS];
    cr_assert_eq(hpac_dataset_reader_create(dataset, &reader), HPAC_OK);
    cr_expect_eq(hpac_dataset_read(reader, 3, pixels), HPAC_OK);
    cr_expect(picture_matches(pixels, 3, 1));
    cr_expect_eq(hpac_dataset_read(reader, 4, pixels), HPAC_ERR_DATA);
    cr_expect_eq(hpac_image_pool_files_decoded(pool), COUNT - 1);
    hpac_dataset_reader_destroy(reader);
    seen.done = 0;
    cr_assert_eq(hpac_dataset_prepare(dataset, &preparation, &prepared), HPAC_OK);
    cr_expect_eq(prepared, 0, "the bad one again");
    cr_expect_eq(seen.done, 1, "it is tried again");
    hpac_dataset_destroy(dataset);
}

POOL_TEST(preparing_can_be_stopped)
{
    hpac_dataset_options options = shared_options(1);
    plan(&options, 2);
    hpac_image_pool_begin(pool);
    hpac_dataset *dataset = create(&options);
    steps seen = {.stop = 1};
    const hpac_dataset_preparation preparation = {.stop = &seen.stop};
    size_t prepared;
    cr_expect_eq(hpac_dataset_prepare(dataset, &preparation, &prepared), HPAC_INTERRUPTED);
    cr_expect_eq(hpac_image_pool_files_decoded(pool), 0);
    hpac_dataset_destroy(dataset);
}

POOL_TEST(without_a_cache_nothing_is_prepared)
{
    hpac_dataset_options options = shared_options(1);
    options.pool = NULL;
    hpac_dataset *dataset = create(&options);
    size_t prepared;
    cr_expect_eq(hpac_dataset_prepare(dataset, &(hpac_dataset_preparation){0}, &prepared), HPAC_OK);
    cr_expect_eq(prepared, 0);
    hpac_dataset_destroy(dataset);
}
