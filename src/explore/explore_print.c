/* An exploration on the terminal and as JSON. */
#include "explore.h"

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

static hpac_status print_table(const hpac_table *table, size_t row_limit, FILE *stream)
{
    if (hpac_table_row_count(table) > 0)
        return hpac_table_print(table, row_limit, stream);
    fprintf(stream, "%s: none\n", table->title);
    return HPAC_OK;
}

hpac_status hpac_exploration_print(const hpac_explore_options *options,
                                   const hpac_exploration *found, FILE *stream)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(options, found, tables);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < count && status == HPAC_OK; i++) {
        bool pairs = tables[i] == &found->correlation_pairs, chosen = tables[i] == &found->chosen;
        if (tables[i] == &found->correlation)
            continue;
        fputs(i > 0 ? "\n" : "", stream);
        status = print_table(tables[i], pairs || chosen ? ROWS_SHOWN : 0, stream);
        if (pairs)
            print_undefined(found, stream);
    }
    if (status == HPAC_OK && options->test)
        fprintf(stream, "\nThe test directory has %zu images, %.1f %% of the %zu %s.\n",
                found->test.images, found->test_percent, found->train_images,
                options->images ? "in the directory of --images" : "in the label file");
    return status;
}

hpac_status hpac_exploration_print_json(const hpac_explore_options *options,
                                        const hpac_exploration *found, FILE *stream)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    hpac_table copies[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(options, found, tables);
    for (size_t i = 0; i < count; i++)
        copies[i] = *tables[i];
    return hpac_tables_write_json(copies, count, stream);
}
