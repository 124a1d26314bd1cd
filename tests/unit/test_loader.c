/*
 * The loader: order, contents and ends of batches, with every mix of workers and slots; bad images;
 * stops in the middle. What is expected is computed from the pictures' formula (picture_folder.h)
 * and a shuffle of the test's own.
 */
#include "picture_folder.h"
#include "scratch.h"

#include <hpac/loader.h>
#include <hpac/log.h>
#include <hpac/random.h>

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 23, CHANNELS = 2, TARGETS = 3, MAX_SLOTS = 8 };
static const int targets[TARGETS] = {7, 0, 3};

/* A folder, a data set and a loader with slots of its own. */
typedef struct fixture {
    picture_folder folder;
    hpac_dataset *dataset;
    hpac_loader *loader;
    hpac_loader_options options;
    uint8_t *slots[MAX_SLOTS];
    size_t rows[COUNT]; /* of the loader: all, in an order of their own */
} fixture;

static void open_folder(fixture *fix, size_t cache_nbytes)
{
    memset(fix, 0, sizeof *fix);
    picture_folder_create(&fix->folder, COUNT);
    const hpac_dataset_options options = {.images = fix->folder.path,
                                          .labels = &fix->folder.labels,
                                          .targets = targets,
                                          .target_count = TARGETS,
                                          .channels = CHANNELS,
                                          .rows = PICTURE_ROWS,
                                          .cols = PICTURE_COLS,
                                          .cache_nbytes = cache_nbytes};
    cr_assert_eq(hpac_dataset_create(&options, &fix->dataset), HPAC_OK);
    for (size_t i = 0; i < COUNT; i++)
        fix->rows[i] = i * 7 % COUNT;
}

static size_t slot_nbytes(int batch_size)
{
    return hpac_batch_nbytes(&(hpac_batch_format){.batch_size = batch_size,
                                                  .target_count = TARGETS,
                                                  .rows = PICTURE_ROWS,
                                                  .cols = PICTURE_COLS,
                                                  .channels = CHANNELS});
}

/* `options` without dataset, rows and slots, which are the fixture's. */
static void open_loader(fixture *fix, hpac_loader_options options)
{
    for (int i = 0; i < options.slot_count; i++)
        fix->slots[i] = malloc(slot_nbytes(options.batch_size));
    options.dataset = fix->dataset;
    options.rows = fix->rows;
    options.row_count = COUNT;
    options.slots = fix->slots;
    fix->options = options;
    cr_assert_eq(hpac_loader_create(&options, &fix->loader), HPAC_OK, "%s", hpac_error_message());
}

static void close_loader(fixture *fix)
{
    hpac_loader_destroy(fix->loader);
    for (int i = 0; i < MAX_SLOTS; i++) {
        free(fix->slots[i]);
        fix->slots[i] = NULL;
    }
}

static void close_folder(fixture *fix)
{
    hpac_dataset_destroy(fix->dataset);
    picture_folder_remove(&fix->folder);
}

/* Fisher and Yates, Lemire's bounded numbers: from the description, number by number. */
static void naive_shuffle(uint64_t seed, uint32_t epoch, size_t *values, size_t count)
{
    uint64_t index = 0;
    for (size_t last = count; last-- > 1;) {
        uint64_t bound = last + 1, product;
        do
            product = bound * hpac_random_u32(seed, HPAC_PURPOSE_SHUFFLE, 0, epoch, index++);
        while ((product & 0xffffffff) < 0x100000000 % bound);
        size_t value = values[last];
        values[last] = values[product >> 32];
        values[product >> 32] = value;
    }
}

/* The rows of an epoch in order. */
static void expect_order(const fixture *fix, uint32_t epoch, size_t *order)
{
    memcpy(order, fix->rows, sizeof fix->rows);
    if (fix->options.shuffle)
        naive_shuffle(fix->options.seed, epoch, order, COUNT);
}

