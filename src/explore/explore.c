/* An exploration on the terminal and as files: tables, plots, panels, page. */
#include "explore_internal.h"

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "render/page.h"
#include "render/plot.h"

#include <fnmatch.h>
#include <string.h>

HPAC_TEMPLATE_FILE(explore, "src_explore_explore_html");
HPAC_TEMPLATE_FILE(item, "src_explore_explore_item_html");

#define ROWS_SHOWN 10 /* of the pairs and the chosen images */

static void print_undefined(const hpac_exploration *found, FILE *stream)
{
    int classes = found->statistics.uncorrelated;
    if (classes > 0)
        fprintf(
            stream,
            "  The correlation of %d class%s with any other is undefined: none of the %zu images\n"
            "  with more than one label has %s, or all do.\n",
            classes, classes == 1 ? "" : "es", found->statistics.multi_images,
            classes == 1 ? "it" : "them");
}

hpac_status hpac_exploration_print(const hpac_explore_options *options,
                                   const hpac_exploration *found, FILE *stream)
{
    for (size_t i = 0; i < found->table_count; i++) {
        const hpac_table *table = &found->tables[i];
        bool pairs = strcmp(table->name, "correlation_pairs") == 0;
        bool cut = pairs || strcmp(table->name, "chosen") == 0;
        if (strcmp(table->name, "correlation") == 0)
            continue;
        fputs(i > 0 ? "\n" : "", stream);
        if (hpac_table_row_count(table) > 0)
            HPAC_TRY(hpac_table_print(table, cut ? ROWS_SHOWN : 0, stream));
        else
            fprintf(stream, "%s: none\n", table->title);
        if (pairs)
            print_undefined(found, stream);
    }
    if (options->test)
        fprintf(stream, "\nThe test directory has %zu image%s, %.1f %% of the %zu %s.\n",
                found->test.images, found->test.images == 1 ? "" : "s", found->test_percent,
                found->train_images,
                options->images ? "in the directory of --images" : "in the label file");
    return HPAC_OK;
}

typedef struct output {
    const hpac_exploration *found;
    const hpac_explore_options *options;
    panel_rows chosen; /* none without a directory of images */
} output;

/* One row per plot: plots/<table>.png, drawn of <table>.csv. */
typedef struct picture {
    const char *table;            /* the table's name, or a pattern */
    const char *needs;            /* not drawn unless this table has rows; NULL: the table itself */
    const char *script;           /* tools/plots/<script>.gp */
    const char *axis, *axis_text; /* a variable of it */
    const char *caption;
} picture;

/* Id, then 0 or 1 per class, in class order. */
static hpac_status write_binarised(const hpac_explore_options *options)
{
    const hpac_labels *labels = options->labels;
    HPAC_AUTO_FREE char *path = hpac_path_join(options->out, "binarised.csv");
    HPAC_TRY_MEMORY(path, strlen(options->out));
    hpac_file file;
    HPAC_TRY(hpac_file_create(&file, path));
    fputs("Id", file.stream);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        fputc(',', file.stream);
        hpac_csv_write_cell(file.stream, hpac_class_names[c]);
    }
    fputc('\n', file.stream);
    for (size_t row = 0; row < labels->count; row++) {
        hpac_csv_write_cell(file.stream, labels->ids[row]);
        for (int c = 0; c < HPAC_CLASS_COUNT; c++)
            fputs(labels->masks[row] >> c & 1 ? ",1" : ",0", file.stream);
        fputc('\n', file.stream);
    }
    return hpac_file_commit(&file);
}

static const picture pictures[] = {
    {"class_counts", NULL, "bars", "axis", "images", "Images per class."},
    {"labels_per_image", NULL, "columns", "yaxis", "percent of the images",
     "Percentage of the images with one, two, ... labels."},
    /* The map has a row per class even when nothing in it is defined. */
    {"correlation", "correlation_pairs", "heatmap", "axis", "Pearson's r",
     "Blue: together more often than by chance; red: less often."},
    {"company_*", NULL, "bars", "axis", "images",
     "Of the images with this class, those with each class."},
};

/* The plot of a table; NULL when it has none or nothing in it. */
static const picture *find_picture(const output *all, const hpac_table *table)
{
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (fnmatch(pictures[i].table, table->name, 0) == 0) {
            const char *needs = pictures[i].needs ? pictures[i].needs : table->name;
            bool drawn = hpac_table_row_count(explore_table(all->found, needs)) > 0;
            return drawn ? &pictures[i] : NULL;
        }
    return NULL;
}

