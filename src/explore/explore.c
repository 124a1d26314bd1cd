/* An exploration on the terminal and as files: tables, plots, panels, page. */
#include "explore_internal.h"

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "render/plot.h"

#include <fnmatch.h>
#include <string.h>

/* ---- the terminal ---- */

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
        fprintf(stream, "\nThe test directory has %zu images, %.1f %% of the %zu %s.\n",
                found->test.images, found->test_percent, found->train_images,
                options->images ? "in the directory of --images" : "in the label file");
    return HPAC_OK;
}

/* ---- tables and plots ---- */

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

static const explore_picture pictures[] = {
    {"class_counts", NULL, "bars", "axis", "images", "Images per class."},
    {"labels_per_image", NULL, "columns", "yaxis", "percent of the images",
     "Percentage of the images with one, two, ... labels."},
    /* The map has a row per class even when nothing in it is defined. */
    {"correlation", "correlation_pairs", "heatmap", "axis", "Pearson's r",
     "Blue: together more often than by chance; red: less often."},
    {"company_*", NULL, "bars", "axis", "images",
     "Of the images with this class, those with each class."},
};

const explore_picture *explore_picture_find(const hpac_exploration *found, const hpac_table *table)
{
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (fnmatch(pictures[i].table, table->name, 0) == 0) {
            const char *needs = pictures[i].needs ? pictures[i].needs : table->name;
            bool drawn = hpac_table_row_count(explore_table(found, needs)) > 0;
            return drawn ? &pictures[i] : NULL;
        }
    return NULL;
}

/* Draws <table>.csv as plots/<table>.png. */
static hpac_status draw_table(const hpac_explore_options *options, const hpac_table *table,
                              const explore_picture *picture)
{
    HPAC_AUTO_FREE char *csv = hpac_path_join(options->out, "%s.csv", table->name);
    HPAC_AUTO_FREE char *path = hpac_path_join(options->out, "plots/%s.png", table->name);
    HPAC_TRY_MEMORY(csv && path, strlen(options->out));
    HPAC_AUTO(hpac_plot_fini) hpac_plot plot = {0};
    HPAC_TRY(hpac_plot_init(&plot));
    hpac_plot_add_file(&plot, csv, "csv");
    hpac_plot_add_text(&plot, table->title, "title");
    hpac_plot_add_text(&plot, picture->axis_text, "%s", picture->axis);
    return hpac_plot_draw(&plot, picture->script, path);
}

static hpac_status write_tables(const hpac_explore_options *options, const hpac_exploration *found)
{
    HPAC_AUTO_FREE char *plots = hpac_path_join(options->out, "plots");
    HPAC_TRY_MEMORY(plots, strlen(options->out));
    if (options->plots)
        HPAC_TRY(hpac_directory_create(plots));
    for (size_t i = 0; i < found->table_count; i++) {
        const hpac_table *table = &found->tables[i];
        const explore_picture *picture = explore_picture_find(found, table);
        HPAC_TRY(hpac_table_write_csv(table, options->out, "%s.csv", table->name));
        if (options->plots && picture)
            HPAC_TRY(draw_table(options, table, picture));
    }
    return HPAC_OK;
}

/* ---- pages of panels ---- */

/* image_<n>.png and page_<n>.png of an earlier exploration. */
static bool is_panel(const void *user, const char *name)
{
    (void)user;
    int length = 0;
    (void)sscanf(name, "%*[a-z]_%*[0-9].png%n", &length);
    return (strncmp(name, "image_", 6) == 0 || strncmp(name, "page_", 5) == 0) && length > 0 &&
           name[length] == '\0';
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

/* Draws one page of panels, whose first image is `first`, as the page `number`, from 1. */
static hpac_status draw_page(const hpac_explore_options *options, const char *directory,
                             const panel_rows *chosen, size_t first, size_t number)
{
    size_t rows = chosen->count - first;
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
        int own = write_title(options, chosen->rows[first + i - 1], title, sizeof title);
        lines = own > lines ? own : lines;
        HPAC_AUTO_FREE char *file = hpac_path_join(directory, "image_%03zu.png", first + i);
        HPAC_TRY_MEMORY(file, strlen(directory));
        hpac_plot_add_file(&plot, file, "file%zu", i);
        hpac_plot_add_text(&plot, title, "label%zu", i);
    }
    hpac_plot_add_number(&plot, lines, "lines");
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "page_%02zu.png", number);
    return path ? hpac_plot_draw(&plot, "panels", path) : hpac_fail_memory(strlen(directory));
}

static hpac_status draw_panels(const hpac_explore_options *options, panel_rows *chosen)
{
    HPAC_AUTO_FREE char *directory = hpac_path_join(options->out, "panels");
    HPAC_TRY_MEMORY(directory, strlen(options->out));
    HPAC_TRY(hpac_directory_create(directory));
    HPAC_TRY(hpac_directory_remove_files(directory, is_panel, NULL));
    HPAC_TRY(panels_draw(options, directory, chosen));
    size_t page = 1;
    for (size_t first = 0; options->plots && first < chosen->count; first += options->page_rows)
        HPAC_TRY(draw_page(options, directory, chosen, first, page++));
    return HPAC_OK;
}

/* ---- all of it ---- */

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

static void free_rows(const panel_rows *chosen)
{
    free(chosen->rows);
}

hpac_status hpac_exploration_write(const hpac_explore_options *options,
                                   const hpac_exploration *found)
{
    HPAC_TRY(check_target(options));
    HPAC_AUTO(free_rows) panel_rows chosen = {0};
    if (options->images)
        HPAC_TRY(panel_rows_choose(options, &chosen));
    HPAC_TRY(write_tables(options, found));
    HPAC_TRY(write_binarised(options));
    if (options->images)
        HPAC_TRY(draw_panels(options, &chosen));
    return explore_page_write(options, found, options->images ? &chosen : NULL);
}