static bool is_bad(const size_t *bad, size_t bad_count, size_t row)
{
    for (size_t i = 0; i < bad_count; i++)
        if (bad[i] == row)
            return true;
    return false;
}

/* Whether a batch holds these rows: numbers, targets, pixels. */
static bool batch_holds(const hpac_batch *batch, int batch_size, const size_t *rows)
{
    const uint8_t *pixels =
        batch->data + slot_nbytes(batch_size) - (size_t)batch_size * CHANNELS * PICTURE_PIXELS;
    for (int i = 0; i < batch->count; i++) {
        if (batch->rows[i] != rows[i] ||
            !picture_matches(pixels + i * CHANNELS * PICTURE_PIXELS, rows[i], CHANNELS))
            return false;
        for (int t = 0; t < TARGETS; t++)
            if (batch->data[i * TARGETS + t] != (picture_mask(rows[i]) >> targets[t] & 1))
                return false;
    }
    return true;
}

/* Takes batches first .. until the epoch's end or `stop` (whichever is first), all of them as they
 * should be; `bad` rows are skipped. Returns the number of batches taken. */
static size_t take_epoch(fixture *fix, uint32_t epoch, size_t first, size_t stop, const size_t *bad,
                         size_t bad_count)
{
    size_t order[COUNT], taken = 0;
    expect_order(fix, epoch, order);
    size_t batch_size = (size_t)fix->options.batch_size;
    for (size_t index = first; index < hpac_loader_batch_count(fix->loader) && index < stop;
         index++) {
        size_t rows[COUNT];
        int count = 0;
        for (size_t i = index * batch_size; i < (index + 1) * batch_size && i < COUNT; i++)
            if (!is_bad(bad, bad_count, order[i]))
                rows[count++] = order[i];
        if (count == 0)
            continue;
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix->loader, &batch), HPAC_OK, "%s", hpac_error_message());
        cr_assert_eq(batch.index, index);
        cr_assert_eq(batch.count, count);
        cr_assert_eq(batch.data, fix->slots[batch.slot]);
        cr_assert(batch_holds(&batch, fix->options.batch_size, rows));
        hpac_loader_release(fix->loader, &batch);
        taken++;
    }
    if (stop < hpac_loader_batch_count(fix->loader))
        return taken;
    for (int i = 0; i < 2; i++) {
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix->loader, &batch), HPAC_OK);
        cr_assert_eq(batch.count, 0);
        hpac_loader_release(fix->loader, &batch);
    }
    return taken;
}

static void begin(fixture *fix, uint32_t epoch, size_t first)
{
    cr_assert_eq(hpac_loader_begin(fix->loader, epoch, first), HPAC_OK, "%s", hpac_error_message());
}

static void take_whole_epoch(fixture *fix, uint32_t epoch)
{
    begin(fix, epoch, 0);
    take_epoch(fix, epoch, 0, SIZE_MAX, NULL, 0);
}

/* Two epochs, and one from every third batch on. */
static void walk_epochs(fixture *fix, hpac_loader_options options)
{
    open_loader(fix, options);
    size_t expected = (COUNT + (options.drop_last ? 0 : (size_t)options.batch_size - 1)) /
                      (size_t)options.batch_size;
    cr_assert_eq(hpac_loader_batch_count(fix->loader), expected);
    take_whole_epoch(fix, 0);
    take_whole_epoch(fix, 1);
    for (size_t first = 0; first <= expected; first += 3) {
        begin(fix, 2, first);
        size_t taken = take_epoch(fix, 2, first, SIZE_MAX, NULL, 0);
        cr_assert_eq(taken, expected - first);
    }
    close_loader(fix);
}