/* Writes <table>.csv and draws it as plots/<table>.png. */
static hpac_status write_table(const output *all, const hpac_table *table)
{
    const char *out = all->options->out;
    const picture *plotted = find_picture(all, table);
    HPAC_TRY(hpac_table_write_csv(table, out, "%s.csv", table->name));
    if (!all->options->plots || !plotted)
        return HPAC_OK;
    HPAC_AUTO_FREE char *csv = hpac_path_join(out, "%s.csv", table->name);
    HPAC_AUTO_FREE char *path = hpac_path_join(out, "plots/%s.png", table->name);
    HPAC_TRY_MEMORY(csv && path, strlen(out));
    HPAC_AUTO(hpac_plot_fini) hpac_plot plot = {0};
    HPAC_TRY(hpac_plot_init(&plot));
    hpac_plot_add_file(&plot, csv, "csv");
    hpac_plot_add_text(&plot, table->title, "title");
    hpac_plot_add_text(&plot, plotted->axis_text, "%s", plotted->axis);
    return hpac_plot_draw(&plot, plotted->script, path);
}

/* A panel of any exploration. */
static bool is_panel(const void *user, const char *name)
{
    (void)user;
    int length = 0;
    (void)sscanf(name, "%*[a-z]_%*[0-9].png%n", &length);
    bool numbered = length > 0 && name[length] == '\0';
    return (numbered && (strncmp(name, "image_", 6) == 0 || strncmp(name, "page_", 5) == 0)) ||
           strcmp(name, "before.png") == 0 || strcmp(name, "after.png") == 0;
}

/* The table whose name with this suffix is the file's, if an exploration has one; sets `*table` to
 * this exploration's, or NULL. */
static bool is_of_table(const output *all, const char *file, const char *suffix,
                        const hpac_table **table)
{
    char name[64];
    size_t length = strcspn(file, ".");
    snprintf(name, sizeof name, "%.*s", (int)length, file);
    *table = explore_table(all->found, name);
    return length < sizeof name && strcmp(file + length, suffix) == 0 &&
           explore_is_table_name(name);
}

/* <table>.csv of an earlier exploration. */
static bool is_old_csv(const void *user, const char *file)
{
    const hpac_table *table;
    return is_of_table(user, file, ".csv", &table) && !table;
}

/* plots/<table>.png of an earlier exploration. */
static bool is_old_plot(const void *user, const char *file)
{
    const output *all = user;
    const hpac_table *table;
    return is_of_table(all, file, ".png", &table) &&
           !(table && all->options->plots && find_picture(all, table));
}

/* Breaks the list of classes at the width of a page of panels; returns the number of lines. */
static int wrap(char *names, ptrdiff_t line_limit)
{
    int lines = 1;
    char *start = names, *gap = NULL;
    for (char *c = names; *c; c++) {
        if (c - start >= line_limit && gap) {
            *gap = '\n';
            start = gap + 1;
            gap = NULL;
            lines++;
        }
        if (*c == ' ' && c > names && c[-1] == ',')
            gap = c;
    }
    return lines;
}

/* The title of an image: its classes, and its Id on a line of its own. Returns the lines. */
static int write_title(const hpac_explore_options *options, size_t row, char *title, size_t nbytes)
{
    hpac_class_list(options->labels->masks[row], title, nbytes);
    size_t limit = options->channels > 2 ? 18 * options->channels : 36; /* panels.gp */
    int lines = 1 + wrap(title, (ptrdiff_t)limit);
    size_t length = strlen(title);
    snprintf(title + length, nbytes - length, "\n%s", options->labels->ids[row]);
    return lines;
}

static size_t page_count(const output *all)
{
    return (all->chosen.count + all->options->page_rows - 1) / all->options->page_rows;
}

/* Draws one page of panels, from 0. */
static hpac_status draw_page(const output *all, const char *directory, size_t page)
{
    const hpac_explore_options *options = all->options;
    size_t first = page * options->page_rows, rows = all->chosen.count - first;
    rows = rows < options->page_rows ? rows : options->page_rows;
    int channels[HPAC_MAX_CHANNELS];
    panel_columns(options, channels);
    HPAC_AUTO(hpac_plot_fini) hpac_plot plot = {0};
    HPAC_TRY(hpac_plot_init(&plot));
    hpac_plot_add_number(&plot, (double)rows, "rows");
    hpac_plot_add_number(&plot, (double)options->channels, "columns");
    for (size_t i = 0; i < options->channels; i++)
        hpac_plot_add_text(&plot, panel_stained[channels[i]], "head%zu", i + 1);
    int lines = 0;
    for (size_t i = 1; i <= rows; i++) {
        char title[HPAC_CLASS_COUNT * 32 + 256];
        int own = write_title(options, all->chosen.rows[first + i - 1], title, sizeof title);
        lines = own > lines ? own : lines;
        HPAC_AUTO_FREE char *file = hpac_path_join(directory, "image_%03zu.png", first + i);
        HPAC_TRY_MEMORY(file, strlen(directory));
        hpac_plot_add_file(&plot, file, "file%zu", i);
        hpac_plot_add_text(&plot, title, "label%zu", i);
    }
    hpac_plot_add_number(&plot, lines, "lines");
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "page_%02zu.png", page + 1);
    HPAC_TRY_MEMORY(path, strlen(directory));
    return hpac_plot_draw(&plot, "panels", path);
}

