/* Writing an exploration: tables, plots, panels, page. */
#include "explore_internal.h"

#include "base/csv.h"
#include "base/file.h"
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

/* ---- tables ---- */

static hpac_status write_tables(const hpac_explore_options *options, const hpac_exploration *found)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(options, found, tables);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < count && status == HPAC_OK; i++) {
        char *path = explore_path(options, "%s.csv", tables[i]->name);
        status = path ? hpac_table_write_csv(tables[i], path) : hpac_fail_memory(1);
        free(path);
    }
    return status;
}

/* Id, then 0 or 1 a class, in class order. */
static hpac_status write_binarised(const hpac_explore_options *options)
{
    char *path = explore_path(options, "binarised.csv");
    if (!path)
        return hpac_fail_memory(1);
    hpac_file file;
    hpac_status status = hpac_file_create(&file, path);
    free(path);
    if (status != HPAC_OK)
        return status;
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

/* Draws <script> of <table>.csv into plots/<table>.png. */
static hpac_status draw_table(const hpac_explore_options *options, const hpac_table *table,
                              const char *script, const char *axis_name, const char *axis)
{
    char *csv = explore_path(options, "%s.csv", table->name);
    char *path = explore_path(options, "plots/%s.png", table->name);
    hpac_status status = HPAC_OK;
    if (csv && path) {
        const hpac_plot_variable variables[] = {HPAC_PLOT_FILE("csv", csv),
                                                HPAC_PLOT_TEXT("title", table->title),
                                                HPAC_PLOT_TEXT(axis_name, axis)};
        const hpac_plot plot = {script, variables, 3};
        status = hpac_plot_draw(&plot, path);
    } else {
        status = hpac_fail_memory(1);
    }
    free(csv);
    free(path);
    return status;
}

/* Nothing is drawn of a table that has no rows. */
static hpac_status draw_plots(const hpac_explore_options *options, const hpac_exploration *found)
{
    char *folder = explore_path(options, "plots");
    hpac_status status = folder ? hpac_directory_create(folder) : hpac_fail_memory(1);
    free(folder);
    if (status == HPAC_OK)
        status = draw_table(options, &found->class_counts, "bars", "axis", "images");
    if (status == HPAC_OK)
        status = draw_table(options, &found->labels_per_image, "columns", "yaxis",
                            "percent of the images");
    if (status == HPAC_OK && hpac_table_row_count(&found->correlation_pairs) > 0)
        status = draw_table(options, &found->correlation, "heatmap", "axis", "Pearson's r");
    for (size_t i = 0; i < found->company_count && status == HPAC_OK; i++)
        if (hpac_table_row_count(&found->company[i]) > 0)
            status = draw_table(options, &found->company[i], "bars", "axis", "images");
    return status;
}

/* ---- panels ---- */

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

/* The variables of one page of panels: at most so many rows. */
#define PAGE_ROWS_MAX 100

typedef struct page_variables {
    hpac_plot_variable list[2 * PAGE_ROWS_MAX + 3 + PANEL_CHANNELS];
    size_t count;
    char names[2 * PAGE_ROWS_MAX + PANEL_CHANNELS][32];
    size_t name_count;
    char *texts[2 * PAGE_ROWS_MAX]; /* owned */
    size_t text_count;
} page_variables;

/* "file3" and the like, kept with the variables. */
static const char *numbered(page_variables *variables, const char *stem, size_t number)
{
    char *name = variables->names[variables->name_count++];
    snprintf(name, sizeof variables->names[0], "%s%zu", stem, number);
    return name;
}

/* Takes the text over; NULL when memory is out. */
static bool add_owned(page_variables *variables, const char *name, hpac_plot_kind kind, char *text)
{
    if (!text)
        return false;
    variables->texts[variables->text_count++] = text;
    variables->list[variables->count++] = (hpac_plot_variable){name, kind, text, 0};
    return true;
}

/* Breaks the list of classes where a line of a page of panels ends; returns the lines. */
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

/* The title of an image: its classes, and its Id on a line of its own. The caller's; NULL when
 * memory is out. `lines` becomes at least their number. */
static char *title_of(const hpac_explore_options *options, size_t row, int *lines)
{
    char names[HPAC_CLASS_COUNT * 32];
    hpac_class_list(options->labels->masks[row], names, sizeof names);
    size_t limit = options->channels > 2 ? 18 * (size_t)options->channels : 36; /* panels.gp */
    int own = 1 + wrap(names, limit);
    *lines = own > *lines ? own : *lines;
    char *title = NULL;
    if (asprintf(&title, "%s\n%s", names, options->labels->ids[row]) < 0)
        return NULL;
    return title;
}

static bool fill_page(const hpac_explore_options *options, const panel_rows *chosen, size_t first,
                      size_t rows, page_variables *variables)
{
    panel_column columns[PANEL_CHANNELS];
    panel_columns(options, columns);
    variables->list[variables->count++] =
        (hpac_plot_variable)HPAC_PLOT_NUMBER("rows", (double)rows);
    variables->list[variables->count++] =
        (hpac_plot_variable)HPAC_PLOT_NUMBER("columns", options->channels);
    for (int i = 0; i < options->channels; i++)
        variables->list[variables->count++] = (hpac_plot_variable)HPAC_PLOT_TEXT(
            numbered(variables, "head", (size_t)i + 1), columns[i].stained);
    int lines = 0;
    bool good = true;
    for (size_t i = 0; i < rows && good; i++) {
        size_t number = first + i + 1;
        good = add_owned(variables, numbered(variables, "file", i + 1), HPAC_PLOT_KIND_FILE,
                         explore_path(options, "panels/image_%03zu.png", number)) &&
               add_owned(variables, numbered(variables, "label", i + 1), HPAC_PLOT_KIND_TEXT,
                         title_of(options, chosen->rows[first + i], &lines));
    }
    variables->list[variables->count++] = (hpac_plot_variable)HPAC_PLOT_NUMBER("lines", lines);
    return good;
}

/* Puts the pictures of one page together, page from 1. */
static hpac_status draw_page(const hpac_explore_options *options, const panel_rows *chosen,
                             size_t page)
{
    size_t first = (page - 1) * (size_t)options->page_rows;
    size_t rows = chosen->count - first;
    rows = rows < (size_t)options->page_rows ? rows : (size_t)options->page_rows;
    page_variables *variables = calloc(1, sizeof *variables);
    if (!variables)
        return hpac_fail_memory(sizeof *variables);
    char *path = explore_path(options, "panels/page_%02zu.png", page);
    hpac_status status = HPAC_OK;
    if (path && fill_page(options, chosen, first, rows, variables)) {
        const hpac_plot plot = {"panels", variables->list, variables->count};
        status = hpac_plot_draw(&plot, path);
    } else {
        status = hpac_fail_memory(1);
    }
    free(path);
    for (size_t i = 0; i < variables->text_count; i++)
        free(variables->texts[i]);
    free(variables);
    return status;
}

static hpac_status draw_panels(const hpac_explore_options *options, panel_rows *chosen)
{
    char *folder = explore_path(options, "panels");
    hpac_status status = folder ? hpac_directory_create(folder) : hpac_fail_memory(1);
    if (status == HPAC_OK) {
        remove_pictures(folder);
        status = panels_draw(options, folder, chosen);
    }
    free(folder);
    size_t page_rows = (size_t)options->page_rows;
    size_t pages = options->plots ? (chosen->count + page_rows - 1) / page_rows : 0;
    for (size_t page = 1; page <= pages && status == HPAC_OK; page++)
        status = draw_page(options, chosen, page);
    return status;
}

/* ---- all of it ---- */

/* Everything that can be known beforehand. */
static hpac_status check_target(const hpac_explore_options *options)
{
    if (options->page_rows < 1 || options->page_rows > PAGE_ROWS_MAX || options->pages < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%d images a page, expected 1..%d", options->page_rows,
                         PAGE_ROWS_MAX);
    static const char *const names[] = {"explore.html"};
    hpac_status status =
        options->force ? HPAC_OK : hpac_directory_check_free(options->folder, names, 1);
    if (status == HPAC_OK && options->plots)
        status = hpac_plot_probe();
    if (status == HPAC_OK)
        status = hpac_directory_create(options->folder);
    if (status == HPAC_OK)
        status = hpac_directory_probe(options->folder);
    return status;
}

hpac_status hpac_exploration_write(const hpac_explore_options *options,
                                   const hpac_exploration *found)
{
    panel_rows chosen = {0};
    hpac_status status = check_target(options);
    if (status == HPAC_OK && options->images)
        status = panel_rows_choose(options, &chosen);
    if (status == HPAC_OK)
        status = write_tables(options, found);
    if (status == HPAC_OK)
        status = write_binarised(options);
    if (status == HPAC_OK && options->plots)
        status = draw_plots(options, found);
    if (status == HPAC_OK && options->images)
        status = draw_panels(options, &chosen);
    if (status == HPAC_OK)
        status = explore_page_write(options, found, options->images ? &chosen : NULL);
    free(chosen.rows);
    return status;
}
