/* The tables of an exploration. */
#include "explore_internal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double percent(size_t part, size_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : NAN;
}

/* numpy.round(x, 2), as the reference notebooks round their percentages. */
static double to_hundredths(double value)
{
    return rint(value * 100) / 100;
}

static int count_present(const hpac_label_statistics *statistics)
{
    int present = 0;
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        present += statistics->together[c][c] > 0;
    return present;
}

static void make_summary(const hpac_exploration *found, hpac_table *table)
{
    const hpac_label_statistics *statistics = &found->statistics;
    static const hpac_column columns[] = {
        HPAC_COLUMN_INTEGER("images", NULL),
        HPAC_COLUMN_INTEGER("labels", NULL),
        HPAC_COLUMN_REAL("labels_per_image", "labels per image", 3),
        HPAC_COLUMN_INTEGER("multi_label_images", "multi-label images"),
        HPAC_COLUMN_INTEGER("classes_carried", "classes present"),
        HPAC_COLUMN_INTEGER("classes_uncorrelated", "without correlation"),
        HPAC_COLUMN_REAL("test_percent", "test images, %", 1),
    };
    hpac_table_init(table, "summary", "Labels", columns, 7);
    hpac_table_add_row(
        table,
        HPAC_CELLS(
            HPAC_NUMBER_CELL(statistics->images), HPAC_NUMBER_CELL(statistics->labels),
            HPAC_NUMBER_CELL(percent(statistics->labels, statistics->images) / 100),
            HPAC_NUMBER_CELL(statistics->multi_images), HPAC_NUMBER_CELL(count_present(statistics)),
            HPAC_NUMBER_CELL(statistics->uncorrelated), HPAC_NUMBER_CELL(found->test_percent)));
}

/* ---- counts per class ---- */

typedef struct ranked {
    int number;
    size_t count;
} ranked;

/* By falling count; among equals by class number. */
static int compare_ranked(const void *a, const void *b)
{
    const ranked *one = a, *two = b;
    if (one->count != two->count)
        return one->count < two->count ? 1 : -1;
    return one->number - two->number;
}

static void rank_classes(const size_t counts[HPAC_CLASS_COUNT], ranked order[HPAC_CLASS_COUNT])
{
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        order[c] = (ranked){c, counts[c]};
    qsort(order, HPAC_CLASS_COUNT, sizeof *order, compare_ranked);
}

static void make_class_counts(const hpac_label_statistics *statistics, hpac_table *table)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_INTEGER("class", NULL),
        HPAC_COLUMN_TEXT("name", NULL),
        HPAC_COLUMN_INTEGER("images", NULL),
        HPAC_COLUMN_REAL("percent", NULL, 2),
    };
    size_t counts[HPAC_CLASS_COUNT];
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        counts[c] = statistics->together[c][c];
    ranked order[HPAC_CLASS_COUNT];
    rank_classes(counts, order);
    hpac_table_init(table, "class_counts", "Images per class", columns, 4);
    for (int i = 0; i < HPAC_CLASS_COUNT; i++)
        hpac_table_add_row(
            table, HPAC_CELLS(HPAC_NUMBER_CELL(order[i].number),
                              HPAC_TEXT_CELL(hpac_class_names[order[i].number]),
                              HPAC_NUMBER_CELL(order[i].count),
                              HPAC_NUMBER_CELL(percent(order[i].count, statistics->images))));
}

static void make_labels_per_image(const hpac_label_statistics *statistics, hpac_table *table)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_INTEGER("labels", NULL),
        HPAC_COLUMN_INTEGER("images", NULL),
        HPAC_COLUMN_REAL("percent", NULL, 2),
    };
    int most = HPAC_CLASS_COUNT;
    while (most > 0 && statistics->images_by_labels[most] == 0)
        most--;
    hpac_table_init(table, "labels_per_image", "Labels per image", columns, 3);
    for (int n = 1; n <= most; n++) {
        size_t images = statistics->images_by_labels[n];
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_NUMBER_CELL(n), HPAC_NUMBER_CELL(images),
                       HPAC_NUMBER_CELL(to_hundredths(percent(images, statistics->images)))));
    }
}

