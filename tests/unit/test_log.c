/* Log lines for a callback and in a file. */
#include <hpac/log.h>

#include "base/file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_text(const char *path)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(path, 1 << 20, &bytes, &nbytes), HPAC_OK);
    return (char *)bytes;
}

static char shown[1000];

static void append(void *user, hpac_log_level level, const char *line)
{
    size_t length = strlen(shown);
    snprintf(shown + length, sizeof shown - length, "%s%d %s\n", (const char *)user, (int)level,
             line);
}

Test(log, lines_go_to_the_callback_by_level_and_to_the_file)
{
    char user[] = "level ";
    const char *path = scratch_path("train.log");
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_set_callback(append, user);
    hpac_log_set_level(HPAC_LOG_WARNING);
    hpac_log_info("epoch %d", 1);
    hpac_log_warning("row %d", 2);
    hpac_log_record(HPAC_LOG_ERROR, "file alone");
    hpac_log_close_file();
    hpac_log_error("callback alone");
    cr_assert_str_eq(shown, "level 1 row 2\nlevel 0 callback alone\n");
    hpac_log_set_callback(NULL, NULL);
    hpac_log_error("nobody");
    cr_assert_null(strstr(shown, "nobody"));
    char *logged = read_text(path);
    const char *const endings[] = {" info epoch 1\n", " warning row 2\n", " error file alone\n"};
    char *line = logged;
    for (int i = 0; i < 3; i++) { /* behind "2026-11-30 12:00:00" */
        cr_assert_eq(strncmp(line + 19, endings[i], strlen(endings[i])), 0, "%s", line);
        line += 19 + strlen(endings[i]);
    }
    cr_assert_str_empty(line);
    free(logged);
}

/* A program that links the library decides what is printed. */
Test(log, without_a_callback_nothing_is_printed)
{
    const char *printed = scratch_path("printed");
    cr_assert_not_null(freopen(printed, "w", stderr));
    cr_assert_not_null(freopen(printed, "w", stdout));
    hpac_log_error("line");
    fflush(NULL);
    char *text = read_text(printed);
    cr_assert_str_empty(text);
    free(text);
}

Test(log, control_characters_of_data_reach_neither)
{
    char user[] = "";
    const char *path = scratch_path("train.log");
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_set_callback(append, user);
    hpac_log_warning("Id \"%s\"", "\033[2J\xc2\x9bm");
    hpac_log_close_file();
    cr_assert_str_eq(shown, "1 Id \"\\x1b[2J\\u009bm\"\n");
    char *logged = read_text(path);
    cr_assert_not_null(strstr(logged, "Id \"\\x1b[2J\\u009bm\"\n"));
    free(logged);
}

Test(log, a_line_of_parts_ends_before_the_one_that_does_not_fit)
{
    static const struct {
        size_t width;
        const char *shown;
    } cases[] = {{0, "epoch 1  loss 2  left 3"},
                 {23, "epoch 1  loss 2  left 3"},
                 {22, "epoch 1  loss 2"},
                 {15, "epoch 1  loss 2"},
                 {14, "epoch 1"},
                 {7, "epoch 1"},
                 {6, "epoch 1  loss 2  left 3"}};
    char user[] = "", expected[100];
    const char *path = scratch_path("train.log");
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_set_callback(append, user);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        *shown = '\0';
        hpac_log_set_width(cases[i].width);
        hpac_log_parts("epoch %d  loss %d  left %d", 1, 2, 3);
        snprintf(expected, sizeof expected, "2 %s\n", cases[i].shown);
        cr_expect_str_eq(shown, expected, "width %zu: %s", cases[i].width, shown);
    }
    hpac_log_info("not  of  parts");
    cr_expect_not_null(strstr(shown, "not  of  parts"));
    hpac_log_close_file();
    char *logged = read_text(path);
    for (char *line = logged; *line; line = strchr(line, '\n') + 1)
        cr_expect(strstr(line, "left 3\n") || strstr(line, "parts\n"), "%s", line);
    free(logged);
}

static void log_and_leave(void *user, hpac_log_level level, const char *line)
{
    append(user, level, line);
    hpac_log_warning("about %s", line);
    hpac_log_set_level(HPAC_LOG_DETAIL);
    if (strcmp(line, "row 2") == 0)
        hpac_log_set_callback(NULL, NULL);
}

/* Neither a deadlock nor an endless recursion. */
Test(log, a_callback_may_call_the_functions_of_the_log)
{
    char user[] = "";
    const char *path = scratch_path("train.log");
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_set_callback(log_and_leave, user);
    hpac_log_info("row 1");
    hpac_log_detail("row 2");
    hpac_log_info("row 3");
    hpac_log_close_file();
    cr_expect_str_eq(shown, "2 row 1\n3 row 2\n");
    char *logged = read_text(path);
    cr_expect_not_null(strstr(logged, " warning about row 1\n"));
    cr_expect_not_null(strstr(logged, " warning about row 2\n"));
    cr_expect_not_null(strstr(logged, " info row 3\n"));
    free(logged);
}

Test(log, an_unknown_level_is_a_detail)
{
    const char *path = scratch_path("train.log");
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_line((hpac_log_level)99, "row 1");
    hpac_log_close_file();
    char *logged = read_text(path);
    cr_expect_not_null(strstr(logged, " info row 1\n"));
    free(logged);
}