static void walk_all_shapes(int workers, size_t cache_nbytes)
{
    static const int batch_sizes[] = {1, 3, 4, 22, 23, 64}, slot_counts[] = {2, 3, 5};
    fixture fix;
    open_folder(&fix, cache_nbytes);
    for (int b = 0; b < 6; b++)
        for (int s = 0; s < 3; s++)
            for (int shuffle = 0; shuffle < 2; shuffle++)
                for (int drop_last = 0; drop_last < 2; drop_last++)
                    if (!drop_last || batch_sizes[b] <= COUNT)
                        walk_epochs(&fix, (hpac_loader_options){.batch_size = batch_sizes[b],
                                                                .slot_count = slot_counts[s],
                                                                .workers = workers,
                                                                .shuffle = shuffle,
                                                                .drop_last = drop_last,
                                                                .seed = 0x123456789abcdefull});
    close_folder(&fix);
}

Test(loader, batches_are_right_with_1_worker)
{
    walk_all_shapes(1, 0);
}

Test(loader, batches_are_right_with_2_workers)
{
    walk_all_shapes(2, 0);
}

Test(loader, batches_are_right_with_3_workers)
{
    walk_all_shapes(3, 0);
}

Test(loader, batches_are_right_with_8_workers)
{
    walk_all_shapes(8, 0);
}

Test(loader, batches_are_right_with_a_worker_a_core)
{
    walk_all_shapes(0, 0);
}

Test(loader, batches_are_right_from_the_cache)
{
    walk_all_shapes(3, 1 << 20);
}

Test(loader, shuffle_is_a_permutation_by_seed_and_epoch)
{
    fixture fix;
    open_folder(&fix, 1 << 20);
    size_t orders[6][COUNT]; /* seeds 1 and 2, epochs 0 to 2 */
    for (size_t o = 0; o < 6; o++) {
        open_loader(&fix, (hpac_loader_options){.batch_size = COUNT,
                                                .slot_count = 2,
                                                .workers = 2,
                                                .shuffle = true,
                                                .seed = 1 + o / 3});
        begin(&fix, (uint32_t)(o % 3), 0);
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        cr_assert_eq(batch.count, COUNT);
        int seen[COUNT] = {0};
        for (int i = 0; i < COUNT; i++) {
            orders[o][i] = batch.rows[i];
            cr_assert_eq(seen[batch.rows[i]]++, 0);
        }
        for (size_t other = 0; other < o; other++)
            cr_assert(memcmp(orders[o], orders[other], sizeof orders[o]) != 0);
        close_loader(&fix); /* with the batch out */
    }
    close_folder(&fix);
}

/* Batches held back, given back in another order: what is out stays as it is. */
Test(loader, batches_come_back_in_any_order)
{
    enum { SLOTS = 5, BATCH = 2 };
    fixture fix;
    open_folder(&fix, 0);
    open_loader(&fix, (hpac_loader_options){
                          .batch_size = BATCH, .slot_count = SLOTS, .workers = 3, .shuffle = true});
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        size_t order[COUNT];
        expect_order(&fix, epoch, order);
        begin(&fix, epoch, 0);
        hpac_batch held[SLOTS];
        int held_count = 0;
        for (size_t index = 0; index < 12; index++) {
            cr_assert_eq(hpac_loader_next(fix.loader, &held[held_count++]), HPAC_OK);
            for (int i = 0; i < held_count; i++)
                cr_assert(batch_holds(&held[i], BATCH, order + held[i].index * BATCH));
            if (held_count == SLOTS) { /* keep the oldest and one more */
                hpac_loader_release(fix.loader, &held[4]);
                hpac_loader_release(fix.loader, &held[1]);
                hpac_loader_release(fix.loader, &held[2]);
                held[1] = held[3];
                held_count = 2;
            }
        }
        while (held_count > 0)
            hpac_loader_release(fix.loader, &held[--held_count]);
        hpac_batch end;
        cr_assert_eq(hpac_loader_next(fix.loader, &end), HPAC_OK);
        cr_assert_eq(end.count, 0);
    }
    close_loader(&fix);
    close_folder(&fix);
}

