/* Label files, good and bad. */
#include <hpac/labels.h>

#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hpac_labels read_text(const char *text)
{
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(scratch_write_text("t.csv", text), &labels), HPAC_OK, "%s",
                 hpac_error_message());
    return labels;
}

/* Expects the reading to fail with exactly this message, "%" standing for the file's path. */
static void assert_refused_bytes(const char *bytes, size_t nbytes, const char *expected)
{
    const char *path = scratch_write("t.csv", bytes, nbytes);
    char *message = NULL;
    size_t length;
    FILE *out = open_memstream(&message, &length);
    for (const char *c = expected; *c; c++)
        if (*c == '%')
            fputs(path, out);
        else
            fputc(*c, out);
    fclose(out);
    hpac_labels labels = {.count = 7};
    cr_assert_eq(hpac_labels_read_csv(path, &labels), HPAC_ERR_DATA);
    cr_assert_str_eq(hpac_error_message(), message);
    cr_assert_eq(labels.count, 0);
    cr_assert_null(labels.ids);
    cr_assert_null(labels.masks);
    free(message);
}

static void assert_refused(const char *text, const char *expected)
{
    assert_refused_bytes(text, strlen(text), expected);
}

Test(labels, class_names_are_found_whole_and_in_any_case)
{
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        cr_assert_eq(hpac_class_find(hpac_class_names[c]), c);
    cr_assert_eq(hpac_class_find("Nucleoplasm"), 0);
    cr_assert_eq(hpac_class_find("Lysosomes"), 10);
    cr_assert_eq(hpac_class_find("Plasma membrane"), 21);
    cr_assert_eq(hpac_class_find("Cytosol"), 25);
    cr_assert_eq(hpac_class_find("Rods & rings"), 27);
    cr_assert_eq(hpac_class_find("cytosol"), 25);
    cr_assert_eq(hpac_class_find("PLASMA Membrane"), 21);
    cr_assert_eq(hpac_class_find("cytosols"), -1);
    cr_assert_eq(hpac_class_find("Cytosol "), -1);
    cr_assert_eq(hpac_class_find(""), -1);
}

Test(labels, rows_are_read_in_order)
{
    static const char *const texts[] = {
        "Id,Target\nb,16 0\na,27\nc,1 2 3 4 5\n",
        "Id,Target\r\nb,16 0\r\na,27\r\nc,1 2 3 4 5",
        "\xEF\xBB\xBF\"Id\",\"Target\"\n\"b\",\"16 0\"\n\"a\",\"27\"\n\n\"c\",\"1 2 3 4 5\"\n",
        "n,Target,x,Id\n1, 0  16 ,,b\n2,27,,a\n3,5 4 3 2 1,,c\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hpac_labels labels = read_text(texts[i]);
        cr_assert_eq(labels.count, 3);
        cr_assert_str_eq(labels.ids[0], "b");
        cr_assert_str_eq(labels.ids[1], "a");
        cr_assert_str_eq(labels.ids[2], "c");
        cr_assert_eq(labels.masks[0], 1u << 16 | 1u);
        cr_assert_eq(labels.masks[1], 1u << 27);
        cr_assert_eq(labels.masks[2], 0x3eu);
        hpac_labels_fini(&labels);
        cr_assert_eq(labels.count, 0);
    }
}

Test(labels, a_list_of_ids_has_no_masks)
{
    hpac_labels labels;
    const char *path = scratch_write_text("s.csv", "Id,Predicted\nx,0\ny,\n");
    cr_assert_eq(hpac_ids_read_csv(path, &labels), HPAC_OK);
    cr_assert_eq(labels.count, 2);
    cr_assert_str_eq(labels.ids[1], "y");
    cr_assert_null(labels.masks);
    hpac_labels_fini(&labels);
    path = scratch_write_text("s.csv", "Id\nx\nx\n");
    cr_assert_eq(hpac_ids_read_csv(path, &labels), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "s.csv:3: duplicate Id \"x\""));
    path = scratch_write_text("s.csv", "Name\nx\n");
    cr_assert_eq(hpac_ids_read_csv(path, &labels), HPAC_ERR_DATA);
}

