/* Images shared by data sets: who shares with whom, what is decoded, what memory is kept. */
#include "picture_directory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 7, IMAGE_NBYTES = PICTURE_PIXELS };

static picture_directory pictures;
static hpac_image_pool *pool;

static void open_pool(void)
{
    picture_directory_create(&pictures, COUNT);
    cr_assert_eq(hpac_image_pool_create(&pool), HPAC_OK);
}

static void close_pool(void)
{
    hpac_image_pool_destroy(pool);
    picture_directory_remove(&pictures);
}

#define POOL_TEST(name) Test(image_pool, name, .init = open_pool, .fini = close_pool)

static hpac_dataset_options shared_options(size_t channels)
{
    return (hpac_dataset_options){.images = pictures.path,
                                  .labels = &pictures.labels,
                                  .channels = channels,
                                  .rows = PICTURE_ROWS,
                                  .cols = PICTURE_COLS,
                                  .pool = pool,
                                  .cache_nbytes = 1 << 20};
}

static hpac_dataset *create(const hpac_dataset_options *options)
{
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(options, &dataset), HPAC_OK, "%s", hpac_error_message());
    return dataset;
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
    cr_expect_eq(train(&options, 1), 2 * COUNT);
    for (size_t row = 0; row < COUNT; row++)
        cr_assert_eq(unlink(picture_path(&pictures, row, 0)), 0);
    cr_expect_eq(train(&options, 2), 0);
    cr_expect_eq(hpac_image_pool_nbytes(pool), 2 * COUNT * IMAGE_NBYTES);
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

POOL_TEST(targets_and_the_directories_spelling_may_differ)
{
    char path[sizeof pictures.path + 8];
    snprintf(path, sizeof path, "%s/../%s/", pictures.path, strrchr(pictures.path, '/') + 1);
    const int targets[] = {3, 1};
    hpac_dataset_options first = shared_options(1), second = first;
    second.images = path;
    second.targets = targets;
    second.target_count = 2;
    cr_expect_eq(train(&first, 1), COUNT);
    cr_expect_eq(train(&second, 1), 0);
}

POOL_TEST(memory_is_what_the_data_set_allows)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2);
    one.cache_nbytes = two.cache_nbytes = 2 * COUNT * IMAGE_NBYTES; /* either, not both */
    cr_expect_eq(train(&one, 1), COUNT);
    cr_expect_eq(hpac_image_pool_nbytes(pool), COUNT * IMAGE_NBYTES);
    cr_expect_eq(train(&two, 2), 2 * COUNT, "the first set makes room");
    cr_expect_eq(hpac_image_pool_nbytes(pool), 2 * COUNT * IMAGE_NBYTES);
    cr_expect_eq(train(&one, 2), COUNT, "decoded again, once");
    two.cache_nbytes--;
    cr_expect_eq(train(&two, 2), 4 * COUNT, "not kept: one byte short");
    cr_expect_eq(hpac_image_pool_nbytes(pool), COUNT * IMAGE_NBYTES);
}

POOL_TEST(the_least_recently_used_set_is_evicted)
{
    hpac_dataset_options sets[3] = {shared_options(1), shared_options(1), shared_options(1)};
    const size_t counts[3] = {COUNT, COUNT - 1, COUNT - 2};
    hpac_labels labels[3];
    for (int i = 0; i < 3; i++) {
        labels[i] = pictures.labels;
        labels[i].count = counts[i];
        sets[i].labels = &labels[i];
        sets[i].cache_nbytes = 2 * COUNT * IMAGE_NBYTES; /* any two */
    }
    cr_expect_eq(train(&sets[0], 1), counts[0]);
    cr_expect_eq(train(&sets[1], 1), counts[1]);
    cr_expect_eq(train(&sets[0], 1), 0);
    cr_expect_eq(train(&sets[2], 1), counts[2]);
    cr_expect_eq(train(&sets[0], 1), 0, "used after the second set");
    cr_expect_eq(train(&sets[1], 1), counts[1], "in place of the third");
    cr_expect_eq(train(&sets[1], 1), 0);
    cr_expect_eq(train(&sets[2], 1), counts[2], "in place of the first");
    cr_expect_eq(train(&sets[1], 1), 0, "used after the first set");
}