Test(loader, wrong_calls_are_errors_and_not_deadlocks)
{
    fixture fix;
    open_folder(&fix, 0);
    open_loader(&fix, (hpac_loader_options){.batch_size = 4, .slot_count = 2, .workers = 2});
    hpac_batch batches[2], extra;
    cr_assert_eq(hpac_loader_next(fix.loader, &extra), HPAC_OK, "no epoch begun");
    cr_assert_eq(extra.count, 0);
    cr_assert_eq(hpac_loader_begin(fix.loader, 0, 7), HPAC_ERR_INTERNAL);
    begin(&fix, 0, 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(hpac_loader_next(fix.loader, &batches[i]), HPAC_OK);
    cr_assert_eq(hpac_loader_next(fix.loader, &extra), HPAC_ERR_INTERNAL);
    cr_assert_not_null(strstr(hpac_error_message(), "all 2 slots"), "%s", hpac_error_message());
    cr_assert_eq(hpac_loader_begin(fix.loader, 1, 0), HPAC_ERR_INTERNAL);
    cr_assert_not_null(strstr(hpac_error_message(), "2 batches"), "%s", hpac_error_message());
    for (int i = 0; i < 4; i++)
        hpac_loader_release(fix.loader, &batches[i % 2]); /* twice does no harm */
    take_whole_epoch(&fix, 1);
    close_loader(&fix);
    close_folder(&fix);
}

Test(loader, impossible_options_are_refused)
{
    fixture fix;
    open_folder(&fix, 0);
    uint8_t *slots[2] = {NULL, NULL};
    const size_t rows[] = {0, COUNT};
    const hpac_loader_options good = {.dataset = fix.dataset,
                                      .rows = fix.rows,
                                      .row_count = COUNT,
                                      .batch_size = COUNT + 1,
                                      .workers = 1,
                                      .slots = slots,
                                      .slot_count = 2};
    hpac_loader_options options = good;
    hpac_loader *loader;
    options.drop_last = true;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_CONFIG);
    cr_assert_null(loader);
    cr_assert_not_null(strstr(hpac_error_message(), "24"), "%s", hpac_error_message());
    cr_assert_not_null(strstr(hpac_error_message(), "23"), "%s", hpac_error_message());
    options = good;
    options.slot_count = 1;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_INTERNAL);
    options = good;
    options.batch_size = 0;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_INTERNAL);
    options = good;
    options.rows = rows;
    options.row_count = 2;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_INTERNAL);
    cr_assert_not_null(strstr(hpac_error_message(), "row 23"), "%s", hpac_error_message());
    options = good;
    options.row_count = 0;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_OK);
    cr_assert_eq(hpac_loader_batch_count(loader), 0);
    cr_assert_eq(hpac_loader_begin(loader, 0, 0), HPAC_OK);
    hpac_batch batch;
    cr_assert_eq(hpac_loader_next(loader, &batch), HPAC_OK);
    cr_assert_eq(batch.count, 0);
    hpac_loader_destroy(loader);
    hpac_loader_destroy(NULL);
    close_folder(&fix);
}

Test(loader, cached_epochs_need_no_files)
{
    fixture fix;
    open_folder(&fix, 1 << 20);
    cr_assert(hpac_dataset_is_cached(fix.dataset));
    open_loader(&fix, (hpac_loader_options){
                          .batch_size = 4, .slot_count = 3, .workers = 3, .shuffle = true});
    take_whole_epoch(&fix, 0);
    for (size_t row = 0; row < COUNT; row++)
        for (int channel = 0; channel < CHANNELS; channel++)
            cr_assert_eq(unlink(picture_path(&fix.folder, row, channel)), 0);
    for (uint32_t epoch = 1; epoch < 10; epoch++)
        take_whole_epoch(&fix, epoch);
    close_loader(&fix);
    close_folder(&fix);
}

/* The error is that of the first bad image in the epoch's order, not in time: here one of a later
 * place of the same batch and one of a later batch compete with it. */
