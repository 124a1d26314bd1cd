/* Writing an exploration: tables, plots, panels, page. */
#include "explore_internal.h"

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "render/plot.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *explore_path(const hpac_explore_options *options, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *path = hpac_path_join_list(options->folder, format, arguments);
    va_end(arguments);
    return path;
}

uint32_t explore_wanted(const hpac_explore_options *options)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < options->class_count; i++)
        wanted |= UINT32_C(1) << options->classes[i];
    return wanted;
}

/* Makes a directory in that of the exploration. */
static hpac_status create_directory(const hpac_explore_options *options, const char *name)
{
    char *path = explore_path(options, "%s", name);
    hpac_status status = path ? hpac_directory_create(path) : hpac_fail_memory(1);
    free(path);
    return status;
}

/* ---- tables ---- */

static hpac_status write_table(const hpac_explore_options *options, const hpac_table *table)
{
    return hpac_table_write_csv(table, options->folder, "%s.csv", table->name);
}

static hpac_status write_tables(const hpac_explore_options *options, const hpac_exploration *found)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(options, found, tables);
    for (size_t i = 0; i < count; i++)
        HPAC_TRY(write_table(options, tables[i]));
    return HPAC_OK;
}

/* Id, then 0 or 1 per class, in class order. */
static hpac_status write_binarised(const hpac_explore_options *options)
{
    char *path = explore_path(options, "binarised.csv");
    if (!path)
        return hpac_fail_memory(1);
    hpac_file file;
    hpac_status status = hpac_file_create(&file, path);
    free(path);
    HPAC_TRY(status);
    fputs("Id", file.stream);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        fputc(',', file.stream);
        hpac_csv_write_cell(file.stream, hpac_class_names[c]);
    }
    fputc('\n', file.stream);
    for (size_t row = 0; row < options->labels->count; row++) {
        hpac_csv_write_cell(file.stream, options->labels->ids[row]);
        for (int c = 0; c < HPAC_CLASS_COUNT; c++)
            fputs(options->labels->masks[row] >> c & 1 ? ",1" : ",0", file.stream);
        fputc('\n', file.stream);
    }
    return hpac_file_commit(&file);
}

/* ---- plots ---- */

static const explore_picture pictures[] = {
    {"class_counts", "bars", "axis", "images", "Images per class."},
    {"labels_per_image", "columns", "yaxis", "percent of the images",
     "Percentage of the images with one, two, ... labels."},
    {"correlation", "heatmap", "axis", "Pearson's r",
     "Blue: together more often than by chance; red: less often."},
    {"company_", "bars", "axis", "images", "Of the images with this class, those with each class."},
};

const explore_picture *explore_picture_find(const hpac_exploration *found, const hpac_table *table)
{
    /* The map has a row per class even when nothing in it is defined. */
    const hpac_table *rows = table == &found->correlation ? &found->correlation_pairs : table;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures && rows; i++)
        if (strncmp(table->name, pictures[i].table, strlen(pictures[i].table)) == 0 &&
            table != &found->correlation_pairs && hpac_table_row_count(rows) > 0)
            return &pictures[i];
    return NULL;
}

/* Draws <table>.csv as plots/<table>.png. */
static hpac_status draw_table(const hpac_explore_options *options, const hpac_table *table,
                              const explore_picture *picture)
{
    HPAC_AUTO_FREE char *csv = explore_path(options, "%s.csv", table->name);
    HPAC_AUTO_FREE char *path = explore_path(options, "plots/%s.png", table->name);
    if (!csv || !path)
        return hpac_fail_memory(strlen(table->name));
    HPAC_AUTO(hpac_plot_fini) hpac_plot plot = {0};
    HPAC_TRY(hpac_plot_init(&plot));
    hpac_plot_add_file(&plot, csv, "csv");
    hpac_plot_add_text(&plot, table->title, "title");
    hpac_plot_add_text(&plot, picture->axis_text, "%s", picture->axis);
    return hpac_plot_draw(&plot, picture->script, path);
}

static hpac_status draw_plots(const hpac_explore_options *options, const hpac_exploration *found)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(options, found, tables);
    HPAC_TRY(create_directory(options, "plots"));
    for (size_t i = 0; i < count; i++) {
        const explore_picture *picture = explore_picture_find(found, tables[i]);
        if (picture)
            HPAC_TRY(draw_table(options, tables[i], picture));
    }
    return HPAC_OK;
}

/* ---- pages of panels ---- */

#define PAGE_ROWS_MAX 100

/* Pictures of an earlier exploration, of which there may be more than there will be now. */
static void remove_pictures(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        int length = 0;
        (void)sscanf(entry->d_name, "%*[a-z]_%*[0-9].png%n", &length);
        bool ours =
            strncmp(entry->d_name, "image_", 6) == 0 || strncmp(entry->d_name, "page_", 5) == 0;
        if (ours && length > 0 && entry->d_name[length] == '\0')
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
}

