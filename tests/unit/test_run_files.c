/* The list of a run's files: beside the documentation, and as --force removes them. */
#include "rundir/run_files.h"

#include "base/file.h"
#include "rundir/rundir.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The error that the test program's flock fails with; 0: none, it locks. */
static int lock_error;

int flock(int descriptor, int operation)
{
    if (lock_error == 0)
        return (int)syscall(SYS_flock, descriptor, operation);
    errno = lock_error;
    return -1;
}

static void put_files(void)
{
    for (size_t i = 0; i < HPAC_RUN_FILE_COUNT; i++)
        scratch_write(hpac_run_files[i].name, "x", 1);
    scratch_write("notes.txt", "x", 1);
}

Test(run_files, are_in_the_table_of_the_documentation)
{
    unsigned char *page;
    size_t nbytes;
    cr_assert_eq(hpac_file_read("docs/design.md", 1 << 20, &page, &nbytes), HPAC_OK);
    for (size_t i = 0; i < HPAC_RUN_FILE_COUNT; i++) {
        char row[300];
        snprintf(row, sizeof row, "| `%s` | %s | %s |", hpac_run_files[i].name,
                 hpac_run_files[i].written == HPAC_WRITTEN_AT_END ? "end" : "start",
                 hpac_run_files[i].description);
        cr_expect_not_null(strstr((char *)page, row), "docs/design.md lacks: %s", row);
    }
    free(page);
}

Test(run_files, all_go_with_force_and_no_others)
{
    put_files();
    cr_assert_eq(hpac_directory_probe(scratch_directory()), HPAC_OK);
    cr_assert_eq(rundir_clear(scratch_directory(), true), HPAC_OK, "%s", hpac_error_message());
    cr_expect_eq(count_entries(scratch_directory()), 1);
    cr_expect(hpac_directory_has(scratch_directory(), "notes.txt"));
}

/* A removal that ends early, here at a directory in the place of a file, leaves no run. */
Test(run_files, run_json_goes_first)
{
    put_files();
    cr_assert_eq(unlink(scratch_path("config.yaml")), 0);
    cr_assert_eq(mkdir(scratch_path("config.yaml"), 0777), 0);
    cr_expect_eq(rundir_clear(scratch_directory(), true), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "config.yaml: cannot remove file"));
    cr_expect(!hpac_directory_has(scratch_directory(), "run.json"));
    cr_expect(hpac_directory_has(scratch_directory(), "model.h5"));
}

Test(run_files, those_of_the_end_go_when_a_run_goes_on)
{
    static const char *const end[] = {"model.h5", "predictions.csv", "submission_proba.csv",
                                      "submission.csv", "profile.csv"};
    put_files();
    cr_assert_eq(rundir_clear(scratch_directory(), false), HPAC_OK, "%s", hpac_error_message());
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        cr_expect(!hpac_directory_has(scratch_directory(), end[i]), "%s is still there", end[i]);
    cr_expect_eq(count_entries(scratch_directory()),
                 HPAC_RUN_FILE_COUNT + 1 - sizeof end / sizeof *end);
}

Test(run_files, a_locked_directory_is_refused)
{
    rundir first = {.lock = -1}, second = {.lock = -1};
    cr_assert_eq(rundir_lock(scratch_directory(), &first), HPAC_OK);
    cr_expect_eq(rundir_lock(scratch_directory(), &second), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "another hpac"));
    rundir_release(&second);
    rundir_release(&first);
    cr_expect_eq(rundir_lock(scratch_directory(), &second), HPAC_OK);
    rundir_release(&second);
}

Test(run_files, a_file_system_without_locks_is_warned_of_and_used)
{
    static const int errors[] = {ENOLCK, ENOSYS, EOPNOTSUPP};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        rundir run = {.lock = -1};
        lock_error = errors[i];
        cr_expect_eq(rundir_lock(scratch_directory(), &run), HPAC_OK, "%s", strerror(errors[i]));
        rundir_release(&run);
    }
    rundir run = {.lock = -1};
    lock_error = EIO;
    cr_expect_eq(rundir_lock(scratch_directory(), &run), HPAC_ERR_DATA);
    rundir_release(&run);
}

static void expect_refused_group(bool force, const char *reason)
{
    static const char *const files[] = {"list.csv", NULL};
    static const rundir_group group = {files, "fold0", "fold of an earlier cross-validation"};
    rundir dir = {.lock = -1};
    hpac_status status = rundir_lock_group(scratch_directory(), &group, force, &dir);
    cr_expect_eq(status, reason ? HPAC_ERR_CONFIG : HPAC_OK, "%s", hpac_error_message());
    if (reason)
        cr_expect(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
    cr_expect_geq(dir.lock, 0);
    rundir_release(&dir);
}

Test(run_files, a_directory_of_several_runs_has_no_other_files_unless_forced)
{
    rundir dir = {.lock = -1};
    const rundir_group group = {NULL, "fold0", "fold"};
    cr_expect_eq(rundir_lock_group(scratch_path("absent"), &group, false, &dir), HPAC_OK);
    cr_expect_eq(dir.lock, -1);
    expect_refused_group(false, NULL);
    scratch_write_text("list.csv.tmp.12", "x"); /* left by a killed program */
    expect_refused_group(false, NULL);
    scratch_write_text(".hidden", "x");
    expect_refused_group(false, ": has files, but no fold of an earlier cross-validation; choose");
    expect_refused_group(true, NULL);
    cr_assert_eq(mkdir(scratch_path("fold0"), 0777), 0);
    expect_refused_group(false, NULL);
    scratch_write_text("run.json", "{}");
    expect_refused_group(true, ": directory of a single run; choose another one with --out");
}

/* The first files of another program are not taken for foreign ones. */
Test(run_files, a_locked_directory_of_several_runs_is_refused_for_its_lock)
{
    rundir other = {.lock = -1};
    cr_assert_eq(rundir_lock(scratch_directory(), &other), HPAC_OK);
    cr_assert_eq(mkdir(scratch_path("fold1"), 0777), 0);
    expect_refused_group(false, "another hpac is training into this directory; wait for it, or");
    rundir_release(&other);
}