/* `name` and `title` are the table's to keep. */
static void make_company(const hpac_label_statistics *statistics, int number, const char *name,
                         const char *title, hpac_table *table)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("name", NULL),
        HPAC_COLUMN_INTEGER("images", NULL),
        HPAC_COLUMN_REAL("percent", NULL, 2),
    };
    size_t all = statistics->together[number][number];
    ranked order[HPAC_CLASS_COUNT];
    rank_classes(statistics->together[number], order);
    hpac_table_init(table, name, title, columns, 3);
    for (int i = 0; i < HPAC_CLASS_COUNT && order[i].count > 0; i++)
        hpac_table_add_row(table, HPAC_CELLS(HPAC_TEXT_CELL(hpac_class_names[order[i].number]),
                                             HPAC_NUMBER_CELL(order[i].count),
                                             HPAC_NUMBER_CELL(percent(order[i].count, all))));
}

/* "company_rods_rings" and "Classes of the images with Rods & rings (11 images)". */
static void name_company(const hpac_label_statistics *statistics, int number, char name[64],
                         char title[128])
{
    size_t length = (size_t)snprintf(name, 64, "company");
    bool gap = true;
    for (const char *c = hpac_class_names[number]; *c && length < 62; c++) {
        bool word = isalnum((unsigned char)*c);
        if (word && gap)
            name[length++] = '_';
        if (word)
            name[length++] = (char)tolower((unsigned char)*c);
        gap = !word;
    }
    name[length] = '\0';
    snprintf(title, 128, "Classes of the images with %s (%zu images)", hpac_class_names[number],
             statistics->together[number][number]);
}

/* ---- correlation ---- */

static void make_correlation(const hpac_label_statistics *statistics, hpac_table *table)
{
    hpac_column columns[HPAC_CLASS_COUNT + 1] = {HPAC_COLUMN_TEXT("name", NULL)};
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        columns[c + 1] = (hpac_column)HPAC_COLUMN_REAL(hpac_class_names[c], NULL, 2);
    hpac_table_init(table, "correlation", "Correlation of the classes", columns,
                    HPAC_CLASS_COUNT + 1);
    for (int a = 0; a < HPAC_CLASS_COUNT; a++) {
        hpac_table_add_text(table, hpac_class_names[a]);
        for (int b = 0; b < HPAC_CLASS_COUNT; b++)
            hpac_table_add_real(table, statistics->correlation[a][b]);
    }
}

typedef struct pair {
    int a, b;
    double correlation;
} pair;

/* Strongest first, of either sign; among equals in class order. */
static int compare_pairs(const void *a, const void *b)
{
    const pair *one = a, *two = b;
    double difference = fabs(two->correlation) - fabs(one->correlation);
    if (difference != 0)
        return difference > 0 ? 1 : -1;
    return one->a != two->a ? one->a - two->a : one->b - two->b;
}

static void make_pairs(const hpac_label_statistics *statistics, hpac_table *table)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("name", NULL),
        HPAC_COLUMN_TEXT("other", NULL),
        HPAC_COLUMN_INTEGER("images", "images with both"),
        HPAC_COLUMN_REAL("correlation", NULL, 3),
    };
    pair pairs[HPAC_CLASS_COUNT * HPAC_CLASS_COUNT];
    size_t count = 0;
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = a + 1; b < HPAC_CLASS_COUNT; b++)
            if (isfinite(statistics->correlation[a][b]))
                pairs[count++] = (pair){a, b, statistics->correlation[a][b]};
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    hpac_table_init(table, "correlation_pairs",
                    "Strongest correlations, over the images with more than one label", columns, 4);
    for (size_t i = 0; i < count; i++)
        hpac_table_add_row(
            table, HPAC_CELLS(HPAC_TEXT_CELL(hpac_class_names[pairs[i].a]),
                              HPAC_TEXT_CELL(hpac_class_names[pairs[i].b]),
                              HPAC_NUMBER_CELL(statistics->together[pairs[i].a][pairs[i].b]),
                              HPAC_NUMBER_CELL(pairs[i].correlation)));
}

/* ---- directories and chosen images ---- */

/* Does nothing without a path. */
static hpac_status add_folder(const char *path, const hpac_labels *labels,
                              hpac_directory_census *census, hpac_table *table)
{
    if (!path)
        return HPAC_OK;
    HPAC_TRY(hpac_directory_count(path, labels, census));
    hpac_table_add_row(
        table, HPAC_CELLS(HPAC_TEXT_CELL(path), HPAC_NUMBER_CELL(census->images),
                          HPAC_NUMBER_CELL(census->complete), HPAC_NUMBER_CELL(census->labelled),
                          HPAC_NUMBER_CELL(census->files[0]), HPAC_NUMBER_CELL(census->files[1]),
                          HPAC_NUMBER_CELL(census->files[2]), HPAC_NUMBER_CELL(census->files[3]),
                          HPAC_NUMBER_CELL(census->other_files)));
    return HPAC_OK;
}

