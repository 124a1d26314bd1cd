/* The data set: what is read, how it is checked, what the cache keeps. */
#include "picture_directory.h"

#include <hpac/log.h>

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hpac_dataset_options options_of(const picture_directory *pictures, size_t channels)
{
    return (hpac_dataset_options){.images = pictures->path,
                                  .labels = &pictures->labels,
                                  .channels = channels,
                                  .rows = PICTURE_ROWS,
                                  .cols = PICTURE_COLS};
}

/* A data set with one reader. */
static void open_dataset(const hpac_dataset_options *options, hpac_dataset **dataset,
                         hpac_dataset_reader **reader)
{
    cr_assert_eq(hpac_dataset_create(options, dataset), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_dataset_reader_create(*dataset, reader), HPAC_OK, "%s", hpac_error_message());
}

static void close_dataset(hpac_dataset *dataset, hpac_dataset_reader *reader)
{
    hpac_dataset_reader_destroy(reader);
    hpac_dataset_destroy(dataset);
}

/* The second and third position hold what the files of those channels hold. */
Test(dataset, channels_are_in_the_requested_order)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 2);
    hpac_dataset_options options = options_of(&pictures, 3);
    static const int order[] = {3, 0, 2};
    options.channel_order = order;
    hpac_dataset *dataset;
    hpac_dataset_reader *reader;
    open_dataset(&options, &dataset, &reader);
    uint8_t pixels[3 * PICTURE_PIXELS];
    cr_assert_eq(hpac_dataset_read(reader, 1, pixels), HPAC_OK);
    for (int i = 0; i < 3 * PICTURE_PIXELS; i++)
        cr_assert_eq(pixels[i],
                     picture_byte(1, order[i % 3], i / 3 / PICTURE_COLS, i / 3 % PICTURE_COLS));
    unlink(picture_path(&pictures, 1, 1)); /* blue is not among them */
    cr_expect_eq(hpac_dataset_check(dataset, NULL, 0, 1), HPAC_OK);
    unlink(picture_path(&pictures, 0, 3));
    cr_expect_eq(hpac_dataset_check(dataset, NULL, 0, 1), HPAC_ERR_DATA);
    cr_expect_not_null(strstr(hpac_error_message(), "id0_yellow.png"));
    close_dataset(dataset, reader);
    picture_directory_remove(&pictures);
}

Test(dataset, bytes_of_the_channels_are_interleaved)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 3);
    for (size_t channels = 1; channels <= HPAC_MAX_CHANNELS; channels++) {
        hpac_dataset_options options = options_of(&pictures, channels);
        hpac_dataset *dataset;
        hpac_dataset_reader *reader;
        open_dataset(&options, &dataset, &reader);
        uint8_t pixels[PICTURE_PIXELS * HPAC_MAX_CHANNELS + 1];
        for (size_t row = 0; row < 3; row++) {
            memset(pixels, 0xA5, sizeof pixels);
            cr_assert_eq(hpac_dataset_read(reader, row, pixels), HPAC_OK);
            cr_assert(picture_matches(pixels, row, (int)channels));
            cr_assert_eq(pixels[PICTURE_PIXELS * channels], 0xA5, "written behind the image");
        }
        close_dataset(dataset, reader);
    }
    picture_directory_remove(&pictures);
}

Test(dataset, floats_lie_on_0_to_1)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 2);
    hpac_dataset_options options = options_of(&pictures, 3);
    options.pixels = HPAC_PIXELS_FLOAT32;
    hpac_dataset *dataset;
    hpac_dataset_reader *reader;
    open_dataset(&options, &dataset, &reader);
    float pixels[PICTURE_PIXELS * 3];
    cr_assert_eq(hpac_dataset_read(reader, 1, pixels), HPAC_OK);
    for (int i = 0; i < PICTURE_PIXELS * 3; i++) {
        int pixel = i / 3;
        double expected =
            picture_byte(1, i % 3, pixel / PICTURE_COLS, pixel % PICTURE_COLS) / 255.0;
        cr_assert(fabs((double)pixels[i] - expected) <= 1e-6, "number %d: %g, expected %g", i,
                  (double)pixels[i], expected);
    }
    close_dataset(dataset, reader);
    picture_directory_remove(&pictures);
}

/* A ramp along the columns, halved: pixel x lies between columns 2x and 2x + 1, and a low-pass
 * leaves a straight line as it is away from the borders. Rows and columns mixed up would show. */
