/* Figures compared with pandas', colors with matplotlib's; counting the names in directories. */
#include "base/csv.h"
#include "base/file.h"
#include "explore/explore_internal.h"

#include "picture_directory.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

/* The classes of the golden files: the five of the reference notebooks. */
static const int cooccurring[] = {10, 27, 8, 15, 4};

static const hpac_table *find(const hpac_exploration *found, const char *name)
{
    return hpac_tables_find(found->tables, found->table_count, name);
}

typedef struct golden {
    hpac_exploration found;
    size_t correlations, companions, seen;
} golden;

static void assert_close(double value, double expected, const char *what, const char *row)
{
    cr_assert(fabs(value - expected) <= 1e-12 + 1e-12 * fabs(expected),
              "%s %s: %.17g, pandas %.17g", what, row, value, expected);
}

/* The value of a column in the row of a table in which the first column's cell is `name`. */
static double find_value(const hpac_table *table, size_t key, const char *name, size_t column)
{
    char text[64];
    for (size_t row = 0; row < hpac_table_row_count(table); row++)
        if (strcmp(hpac_table_show(table, row, key, text, sizeof text), name) == 0)
            return hpac_table_cell(table, row, column)->number;
    return NAN;
}

/* A row of the golden file: table, row, column, value. */
static hpac_status compare_row(void *user, const hpac_csv_row *row)
{
    golden *expected = user;
    cr_assert_eq(row->count, 4);
    const char *table = row->cells[0], *name = row->cells[1], *column = row->cells[2];
    double value = strtod(row->cells[3], NULL);
    const hpac_exploration *found = &expected->found;
    expected->seen++;
    if (strcmp(table, "class_counts") == 0) {
        assert_close(find_value(find(found, "class_counts"), 0, name, 2), value, table, name);
    } else if (strcmp(table, "labels_per_image") == 0) {
        size_t place = strcmp(column, "images") == 0 ? 1 : 2;
        assert_close(find_value(find(found, "labels_per_image"), 0, name, place), value, table,
                     name);
    } else if (strcmp(table, "correlation") == 0) {
        size_t a = strtoul(name, NULL, 10), b = strtoul(column, NULL, 10);
        assert_close(hpac_table_cell(find(found, "correlation"), a, b + 1)->number, value, table,
                     name);
        assert_close(hpac_table_cell(find(found, "correlation"), b, a + 1)->number, value, table,
                     name);
        expected->correlations += a == b ? 1 : 2;
    } else if (strcmp(table, "company") == 0) {
        int i = 0;
        while (cooccurring[i] != (int)strtol(name, NULL, 10))
            i++;
        const char *other = hpac_class_names[strtoul(column, NULL, 10)];
        assert_close(find_value(find(found, found->texts[i].name), 0, other, 1), value, table,
                     other);
        expected->companions++;
    } else {
        expected->seen--; /* the header */
    }
    return HPAC_OK;
}

/* Every figure of the golden file is ours, and we have none that it has not. */
static void assert_equals_pandas(const char *labels_path, const char *golden_path)
{
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(labels_path, &labels), HPAC_OK, "%s", hpac_error_message());
    hpac_explore_options options = {.name = "x", .labels = &labels, .cooccurring_count = 5};
    memcpy(options.cooccurring, cooccurring, sizeof cooccurring);
    golden expected = {0};
    cr_assert_eq(hpac_explore(&options, &expected.found), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_csv_read(golden_path, compare_row, &expected), HPAC_OK);
    cr_assert_gt(expected.seen, 100);

    const hpac_exploration *found = &expected.found;
    size_t defined = 0, companions = 0;
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = 0; b < HPAC_CLASS_COUNT; b++)
            defined += isfinite(found->statistics.correlation[a][b]) != 0;
    for (int i = 0; i < 5; i++)
        companions += hpac_table_row_count(find(found, found->texts[i].name));
    cr_assert_eq(defined, expected.correlations);
    cr_assert_eq(companions, expected.companions);
    hpac_exploration_fini(&expected.found);
    hpac_labels_fini(&labels);
}

Test(explore, figures_are_those_of_pandas)
{
    assert_equals_pandas("tests/golden/explore_labels.csv", "tests/golden/explore_small.csv");
}

Test(explore, figures_of_the_real_labels_are_those_of_pandas)
{
    assert_equals_pandas(real_data_or_skip("train.csv"), "tests/golden/explore_real.csv");
}