Test(labels, all_bad_rows_are_reported_together)
{
    static const char text[] = "Id,Target\n"
                               "good,1\n"
                               "unknown,28\n"
                               "good,2\n"
                               "empty,\n"
                               "short\n"
                               "nul\0,3\n"
                               "word,Cytosol 5\n"
                               "twice,4 4\n"
                               ",7\n"
                               "a/b,8\n";
    assert_refused_bytes(
        text, sizeof text - 1,
        "%: 9 problems\n"
        "%:3: unknown class \"28\", expected integers in [0, 27] separated by spaces\n"
        "%:4: duplicate Id \"good\"\n"
        "%:5: the Target is empty, expected class numbers like \"16 0\"\n"
        "%:6: 1 cell, expected 2 as in the header\n"
        "%:7: a NUL byte, expected text\n"
        "%:8: unknown class \"Cytosol\", expected integers in [0, 27] separated by spaces\n"
        "%:9: duplicate class 4\n"
        "%:10: the Id is empty\n"
        "%:11: Id \"a/b\" holds a '/'");
    assert_refused(
        "Id,Target\n"
        "long,1,2\n"
        "minus,-1 1.0 1e1 0x1 +1\n"
        "\"lines\n\",99999999999999999999\n"
        "good,9\n"
        "good,9\n"
        "\"open,1\n",
        "%: 9 problems\n"
        "%:2: 3 cells, expected 2 as in the header\n"
        "%:3: unknown class \"-1\", expected integers in [0, 27] separated by spaces\n"
        "%:3: unknown class \"1.0\", expected integers in [0, 27] separated by spaces\n"
        "%:3: unknown class \"1e1\", expected integers in [0, 27] separated by spaces\n"
        "%:3: unknown class \"0x1\", expected integers in [0, 27] separated by spaces\n"
        "%:3: unknown class \"+1\", expected integers in [0, 27] separated by spaces\n"
        "%:4: unknown class \"99999999999999999999\", expected integers in [0, 27] separated by "
        "spaces\n"
        "%:7: duplicate Id \"good\"\n"
        "%:8: a quote is not closed");
}

Test(labels, empty_ids_are_not_called_duplicates)
{
    assert_refused("Id,Target\n,1\n,2\nx,3\nx,4\nx,5\n",
                   "%: 4 problems\n%:2: the Id is empty\n%:3: the Id is empty\n"
                   "%:5: duplicate Id \"x\"\n%:6: duplicate Id \"x\"");
}

Test(labels, a_line_of_ten_megabytes_is_one_bad_row)
{
    enum { LONG = 10 << 20, ROOM = 100 };
    char *text = malloc(LONG + ROOM);
    int head = snprintf(text, ROOM, "Id,Target\na,1\n");
    memset(text + head, '1', LONG);
    snprintf(text + head + LONG, ROOM - (size_t)head, "\nb,28\n");
    assert_refused(text, "%: 2 problems\n%:3: row longer than 1 MiB; is a quote left open?\n"
                         "%:4: unknown class \"28\", expected integers in [0, 27] separated by "
                         "spaces");
    free(text);
}

Test(labels, long_cells_are_shortened_in_messages)
{
    char text[3000] = "Id,Target\na,", expected[300];
    memset(text + 12, '7', 2000);
    snprintf(expected, sizeof expected,
             "%%: 1 problem\n%%:2: unknown class \"%.60s\", expected integers in [0, 27] "
             "separated by spaces",
             text + 12);
    assert_refused(text, expected);
}