/* Breaks the list of classes at the width of a page of panels; returns the number of lines. */
static int wrap(char *names, size_t line_limit)
{
    int lines = 1;
    char *start = names, *gap = NULL;
    for (char *c = names; *c; c++) {
        if ((size_t)(c - start) >= line_limit && gap) {
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
    size_t limit = options->channels > 2 ? 18 * (size_t)options->channels : 36; /* panels.gp */
    int lines = 1 + wrap(title, limit);
    size_t length = strlen(title);
    snprintf(title + length, nbytes - length, "\n%s", options->labels->ids[row]);
    return lines;
}

/* Draws one page of panels, page from 1. */
static hpac_status draw_page(const hpac_explore_options *options, const panel_rows *chosen,
                             size_t page)
{
    size_t first = (page - 1) * (size_t)options->page_rows;
    size_t rows = chosen->count - first;
    rows = rows < (size_t)options->page_rows ? rows : (size_t)options->page_rows;
    HPAC_AUTO(hpac_plot_fini) hpac_plot plot = {0};
    HPAC_TRY(hpac_plot_init(&plot));
    panel_column columns[PANEL_CHANNELS];
    panel_columns(options, columns);
    hpac_plot_add_number(&plot, (double)rows, "rows");
    hpac_plot_add_number(&plot, options->channels, "columns");
    for (int i = 0; i < options->channels; i++)
        hpac_plot_add_text(&plot, columns[i].stained, "head%d", i + 1);
    int lines = 0;
    for (size_t i = 1; i <= rows; i++) {
        char title[HPAC_CLASS_COUNT * 32 + 256];
        int own = write_title(options, chosen->rows[first + i - 1], title, sizeof title);
        lines = own > lines ? own : lines;
        HPAC_AUTO_FREE char *file = explore_path(options, "panels/image_%03zu.png", first + i);
        HPAC_TRY_MEMORY(file, 1);
        hpac_plot_add_file(&plot, file, "file%zu", i);
        hpac_plot_add_text(&plot, title, "label%zu", i);
    }
    hpac_plot_add_number(&plot, lines, "lines");
    HPAC_AUTO_FREE char *path = explore_path(options, "panels/page_%02zu.png", page);
    HPAC_TRY_MEMORY(path, 1);
    return hpac_plot_draw(&plot, "panels", path);
}

static hpac_status draw_panels(const hpac_explore_options *options, panel_rows *chosen)
{
    HPAC_TRY(create_directory(options, "panels"));
    char *folder = explore_path(options, "panels");
    if (!folder)
        return hpac_fail_memory(1);
    remove_pictures(folder);
    hpac_status status = panels_draw(options, folder, chosen);
    free(folder);
    HPAC_TRY(status);
    size_t page_rows = (size_t)options->page_rows;
    size_t pages = options->plots ? (chosen->count + page_rows - 1) / page_rows : 0;
    for (size_t page = 1; page <= pages; page++)
        HPAC_TRY(draw_page(options, chosen, page));
    return HPAC_OK;
}

/* ---- all of it ---- */

/* Everything that can be known beforehand. */
static hpac_status check_target(const hpac_explore_options *options)
{
    static const char *const names[] = {"explore.html"};
    if (options->page_rows < 1 || options->page_rows > PAGE_ROWS_MAX || options->pages < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%d images per page, expected an integer in [1, %d]",
                         options->page_rows, PAGE_ROWS_MAX);
    if (!options->force)
        HPAC_TRY(hpac_directory_check_free(options->folder, names, 1));
    if (options->plots)
        HPAC_TRY(hpac_plot_probe());
    HPAC_TRY(hpac_directory_create(options->folder));
    return hpac_directory_probe(options->folder);
}

static hpac_status write_all(const hpac_explore_options *options, const hpac_exploration *found,
                             panel_rows *chosen)
{
    if (options->images)
        HPAC_TRY(panel_rows_choose(options, chosen));
    HPAC_TRY(write_tables(options, found));
    HPAC_TRY(write_binarised(options));
    if (options->plots)
        HPAC_TRY(draw_plots(options, found));
    if (options->images)
        HPAC_TRY(draw_panels(options, chosen));
    return explore_page_write(options, found, options->images ? chosen : NULL);
}

hpac_status hpac_exploration_write(const hpac_explore_options *options,
                                   const hpac_exploration *found)
{
    HPAC_TRY(check_target(options));
    panel_rows chosen = {0};
    hpac_status status = write_all(options, found, &chosen);
    free(chosen.rows);
    return status;
}