static hpac_status draw_chosen(output *all, const char *directory)
{
    HPAC_TRY(hpac_directory_create(directory));
    HPAC_TRY(panels_draw(all->options, directory, &all->chosen));
    for (size_t page = 0; all->options->plots && page < page_count(all); page++)
        HPAC_TRY(draw_page(all, directory, page));
    return HPAC_OK;
}

/* Also removes those of an earlier exploration. */
static hpac_status draw_panels(output *all)
{
    const char *out = all->options->out;
    HPAC_AUTO_FREE char *directory = hpac_path_join(out, "panels");
    HPAC_TRY_MEMORY(directory, strlen(out));
    HPAC_TRY(hpac_directory_remove_files(directory, is_panel, NULL));
    if (all->chosen.count > 0)
        HPAC_TRY(draw_chosen(all, directory));
    hpac_directory_remove_empty(directory, strlen(out));
    return HPAC_OK;
}

static void set_labels(hpac_page *page, const output *all)
{
    const hpac_label_statistics *statistics = &all->found->statistics;
    const hpac_table *directories = explore_table(all->found, "folders");
    hpac_page_set(page, "name", "%s", all->options->name);
    hpac_page_set(page, "images", "%zu", statistics->images);
    hpac_page_set(page, "labels", "%zu", statistics->labels);
    hpac_page_set(page, "multi_images", "%zu", statistics->multi_images);
    hpac_page_set_count(page, "uncorrelated", (size_t)statistics->uncorrelated);
    hpac_page_set_count(page, "correlation",
                        hpac_table_row_count(explore_table(all->found, "correlation_pairs")));
    hpac_page_set_count(page, "directories", directories ? hpac_table_row_count(directories) : 0);
    hpac_page_set_count(page, "cooccurring", all->options->cooccurring_count);
    hpac_page_set_count(page, "image_directory", all->options->images != NULL);
    if (!all->options->test)
        return;
    hpac_page_set(page, "test_images", "%zu", all->found->test.images);
    hpac_page_set(page, "test_percent", "%.1f", all->found->test_percent);
    hpac_page_set(page, "train_images", "%zu", all->found->train_images);
}

static void set_panels(hpac_page *page, const output *all)
{
    const hpac_explore_options *options = all->options;
    const panel_rows *chosen = &all->chosen;
    char names[HPAC_CLASS_COUNT * 32], text[256] = ""; /* "green (protein), red (microtubules)" */
    hpac_class_list(explore_wanted(options), names, sizeof names);
    int channels[HPAC_MAX_CHANNELS];
    panel_columns(options, channels);
    for (size_t i = 0, length = 0; i < options->channels && length < sizeof text; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s%s (%s)", i > 0 ? ", " : "",
                             hpac_channel_names[channels[i]], panel_stained[channels[i]]);
    hpac_page_set(page, "panels", "yes");
    hpac_page_set(page, "wanted", "%s", names);
    hpac_page_set(page, "columns", "%s", text);
    hpac_page_set(page, "matching", "%zu", chosen->matching);
    hpac_page_set(page, "shown", "%zu", chosen->count);
    hpac_page_set_count(page, "any_shown", chosen->count);
    hpac_page_set_count(page, "left_out", chosen->left_out);
    if (chosen->count > 0)
        hpac_page_set(page, "first_id", "%s", options->labels->ids[chosen->rows[0]]);
}

static void insert_picture(hpac_page *page, const output *all, const hpac_table *table)
{
    const picture *plotted = find_picture(all, table);
    if (!plotted || !all->options->plots)
        return;
    HPAC_AUTO_FREE char *path = hpac_path_join(all->options->out, "plots/%s.png", table->name);
    hpac_page_picture(page, path, plotted->caption);
}

static void insert_heading(hpac_page *page, const char *heading, bool nobody)
{
    hpac_page_set(page, "heading", "%s", heading);
    hpac_page_set_count(page, "nobody", nobody);
    hpac_page_render(page, HPAC_TEMPLATE(item), NULL, NULL);
}