/* One set is read by two threads while others come and go; the memory has room for one. */
POOL_TEST(images_in_use_are_not_evicted)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2);
    one.cache_nbytes = two.cache_nbytes = 2 * COUNT * IMAGE_NBYTES;
    hpac_dataset *user = create(&one);
    read_all(user, 1);
    size_t decoded = COUNT;
    for (int round = 0; round < 3; round++) {
        cr_expect_eq(train(&two, 1), 2 * COUNT, "no memory beside the set in use");
        decoded += 2 * COUNT;
        cr_expect_eq(hpac_image_pool_nbytes(pool), COUNT * IMAGE_NBYTES);
        cr_expect(hpac_dataset_is_cached(user));
        hpac_dataset *again = create(&one);
        cr_expect(hpac_dataset_is_cached(again));
        hpac_dataset_destroy(again);
        read_all(user, 1);
        cr_expect_eq(hpac_image_pool_files_decoded(pool), decoded, "decoded again while in use");
    }
    hpac_dataset_destroy(user);
    cr_expect_eq(train(&two, 2), 2 * COUNT, "dropped when nobody uses it");
}

/* The set in use is the one that was used least recently. */
POOL_TEST(room_is_made_by_sets_not_in_use)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2),
                         three = shared_options(3);
    one.cache_nbytes = two.cache_nbytes = three.cache_nbytes = 4 * COUNT * IMAGE_NBYTES;
    hpac_dataset *user = create(&one);
    read_all(user, 1);
    cr_expect_eq(train(&two, 1), 2 * COUNT);
    size_t decoded = hpac_image_pool_files_decoded(pool) + 3 * COUNT;
    cr_expect_eq(train(&three, 2), 3 * COUNT, "resident after its first epoch");
    cr_expect(hpac_dataset_is_cached(user));
    read_all(user, 1);
    cr_expect_eq(hpac_image_pool_files_decoded(pool), decoded, "decoded again while in use");
    hpac_dataset_destroy(user);
}

POOL_TEST(nothing_is_evicted_for_a_set_that_is_too_large)
{
    hpac_dataset_options one = shared_options(1), two = shared_options(2), four = shared_options(4);
    one.cache_nbytes = two.cache_nbytes = four.cache_nbytes = 5 * COUNT * IMAGE_NBYTES;
    cr_expect_eq(train(&one, 1), COUNT);
    hpac_dataset *user = create(&two);
    read_all(user, 2);
    cr_expect_eq(train(&four, 1), 4 * COUNT, "no memory with two in use");
    cr_expect_eq(train(&one, 1), 0, "one has been kept");
    hpac_dataset_destroy(user);
}

POOL_TEST(checked_once_and_bad_files_are_reported_every_time)
{
    hpac_dataset_options options = shared_options(1);
    write_bytes(picture_path(&pictures, 2, 0), "no picture", 10);
    for (int i = 0; i < 3; i++) {
        options.skip_bad_images = i == 1;
        hpac_dataset *dataset = create(&options);
        cr_expect_eq(hpac_dataset_check(dataset, NULL, 0, 1), i == 1 ? HPAC_OK : HPAC_ERR_DATA,
                     "number %d", i);
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
    truncate_file(picture_path(&pictures, 4, 0), 60);
    hpac_dataset *dataset = create(&options);
    steps seen = {0};
    const hpac_dataset_pass preparation = {
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
    cr_expect_eq(seen.done, COUNT, "it is tried again");
    hpac_dataset_destroy(dataset);
}

POOL_TEST(preparing_can_be_stopped)
{
    hpac_dataset_options options = shared_options(1);
    hpac_dataset *dataset = create(&options);
    steps seen = {.stop = 1};
    const hpac_dataset_pass preparation = {.stop = &seen.stop};
    size_t prepared;
    cr_expect_eq(hpac_dataset_prepare(dataset, &preparation, &prepared), HPAC_INTERRUPTED);
    cr_expect_eq(hpac_image_pool_files_decoded(pool), 0);
    hpac_dataset_destroy(dataset);
}

POOL_TEST(without_a_cache_nothing_is_prepared)
{
    hpac_dataset_options options = shared_options(1);
    options.pool = NULL;
    options.cache_nbytes = 0;
    hpac_dataset *dataset = create(&options);
    size_t prepared;
    cr_expect_eq(hpac_dataset_prepare(dataset, &(hpac_dataset_pass){0}, &prepared), HPAC_OK);
    cr_expect_eq(prepared, 0);
    hpac_dataset_destroy(dataset);
}