Test(dataset, files_are_resized)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 1);
    enum { ROWS = 12, COLS = 24 };
    uint8_t ramp[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        ramp[i] = (uint8_t)(10 * (i % COLS));
    write_png(picture_path(&pictures, 0, 0), ramp, ROWS, COLS);
    hpac_dataset_options options = options_of(&pictures, 1);
    options.rows = ROWS / 2;
    options.cols = COLS / 2;
    hpac_dataset *dataset;
    hpac_dataset_reader *reader;
    open_dataset(&options, &dataset, &reader);
    uint8_t pixels[ROWS / 2 * COLS / 2];
    cr_assert_eq(hpac_dataset_read(reader, 0, pixels), HPAC_OK);
    for (int y = 0; y < ROWS / 2; y++)
        for (int x = 2; x < COLS / 2 - 2; x++)
            cr_assert_eq(pixels[y * COLS / 2 + x], 20 * x + 5, "pixel %d, %d", y, x);
    close_dataset(dataset, reader);
    picture_directory_remove(&pictures);
}

/* Pictures of one gray each, in more sizes than a reader keeps resizers for, to and fro. */
Test(dataset, each_file_may_have_its_own_size)
{
    enum { COUNT = 13 };
    picture_directory pictures;
    picture_directory_create(&pictures, COUNT);
    for (size_t row = 0; row < COUNT; row++)
        for (int channel = 0; channel < 2; channel++) {
            uint8_t gray[40 * 40];
            memset(gray, picture_byte(row, channel, 0, 0), sizeof gray);
            int rows = 1 + 3 * ((int)row / 2), cols = 40 - (int)row; /* two of each height */
            write_png(picture_path(&pictures, row, channel), gray, rows, cols);
        }
    hpac_dataset_options options = options_of(&pictures, 2);
    hpac_dataset *dataset;
    hpac_dataset_reader *reader;
    open_dataset(&options, &dataset, &reader);
    for (size_t i = 0; i < 5 * COUNT; i++) {
        size_t row = i * 5 % COUNT;
        uint8_t pixels[PICTURE_PIXELS * 2];
        cr_assert_eq(hpac_dataset_read(reader, row, pixels), HPAC_OK, "%s", hpac_error_message());
        for (int p = 0; p < PICTURE_PIXELS * 2; p++)
            cr_assert_eq(pixels[p], picture_byte(row, p % 2, 0, 0));
    }
    close_dataset(dataset, reader);
    picture_directory_remove(&pictures);
}

Test(dataset, targets_are_in_the_requested_order)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 40);
    const int targets[] = {25, 0, 3, 21, 14};
    hpac_dataset_options options = options_of(&pictures, 1);
    options.targets = targets;
    options.target_count = 5;
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
    int ones = 0;
    for (size_t row = 0; row < 40; row++) {
        uint8_t found[6] = {9, 9, 9, 9, 9, 9};
        hpac_dataset_targets(dataset, row, found);
        for (int i = 0; i < 5; i++) {
            int expected = (picture_mask(row) & 1u << targets[i]) != 0;
            cr_assert_eq(found[i], expected);
            ones += expected;
        }
        cr_assert_eq(found[5], 9);
    }
    cr_assert_gt(ones, 0);
    hpac_dataset_destroy(dataset);
    picture_directory_remove(&pictures);
}

static void assert_refused(const hpac_dataset_options *options, const char *part)
{
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(options, &dataset), HPAC_ERR_INTERNAL);
    cr_assert_null(dataset);
    cr_assert_not_null(strstr(hpac_error_message(), part), "%s", hpac_error_message());
}

Test(dataset, impossible_options_are_refused)
{
    char *ids[] = {"a"};
    uint32_t masks[] = {1};
    hpac_labels labels = {.count = 1, .ids = ids};
    const int targets[] = {0, HPAC_CLASS_COUNT};
    const hpac_dataset_options good = {
        .images = "/tmp", .labels = &labels, .channels = 1, .rows = 1, .cols = 1};
    hpac_dataset_options bad = good;
    bad.targets = targets;
    bad.target_count = 1;
    assert_refused(&bad, "without labels"); /* a missing label is never zeros */
    labels.masks = masks;
    bad.target_count = 2;
    assert_refused(&bad, "target 28");
    bad = good;
    bad.channels = 5;
    assert_refused(&bad, "5 channels");
    bad = good;
    bad.rows = 0;
    assert_refused(&bad, "0 x 1");
    bad = good;
    bad.rows = bad.cols = 0x7fffffff;
    assert_refused(&bad, "2147483647 x 2147483647");
}

