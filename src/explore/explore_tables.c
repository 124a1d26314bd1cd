/* The counts of an exploration and their tables. */
#include "explore_internal.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static hpac_table *add_table(hpac_exploration *found, const char *name, const char *title,
                             const hpac_column *columns, size_t column_count)
{
    hpac_table *table = &found->tables[found->table_count++];
    hpac_table_init(table, name, title, columns, column_count);
    return table;
}

const hpac_table *explore_table(const hpac_exploration *found, const char *name)
{
    return hpac_tables_find(found->tables, found->table_count, name);
}

uint32_t explore_wanted(const hpac_explore_options *options)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < options->class_count; i++)
        wanted |= UINT32_C(1) << options->classes[i];
    return wanted;
}

static void count_pairs(uint32_t mask, size_t together[HPAC_CLASS_COUNT][HPAC_CLASS_COUNT])
{
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = 0; b < HPAC_CLASS_COUNT; b++)
            together[a][b] += mask >> a & mask >> b & 1;
}

/* All numbers are integers below 2^53, so that a constant column is detected exactly. */
static double correlate(double n, double both, double of_a, double of_b)
{
    double spread = of_a * (n - of_a) * (of_b * (n - of_b));
    return spread > 0 ? (n * both - of_a * of_b) / sqrt(spread) : NAN;
}

void hpac_label_statistics_compute(const hpac_labels *labels, hpac_label_statistics *statistics)
{
    size_t multi[HPAC_CLASS_COUNT][HPAC_CLASS_COUNT] = {0};
    *statistics = (hpac_label_statistics){.images = labels->count};
    for (size_t row = 0; row < labels->count; row++) {
        uint32_t mask = labels->masks[row];
        int count = __builtin_popcount(mask);
        statistics->labels += (size_t)count;
        statistics->images_by_labels[count]++;
        statistics->multi_images += count > 1;
        count_pairs(mask, statistics->together);
        if (count > 1)
            count_pairs(mask, multi);
    }
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = 0; b < HPAC_CLASS_COUNT; b++)
            statistics->correlation[a][b] =
                correlate((double)statistics->multi_images, (double)multi[a][b],
                          (double)multi[a][a], (double)multi[b][b]);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        statistics->uncorrelated += isnan(statistics->correlation[c][c]) != 0;
}

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

static void make_summary(hpac_exploration *found)
{
    const hpac_label_statistics *statistics = &found->statistics;
    static const hpac_column columns[] = {
        HPAC_COLUMN_INTEGER("images", NULL),
        HPAC_COLUMN_INTEGER("labels", NULL),
        HPAC_COLUMN_REAL("labels_per_image", "labels per image", 3),
        HPAC_COLUMN_INTEGER("multi_label_images", "multi-label images"),
        HPAC_COLUMN_INTEGER("classes_carried", "classes present"),
        HPAC_COLUMN_INTEGER("classes_uncorrelated", "without correlation"),
        HPAC_COLUMN_REAL("test_percent", "test images, %", 1)};
    hpac_table_add_row(
        add_table(found, "summary", "Labels", columns, COUNT(columns)),
        HPAC_CELLS(
            HPAC_NUMBER_CELL(statistics->images), HPAC_NUMBER_CELL(statistics->labels),
            HPAC_NUMBER_CELL(percent(statistics->labels, statistics->images) / 100),
            HPAC_NUMBER_CELL(statistics->multi_images), HPAC_NUMBER_CELL(count_present(statistics)),
            HPAC_NUMBER_CELL(statistics->uncorrelated), HPAC_NUMBER_CELL(found->test_percent)));
}

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

