/* explore.html. */
#include "explore_internal.h"

#include "data/dataset.h"
#include "render/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_plot(hpac_page *page, const hpac_explore_options *options, const char *name,
                     const char *caption)
{
    if (!options->plots)
        return;
    char *path = explore_path(options, "plots/%s.png", name);
    if (path)
        hpac_page_picture(page, path, caption);
    free(path);
}

static void write_labels(hpac_page *page, const hpac_explore_options *options,
                         const hpac_exploration *found)
{
    const hpac_label_statistics *statistics = &found->statistics;
    hpac_page_paragraph(
        page, "%s: %zu images carry %zu labels; %zu of the images carry more than one.",
        options->name, statistics->images, statistics->labels, statistics->multi_images);
    if (hpac_table_row_count(&found->folders) > 0)
        hpac_page_table(page, &found->folders, 0);
    if (options->test)
        hpac_page_paragraph(page, "The test folder has %zu images, %.1f %% of the %zu %s.",
                            found->test.images, found->test_percent, found->train_images,
                            options->images ? "in the folder of training images"
                                            : "in the label file");
    hpac_page_heading(page, "Images per class");
    add_plot(page, options, "class_counts", "How many images carry each class.");
    hpac_page_table(page, &found->class_counts, 0);
    hpac_page_heading(page, "Labels per image");
    add_plot(page, options, "labels_per_image",
             "Percent of the images that carry one, two, ... classes.");
    hpac_page_table(page, &found->labels_per_image, 0);
}

static void write_correlation(hpac_page *page, const hpac_explore_options *options,
                              const hpac_exploration *found)
{
    hpac_page_heading(page, "Which classes go together");
    if (hpac_table_row_count(&found->correlation_pairs) == 0) {
        hpac_page_paragraph(page,
                            "The correlation of the classes is undefined: it takes images with "
                            "more than one label that differ in two classes at least, and of the "
                            "%zu images with more than one label, none do.",
                            found->statistics.multi_images);
        return;
    }
    hpac_page_paragraph(page,
                        "Pearson's correlation of the classes over the %zu images with more than "
                        "one label.",
                        found->statistics.multi_images);
    if (found->statistics.uncorrelated > 0)
        hpac_page_paragraph(page,
                            "For %d of the classes it is undefined (gray in the map, empty in the "
                            "table): none of these images carries them, or all do.",
                            found->statistics.uncorrelated);
    add_plot(page, options, "correlation",
             "Blue: together more often than chance; red: less often.");
    hpac_page_table(page, &found->correlation_pairs, 20);
}

static void write_company(hpac_page *page, const hpac_explore_options *options,
                          const hpac_exploration *found)
{
    if (found->company_count > 0)
        hpac_page_heading(page, "The company of single classes");
    for (size_t i = 0; i < found->company_count; i++) {
        const hpac_table *table = &found->company[i];
        const char *name = hpac_class_names[options->company[i]];
        hpac_page_subheading(page, name);
        if (hpac_table_row_count(table) == 0) {
            hpac_page_paragraph(page, "No image carries %s.", name);
            continue;
        }
        char caption[160];
        snprintf(caption, sizeof caption,
                 "How many of the images with %s carry each other class as well.", name);
        add_plot(page, options, table->name, caption);
        hpac_page_table(page, table, 0);
    }
}

/* ---- pictures ---- */

static void add_photograph(hpac_page *page, const hpac_explore_options *options, const char *name,
                           const char *title)
{
    char *path = explore_path(options, "panels/%s", name);
    if (path)
        hpac_page_photograph(page, path, title);
    free(path);
}

/* "green: protein, red: microtubules, ..." */
static void list_columns(const hpac_explore_options *options, char *text, size_t nbytes)
{
    panel_column columns[PANEL_CHANNELS];
    panel_columns(options, columns);
    size_t length = 0;
    for (int i = 0; i < options->channels && length < nbytes; i++)
        length += (size_t)snprintf(text + length, nbytes - length, "%s%s (%s)", i > 0 ? ", " : "",
                                   hpac_channel_names[columns[i].channel], columns[i].stained);
}