Test(explore, figures_of_the_real_labels_are_those_of_the_reference_notebooks)
{
    static const size_t counts[HPAC_CLASS_COUNT] = {
        12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53,  45,   28,  1093, 688, 537,
        1066,  21,   530,  210,  902,  1482, 172,  3777, 802, 2965, 322, 8228, 328, 11};
    static const size_t by_labels[] = {0, 15126, 12485, 3160, 299, 2, 0};
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(real_data_or_skip("train.csv"), &labels), HPAC_OK);
    hpac_label_statistics statistics;
    hpac_label_statistics_compute(&labels, &statistics);
    cr_assert_eq(statistics.images, 31072);
    cr_assert_eq(statistics.labels, 50782);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        cr_assert_eq(statistics.together[c][c], counts[c]);
    for (int n = 0; n < 7; n++)
        cr_assert_eq(statistics.images_by_labels[n], by_labels[n]);
    cr_assert_eq(statistics.together[10][9], 28);
    cr_assert_eq(statistics.together[10][6], 11);
    hpac_labels_fini(&labels);
}

Test(explore, a_correlation_that_is_undefined_is_nan_and_an_empty_cell)
{
    const char *path = scratch_write_text("one.csv", "Id,Target\na,0 1\n");
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(path, &labels), HPAC_OK);
    hpac_explore_options options = {.name = "one.csv", .labels = &labels};
    hpac_exploration found;
    cr_assert_eq(hpac_explore(&options, &found), HPAC_OK);
    cr_assert_eq(hpac_table_row_count(find(&found, "correlation_pairs")), 0);
    cr_assert_eq(hpac_table_write_csv(find(&found, "correlation"), scratch_directory(), "c.csv"),
                 HPAC_OK);
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("c.csv"), 1 << 20, &bytes, &nbytes), HPAC_OK);
    cr_assert(
        strstr((char *)bytes, "\nNucleoplasm,,,,,,,,,,,,,,,,,,,,,,,,,,,,\nNuclear membrane,"));
    cr_assert(!strcasestr((char *)bytes, "nan\n") && !strcasestr((char *)bytes, "nan,"));
    free(bytes);
    hpac_exploration_fini(&found);
    hpac_labels_fini(&labels);
}

Test(explore, directories_are_counted_by_their_names)
{
    static const char *const names[] = {"a_green.png",  "a_blue.png",     "a_red.png",
                                        "a_yellow.png", "b_c_green.png",  "_green.png",
                                        "a_green.jpg",  "a_greenish.png", "green.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        scratch_write_text(names[i], "");
    /* What is no file, and a Mac's copies of attributes, are no images. */
    scratch_write_text("._a_green.png", "");
    cr_assert_eq(symlink("nowhere", scratch_path("dangling_green.png")), 0);
    cr_assert_eq(mkdir(scratch_path("directory_green.png"), 0700), 0);
    cr_assert_eq(mkfifo(scratch_path("fifo_green.png"), 0600), 0);
    cr_assert_eq(symlink("a_green.png", scratch_path("a_blue.png.link")), 0);
    char *ids[] = {"x", "b_c", "b", "directory"};
    const hpac_labels labels = {.count = 4, .ids = ids};
    hpac_directory_census census;
    cr_assert_eq(hpac_directory_count(scratch_directory(), &labels, &census), HPAC_OK);
    cr_assert_eq(census.images, 2);
    cr_assert_eq(census.complete, 1);
    cr_assert_eq(census.labelled, 1);
    cr_assert_eq(census.files[0], 2);
    cr_assert_eq(census.files[3], 1);
    cr_assert_eq(census.other_files, 4 + 5);
    cr_assert_eq(hpac_directory_count(scratch_path("none"), &labels, &census), HPAC_ERR_DATA);
}

Test(explore, class_lists_are_cut_to_their_buffer)
{
    char text[HPAC_CLASS_COUNT * 32], small[12];
    hpac_class_list(1u << 27 | 1u << 2, text, sizeof text);
    cr_assert_str_eq(text, "Nucleoli, Rods & rings");
    hpac_class_list(0, text, sizeof text);
    cr_assert_str_eq(text, "");
    hpac_class_list(0xFFFFFFF, text, sizeof text);
    cr_assert(strstr(text, ", Rods & rings"));
    hpac_class_list(1u << 27 | 1u << 2, small, sizeof small);
    cr_assert_str_eq(small, "Nucleoli, R");
}

/* ---- colors ---- */

static hpac_status compare_color(void *user, const hpac_csv_row *row)
{
    static const char *const names[] = {"Greens", "Reds", "Blues", "Oranges"};
    size_t *seen = user;
    for (int map = 0; map < 4; map++) {
        if (strcmp(row->cells[0], names[map]) != 0)
            continue;
        panel_color colors[256];
        panel_colormap_fill((panel_colormap)map, colors);
        const panel_color *own = &colors[strtoul(row->cells[1], NULL, 10)];
        const int values[3] = {own->red, own->green, own->blue};
        /* Fractions that matplotlib loses in its floats make the difference of 1. */
        for (int i = 0; i < 3; i++)
            cr_assert(labs(values[i] - strtol(row->cells[2 + i], NULL, 10)) <= 1, "%s %s",
                      names[map], row->cells[1]);
        ++*seen;
    }
    return HPAC_OK;
}

Test(explore, colors_are_those_of_matplotlib)
{
    size_t seen = 0;
    cr_assert_eq(hpac_csv_read("tests/golden/colormaps.csv", compare_color, &seen), HPAC_OK);
    cr_assert_eq(seen, 4 * 52);
}

/* ---- panels ---- */

/* Reads a PNG by libpng itself, 3 bytes per pixel; the caller's. */
static uint8_t *read_rgb(const char *path, size_t *rows, size_t *cols)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    cr_assert(png_image_begin_read_from_file(&image, path), "%s: %s", path, image.message);
    image.format = PNG_FORMAT_RGB;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    cr_assert(png_image_finish_read(&image, NULL, pixels, 0, NULL), "%s", image.message);
    *rows = image.height;
    *cols = image.width;
    return pixels;
}