/* Adds the classes, most frequent first: all of them with their numbers, or those of any image. */
static void add_ranked(hpac_table *table, const size_t counts[HPAC_CLASS_COUNT], size_t images,
                       bool all)
{
    ranked order[HPAC_CLASS_COUNT];
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        order[c] = (ranked){c, counts[c]};
    qsort(order, HPAC_CLASS_COUNT, sizeof *order, compare_ranked);
    for (int i = 0; i < HPAC_CLASS_COUNT && (all || order[i].count > 0); i++) {
        if (all)
            hpac_table_add_real(table, order[i].number);
        hpac_table_add_row(table, HPAC_CELLS(HPAC_TEXT_CELL(hpac_class_names[order[i].number]),
                                             HPAC_NUMBER_CELL(order[i].count),
                                             HPAC_NUMBER_CELL(percent(order[i].count, images))));
    }
}

static void make_class_counts(hpac_exploration *found)
{
    const hpac_label_statistics *statistics = &found->statistics;
    static const hpac_column columns[] = {
        HPAC_COLUMN_INTEGER("class", NULL), HPAC_COLUMN_TEXT("name", NULL),
        HPAC_COLUMN_INTEGER("images", NULL), HPAC_COLUMN_REAL("percent", NULL, 2)};
    size_t counts[HPAC_CLASS_COUNT];
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        counts[c] = statistics->together[c][c];
    hpac_table *table =
        add_table(found, "class_counts", "Images per class", columns, COUNT(columns));
    add_ranked(table, counts, statistics->images, true);
}

static void make_labels_per_image(hpac_exploration *found)
{
    const hpac_label_statistics *statistics = &found->statistics;
    static const hpac_column columns[] = {HPAC_COLUMN_INTEGER("labels", NULL),
                                          HPAC_COLUMN_INTEGER("images", NULL),
                                          HPAC_COLUMN_REAL("percent", NULL, 2)};
    int most = HPAC_CLASS_COUNT;
    while (most > 0 && statistics->images_by_labels[most] == 0)
        most--;
    hpac_table *table =
        add_table(found, "labels_per_image", "Labels per image", columns, COUNT(columns));
    for (int n = 1; n <= most; n++) {
        size_t images = statistics->images_by_labels[n];
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_NUMBER_CELL(n), HPAC_NUMBER_CELL(images),
                       HPAC_NUMBER_CELL(to_hundredths(percent(images, statistics->images)))));
    }
}

/* "company_rods_rings" */
static void name_company(int number, char name[64])
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
}

bool explore_is_table_name(const char *name)
{
    static const char *const names[] = {"summary",          "class_counts", "labels_per_image",
                                        "correlation",      "folders",      "chosen",
                                        "correlation_pairs"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        char company[64];
        name_company(c, company);
        if (strcmp(company, name) == 0)
            return true;
    }
    return false;
}

/* The classes of the images with the class of this number, the table `index` of its kind. */
static void make_company(hpac_exploration *found, size_t index, int number)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("name", NULL),
                                          HPAC_COLUMN_INTEGER("images", NULL),
                                          HPAC_COLUMN_REAL("percent", NULL, 2)};
    const size_t *counts = found->statistics.together[number];
    char *name = found->texts[index].name, *title = found->texts[index].title;
    name_company(number, name);
    snprintf(title, sizeof found->texts->title, "Classes of the images with %s (%zu image%s)",
             hpac_class_names[number], counts[number], counts[number] == 1 ? "" : "s");
    add_ranked(add_table(found, name, title, columns, COUNT(columns)), counts, counts[number],
               false);
}