Test(dataset, cache_serves_rows_without_their_files)
{
    enum { COUNT = 6, CHANNELS = 2 };
    for (int pixels = HPAC_PIXELS_UINT8; pixels <= HPAC_PIXELS_FLOAT32; pixels++) {
        picture_directory pictures;
        picture_directory_create(&pictures, COUNT);
        size_t nbytes = (size_t)PICTURE_PIXELS * CHANNELS * (pixels ? sizeof(float) : 1);
        hpac_dataset_options options = options_of(&pictures, CHANNELS);
        options.pixels = (hpac_pixels)pixels;
        options.cache_nbytes = COUNT * nbytes;
        hpac_dataset *dataset;
        hpac_dataset_reader *reader;
        open_dataset(&options, &dataset, &reader);
        cr_assert(hpac_dataset_is_cached(dataset));
        float first[COUNT - 1][PICTURE_PIXELS * CHANNELS], again[PICTURE_PIXELS * CHANNELS];
        for (size_t row = 0; row < COUNT - 1; row++)
            cr_assert_eq(hpac_dataset_read(reader, row, first[row]), HPAC_OK);
        for (size_t row = 0; row < COUNT; row++)
            cr_assert_eq(unlink(picture_path(&pictures, row, 1)), 0);
        for (size_t row = 0; row < COUNT - 1; row++) {
            memset(again, 0xA5, sizeof again);
            cr_assert_eq(hpac_dataset_read(reader, row, again), HPAC_OK);
            cr_assert_arr_eq(again, first[row], nbytes);
        }
        cr_assert_eq(hpac_dataset_read(reader, COUNT - 1, again), HPAC_ERR_DATA,
                     "a row that was never read came from the cache");
        close_dataset(dataset, reader);
        picture_directory_remove(&pictures);
    }
}

Test(dataset, cache_is_all_or_nothing)
{
    enum { COUNT = 6 };
    picture_directory pictures;
    picture_directory_create(&pictures, COUNT);
    const size_t sizes[] = {0, 1, COUNT * PICTURE_PIXELS - 1};
    for (int i = 0; i < 3; i++) {
        hpac_dataset_options options = options_of(&pictures, 1);
        options.cache_nbytes = sizes[i];
        hpac_dataset *dataset;
        hpac_dataset_reader *reader;
        open_dataset(&options, &dataset, &reader);
        cr_assert_not(hpac_dataset_is_cached(dataset));
        uint8_t pixels[PICTURE_PIXELS];
        cr_assert_eq(hpac_dataset_read(reader, 2, pixels), HPAC_OK);
        cr_assert(picture_matches(pixels, 2, 1));
        close_dataset(dataset, reader);
    }
    picture_directory_remove(&pictures);
}

/* An image that could not be read is not kept: neither its half nor its failure. */
Test(dataset, failed_row_is_read_again)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 2);
    hpac_dataset_options options = options_of(&pictures, 2);
    options.cache_nbytes = 1 << 20;
    hpac_dataset *dataset;
    hpac_dataset_reader *reader;
    open_dataset(&options, &dataset, &reader);
    char path[5000], hidden[5010];
    snprintf(path, sizeof path, "%s", picture_path(&pictures, 1, 1));
    snprintf(hidden, sizeof hidden, "%s.hidden", path);
    cr_assert_eq(rename(path, hidden), 0);
    uint8_t pixels[PICTURE_PIXELS * 2];
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(hpac_dataset_read(reader, 1, pixels), HPAC_ERR_DATA);
        cr_assert_not_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
    }
    cr_assert_eq(rename(hidden, path), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(hpac_dataset_read(reader, 1, pixels), HPAC_OK, "%s", hpac_error_message());
        cr_assert(picture_matches(pixels, 1, 2));
        cr_assert(i > 0 || unlink(path) == 0, "once read it is cached");
    }
    close_dataset(dataset, reader);
    picture_directory_remove(&pictures);
}

/* The start of a PNG of 100000 x 100000 pixels, up to its width and height. */
static void write_bomb(const char *path)
{
    static const uint8_t bytes[] = {0x89, 'P',  'N', 'G', '\r', '\n', 0x1a, '\n', 0,    0,    0,
                                    13,   'I',  'H', 'D', 'R',  0,    1,    0x86, 0xa0, 0,    1,
                                    0x86, 0xa0, 8,   0,   0,    0,    0,    0xbf, 0x10, 0xa6, 0x86};
    write_bytes(path, bytes, sizeof bytes);
}