static void assert_color(const uint8_t *pixel, panel_colormap map, int value, const char *what)
{
    panel_color colors[256];
    panel_colormap_fill(map, colors);
    const panel_color *wanted = &colors[value];
    cr_assert(pixel[0] == wanted->red && pixel[1] == wanted->green && pixel[2] == wanted->blue,
              "%s: %d %d %d", what, pixel[0], pixel[1], pixel[2]);
}

/* Each channel has two pixels side by side, of its own brightness: stretched to lightest and
 * darkest, the blue one the other way round. The red one is of a single value. */
static void expect_panel(const hpac_explore_options *options, const panel_colormap *maps)
{
    static const int edges[][2] = {[PANEL_GREENS] = {0, 255},
                                   [PANEL_REDS] = {0, 0},
                                   [PANEL_BLUES] = {255, 0},
                                   [PANEL_ORANGES] = {0, 255}};
    hpac_exploration found;
    cr_assert_eq(hpac_explore(options, &found), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_exploration_write(options, &found), HPAC_OK, "%s", hpac_error_message());
    hpac_exploration_fini(&found);
    size_t rows, cols;
    uint8_t *pixels = read_rgb(scratch_path("out/panels/image_001.png"), &rows, &cols);
    cr_assert_eq(rows, 200);
    cr_assert_eq(cols, options->channels * 200 + (options->channels - 1) * 8);
    for (size_t i = 0; i < options->channels; i++) {
        const uint8_t *row = pixels + 3 * 100 * cols + 3 * 208 * i;
        assert_color(row + 3 * 50, maps[i], edges[maps[i]][0], "left");
        assert_color(row + 3 * 150, maps[i], edges[maps[i]][1], "right");
        const uint8_t *above = pixels + 3 * 10 * cols + 3 * 208 * i;
        cr_assert(above[0] == 255 && above[1] == 255 && above[2] == 255);
    }
    free(pixels);
}

Test(explore, a_panel_has_each_channel_in_its_place_and_colors)
{
    static const struct {
        const char *file;
        uint8_t pixels[2];
    } files[] = {{"a_green.png", {10, 30}},
                 {"a_blue.png", {200, 100}},
                 {"a_red.png", {77, 77}},
                 {"a_yellow.png", {0, 255}}};
    for (int i = 0; i < 4; i++)
        write_png(scratch_path(files[i].file), files[i].pixels, 1, 2);
    char *ids[] = {"a"};
    uint32_t masks[] = {1};
    const hpac_labels labels = {.count = 1, .ids = ids, .masks = masks};
    hpac_explore_options options = {.name = "x",
                                    .labels = &labels,
                                    .images = scratch_directory(),
                                    .out = scratch_path("out"),
                                    .channels = 4,
                                    .channel_order = {0, 1, 2, 3},
                                    .page_rows = 1,
                                    .rows = 1,
                                    .cols = 2,
                                    .force = true};
    expect_panel(&options,
                 (const panel_colormap[]){PANEL_GREENS, PANEL_REDS, PANEL_BLUES, PANEL_ORANGES});
    options.channels = 3;
    memcpy(options.channel_order, (const int[]){3, 1, 0}, 3 * sizeof(int));
    expect_panel(&options, (const panel_colormap[]){PANEL_ORANGES, PANEL_BLUES, PANEL_GREENS});
}