static hpac_status make_folders(const hpac_explore_options *options, hpac_exploration *found)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("folder", NULL),
        HPAC_COLUMN_INTEGER("images", NULL),
        HPAC_COLUMN_INTEGER("complete", "with 4 channels"),
        HPAC_COLUMN_INTEGER("labelled", NULL),
        HPAC_COLUMN_INTEGER("green", NULL),
        HPAC_COLUMN_INTEGER("blue", NULL),
        HPAC_COLUMN_INTEGER("red", NULL),
        HPAC_COLUMN_INTEGER("yellow", NULL),
        HPAC_COLUMN_INTEGER("other_files", "other files"),
    };
    hpac_table_init(&found->folders, "folders", "Directories of images", columns, 9);
    HPAC_TRY(add_folder(options->images, options->labels, &found->images, &found->folders));
    return add_folder(options->test, options->labels, &found->test, &found->folders);
}

static void make_chosen(const hpac_explore_options *options, hpac_table *table)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("Id", NULL),
        HPAC_COLUMN_TEXT("classes", NULL),
    };
    hpac_table_init(table, "chosen", "Images with all chosen classes", columns, 2);
    uint32_t wanted = explore_wanted(options);
    for (size_t row = 0; row < options->labels->count && options->class_count > 0; row++) {
        if ((options->labels->masks[row] & wanted) != wanted)
            continue;
        char names[HPAC_CLASS_COUNT * 32];
        hpac_class_list(options->labels->masks[row], names, sizeof names);
        hpac_table_add_row(
            table, HPAC_CELLS(HPAC_TEXT_CELL(options->labels->ids[row]), HPAC_TEXT_CELL(names)));
    }
}

/* ---- the interface ---- */

void hpac_class_list(uint32_t mask, char *text, size_t nbytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        if (!(mask >> c & 1))
            continue;
        int added = snprintf(text + length, nbytes - length, "%s%s", length > 0 ? ", " : "",
                             hpac_class_names[c]);
        length += (size_t)added;
        if (length >= nbytes)
            return;
    }
}

hpac_status hpac_explore(const hpac_explore_options *options, hpac_exploration *found)
{
    *found = (hpac_exploration){.company_count = options->company_count};
    hpac_label_statistics_compute(options->labels, &found->statistics);
    make_class_counts(&found->statistics, &found->class_counts);
    make_labels_per_image(&found->statistics, &found->labels_per_image);
    make_correlation(&found->statistics, &found->correlation);
    make_pairs(&found->statistics, &found->correlation_pairs);
    for (size_t i = 0; i < options->company_count; i++) {
        char *name = found->company_texts[i].name, *title = found->company_texts[i].title;
        name_company(&found->statistics, options->company[i], name, title);
        make_company(&found->statistics, options->company[i], name, title, &found->company[i]);
    }
    make_chosen(options, &found->chosen);
    hpac_status status = make_folders(options, found);
    found->train_images = options->images ? found->images.images : options->labels->count;
    found->test_percent = options->test ? percent(found->test.images, found->train_images) : NAN;
    make_summary(found, &found->summary);
    if (status != HPAC_OK)
        hpac_exploration_fini(found);
    return status;
}

void hpac_exploration_fini(hpac_exploration *found)
{
    hpac_table_fini(&found->summary);
    hpac_table_fini(&found->class_counts);
    hpac_table_fini(&found->labels_per_image);
    hpac_table_fini(&found->correlation);
    hpac_table_fini(&found->correlation_pairs);
    for (size_t i = 0; i < found->company_count; i++)
        hpac_table_fini(&found->company[i]);
    hpac_table_fini(&found->folders);
    hpac_table_fini(&found->chosen);
    *found = (hpac_exploration){0};
}

size_t hpac_exploration_tables(const hpac_explore_options *options, const hpac_exploration *found,
                               const hpac_table **tables)
{
    size_t count = 0;
    tables[count++] = &found->summary;
    tables[count++] = &found->class_counts;
    tables[count++] = &found->labels_per_image;
    tables[count++] = &found->correlation;
    tables[count++] = &found->correlation_pairs;
    for (size_t i = 0; i < found->company_count; i++)
        tables[count++] = &found->company[i];
    if (options->images || options->test)
        tables[count++] = &found->folders;
    if (options->class_count > 0)
        tables[count++] = &found->chosen;
    return count;
}