static void describe_choice(hpac_page *page, const hpac_explore_options *options,
                            const panel_rows *chosen)
{
    char names[HPAC_CLASS_COUNT * 32], columns[256];
    uint32_t wanted = 0;
    for (size_t i = 0; i < options->class_count; i++)
        wanted |= UINT32_C(1) << options->classes[i];
    hpac_class_list(wanted, names, sizeof names);
    list_columns(options, columns, sizeof columns);
    if (wanted)
        hpac_page_paragraph(page, "%zu images carry %s; %zu of them are shown.", chosen->matching,
                            names, chosen->count);
    else
        hpac_page_paragraph(page, "%zu of the %zu images, in the order of the label file.",
                            chosen->count, chosen->matching);
    if (chosen->left_out > 0)
        hpac_page_paragraph(page, "%zu were left out because a file is missing or bad.",
                            chosen->left_out);
    if (chosen->count > 0)
        hpac_page_paragraph(page,
                            "A row is an image; its columns are %s. Each is stretched from its "
                            "least value (white) to its largest.",
                            columns);
}

/* The classes and the Id; the caller's, NULL when memory is out. */
static char *photograph_title(const hpac_labels *labels, size_t row)
{
    char names[HPAC_CLASS_COUNT * 32], *title = NULL;
    hpac_class_list(labels->masks[row], names, sizeof names);
    if (asprintf(&title, "%s (%s)", names, labels->ids[row]) < 0)
        return NULL;
    return title;
}

static void write_panels(hpac_page *page, const hpac_explore_options *options,
                         const panel_rows *chosen)
{
    hpac_page_heading(page, "Images");
    describe_choice(page, options, chosen);
    size_t pages = (chosen->count + (size_t)options->page_rows - 1) / (size_t)options->page_rows;
    for (size_t i = 0; i < chosen->count; i++) {
        char name[64], title[64];
        if (pages > 1 && i % (size_t)options->page_rows == 0) {
            snprintf(title, sizeof title, "Page %zu of %zu", i / (size_t)options->page_rows + 1,
                     pages);
            hpac_page_subheading(page, title);
        }
        snprintf(name, sizeof name, "image_%03zu.png", i + 1);
        char *text = photograph_title(options->labels, chosen->rows[i]);
        if (text)
            add_photograph(page, options, name, text);
        free(text);
    }
}

static void write_before_and_after(hpac_page *page, const hpac_explore_options *options,
                                   const panel_rows *chosen)
{
    char title[128];
    hpac_page_heading(page, "Before and after preprocessing");
    hpac_page_paragraph(page,
                        "%s, as it is in its files and as the network sees it; the same colour "
                        "means the same value in both.",
                        options->labels->ids[chosen->rows[0]]);
    add_photograph(page, options, "before.png", "before");
    snprintf(title, sizeof title, "after: %d × %d", options->cols, options->rows);
    add_photograph(page, options, "after.png", title);
}

hpac_status explore_page_write(const hpac_explore_options *options, const hpac_exploration *found,
                               const panel_rows *chosen)
{
    char *path = explore_path(options, "explore.html");
    if (!path)
        return hpac_fail_memory(1);
    char title[256];
    snprintf(title, sizeof title, "What is in %s", options->name);
    hpac_page page;
    hpac_status status = hpac_page_create(&page, path, title);
    free(path);
    if (status != HPAC_OK)
        return status;
    write_labels(&page, options, found);
    write_correlation(&page, options, found);
    write_company(&page, options, found);
    if (chosen)
        write_panels(&page, options, chosen);
    if (chosen && chosen->count > 0)
        write_before_and_after(&page, options, chosen);
    return hpac_page_commit(&page);
}