Test(dataset, check_lists_every_bad_file_in_order)
{
    enum { COUNT = 12 };
    picture_directory pictures;
    picture_directory_create(&pictures, COUNT);
    cr_assert_eq(unlink(picture_path(&pictures, 2, 0)), 0);
    cr_assert_eq(unlink(picture_path(&pictures, 2, 1)), 0);
    write_bytes(picture_path(&pictures, 4, 1), "Id,Target\n", 10);
    write_bomb(picture_path(&pictures, 7, 0));
    write_bytes(picture_path(&pictures, 11, 1), "", 0);
    cr_assert_eq(unlink(picture_path(&pictures, 5, 2)), 0); /* a channel that is not used */
    const struct {
        size_t row;
        int channel;
    } bad[] = {{2, 0}, {2, 1}, {4, 1}, {7, 0}, {11, 1}};
    hpac_dataset_options options = options_of(&pictures, 2);
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
    char *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        cr_assert_eq(hpac_dataset_check(dataset, NULL, 0, threads), HPAC_ERR_DATA);
        const char *message = hpac_error_message();
        cr_assert_not_null(strstr(message, ": 5 problems\n"), "%s", message);
        for (int i = 0; i < 5; i++) {
            message = strstr(message, picture_path(&pictures, bad[i].row, bad[i].channel));
            cr_assert_not_null(message, "file %d is not where it should be in: %s", i,
                               hpac_error_message());
        }
        if (!first)
            first = strdup(hpac_error_message());
        cr_assert_str_eq(hpac_error_message(), first);
    }
    free(first);
    const size_t good_rows[] = {0, 1, 3, 5, 10}, one_bad_row[] = {3, 11, 0};
    cr_assert_eq(hpac_dataset_check(dataset, good_rows, 5, 2), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_dataset_check(dataset, one_bad_row, 3, 2), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), ": 1 problem\n"), "%s", hpac_error_message());
    cr_assert_eq(hpac_dataset_check(dataset, good_rows, 0, 2), HPAC_OK);
    hpac_dataset_destroy(dataset);
    picture_directory_remove(&pictures);
}

static void assert_check_message(const picture_directory *pictures, const char *part)
{
    hpac_dataset_options options = options_of(pictures, 2);
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
    cr_assert_eq(hpac_dataset_check(dataset, NULL, 0, 2), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), part), "no \"%s\" in %s", part,
                       hpac_error_message());
    hpac_dataset_destroy(dataset);
}

Test(dataset, check_names_files_under_another_name)
{
    static const char *const others[] = {"id1_green.PNG", "id1_green.jpg", "ID1_Green.png",
                                         "id1_green.png.gz", "id1.png"};
    picture_directory pictures;
    picture_directory_create(&pictures, 3);
    char path[5000], other[5000], part[100];
    snprintf(path, sizeof path, "%s", picture_path(&pictures, 1, 0));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(other, sizeof other, "%s/%s", pictures.path, others[i]);
        cr_assert_eq(rename(path, other), 0);
        snprintf(part, sizeof part, "No such file or directory (found %s)", others[i]);
        assert_check_message(&pictures, part);
        cr_assert_eq(rename(other, path), 0);
    }
    char *id = pictures.labels.ids[1];
    pictures.labels.ids[1] = strdup("id1.png");
    assert_check_message(&pictures, "id1.png_green.png: cannot open: No such file or directory "
                                    "(found id1_green.png)");
    free(pictures.labels.ids[1]);
    pictures.labels.ids[1] = id;
    picture_directory_remove(&pictures);
}

Test(dataset, check_skips_bad_images_unless_all_are)
{
    enum { COUNT = 4 };
    picture_directory pictures;
    picture_directory_create(&pictures, COUNT);
    hpac_dataset_options options = options_of(&pictures, 2);
    options.skip_bad_images = true;
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
    cr_assert_eq(unlink(picture_path(&pictures, 0, 1)), 0);
    write_bytes(picture_path(&pictures, 1, 0), "", 0);
    write_bytes(picture_path(&pictures, 3, 0), "Id,Target\n", 10);
    cr_assert_eq(hpac_dataset_check(dataset, NULL, 0, 2), HPAC_OK, "%s", hpac_error_message());
    const size_t bad_rows[] = {0, 1, 3};
    cr_assert_eq(hpac_dataset_check(dataset, bad_rows, 3, 2), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), ": 3 problems\n"), "%s", hpac_error_message());
    hpac_dataset_destroy(dataset);
    picture_directory_remove(&pictures);
}