static void make_correlation(hpac_exploration *found)
{
    const hpac_label_statistics *statistics = &found->statistics;
    hpac_column columns[HPAC_CLASS_COUNT + 1] = {HPAC_COLUMN_TEXT("name", NULL)};
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        columns[c + 1] = (hpac_column)HPAC_COLUMN_REAL(hpac_class_names[c], NULL, 2);
    hpac_table *table =
        add_table(found, "correlation", "Correlation of the classes", columns, COUNT(columns));
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

static void make_pairs(hpac_exploration *found)
{
    const hpac_label_statistics *statistics = &found->statistics;
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("name", NULL),
                                          HPAC_COLUMN_TEXT("other", NULL),
                                          HPAC_COLUMN_INTEGER("images", "images with both"),
                                          HPAC_COLUMN_REAL("correlation", NULL, 3)};
    pair pairs[HPAC_CLASS_COUNT * HPAC_CLASS_COUNT];
    size_t count = 0;
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = a + 1; b < HPAC_CLASS_COUNT; b++)
            if (isfinite(statistics->correlation[a][b]))
                pairs[count++] = (pair){a, b, statistics->correlation[a][b]};
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    hpac_table *table =
        add_table(found, "correlation_pairs",
                  "Strongest correlations, over the images with more than one label", columns,
                  COUNT(columns));
    for (size_t i = 0; i < count; i++)
        hpac_table_add_row(
            table, HPAC_CELLS(HPAC_TEXT_CELL(hpac_class_names[pairs[i].a]),
                              HPAC_TEXT_CELL(hpac_class_names[pairs[i].b]),
                              HPAC_NUMBER_CELL(statistics->together[pairs[i].a][pairs[i].b]),
                              HPAC_NUMBER_CELL(pairs[i].correlation)));
}

/* The channel of "<Id>_<channel>.png", and the length of the Id; -1: another name. */
static int channel_of(const char *name, size_t *id_length)
{
    const char *gap = strrchr(name, '_');
    *id_length = gap ? (size_t)(gap - name) : strlen(name);
    for (int channel = 0; channel<HPAC_MAX_CHANNELS && * id_length> 0; channel++) {
        size_t own = strlen(hpac_channel_names[channel]);
        if (gap && strncmp(gap + 1, hpac_channel_names[channel], own) == 0 &&
            strcmp(gap + 1 + own, ".png") == 0)
            return channel;
    }
    return -1;
}

/* A regular file, or a link to one, that is not hidden: AppleDouble files ("._<Id>_green.png")
 * have the names of images. */
static bool is_file(int directory, const struct dirent *entry)
{
    struct stat info;
    return entry->d_name[0] != '.' &&
           (entry->d_type == DT_REG ||
            (fstatat(directory, entry->d_name, &info, 0) == 0 && S_ISREG(info.st_mode)));
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Files of one image side by side. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    size_t one, other;
    (void)channel_of((*a)->d_name, &one);
    (void)channel_of((*b)->d_name, &other);
    int order = strncmp((*a)->d_name, (*b)->d_name, one < other ? one : other);
    return order != 0 ? order : (one > other) - (one < other);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

hpac_status hpac_directory_count(const char *path, const hpac_labels *labels,
                                 hpac_directory_census *census)
{
    *census = (hpac_directory_census){0};
    HPAC_AUTO_FREE char **ids = NULL;
    HPAC_TRY_NEW(ids, labels->count + 1);
    memcpy(ids, labels->ids, labels->count * sizeof *ids);
    qsort(ids, labels->count, sizeof *ids, compare_ids);

    struct dirent **entries;
    HPAC_AUTO(hpac_descriptor_close) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = directory < 0 ? -1 : scandirat(directory, ".", &entries, is_entry, compare_entries);
    if (count < 0)
        return hpac_fail_path(HPAC_ERR_DATA, path, "cannot open directory");
    size_t length, channels = 0;
    const char *id = NULL;
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name;
        int channel = is_file(directory, entries[i]) ? channel_of(name, &length) : -1;
        if (channel < 0) {
            census->other_files++;
            continue;
        }
        name[length] = '\0';
        if (!id || strcmp(id, name) != 0) {
            id = name;
            channels = 0;
            census->images++;
            census->labelled +=
                bsearch(&name, ids, labels->count, sizeof *ids, compare_ids) != NULL;
        }
        census->files[channel]++;
        census->complete += ++channels == HPAC_MAX_CHANNELS;
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return HPAC_OK;
}

/* A row; without a path none. */
static void add_directory(hpac_table *table, const char *path, const hpac_directory_census *census)
{
    if (path)
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_TEXT_CELL(path), HPAC_NUMBER_CELL(census->images),
                       HPAC_NUMBER_CELL(census->complete), HPAC_NUMBER_CELL(census->labelled),
                       HPAC_NUMBER_CELL(census->files[0]), HPAC_NUMBER_CELL(census->files[1]),
                       HPAC_NUMBER_CELL(census->files[2]), HPAC_NUMBER_CELL(census->files[3]),
                       HPAC_NUMBER_CELL(census->other_files)));
}