Test(loader, first_bad_image_ends_the_epoch)
{
    enum { BATCH = 4 };
    fixture fix;
    open_folder(&fix, 0);
    truncate_file(picture_path(&fix.folder, fix.rows[9], 1), 50);
    cr_assert_eq(unlink(picture_path(&fix.folder, fix.rows[10], 0)), 0);
    cr_assert_eq(unlink(picture_path(&fix.folder, fix.rows[13], 0)), 0);
    static const int worker_counts[] = {1, 2, 3, 8};
    for (int w = 0; w < 4; w++) {
        open_loader(&fix, (hpac_loader_options){
                              .batch_size = BATCH, .slot_count = 4, .workers = worker_counts[w]});
        for (int round = 0; round < 30; round++) {
            begin(&fix, 0, 0);
            take_epoch(&fix, 0, 0, 2, NULL, 0);
            for (int again = 0; again < 2; again++) {
                hpac_batch batch;
                cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_ERR_DATA);
                cr_assert_eq(batch.count, 0);
                const char *path = picture_path(&fix.folder, fix.rows[9], 1);
                cr_assert_not_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
            }
        }
        begin(&fix, 0, 4); /* behind the bad ones */
        take_epoch(&fix, 0, 4, SIZE_MAX, NULL, 0);
        size_t skipped;
        hpac_loader_skipped(fix.loader, &skipped);
        cr_assert_eq(skipped, 0);
        close_loader(&fix);
    }
    close_folder(&fix);
}

static int count_lines(const char *path, const char *with)
{
    FILE *stream = fopen(path, "r");
    cr_assert_not_null(stream);
    char line[8192];
    int count = 0;
    while (fgets(line, sizeof line, stream))
        count += strstr(line, with) != NULL;
    fclose(stream);
    return count;
}

/* Rows 2, 5 and 8 .. 11: with batches of four in row order, two batches lose one each and a third
 * all it has. */
Test(loader, bad_images_are_skipped)
{
    static const size_t bad[] = {2, 5, 8, 9, 10, 11};
    enum { BAD = 6 };
    static const int worker_counts[] = {1, 2, 3, 8};
    for (int w = 0; w < 4; w++) {
        fixture fix;
        open_folder(&fix, w % 2 ? 1 << 20 : 0);
        for (size_t i = 0; i < BAD; i++)
            truncate_file(picture_path(&fix.folder, bad[i], (int)i % CHANNELS), 50);
        for (size_t i = 0; i < COUNT; i++)
            fix.rows[i] = i;
        char name[32];
        snprintf(name, sizeof name, "%d.log", w);
        const char *log = scratch_path(name);
        hpac_log_set_level(HPAC_LOG_ERROR);
        cr_assert_eq(hpac_log_open_file(log), HPAC_OK);
        open_loader(&fix, (hpac_loader_options){.batch_size = 4,
                                                .slot_count = 3,
                                                .workers = worker_counts[w],
                                                .skip_bad_images = true});
        size_t skipped;
        hpac_loader_skipped(fix.loader, &skipped);
        cr_assert_eq(skipped, 0);
        for (uint32_t epoch = 0; epoch < 5; epoch++) {
            begin(&fix, epoch, 0);
            cr_assert_eq(take_epoch(&fix, epoch, 0, SIZE_MAX, bad, BAD), 5);
            const size_t *rows = hpac_loader_skipped(fix.loader, &skipped);
            cr_assert_eq(skipped, BAD);
            cr_assert_arr_eq(rows, bad, sizeof bad);
        }
        close_loader(&fix);
        hpac_log_close_file();
        cr_assert_eq(count_lines(log, "warning"), BAD, "each row is told of once");
        for (size_t i = 0; i < BAD; i++)
            cr_assert_eq(count_lines(log, picture_path(&fix.folder, bad[i], (int)i % CHANNELS)), 1);
        close_folder(&fix);
    }
}

