/* Reading and writing CSV. */
#include "base/csv.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Writes what it is handed as text: "line|cell|cell\n", a defect as "line!defect\n". */
static hpac_status transcribe(void *user, const hpac_csv_row *row)
{
    FILE *out = user;
    fprintf(out, "%zu", row->line);
    if (row->defect) {
        cr_assert_eq(row->count, 0);
        fprintf(out, "!%s", row->defect);
    } else {
        cr_assert_geq(row->count, 1);
    }
    for (size_t i = 0; i < row->count; i++)
        fprintf(out, "|%s", row->cells[i]);
    fputc('\n', out);
    return HPAC_OK;
}

static void assert_transcript(char *text, const char *expected)
{
    cr_assert(strcmp(text, expected) == 0, "read as:\n%.500s\nexpected:\n%.500s", text, expected);
    free(text);
}

/* From a file and from memory. */
static void assert_reads(const void *bytes, size_t nbytes, const char *expected)
{
    const char *path = scratch_write("a.csv", bytes, nbytes);
    for (int from_memory = 0; from_memory < 2; from_memory++) {
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);
        hpac_status status = from_memory
                                 ? hpac_csv_read_text("a.csv", bytes, nbytes, transcribe, out)
                                 : hpac_csv_read(path, transcribe, out);
        fclose(out);
        cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
        assert_transcript(text, expected);
    }
}

static void assert_reads_text(const char *text, const char *expected)
{
    assert_reads(text, strlen(text), expected);
}