/* ---- every column of every table, countable by hand ---- */

static double number_of(const hpac_table *table, size_t row, const char *column)
{
    size_t c = hpac_table_find_column(table, column);
    cr_assert(c < table->column_count && row < hpac_table_row_count(table), "%s: no %s in row %zu",
              table->name, column, row);
    return hpac_table_cell(table, row, c)->number;
}

static const char *text_of(const hpac_table *table, size_t row, const char *column)
{
    (void)number_of(table, row, column);
    return hpac_table_cell(table, row, hpac_table_find_column(table, column))->text;
}

/* Files of the Ids "abcde" of the labels and of others: 7 green, 4 blue, 3 red and 6 yellow ones of
 * 11 images, 2 of them complete; 2 test images; and other files. */
static void write_image_files(void)
{
    static const char *const ids[] = {[0] = "abcdexy", "abcd", "abc", "abzwvu"};
    static const char *const channels[] = {"green", "blue", "red", "yellow"};
    char path[64];
    for (int channel = 0; channel < 4; channel++)
        for (const char *id = ids[channel]; *id; id++) {
            snprintf(path, sizeof path, "images/%c_%s.png", *id, channels[channel]);
            scratch_write_text(path, "");
        }
    scratch_write_text("images/other.txt", "");
    scratch_write_text("test/p_blue.png", "");
    scratch_write_text("test/q_blue.png", "");
}

static const char few_labels[] = "Id,Target\na,0 1\nb,0\nc,0 1 2\nd,27\ne,0 2\n";

static void expect_numbers(const hpac_exploration *found)
{
    const struct {
        const char *table;
        size_t row;
        const char *column;
        double expected;
    } numbers[] = {
        {"summary", 0, "images", 5},
        {"summary", 0, "labels", 9},
        {"summary", 0, "labels_per_image", 1.8},
        {"summary", 0, "multi_label_images", 3},
        {"summary", 0, "classes_carried", 4},
        {"summary", 0, "classes_uncorrelated", 26}, /* all but 1 and 2: class 0 is in all three */
        {"summary", 0, "test_percent", 200 / 11.0},
        {"class_counts", 0, "class", 0},
        {"class_counts", 0, "images", 4},
        {"class_counts", 0, "percent", 80},
        {"class_counts", 3, "class", 27},
        {"class_counts", 3, "images", 1},
        {"class_counts", 3, "percent", 20},
        {"labels_per_image", 2, "labels", 3},
        {"labels_per_image", 2, "images", 1},
        {"labels_per_image", 2, "percent", 20},
        {"correlation", 1, "Nucleoli", -0.5}, /* (3 * 1 - 2 * 2) / sqrt(2 * 1 * 2 * 1) */
        {"correlation_pairs", 0, "images", 1},
        {"correlation_pairs", 0, "correlation", -0.5},
        {"company_nuclear_membrane", 2, "images", 1},
        {"company_nuclear_membrane", 2, "percent", 50},
        {"folders", 0, "images", 11},
        {"folders", 0, "complete", 2},
        {"folders", 0, "labelled", 5},
        {"folders", 0, "green", 7},
        {"folders", 0, "blue", 4},
        {"folders", 0, "red", 3},
        {"folders", 0, "yellow", 6},
        {"folders", 0, "other_files", 1},
        {"folders", 1, "images", 2},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cr_expect(fabs(number_of(find(found, numbers[i].table), numbers[i].row, numbers[i].column) -
                       numbers[i].expected) <= 1e-12,
                  "%s, %s: %.12g, expected %.12g", numbers[i].table, numbers[i].column,
                  number_of(find(found, numbers[i].table), numbers[i].row, numbers[i].column),
                  numbers[i].expected);
}

static void expect_texts(const hpac_exploration *found, const char *test)
{
    const struct {
        const char *table;
        size_t row;
        const char *column, *expected;
    } texts[] = {
        {"class_counts", 3, "name", "Rods & rings"},
        {"correlation_pairs", 0, "name", "Nuclear membrane"},
        {"correlation_pairs", 0, "other", "Nucleoli"},
        {"company_nuclear_membrane", 2, "name", "Nucleoli"},
        {"folders", 1, "folder", test},
        {"chosen", 1, "Id", "c"},
        {"chosen", 1, "classes", "Nucleoplasm, Nuclear membrane, Nucleoli"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_str_eq(text_of(find(found, texts[i].table), texts[i].row, texts[i].column),
                         texts[i].expected);
}

Test(explore, each_column_is_what_can_be_counted)
{
    cr_assert_eq(hpac_directory_create(scratch_path("images")), HPAC_OK);
    cr_assert_eq(hpac_directory_create(scratch_path("test")), HPAC_OK);
    write_image_files();
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(scratch_write_text("few.csv", few_labels), &labels), HPAC_OK);
    const hpac_explore_options options = {.name = "few.csv",
                                          .labels = &labels,
                                          .images = scratch_path("images"),
                                          .test = scratch_path("test"),
                                          .classes = {1},
                                          .class_count = 1,
                                          .cooccurring = {1},
                                          .cooccurring_count = 1};
    hpac_exploration found;
    cr_assert_eq(hpac_explore(&options, &found), HPAC_OK, "%s", hpac_error_message());
    expect_numbers(&found);
    expect_texts(&found, options.test);
    cr_assert_eq(hpac_table_row_count(find(&found, "chosen")), 2);
    hpac_exploration_fini(&found);
    hpac_labels_fini(&labels);
}

static char *read_scratch(const char *name)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path(name), 1 << 20, &bytes, &nbytes), HPAC_OK);
    return (char *)bytes;
}

