/* explore.html: the values, tables and pictures of its template. */
#include "explore_internal.h"

#include "base/file.h"
#include "base/memory.h"
#include "render/page.h"

#include <string.h>

HPAC_TEMPLATE_FILE(explore, "src_explore_explore_html");
HPAC_TEMPLATE_FILE(item, "src_explore_explore_item_html");

typedef struct exploration_page {
    const hpac_explore_options *options;
    const hpac_exploration *found;
    const panel_rows *chosen; /* NULL without images */
} exploration_page;

/* ---- values ---- */

static void set_labels(hpac_page *page, const exploration_page *all)
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

static void set_panels(hpac_page *page, const exploration_page *all)
{
    const hpac_explore_options *options = all->options;
    const panel_rows *chosen = all->chosen;
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

/* ---- tables and pictures ---- */

static void insert_picture(hpac_page *page, const exploration_page *all, const hpac_table *table)
{
    const explore_picture *picture = explore_picture_find(all->found, table);
    if (!picture || !all->options->plots)
        return;
    HPAC_AUTO_FREE char *path = hpac_path_join(all->options->out, "plots/%s.png", table->name);
    if (path)
        hpac_page_picture(page, path, picture->caption);
}

static void insert_heading(hpac_page *page, const char *heading, bool nobody)
{
    hpac_page_set(page, "heading", "%s", heading);
    hpac_page_set_count(page, "nobody", nobody);
    hpac_page_render(page, HPAC_TEMPLATE(item), NULL, NULL);
}

static void insert_cooccurring(hpac_page *page, const exploration_page *all)
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

static void insert_photograph(hpac_page *page, const exploration_page *all, const char *title,
                              const char *name)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(all->options->out, "panels/%s", name);
    if (path)
        hpac_page_photograph(page, path, title);
}

static void insert_images(hpac_page *page, const exploration_page *all)
{
    const hpac_labels *labels = all->options->labels;
    size_t count = all->chosen->count, page_rows = all->options->page_rows;
    size_t pages = (count + page_rows - 1) / page_rows;
    for (size_t i = 0; i < count; i++) {
        char name[64], heading[64], classes[HPAC_CLASS_COUNT * 32];
        char title[sizeof classes + 256];
        if (pages > 1 && i % page_rows == 0) {
            snprintf(heading, sizeof heading, "Page %zu of %zu", i / page_rows + 1, pages);
            insert_heading(page, heading, false);
        }
        size_t row = all->chosen->rows[i];
        hpac_class_list(labels->masks[row], classes, sizeof classes);
        snprintf(name, sizeof name, "image_%03zu.png", i + 1);
        snprintf(title, sizeof title, "%s (%s)", classes, labels->ids[row]);
        insert_photograph(page, all, title, name);
    }
}

static void insert(void *user, hpac_page *page, const char *part)
{
    const exploration_page *all = user;
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

hpac_status explore_page_write(const hpac_explore_options *options, const hpac_exploration *found,
                               const panel_rows *chosen)
{
    exploration_page all = {options, found, chosen};
    HPAC_AUTO_FREE char *path = hpac_path_join(options->out, "explore.html");
    HPAC_TRY_MEMORY(path, strlen(options->out));
    char title[256];
    snprintf(title, sizeof title, "Exploration of %s", options->name);
    hpac_page *page;
    HPAC_TRY(hpac_page_create(path, title, &page));
    set_labels(page, &all);
    if (chosen)
        set_panels(page, &all);
    hpac_page_render(page, HPAC_TEMPLATE(explore), insert, &all);
    return hpac_page_commit(page);
}