static void assert_no_csv(const void *bytes, size_t nbytes, const char *reason)
{
    const char *path = scratch_write("a.csv", bytes, nbytes);
    cr_assert_eq(hpac_csv_read(path, transcribe, NULL), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
    cr_assert_not_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
    cr_assert_eq(hpac_csv_read_text("a.csv", bytes, nbytes, transcribe, NULL), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
}

/* Excel's "Unicode text", with and without a mark, and what is saved under the name of a table. */
Test(csv, files_that_are_not_utf8_text_are_named)
{
    assert_no_csv("\xFF\xFEI\0d\0\n\0", 8, "a.csv: UTF-16 text, expected UTF-8");
    assert_no_csv("\xFE\xFF\0I\0d\0\n", 8, "a.csv: UTF-16 text, expected UTF-8");
    assert_no_csv("I\0d\0\n\0", 6, "a.csv: UTF-16 text, expected UTF-8");
    assert_no_csv("\0I\0d\0\n", 6, "a.csv: UTF-16 text, expected UTF-8");
    assert_no_csv("\n<!DOCTYPE html>\n<html>", 22, "a.csv: an HTML page, expected CSV text");
    assert_no_csv("PK\x03\x04 xl/workbook.xml", 20, "a.csv: a ZIP archive, expected CSV text");
    assert_no_csv("\x89PNG\r\n\x1A\n", 8, "a.csv: a PNG image, expected CSV text");
    assert_no_csv("\x1F\x8B\x08", 3, "a.csv: gzip-compressed data, expected CSV text");
    assert_no_csv("{\"a\": 1}", 8, "a.csv: JSON text, expected CSV text");
    assert_no_csv("\0\0\0", 3, "a.csv: filled with zeros");
}

Test(csv, plain_rows)
{
    assert_reads_text("Id,Target\na,16 0\nb,\n", "1|Id|Target\n2|a|16 0\n3|b|\n");
    assert_reads_text("a,b", "1|a|b\n");
    assert_reads_text("", "");
}

Test(csv, white_space_belongs_to_cells)
{
    assert_reads_text(" a ,\tb \n  \n", "1| a |\tb \n2|  \n");
}

Test(csv, every_kind_of_newline)
{
    assert_reads_text("a,1\r\nb,2\r\nc,3\r\n", "1|a|1\n2|b|2\n3|c|3\n");
    assert_reads_text("a,1\rb,2\rc,3", "1|a|1\n2|b|2\n3|c|3\n");
    assert_reads_text("a\r\rb\n\nc\r\n\r\nd\n\re", "1|a\n3|b\n5|c\n7|d\n9|e\n");
}

Test(csv, quotes)
{
    assert_reads_text("\"a,b\",\"c \"\"d\"\"\"\n\"\",x\n", "1|a,b|c \"d\"\n2||x\n");
    assert_reads_text("\"two\nlines\",1\n\"and\r\nthree\n\",2\nlast,3\n",
                      "1|two\nlines|1\n3|and\r\nthree\n|2\n6|last|3\n");
}

Test(csv, byte_order_mark_is_dropped_at_the_start_only)
{
    assert_reads_text("\xEF\xBB\xBF\"Id\",Target\n\xEF\xBB\xBFx,1\n",
                      "1|Id|Target\n2|\xEF\xBB\xBFx|1\n");
    assert_reads_text("\xEF\xBB", "1|\xEF\xBB\n");
}

Test(csv, a_nul_byte_is_a_defect_of_its_row)
{
    static const char text[] = "a,1\nb\0,2\nc,3\n";
    assert_reads(text, sizeof text - 1, "1|a|1\n2!a NUL byte, expected text\n3|c|3\n");
    static const char first[] = "\0,1\nb,2\n";
    assert_reads(first, sizeof first - 1, "1!a NUL byte, expected text\n2|b|2\n");
    static const char crlf[] = "a\r\n\0\r\n\r\nb\r\n";
    assert_reads(crlf, sizeof crlf - 1, "1|a\n2!a NUL byte, expected text\n4|b\n");
}

Test(csv, a_quote_inside_a_cell_is_a_defect_of_its_row)
{
    assert_reads_text("a\"b,1\nc,2\n\"d\"e,3\n\"f\",4\n",
                      "1!a quote inside a cell, expected it doubled and quotes around the whole "
                      "cell\n2|c|2\n3!a quote inside a cell, expected it doubled and quotes around "
                      "the whole cell\n4|f|4\n");
}

Test(csv, a_quote_left_open_is_a_defect_where_it_opens)
{
    assert_reads_text("a,1\n\nb,\"2\nc,3\n", "1|a|1\n3!a quote is not closed\n");
    assert_reads_text("\"", "1!a quote is not closed\n");
}

/* One byte under, at and over 1 MiB, the newline counted; the last with a quote left open, which
 * swallows lines up to the limit. */
Test(csv, a_row_has_at_most_one_mebibyte)
{
    enum { LIMIT = 1 << 20, ROOM = 100 };
    char *text = malloc(10 * LIMIT + ROOM);
    char *expected = malloc(LIMIT + ROOM);
    for (size_t nbytes = LIMIT - 1; nbytes <= LIMIT + 1; nbytes++) {
        memset(text, 'x', nbytes - 1);
        snprintf(text + nbytes - 1, ROOM, "\nend\n");
        if (nbytes <= LIMIT)
            snprintf(expected, LIMIT + ROOM, "1|%.*s\n2|end\n", (int)nbytes - 1, text);
        else
            snprintf(expected, LIMIT + ROOM,
                     "1!row longer than 1 MiB; is a quote left open?\n2|end\n");
        assert_reads_text(text, expected);
    }
    memset(text, 'x', 10 * LIMIT);
    snprintf(text + 10 * LIMIT, ROOM, "\nend\n");
    assert_reads_text(text, "1!row longer than 1 MiB; is a quote left open?\n2|end\n");
    memset(text, '\n', 10 * LIMIT);
    text[0] = '"';
    snprintf(text + LIMIT + 10, ROOM, "end\n");
    snprintf(expected, LIMIT + ROOM, "1!row longer than 1 MiB; is a quote left open?\n%d|end\n",
             LIMIT + 10);
    assert_reads_text(text, expected);
    free(text);
    free(expected);
}

/* Cells across the blocks in which a file is read. */
Test(csv, rows_of_all_lengths_come_whole)
{
    char *text = NULL, *expected = NULL;
    size_t length, expected_length;
    FILE *in = open_memstream(&text, &length);
    FILE *out = open_memstream(&expected, &expected_length);
    for (int line = 1; line <= 3000; line++) {
        int width = line * 7919 % 1000;
        fprintf(in, "\"%0*d\",%d\r\n", width, 1, line);
        fprintf(out, "%d|%0*d|%d\n", line, width, 1, line);
    }
    fclose(in);
    fclose(out);
    assert_reads(text, length, expected);
    free(text);
    free(expected);
}

Test(csv, a_row_of_many_cells)
{
    enum { CELLS = 100000 };
    char *text = malloc(CELLS + 1), *expected = malloc(CELLS + 10);
    memset(text, ',', CELLS);
    text[CELLS] = '\0';
    memset(expected, '|', 2 + CELLS);
    expected[0] = '1';
    snprintf(expected + 2 + CELLS, 8, "\n");
    assert_reads_text(text, expected);
    free(text);
    free(expected);
}

Test(csv, a_file_that_cannot_be_read_is_an_error)
{
    cr_assert_eq(hpac_csv_read(scratch_path("absent"), transcribe, stderr), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "absent: cannot open"));
    cr_assert_eq(hpac_csv_read(scratch_directory(), transcribe, stderr), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "expected a regular file, not a directory"));
    cr_assert_eq(hpac_csv_read("/dev/zero", transcribe, stderr), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "not a device or pipe"));
}

