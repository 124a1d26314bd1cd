/* Log lines on stderr and in a file. */
#include <hpac/log.h>

#include "base/file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_text(const char *path)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(path, 1 << 20, &bytes, &nbytes), HPAC_OK);
    return (char *)bytes;
}

Test(log, lines_go_to_stderr_by_level_and_to_the_file)
{
    const char *path = scratch_path("train.log"), *stderr_path = scratch_path("stderr");
    cr_assert_not_null(freopen(stderr_path, "w", stderr));
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_set_level(HPAC_LOG_WARNING);
    hpac_log_info("epoch %d", 1);
    hpac_log_warning("row %d", 2);
    hpac_log_record(HPAC_LOG_ERROR, "file alone");
    hpac_log_close_file();
    hpac_log_error("stderr alone");
    fflush(stderr);
    char *shown = read_text(stderr_path), *logged = read_text(path);
    cr_assert_str_eq(shown, "hpac: warning: row 2\nhpac: error: stderr alone\n");
    const char *const endings[] = {" info epoch 1\n", " warning row 2\n", " error file alone\n"};
    char *line = logged;
    for (int i = 0; i < 3; i++) { /* behind "2026-11-30 12:00:00" */
        cr_assert_eq(strncmp(line + 19, endings[i], strlen(endings[i])), 0, "%s", line);
        line += 19 + strlen(endings[i]);
    }
    cr_assert_str_empty(line);
    free(shown);
    free(logged);
}

Test(log, control_characters_of_data_reach_neither)
{
    const char *path = scratch_path("train.log"), *stderr_path = scratch_path("stderr");
    cr_assert_not_null(freopen(stderr_path, "w", stderr));
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_warning("Id \"%s\"", "\033[2J\xc2\x9bm");
    hpac_log_close_file();
    fflush(stderr);
    char *shown = read_text(stderr_path), *logged = read_text(path);
    cr_assert_str_eq(shown, "hpac: warning: Id \"\\x1b[2J\\u009bm\"\n");
    cr_assert_not_null(strstr(logged, "Id \"\\x1b[2J\\u009bm\"\n"));
    free(shown);
    free(logged);
}

Test(log, goes_on_when_nobody_reads_stderr)
{
    const char *path = scratch_path("train.log");
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    dup2(ends[1], STDERR_FILENO);
    cr_assert_eq(hpac_log_open_file(path), HPAC_OK);
    hpac_log_info("one");
    hpac_log_info("two");
    hpac_log_close_file();
    char *logged = read_text(path);
    cr_assert_not_null(strstr(logged, " info one\n"));
    cr_assert_not_null(strstr(logged, " info two\n"));
    free(logged);
}
