/* explore.html: the values, tables and pictures of its template. */
#include "explore_internal.h"

#include "data/dataset.h"
#include "render/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

HPAC_TEMPLATE_FILE(explore, "src_explore_explore_html");
HPAC_TEMPLATE_FILE(item, "src_explore_explore_item_html");

#define PAIRS_SHOWN 20

typedef struct exploration_page {
    const hpac_explore_options *options;
    const hpac_exploration *found;
    const panel_rows *chosen; /* NULL without images */
} exploration_page;

/* ---- values ---- */

/* Sets a number that is not 0. */
static void set_count(hpac_page *page, const char *name, size_t count)
{
    if (count > 0)
        hpac_page_set(page, name, "%zu", count);
}

static void set_labels(hpac_page *page, const exploration_page *all)
{
    const hpac_exploration *found = all->found;
    hpac_page_set(page, "name", "%s", all->options->name);
    hpac_page_set(page, "images", "%zu", found->statistics.images);
    hpac_page_set(page, "labels", "%zu", found->statistics.labels);
    hpac_page_set(page, "multi_images", "%zu", found->statistics.multi_images);
    set_count(page, "uncorrelated", (size_t)found->statistics.uncorrelated);
    set_count(page, "correlation", hpac_table_row_count(&found->correlation_pairs));
    set_count(page, "folders", hpac_table_row_count(&found->folders));
    set_count(page, "company", found->company_count);
    set_count(page, "image_folder", all->options->images != NULL);
    if (!all->options->test)
        return;
    hpac_page_set(page, "test_images", "%zu", found->test.images);
    hpac_page_set(page, "test_percent", "%.1f", found->test_percent);
    hpac_page_set(page, "train_images", "%zu", found->train_images);
}

/* "green (protein), red (microtubules), ..." */
static void list_columns(const hpac_explore_options *options, char *text, size_t nbytes)
{
    panel_column columns[PANEL_CHANNELS];
    panel_columns(options, columns);
    size_t length = 0;
    for (int i = 0; i < options->channels && length < nbytes; i++)
        length += (size_t)snprintf(text + length, nbytes - length, "%s%s (%s)", i > 0 ? ", " : "",
                                   hpac_channel_names[columns[i].channel], columns[i].stained);
}

static void set_panels(hpac_page *page, const exploration_page *all)
{
    const hpac_explore_options *options = all->options;
    const panel_rows *chosen = all->chosen;
    char names[HPAC_CLASS_COUNT * 32], columns[256];
    hpac_class_list(explore_wanted(options), names, sizeof names);
    list_columns(options, columns, sizeof columns);
    hpac_page_set(page, "panels", "yes");
    hpac_page_set(page, "wanted", "%s", names);
    hpac_page_set(page, "columns", "%s", columns);
    hpac_page_set(page, "matching", "%zu", chosen->matching);
    hpac_page_set(page, "shown", "%zu", chosen->count);
    set_count(page, "any_shown", chosen->count);
    set_count(page, "left_out", chosen->left_out);
    if (chosen->count > 0)
        hpac_page_set(page, "first_id", "%s", options->labels->ids[chosen->rows[0]]);
}

/* ---- tables and pictures ---- */

static const hpac_table *find_table(const exploration_page *all, const char *name)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(all->options, all->found, tables);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tables[i]->name, name) == 0)
            return tables[i];
    return NULL;
}

static void insert_picture(hpac_page *page, const exploration_page *all, const char *table)
{
    const explore_picture *picture = explore_picture_find(all->found, find_table(all, table));
    if (!picture || !all->options->plots)
        return;
    char *path = explore_path(all->options, "plots/%s.png", table);
    if (path)
        hpac_page_picture(page, path, picture->caption);
    free(path);
}

static void insert_heading(hpac_page *page, const char *heading, bool nobody)
{
    hpac_page_set(page, "heading", "%s", heading);
    hpac_page_set(page, "nobody", "%s", nobody ? "yes" : "");
    hpac_page_render(page, HPAC_TEMPLATE(item), NULL, NULL);
}

static void insert_company(hpac_page *page, const exploration_page *all)
{
    for (size_t i = 0; i < all->found->company_count; i++) {
        const hpac_table *table = &all->found->company[i];
        bool nobody = hpac_table_row_count(table) == 0;
        insert_heading(page, hpac_class_names[all->options->company[i]], nobody);
        insert_picture(page, all, table->name);
        if (!nobody)
            hpac_page_table(page, table, NULL, 0);
    }
}

static void insert_photograph(hpac_page *page, const exploration_page *all, const char *title,
                              const char *name)
{
    char *path = explore_path(all->options, "panels/%s", name);
    if (path)
        hpac_page_photograph(page, path, title);
    free(path);
}

static void insert_images(hpac_page *page, const exploration_page *all)
{
    const hpac_labels *labels = all->options->labels;
    size_t count = all->chosen->count, page_rows = (size_t)all->options->page_rows;
    size_t pages = (count + page_rows - 1) / page_rows;
    for (size_t i = 0; i < count; i++) {
        char name[64], heading[64], classes[HPAC_CLASS_COUNT * 32], *title = NULL;
        if (pages > 1 && i % page_rows == 0) {
            snprintf(heading, sizeof heading, "Page %zu of %zu", i / page_rows + 1, pages);
            insert_heading(page, heading, false);
        }
        size_t row = all->chosen->rows[i];
        hpac_class_list(labels->masks[row], classes, sizeof classes);
        snprintf(name, sizeof name, "image_%03zu.png", i + 1);
        if (asprintf(&title, "%s (%s)", classes, labels->ids[row]) < 0)
            title = NULL;
        insert_photograph(page, all, title ? title : classes, name);
        free(title);
    }
}

static void insert(void *user, hpac_page *page, const char *part)
{
    const exploration_page *all = user;
    char after[64];
    snprintf(after, sizeof after, "after: %d × %d", all->options->cols, all->options->rows);
    if (strncmp(part, "picture ", 8) == 0) {
        insert_picture(page, all, part + 8);
    } else if (strncmp(part, "table ", 6) == 0) {
        const hpac_table *table = find_table(all, part + 6);
        hpac_page_table(page, table, NULL,
                        table == &all->found->correlation_pairs ? PAIRS_SHOWN : 0);
    } else if (strcmp(part, "company") == 0) {
        insert_company(page, all);
    } else if (strcmp(part, "images") == 0) {
        insert_images(page, all);
    } else if (strcmp(part, "before_and_after") == 0) {
        insert_photograph(page, all, "before", "before.png");
        insert_photograph(page, all, after, "after.png");
    }
}

hpac_status explore_page_write(const hpac_explore_options *options, const hpac_exploration *found,
                               const panel_rows *chosen)
{
    exploration_page all = {options, found, chosen};
    char title[256], *path = explore_path(options, "explore.html");
    if (!path)
        return hpac_fail_memory(1);
    snprintf(title, sizeof title, "Exploration of %s", options->name);
    hpac_page *page;
    hpac_status status = hpac_page_create(path, title, &page);
    free(path);
    HPAC_TRY(status);
    set_labels(page, &all);
    if (chosen)
        set_panels(page, &all);
    hpac_page_render(page, HPAC_TEMPLATE(explore), insert, &all);
    return hpac_page_commit(page);
}