Test(labels, a_bad_header_is_reported_first)
{
    assert_refused("", "%: empty file, expected a header with Id,Target");
    assert_refused("\n\r\n\n", "%: empty file, expected a header with Id,Target");
    assert_refused("Id,Target\n", "%: header without rows");
    assert_refused("a,1\nb,99\n", "%:1: no column \"Id\" in the header, expected Id,Target; "
                                  "found \"a\", \"1\"");
    assert_refused("Id,Predicted\na,0\n", "%:1: no column \"Target\" in the header, expected "
                                          "Id,Target; found \"Id\", \"Predicted\"");
    assert_refused("\nId,Target,Id\na,1,b\n",
                   "%:2: more than one column \"Id\" in the header, "
                   "expected Id,Target; found \"Id\", \"Target\", \"Id\"");
    assert_refused("Id, Target\na,1\n", "%:1: no column \"Target\" in the header, expected "
                                        "Id,Target; found \"Id\", \" Target\"");
    assert_refused("Id;Target\na;1\n", "%:1: no column \"Id\" in the header, expected Id,Target; "
                                       "found \"Id;Target\"");
    assert_refused_bytes("I\0d,Target\n", 11, "%:1: header: a NUL byte, expected text");
}

Test(labels, a_file_that_cannot_be_read_is_an_error)
{
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(scratch_path("absent.csv"), &labels), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "absent.csv: cannot open: No such file"));
    cr_assert_eq(hpac_labels_read_csv(scratch_directory(), &labels), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "not a directory"));
    cr_assert_eq(hpac_labels_read_csv("/dev/zero", &labels), HPAC_ERR_DATA);
    cr_assert_eq(labels.count, 0);
}

/* With a comparison of every pair this would take hours. */
Test(labels, many_rows_are_checked_quickly, .timeout = 60)
{
    enum { ROWS = 500000 };
    const char *path = scratch_path("many.csv");
    FILE *out = fopen(path, "w");
    fputs("Id,Target\n", out);
    for (int i = 0; i < ROWS; i++)
        fprintf(out, "%d,%d\n", i, i % HPAC_CLASS_COUNT);
    fputs("123456,0\n", out);
    fclose(out);
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(path, &labels), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "many.csv: 1 problem\n"), "%s",
                       hpac_error_message());
    cr_assert_not_null(strstr(hpac_error_message(), ":500002: duplicate Id \"123456\""));
}

/* The competition's table: images per class, rows with 1 to 5 labels, as in the reference notebook.
 */
Test(labels, the_real_table_has_its_known_counts)
{
    static const size_t images[HPAC_CLASS_COUNT] = {
        12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53,  45,   28,  1093, 688, 537,
        1066,  21,   530,  210,  902,  1482, 172,  3777, 802, 2965, 322, 8228, 328, 11};
    static const size_t with_labels[6] = {0, 15126, 12485, 3160, 299, 2};
    hpac_labels labels;
    cr_assert_eq(hpac_labels_read_csv(real_data_or_skip("train.csv"), &labels), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_eq(labels.count, 31072);
    size_t class_counts[32] = {0}, row_counts[33] = {0};
    for (size_t i = 0; i < labels.count; i++) {
        int ones = 0;
        for (int c = 0; c < 32; c++) {
            class_counts[c] += labels.masks[i] >> c & 1;
            ones += (int)(labels.masks[i] >> c & 1);
        }
        row_counts[ones]++;
    }
    cr_assert_arr_eq(class_counts, images, sizeof images);
    cr_assert_arr_eq(row_counts, with_labels, sizeof with_labels);
    cr_assert_eq(labels.masks[0], 1u << 16 | 1u);
    cr_assert_str_eq(labels.ids[0], "00070df0-bbc3-11e8-b2bc-ac1f6b6435d0");
    hpac_labels_fini(&labels);
}

Test(labels, the_real_submission_has_its_known_rows)
{
    hpac_labels labels;
    cr_assert_eq(hpac_ids_read_csv(real_data_or_skip("sample_submission.csv"), &labels), HPAC_OK,
                 "%s", hpac_error_message());
    cr_assert_eq(labels.count, 11702);
    cr_assert_str_eq(labels.ids[0], "00008af0-bad0-11e8-b2b8-ac1f6b6435d0");
    hpac_labels_fini(&labels);
}