Test(loader, shuffled_epochs_skip_the_same_rows)
{
    static const size_t bad[] = {0, 7, 22};
    fixture fix;
    open_folder(&fix, 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(unlink(picture_path(&fix.folder, bad[i], 1)), 0);
    hpac_log_set_level(HPAC_LOG_ERROR);
    open_loader(&fix, (hpac_loader_options){.batch_size = 3,
                                            .slot_count = 3,
                                            .workers = 3,
                                            .shuffle = true,
                                            .drop_last = true,
                                            .seed = 5,
                                            .skip_bad_images = true});
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        begin(&fix, epoch, 0);
        take_epoch(&fix, epoch, 0, SIZE_MAX, bad, 3);
    }
    size_t skipped;
    const size_t *rows = hpac_loader_skipped(fix.loader, &skipped);
    cr_assert_eq(skipped, 3);
    cr_assert_arr_eq(rows, bad, sizeof bad);
    close_loader(&fix);
    close_folder(&fix);
}

Test(loader, nothing_is_left_when_all_images_are_bad)
{
    fixture fix;
    open_folder(&fix, 0);
    for (size_t row = 0; row < COUNT; row++)
        cr_assert_eq(unlink(picture_path(&fix.folder, row, 0)), 0);
    hpac_log_set_level(HPAC_LOG_ERROR);
    open_loader(&fix, (hpac_loader_options){
                          .batch_size = 2, .slot_count = 2, .workers = 2, .skip_bad_images = true});
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        begin(&fix, epoch, 0);
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        cr_assert_eq(batch.count, 0);
        size_t skipped;
        const size_t *rows = hpac_loader_skipped(fix.loader, &skipped);
        cr_assert_eq(skipped, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_eq(rows[i], i);
    }
    close_loader(&fix);
    close_folder(&fix);
}

Test(loader, ends_at_any_moment)
{
    fixture fix;
    open_folder(&fix, 0);
    cr_assert_eq(unlink(picture_path(&fix.folder, 3, 0)), 0);
    hpac_log_set_level(HPAC_LOG_ERROR);
    for (int round = 0; round < 200; round++) {
        open_loader(&fix, (hpac_loader_options){.batch_size = 1 + round % 5,
                                                .slot_count = 2 + round % 3,
                                                .workers = 1 + round % 8,
                                                .skip_bad_images = round % 2,
                                                .shuffle = true,
                                                .seed = (uint64_t)round});
        if (round % 10 != 9)
            begin(&fix, 0, 0);
        for (int i = 0; i < round % 4; i++) {
            hpac_batch batch;
            hpac_status status = hpac_loader_next(fix.loader, &batch);
            if (status == HPAC_OK && i != 1) /* one stays out */
                hpac_loader_release(fix.loader, &batch);
            if (i == 1)
                break;
        }
        close_loader(&fix);
    }
    close_folder(&fix);
}

Test(loader, new_epoch_drops_the_one_under_way)
{
    fixture fix;
    open_folder(&fix, 0);
    open_loader(&fix, (hpac_loader_options){
                          .batch_size = 3, .slot_count = 3, .workers = 3, .shuffle = true});
    for (uint32_t round = 0; round < 100; round++) {
        begin(&fix, round, round % 3);
        take_epoch(&fix, round, round % 3, round % 3 + round % 5, NULL, 0);
        if (round % 7 == 0)
            begin(&fix, 1000, 0); /* dropped at once */
    }
    take_whole_epoch(&fix, 5);
    close_loader(&fix);
    close_folder(&fix);
}