static void insert_cooccurring(hpac_page *page, const output *all)
{
    for (size_t i = 0; i < all->options->cooccurring_count; i++) {
        const hpac_table *table = explore_table(all->found, all->found->texts[i].name);
        bool nobody = hpac_table_row_count(table) == 0;
        insert_heading(page, hpac_class_names[all->options->cooccurring[i]], nobody);
        insert_picture(page, all, table);
        if (!nobody)
            hpac_page_table(page, table, 0);
    }
}

static void insert_photograph(hpac_page *page, const output *all, const char *title,
                              const char *name)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(all->options->out, "panels/%s", name);
    hpac_page_photograph(page, path, title);
}

static void insert_images(hpac_page *page, const output *all)
{
    const hpac_labels *labels = all->options->labels;
    size_t pages = page_count(all), page_rows = all->options->page_rows;
    for (size_t i = 0; i < all->chosen.count; i++) {
        char name[64], heading[64], classes[HPAC_CLASS_COUNT * 32];
        char title[sizeof classes + 256];
        if (pages > 1 && i % page_rows == 0) {
            snprintf(heading, sizeof heading, "Page %zu of %zu", i / page_rows + 1, pages);
            insert_heading(page, heading, false);
        }
        size_t row = all->chosen.rows[i];
        hpac_class_list(labels->masks[row], classes, sizeof classes);
        snprintf(name, sizeof name, "image_%03zu.png", i + 1);
        snprintf(title, sizeof title, "%s (%s)", classes, labels->ids[row]);
        insert_photograph(page, all, title, name);
    }
}

static void insert(void *user, hpac_page *page, const char *part)
{
    const output *all = user;
    char name[64] = "", after[64];
    snprintf(after, sizeof after, "after: %zu × %zu", all->options->cols, all->options->rows);
    if (sscanf(part, "picture %63s", name) == 1) {
        insert_picture(page, all, explore_table(all->found, name));
    } else if (sscanf(part, "table %63s", name) == 1) { /* and perhaps the most rows */
        hpac_page_table(page, explore_table(all->found, name),
                        strtoul(part + strlen("table ") + strlen(name), NULL, 10));
    } else if (strcmp(part, "cooccurring") == 0) {
        insert_cooccurring(page, all);
    } else if (strcmp(part, "images") == 0) {
        insert_images(page, all);
    } else if (strcmp(part, "before_and_after") == 0) {
        insert_photograph(page, all, "before", "before.png");
        insert_photograph(page, all, after, "after.png");
    }
}

static hpac_status write_page(const output *all)
{
    char title[256];
    snprintf(title, sizeof title, "Exploration of %s", all->options->name);
    HPAC_AUTO_FREE char *path = hpac_path_join(all->options->out, "explore.html");
    HPAC_TRY_MEMORY(path, strlen(all->options->out));
    hpac_page *page;
    HPAC_TRY(hpac_page_create(path, title, &page));
    set_labels(page, all);
    if (all->options->images)
        set_panels(page, all);
    hpac_page_render(page, HPAC_TEMPLATE(explore), insert, (void *)all);
    return hpac_page_commit(page);
}

/* Everything that can be known beforehand. */
static hpac_status check_target(const hpac_explore_options *options)
{
    static const char *const names[] = {"explore.html"};
    if (!options->force)
        HPAC_TRY(hpac_directory_check_free(options->out, names, 1));
    if (options->plots)
        HPAC_TRY(hpac_plot_probe());
    HPAC_TRY(hpac_directory_create(options->out));
    return hpac_directory_probe(options->out);
}

static void output_fini(const output *all)
{
    free(all->chosen.rows);
}

hpac_status hpac_exploration_write(const hpac_explore_options *options,
                                   const hpac_exploration *found)
{
    HPAC_AUTO(output_fini) output all = {.found = found, .options = options};
    HPAC_TRY(check_target(options));
    if (options->images)
        HPAC_TRY(panel_rows_choose(options, &all.chosen));
    HPAC_AUTO_FREE char *plots = hpac_path_join(options->out, "plots");
    HPAC_TRY_MEMORY(plots, strlen(options->out));
    if (options->plots)
        HPAC_TRY(hpac_directory_create(plots));
    for (size_t i = 0; i < found->table_count; i++)
        HPAC_TRY(write_table(&all, &found->tables[i]));
    HPAC_TRY(write_binarised(options));
    HPAC_TRY(draw_panels(&all));
    if (options->force) {
        HPAC_TRY(hpac_directory_remove_files(options->out, is_old_csv, &all));
        HPAC_TRY(hpac_directory_remove_files(plots, is_old_plot, &all));
        hpac_directory_remove_empty(plots, strlen(options->out));
    }
    return write_page(&all);
}