/* Opening it would wait for a writer, and no signal but a deadly one ends that. */
Test(csv, a_named_pipe_is_refused_at_once)
{
    const char *path = scratch_path("labels.csv");
    cr_assert_eq(mkfifo(path, 0600), 0);
    alarm(10); /* ends the test if it waits */
    cr_assert_eq(hpac_csv_read(path, transcribe, stderr), HPAC_ERR_DATA);
    cr_assert_not_null(
        strstr(hpac_error_message(), "expected a regular file, not a device or pipe"), "%s",
        hpac_error_message());
}

static void *write_late(void *descriptor)
{
    usleep(100000);
    cr_assert_eq(write(*(int *)descriptor, "1,2\n", 4), 4);
    close(*(int *)descriptor);
    return NULL;
}

/* As of a shell's "<(command)" and "command | hpac ... /dev/stdin". */
Test(csv, a_pipe_without_a_name_is_read_to_its_end)
{
    int ends[2];
    char path[64], *text;
    size_t nbytes;
    pthread_t writer;
    FILE *stream = open_memstream(&text, &nbytes);
    cr_assert_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    cr_assert_eq(pthread_create(&writer, NULL, write_late, &ends[1]), 0);
    cr_assert_eq(hpac_csv_read(path, transcribe, stream), HPAC_OK, "%s", hpac_error_message());
    pthread_join(writer, NULL);
    fclose(stream);
    cr_assert_str_eq(text, "1|1|2\n");
    close(ends[0]);
    free(text);
}

static hpac_status refuse_third(void *user, const hpac_csv_row *row)
{
    (void)user;
    cr_assert_leq(row->line, 3);
    return row->line == 3 ? hpac_fail(HPAC_ERR_CONFIG, "enough") : HPAC_OK;
}

Test(csv, the_callback_ends_the_reading)
{
    const char *path = scratch_write_text("a.csv", "1\n2\n3\n4\n5\n");
    cr_assert_eq(hpac_csv_read(path, refuse_third, NULL), HPAC_ERR_CONFIG);
    cr_assert_str_eq(hpac_error_message(), "enough");
    path = scratch_write_text("b.csv", "1\n2\n3"); /* without a newline at its end */
    cr_assert_eq(hpac_csv_read(path, refuse_third, NULL), HPAC_ERR_CONFIG);
    path = scratch_write_text("c.csv", "1\n2\n\"3"); /* in a defect */
    cr_assert_eq(hpac_csv_read(path, refuse_third, NULL), HPAC_ERR_CONFIG);
}

Test(csv, cells_are_quoted_when_they_need_to_be)
{
    static const char *const cells[] = {"plain", "", "a b", "a,b", "say \"x\"", "two\nlines", "\r"};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        if (i)
            fputc(',', out);
        hpac_csv_write_cell(out, cells[i]);
    }
    fclose(out);
    cr_assert_str_eq(text, "plain,,a b,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"\r\"");
    assert_reads(text, length, "1|plain||a b|a,b|say \"x\"|two\nlines|\r\n");
    free(text);
}