static int count_threads(void)
{
    return count_entries("/proc/self/task");
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

Test(loader, threads_are_made_once)
{
    fixture fix;
    open_folder(&fix, 0);
    const hpac_loader_options options = {.batch_size = 2, .slot_count = 3, .workers = 4};
    open_loader(&fix, options); /* a sanitizer makes a thread of its own beside the first */
    close_loader(&fix);
    sleep_ms(20); /* the kernel may list a thread that was joined for a moment */
    int before = count_threads();
    open_loader(&fix, options);
    cr_assert_eq(count_threads(), before + 4);
    for (uint32_t epoch = 0; epoch < 5; epoch++) {
        take_whole_epoch(&fix, epoch);
        cr_assert_eq(count_threads(), before + 4);
    }
    close_loader(&fix);
    for (int i = 0; i < 100 && count_threads() > before; i++)
        sleep_ms(10);
    cr_assert_eq(count_threads(), before);
    close_folder(&fix);
}

/* With all slots full the workers must leave the cores to others. */
Test(loader, workers_sleep_when_slots_are_full)
{
    fixture fix;
    open_folder(&fix, 0);
    open_loader(&fix, (hpac_loader_options){.batch_size = 4, .slot_count = 2, .workers = 8});
    begin(&fix, 0, 0);
    sleep_ms(200);
    double used_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(400);
    used_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - used_ms;
    cr_assert(used_ms < 20, "%g ms of work in 400 ms of waiting", used_ms);
    hpac_batch batch;
    cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
    cr_assert(!(batch.waited_ms > 0), "the batch was ready, yet %g ms were waited",
              batch.waited_ms);
    close_loader(&fix);
    close_folder(&fix);
}

Test(loader, waiting_is_measured)
{
    fixture fix;
    open_folder(&fix, 0);
    open_loader(&fix, (hpac_loader_options){.batch_size = COUNT, .slot_count = 2, .workers = 1});
    double longest_ms = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        begin(&fix, epoch, 0);
        double start_ms = clock_ms(CLOCK_MONOTONIC);
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        double passed_ms = clock_ms(CLOCK_MONOTONIC) - start_ms;
        cr_assert(batch.waited_ms >= 0 && batch.waited_ms <= passed_ms, "%g ms of %g ms",
                  batch.waited_ms, passed_ms);
        if (batch.waited_ms > longest_ms)
            longest_ms = batch.waited_ms;
        hpac_loader_release(fix.loader, &batch);
    }
    cr_assert(longest_ms > 0, "46 files were read and nobody waited");
    close_loader(&fix);
    close_folder(&fix);
}

/* A long random walk through everything at once. */
static void walk_at_random(uint64_t seed, size_t cache_nbytes)
{
    static const size_t bad[] = {1, 12, 13};
    fixture fix;
    open_folder(&fix, cache_nbytes);
    for (size_t i = 0; i < 3; i++)
        truncate_file(picture_path(&fix.folder, bad[i], 0), 40);
    hpac_log_set_level(HPAC_LOG_ERROR);
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 0, 0);
    for (int life = 0; life < 20; life++) {
        open_loader(&fix,
                    (hpac_loader_options){.batch_size = 1 + (int)hpac_random_below(&random, 9),
                                          .slot_count = 2 + (int)hpac_random_below(&random, 5),
                                          .workers = 1 + (int)hpac_random_below(&random, 8),
                                          .shuffle = hpac_random_below(&random, 2),
                                          .drop_last = hpac_random_below(&random, 2),
                                          .seed = seed,
                                          .skip_bad_images = true});
        uint32_t batches = (uint32_t)hpac_loader_batch_count(fix.loader);
        for (int round = 0; round < 15; round++) {
            uint32_t epoch = hpac_random_below(&random, 4);
            size_t first = hpac_random_below(&random, batches + 1);
            size_t stop = hpac_random_below(&random, batches + 3);
            begin(&fix, epoch, first);
            take_epoch(&fix, epoch, first, stop, bad, 3);
        }
        close_loader(&fix);
    }
    close_folder(&fix);
}

Test(loader, stress)
{
    walk_at_random(1, 0);
}

Test(loader, stress_with_the_cache)
{
    walk_at_random(2, 1 << 20);
}