/* Lines of the log with "warning". */
static char *check_and_read_log(const picture_directory *pictures, bool skip_bad_images)
{
    static char text[10000];
    char path[5000];
    snprintf(path, sizeof path, "%s/check.log", pictures->path);
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_dataset_options options = options_of(pictures, 1);
    options.skip_bad_images = skip_bad_images;
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
    cr_assert_eq(hpac_dataset_check(dataset, NULL, 0, 2), HPAC_OK, "%s", hpac_error_message());
    hpac_dataset_destroy(dataset);
    hpac_log_close_file();
    FILE *log = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, log)] = '\0';
    fclose(log);
    cr_assert_eq(unlink(path), 0);
    return text;
}

Test(dataset, check_warns_of_files_of_different_sizes)
{
    picture_directory pictures;
    picture_directory_create(&pictures, 6);
    cr_assert_str_eq(check_and_read_log(&pictures, false), "", "files of one size");
    const uint8_t pixels[3 * 7] = {0};
    write_png(picture_path(&pictures, 4, 0), pixels, 1, 1);
    write_png(picture_path(&pictures, 2, 0), pixels, 3, 7);
    const char *text = check_and_read_log(&pictures, false);
    cr_assert_not_null(strstr(text, ": files differ in size: 4 of 5 x 4, 1 of 3 x 7 "
                                    "(id2_green.png), 1 of 1 x 1 (id4_green.png)"),
                       "%s", text);
    write_png(picture_path(&pictures, 4, 0), pixels, 3, 7);
    text = check_and_read_log(&pictures, false);
    cr_assert_not_null(strstr(text, ": 4 of 5 x 4, 2 of 3 x 7 (such as id2_green.png)\n"), "%s",
                       text);
    cr_assert_eq(unlink(picture_path(&pictures, 2, 0)), 0);
    cr_assert_eq(unlink(picture_path(&pictures, 4, 0)), 0);
    text = check_and_read_log(&pictures, true);
    cr_assert_null(strstr(text, "differ in size"), "a missing file has no size: %s", text);
    picture_directory_remove(&pictures);
}

Test(dataset, check_names_a_missing_directory_once)
{
    char *ids[] = {"a", "b"};
    const hpac_labels labels = {.count = 2, .ids = ids};
    const hpac_dataset_options options = {
        .images = "/nonexistent/train", .labels = &labels, .channels = 1, .rows = 1, .cols = 1};
    hpac_dataset *dataset;
    cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
    cr_assert_eq(hpac_dataset_check(dataset, NULL, 0, 1), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "/nonexistent/train: no such directory"));
    hpac_dataset_destroy(dataset);
}

enum { READ_COUNT = 60, READ_THREADS = 4 };

typedef struct reading {
    hpac_dataset *dataset;
    int start;
    int wrong;
} reading;

static void *read_all_rows(void *user)
{
    reading *mine = user;
    hpac_dataset_reader *reader;
    if (hpac_dataset_reader_create(mine->dataset, &reader) != HPAC_OK) {
        mine->wrong = 1;
        return NULL;
    }
    for (int i = 0; i < 3 * READ_COUNT; i++) {
        size_t row = (size_t)(mine->start + i) % READ_COUNT;
        uint8_t pixels[PICTURE_PIXELS * 2];
        mine->wrong +=
            hpac_dataset_read(reader, row, pixels) != HPAC_OK || !picture_matches(pixels, row, 2);
    }
    hpac_dataset_reader_destroy(reader);
    return NULL;
}

Test(dataset, readers_share_the_cache)
{
    picture_directory pictures;
    picture_directory_create(&pictures, READ_COUNT);
    for (int round = 0; round < 10; round++) {
        hpac_dataset_options options = options_of(&pictures, 2);
        options.cache_nbytes = 1 << 20;
        hpac_dataset *dataset;
        cr_assert_eq(hpac_dataset_create(&options, &dataset), HPAC_OK);
        reading readings[READ_THREADS];
        pthread_t threads[READ_THREADS];
        for (int i = 0; i < READ_THREADS; i++) {
            readings[i] = (reading){.dataset = dataset, .start = i / 2};
            cr_assert_eq(pthread_create(&threads[i], NULL, read_all_rows, &readings[i]), 0);
        }
        for (int i = 0; i < READ_THREADS; i++) {
            pthread_join(threads[i], NULL);
            cr_assert_eq(readings[i].wrong, 0);
        }
        hpac_dataset_destroy(dataset);
    }
    picture_directory_remove(&pictures);
}