static void make_directories(const hpac_explore_options *options, hpac_exploration *found)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("folder", NULL),
                                          HPAC_COLUMN_INTEGER("images", NULL),
                                          HPAC_COLUMN_INTEGER("complete", "with 4 channels"),
                                          HPAC_COLUMN_INTEGER("labelled", NULL),
                                          HPAC_COLUMN_INTEGER("green", NULL),
                                          HPAC_COLUMN_INTEGER("blue", NULL),
                                          HPAC_COLUMN_INTEGER("red", NULL),
                                          HPAC_COLUMN_INTEGER("yellow", NULL),
                                          HPAC_COLUMN_INTEGER("other_files", "other files")};
    hpac_table *table =
        add_table(found, "folders", "Directories of images", columns, COUNT(columns));
    add_directory(table, options->images, &found->images);
    add_directory(table, options->test, &found->test);
}

static void make_chosen(const hpac_explore_options *options, hpac_exploration *found)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("Id", NULL),
                                          HPAC_COLUMN_TEXT("classes", NULL)};
    const hpac_labels *labels = options->labels;
    hpac_table *table =
        add_table(found, "chosen", "Images with all chosen classes", columns, COUNT(columns));
    uint32_t wanted = explore_wanted(options);
    for (size_t row = 0; row < labels->count; row++) {
        if ((labels->masks[row] & wanted) != wanted)
            continue;
        char names[HPAC_CLASS_COUNT * 32];
        hpac_class_list(labels->masks[row], names, sizeof names);
        hpac_table_add_row(table,
                           HPAC_CELLS(HPAC_TEXT_CELL(labels->ids[row]), HPAC_TEXT_CELL(names)));
    }
}

void hpac_class_list(uint32_t mask, char *text, size_t nbytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (int c = 0; c < HPAC_CLASS_COUNT && length < nbytes; c++)
        if (mask >> c & 1)
            length += (size_t)snprintf(text + length, nbytes - length, "%s%s",
                                       length > 0 ? ", " : "", hpac_class_names[c]);
}

hpac_status hpac_explore(const hpac_explore_options *options, hpac_exploration *found)
{
    const hpac_labels *labels = options->labels;
    *found = (hpac_exploration){.train_images = labels->count, .test_percent = NAN};
    hpac_label_statistics_compute(labels, &found->statistics);
    if (options->images) {
        HPAC_TRY(hpac_directory_count(options->images, labels, &found->images));
        found->train_images = found->images.images;
    }
    if (options->test) {
        HPAC_TRY(hpac_directory_count(options->test, labels, &found->test));
        found->test_percent = percent(found->test.images, found->train_images);
    }
    make_summary(found);
    make_class_counts(found);
    make_labels_per_image(found);
    make_correlation(found);
    make_pairs(found);
    for (size_t i = 0; i < options->cooccurring_count; i++)
        make_company(found, i, options->cooccurring[i]);
    if (options->images || options->test)
        make_directories(options, found);
    if (options->class_count > 0)
        make_chosen(options, found);
    return HPAC_OK;
}

void hpac_exploration_fini(hpac_exploration *found)
{
    for (size_t i = 0; i < found->table_count; i++)
        hpac_table_fini(&found->tables[i]);
    *found = (hpac_exploration){0};
}
