/* Tables: CSV, JSON and text of the same cells. */
#include "base/file.h"
#include "render/table.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hpac_column columns[] = {
    HPAC_COLUMN_TEXT("name", "class"),
    HPAC_COLUMN_INTEGER("images", NULL),
    HPAC_COLUMN_REAL("share", NULL, 2),
};

static void fill(hpac_table *table)
{
    hpac_table_init(table, "counts", "Images per class", columns, 3);
    hpac_table_add_text(table, "Rods & rings");
    hpac_table_add_real(table, 12885);
    hpac_table_add_real(table, 0.1);
    hpac_table_add_text(table, "a \"quote\", a comma, \xC3\xA9");
    hpac_table_add_real(table, -7);
    hpac_table_add_real(table, 2.0 / 3);
    hpac_table_add_text(table, "");
    hpac_table_add_real(table, 0);
    hpac_table_add_real(table, NAN);
}

static void assert_text(const char *text, const char *expected)
{
    cr_assert(strcmp(text, expected) == 0, "got:\n%s\nexpected:\n%s", text, expected);
}

Test(table, csv_has_all_digits_and_quotes_what_needs_it)
{
    hpac_table table;
    fill(&table);
    cr_assert_eq(hpac_table_row_count(&table), 3);
    cr_assert_eq(hpac_table_write_csv(&table, scratch_directory(), "t.csv"), HPAC_OK);
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("t.csv"), 4096, &bytes, &nbytes), HPAC_OK);
    assert_text((char *)bytes, "name,images,share\n"
                               "Rods & rings,12885,0.1\n"
                               "\"a \"\"quote\"\", a comma, \xC3\xA9\",-7,0.6666666666666666\n"
                               ",0,\n");
    free(bytes);
    hpac_table_fini(&table);
}

static char *printed(const hpac_table *table, size_t limit)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    cr_assert_eq(hpac_table_print(table, limit, stream), HPAC_OK);
    fclose(stream);
    return text;
}

Test(table, text_lines_up)
{
    hpac_table table;
    fill(&table);
    char *text = printed(&table, 0);
    assert_text(text, "Images per class:\n"
                      "  class                  images  share\n"
                      "  Rods & rings            12885   0.10\n"
                      "  a \"quote\", a comma, \xC3\xA9      -7   0.67\n"
                      "                              0      -\n");
    free(text);
    text = printed(&table, 1);
    assert_text(text, "Images per class:\n"
                      "  class         images  share\n"
                      "  Rods & rings   12885   0.10\n"
                      "  (and 2 more)\n");
    free(text);
    hpac_table_fini(&table);
}

Test(table, json_has_null_for_undefined_values)
{
    hpac_table tables[2];
    fill(&tables[0]);
    hpac_table_init(&tables[1], "none", "Nothing", columns, 3);
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    cr_assert_eq(hpac_tables_write_json(tables, 2, stream), HPAC_OK);
    fclose(stream);
    cr_assert(strstr(text, "\"counts\": [\n"));
    cr_assert(strstr(text, "\"images\": 12885"));
    cr_assert(strstr(text, "\"share\": null"));
    cr_assert(strstr(text, "\"none\": []"));
    cr_assert(!strstr(text, "NaN"));
    free(text);
    hpac_table_fini(&tables[0]);
    hpac_table_fini(&tables[1]);
}

/* Paths and Ids are bytes; JSON is UTF-8. */
Test(table, text_that_is_no_utf8_is_shown_in_json)
{
    char text[256] = "";
    hpac_table table;
    hpac_table_init(&table, "bad", "Bad", columns, 1);
    hpac_table_add_text(&table, "a\xFFz");
    FILE *stream = fmemopen(text, sizeof text, "w");
    cr_assert_not_null(stream);
    cr_assert_eq(hpac_tables_write_json(&table, 1, stream), HPAC_OK);
    fclose(stream);
    cr_expect_not_null(strstr(text, "\"a\\\\xffz\""), "%s", text);
    hpac_table_fini(&table);
}

Test(table, numbers_are_as_short_as_they_can_be)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"},          {0.1, "0.1"},   {1.0 / 3, "0.3333333333333333"},
                 {1e300, "1e+300"}, {-2.5, "-2.5"}, {0.1 + 0.2, "0.30000000000000004"},
                 {INFINITY, ""},    {NAN, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        hpac_number_text(cases[i].number, text);
        assert_text(text, cases[i].text);
    }
}