Test(explore, the_page_has_each_number_in_its_sentence_and_column)
{
    static const char *const parts[] = {
        "<title>Exploration of few.csv</title>",
        "<p>few.csv: 5 images with 9 labels; 3 images have more than one label.</p>",
        "over the 3 images with more than one label",
        "It is undefined for 26 classes",
        "The test directory has 2 images, 40.0 % of the 5\nin the label file",
        "<h3>Nuclear membrane</h3>",
        "<h3>Cytosol</h3>\n<p>No image has Cytosol.</p>",
        /* The tables: images per class, labels per image, correlations, co-occurring classes and
         * directories. */
        "<tr><td class=\"number\">0</td><td>Nucleoplasm</td><td class=\"number\">4</td><td "
        "class=\"number\">80.00</td></tr>",
        "<tr><td class=\"number\">27</td><td>Rods &amp; rings</td><td class=\"number\">1</td><td "
        "class=\"number\">20.00</td></tr>",
        "<tr><td class=\"number\">3</td><td class=\"number\">1</td><td "
        "class=\"number\">20.00</td></tr>",
        "<tr><td>Nuclear membrane</td><td>Nucleoli</td><td class=\"number\">1</td><td "
        "class=\"number\">-0.500</td></tr>",
        "<tr><td>Nucleoplasm</td><td class=\"number\">2</td><td class=\"number\">100.00</td></tr>",
        "<tr><td>Nucleoli</td><td class=\"number\">1</td><td class=\"number\">50.00</td></tr>",
        "</td><td class=\"number\">2</td><td class=\"number\">0</td><td class=\"number\">0</td>"
        "<td class=\"number\">0</td><td class=\"number\">2</td><td class=\"number\">0</td>"
        "<td class=\"number\">0</td><td class=\"number\">0</td></tr>",
    };
    cr_assert_eq(hpac_directory_create(scratch_path("test")), HPAC_OK);
    scratch_write_text("test/p_blue.png", "");
    scratch_write_text("test/q_blue.png", "");
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(scratch_write_text("few.csv", few_labels), &labels), HPAC_OK);
    const hpac_explore_options options = {.name = "few.csv",
                                          .labels = &labels,
                                          .test = scratch_path("test"),
                                          .cooccurring = {1, 25},
                                          .cooccurring_count = 2,
                                          .out = scratch_path("out"),
                                          .page_rows = 1};
    hpac_exploration found;
    cr_assert_eq(hpac_explore(&options, &found), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_exploration_write(&options, &found), HPAC_OK, "%s", hpac_error_message());
    char *page = read_scratch("out/explore.html"), *binarised = read_scratch("out/binarised.csv");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(strstr(page, parts[i]), "expected in the page: %s\n%s", parts[i],
                  strstr(page, "<body>"));
    cr_expect(strstr(binarised, "Id,Nucleoplasm,Nuclear membrane,Nucleoli,"));
    cr_expect(strstr(binarised, "\ne,1,0,1,0,0,"));
    cr_expect(strstr(binarised, "\nd,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1\n"));
    free(page);
    free(binarised);
    hpac_exploration_fini(&found);
    hpac_labels_fini(&labels);
}
