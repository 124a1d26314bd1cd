/* Atomically written files. */
#include "base/file.h"

#include "disk_trace.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_content(const char *path, const char *expected)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(path, 1 << 20, &bytes, &nbytes), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_eq(nbytes, strlen(expected));
    cr_assert_str_eq((char *)bytes, expected);
    free(bytes);
}

static void assert_message_has(const char *part)
{
    cr_assert_not_null(strstr(hpac_error_message(), part), "\"%s\" lacks \"%s\"",
                       hpac_error_message(), part);
}

Test(file, appears_when_it_is_committed)
{
    const char *path = scratch_path("a.csv");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    fputs("hello\n", file.stream);
    fflush(file.stream);
    cr_assert_not(hpac_path_exists(path));
    cr_assert_eq(hpac_file_commit(&file), HPAC_OK);
    assert_content(path, "hello\n");
    cr_assert_eq(count_entries(scratch_directory()), 1);
    hpac_file_discard(&file);
    assert_content(path, "hello\n");
}

Test(file, replaces_the_old_one_when_committed)
{
    const char *path = scratch_write_text("a.csv", "old");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    fputs("new", file.stream);
    fflush(file.stream);
    assert_content(path, "old");
    cr_assert_eq(hpac_file_commit(&file), HPAC_OK);
    assert_content(path, "new");
    cr_assert_eq(count_entries(scratch_directory()), 1);
}

Test(file, finished_stays_temporary_until_the_commit)
{
    const char *path = scratch_write_text("a.csv", "old");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    fputs("new", file.stream);
    cr_assert_eq(hpac_file_finish(&file), HPAC_OK);
    cr_assert_null(file.stream);
    assert_content(path, "old");
    cr_assert_eq(hpac_file_commit(&file), HPAC_OK);
    assert_content(path, "new");
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    fputs("newer", file.stream);
    cr_assert_eq(hpac_file_finish(&file), HPAC_OK);
    hpac_file_discard(&file);
    assert_content(path, "new");
    cr_assert_eq(count_entries(scratch_directory()), 1);
}

/* Without the first a power cut can leave an empty file under the new name, without the second the
 * old file; a rename before the first would do the same. */
Test(file, reaches_the_disk_before_its_name_does)
{
    hpac_file file;
    disk_trace_begin(scratch_directory());
    cr_assert_eq(hpac_file_create(&file, scratch_path("a.csv")), HPAC_OK);
    fputs("hello\n", file.stream);
    cr_assert_eq(hpac_file_commit(&file), HPAC_OK);
    cr_assert_str_eq(disk_trace_end(), "fsync a.csv.tmp 6\n"
                                       "rename a.csv.tmp a.csv\n"
                                       "fsync .\n");
}

Test(file, finished_is_on_the_disk_and_commit_only_renames)
{
    hpac_file file;
    disk_trace_begin(scratch_directory());
    cr_assert_eq(hpac_file_create(&file, scratch_path("a.csv")), HPAC_OK);
    fputs("hello\n", file.stream);
    cr_assert_eq(hpac_file_finish(&file), HPAC_OK);
    cr_assert_str_eq(disk_trace_end(), "fsync a.csv.tmp 6\n");
    disk_trace_begin(scratch_directory());
    cr_assert_eq(hpac_file_commit(&file), HPAC_OK);
    cr_assert_str_eq(disk_trace_end(), "rename a.csv.tmp a.csv\nfsync .\n");
}

Test(file, discarded_is_removed)
{
    const char *path = scratch_write_text("a.csv", "old");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    fputs("new", file.stream);
    hpac_file_discard(&file);
    assert_content(path, "old");
    cr_assert_eq(count_entries(scratch_directory()), 1);
    hpac_file_discard(&file);
}

Test(file, that_cannot_be_created_is_an_error_with_its_path)
{
    const char *plain = scratch_write_text("plain", "x");
    const char *under_file = scratch_path("plain/a.csv");
    const char *in_no_directory = scratch_path("absent/a.csv");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, under_file), HPAC_ERR_CONFIG);
    assert_message_has(under_file);
    assert_message_has("Not a directory");
    cr_assert_null(file.stream);
    cr_assert_eq(hpac_file_create(&file, in_no_directory), HPAC_ERR_CONFIG);
    assert_message_has("No such file");
    cr_assert_eq(hpac_file_create(&file, scratch_directory()), HPAC_ERR_CONFIG);
    assert_message_has("not a directory");
    cr_assert_eq(hpac_file_create(&file, "/dev/null"), HPAC_ERR_CONFIG);
    assert_message_has("not a device");
    cr_assert_eq(count_entries(scratch_directory()), 1);
    assert_content(plain, "x");
}

/* /dev/full behaves as a full disk: every flush fails. */
Test(file, on_a_full_disk_is_an_error_and_leaves_the_old_one)
{
    const char *path = scratch_write_text("a.csv", "old");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    fclose(file.stream);
    file.stream = fopen("/dev/full", "w");
    fputs("new", file.stream);
    cr_assert_eq(hpac_file_commit(&file), HPAC_ERR_DATA);
    assert_message_has("a.csv: write failed: No space left");
    assert_content(path, "old");
    cr_assert_eq(count_entries(scratch_directory()), 1);
}

/* The write fails long before the commit, and the commit itself has nothing left to flush. */
Test(file, remembers_a_write_that_failed_earlier)
{
    const char *path = scratch_path("a.csv");
    signal(SIGXFSZ, SIG_IGN);
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    struct rlimit old, small = {.rlim_cur = 1000};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    setvbuf(file.stream, NULL, _IONBF, 0);
    for (int i = 0; i < 200; i++)
        fputs("0123456789", file.stream);
    setrlimit(RLIMIT_FSIZE, &old);
    cr_assert_eq(hpac_file_commit(&file), HPAC_ERR_DATA);
    assert_message_has("write failed");
    cr_assert_eq(count_entries(scratch_directory()), 0);
}

Test(file, whose_target_became_a_directory_is_an_error)
{
    const char *path = scratch_path("a.csv");
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, path), HPAC_OK);
    cr_assert_eq(mkdir(path, 0777), 0);
    cr_assert_eq(hpac_file_commit(&file), HPAC_ERR_CONFIG);
    cr_assert_eq(count_entries(scratch_directory()), 1);
    cr_assert_eq(count_entries(path), 0);
}

Test(file, a_name_without_a_directory_is_in_the_current_one)
{
    cr_assert_eq(chdir(scratch_directory()), 0);
    hpac_file file;
    cr_assert_eq(hpac_file_create(&file, "a.csv"), HPAC_OK);
    cr_assert_eq(hpac_file_commit(&file), HPAC_OK);
    assert_content(scratch_path("a.csv"), "");
}

Test(file, directories_are_created_with_their_parents)
{
    const char *path = scratch_path("a/b//c/");
    cr_assert_eq(hpac_directory_create(path), HPAC_OK);
    cr_assert_eq(count_entries(path), 0);
    cr_assert_eq(hpac_directory_create(path), HPAC_OK);
    cr_assert_eq(hpac_directory_create("/"), HPAC_OK);
    cr_assert_eq(hpac_directory_create("."), HPAC_OK);
    cr_assert_eq(hpac_directory_create(""), HPAC_ERR_CONFIG);
}

Test(file, directories_that_cannot_be_created_are_errors)
{
    const char *plain = scratch_write_text("plain", "x");
    cr_assert_eq(hpac_directory_create(plain), HPAC_ERR_CONFIG);
    assert_message_has("cannot create directory: File exists");
    cr_assert_eq(hpac_directory_create(scratch_path("plain/a/b")), HPAC_ERR_CONFIG);
    assert_message_has("plain");
    cr_assert_eq(hpac_directory_create("/proc/no-such-directory"), HPAC_ERR_CONFIG);
}

/* A path that the user can correct is CONFIG; what no other path would change is not. */
Test(file, without_free_descriptors_is_no_mistake_in_a_path)
{
    const char *path = scratch_path("a.csv"), *directory = scratch_directory();
    struct rlimit old, none = {0};
    hpac_file file;
    getrlimit(RLIMIT_NOFILE, &old);
    none.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    hpac_status created = hpac_file_create(&file, path);
    hpac_status probed = hpac_directory_probe(directory);
    setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(created, HPAC_ERR_DATA);
    cr_assert_eq(probed, HPAC_ERR_DATA);
    assert_message_has("cannot create files in it: Too many open files");
    cr_assert_eq(hpac_file_create(&file, scratch_path("none/a.csv")), HPAC_ERR_CONFIG);
    assert_message_has("a.csv: cannot create: No such file or directory");
}

Test(file, a_probe_leaves_no_file)
{
    const char *plain = scratch_write_text("plain", "x");
    cr_assert_eq(hpac_directory_probe(scratch_directory()), HPAC_OK);
    cr_assert_eq(count_entries(scratch_directory()), 1);
    cr_assert_eq(hpac_directory_probe(plain), HPAC_ERR_CONFIG);
    assert_message_has(plain);
    cr_assert_eq(hpac_directory_probe(scratch_path("absent")), HPAC_ERR_CONFIG);
    cr_assert_eq(hpac_directory_probe("/proc"), HPAC_ERR_CONFIG);
}

Test(file, a_directory_has_names)
{
    const char *empty = scratch_path("directory");
    cr_assert_eq(mkdir(empty, 0777), 0);
    cr_assert_not(hpac_directory_has(empty, "a"));
    scratch_write_text("directory/.hidden", "x");
    cr_assert(hpac_directory_has(empty, ".hidden"));
    cr_assert(hpac_directory_has(scratch_directory(), "directory"));
    cr_assert_not(hpac_directory_has(scratch_path("absent"), "a"));
    scratch_write_text("50%s off", "x");
    cr_assert(hpac_directory_has(scratch_directory(), "50%s off"));
}

static bool is_chosen(const void *chosen, const char *name)
{
    return strcmp(name, chosen) == 0;
}

Test(file, chosen_files_of_a_directory_are_removed)
{
    cr_assert_eq(hpac_directory_remove_files(scratch_path("absent"), is_chosen, "a"), HPAC_OK);
    const char *file = scratch_write_text("a", "x");
    cr_assert_eq(hpac_directory_remove_files(file, is_chosen, "a"), HPAC_OK);
    scratch_write_text("b", "x");
    cr_assert_eq(hpac_directory_remove_files(scratch_directory(), is_chosen, "a"), HPAC_OK);
    cr_assert_not(hpac_directory_has(scratch_directory(), "a"));
    cr_assert(hpac_directory_has(scratch_directory(), "b"));
    cr_assert_eq(mkdir(scratch_path("a"), 0777), 0);
    cr_assert_eq(hpac_directory_remove_files(scratch_directory(), is_chosen, "a"), HPAC_ERR_CONFIG);
    assert_message_has("/a: cannot remove file: ");
}

Test(file, existing_names_are_listed)
{
    static const char *const names[] = {"a.csv", "b.csv", "c.csv"};
    cr_assert_eq(hpac_directory_check_free(scratch_path("absent"), names, 3), HPAC_OK);
    cr_assert_eq(hpac_directory_check_free(scratch_directory(), names, 3), HPAC_OK);
    scratch_write_text("a.csv", "");
    scratch_write_text("c.csv", "x");
    cr_assert_eq(hpac_directory_check_free(scratch_directory(), names + 1, 1), HPAC_OK);
    cr_assert_eq(hpac_directory_check_free(scratch_directory(), names, 3), HPAC_ERR_CONFIG);
    assert_message_has(scratch_directory());
    assert_message_has("a.csv");
    assert_message_has("c.csv");
    cr_assert_null(strstr(hpac_error_message(), "b.csv"));
}

Test(file, reading_has_a_limit)
{
    const char *path = scratch_write("a", "12345\000789", 9);
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(path, 9, &bytes, &nbytes), HPAC_OK);
    cr_assert_eq(nbytes, 9);
    cr_assert_arr_eq(bytes, "12345\000789", 10);
    free(bytes);
    cr_assert_eq(hpac_file_read(path, 8, &bytes, &nbytes), HPAC_ERR_DATA);
    assert_message_has("expected at most 8");
    cr_assert_null(bytes);
}

/* Files under /proc have size 0 and grow as they are read. */
Test(file, reading_does_not_trust_the_size)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read("/proc/self/maps", 1 << 24, &bytes, &nbytes), HPAC_OK);
    cr_assert_gt(nbytes, 100);
    cr_assert_eq(strlen((char *)bytes), nbytes);
    free(bytes);
    cr_assert_eq(hpac_file_read("/proc/self/maps", 100, &bytes, &nbytes), HPAC_ERR_DATA);
    cr_assert_null(bytes);
}

Test(file, reading_other_than_regular_files_is_an_error)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("absent"), 10, &bytes, &nbytes), HPAC_ERR_DATA);
    assert_message_has("No such file");
    cr_assert_eq(hpac_file_read(scratch_directory(), 10, &bytes, &nbytes), HPAC_ERR_DATA);
    assert_message_has("not a directory");
    cr_assert_eq(hpac_file_read("/dev/zero", 10, &bytes, &nbytes), HPAC_ERR_DATA);
    const char *pipe = scratch_path("pipe");
    cr_assert_eq(mkfifo(pipe, 0600), 0);
    cr_assert_eq(hpac_file_read(pipe, 10, &bytes, &nbytes), HPAC_ERR_DATA);
    assert_message_has("not a device or pipe");
}

Test(file, paths_are_joined_with_one_slash)
{
    static const struct {
        const char *directory, *expected;
    } cases[] = {{"a", "a/7_green.png"},
                 {"a/", "a/7_green.png"},
                 {"/", "/7_green.png"},
                 {"", "7_green.png"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = hpac_path_join(cases[i].directory, "%d_%s.png", 7, "green");
        cr_assert_str_eq(path, cases[i].expected);
        free(path);
    }
}

Test(file, a_path_that_cannot_be_opened_is_shown_absolute)
{
    char expected[512];
    cr_assert_eq(chdir(scratch_directory()), 0);
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read("a/b.csv", 100, &bytes, &nbytes), HPAC_ERR_DATA);
    snprintf(expected, sizeof expected,
             "a/b.csv: cannot open: No such file or directory (full path: %s)",
             scratch_path("a/b.csv"));
    cr_assert_str_eq(hpac_error_message(), expected);
    cr_assert_eq(hpac_file_read(scratch_path("c"), 100, &bytes, &nbytes), HPAC_ERR_DATA);
    snprintf(expected, sizeof expected, "%s: cannot open: No such file or directory",
             scratch_path("c"));
    cr_assert_str_eq(hpac_error_message(), expected);
}

Test(file, what_was_created_is_removed_while_it_is_empty)
{
    cr_assert_eq(chdir(scratch_directory()), 0);
    cr_assert_eq(mkdir("mine", 0777), 0);
    size_t existing = hpac_path_existing("mine/a//b/");
    cr_assert_eq(existing, strlen("mine/"));
    cr_assert_eq(hpac_directory_create("mine/a//b/"), HPAC_OK);
    scratch_write_text("mine/a/kept", "x");
    hpac_directory_remove_empty("mine/a//b/", existing);
    cr_assert(!hpac_path_exists("mine/a/b") && hpac_path_exists("mine/a/kept"));
    cr_assert_eq(unlink("mine/a/kept"), 0);
    cr_assert_eq(hpac_directory_create("mine/a/b"), HPAC_OK);
    hpac_directory_remove_empty("mine/a/b", existing);
    cr_assert(!hpac_path_exists("mine/a") && hpac_path_exists("mine"));

    cr_assert_eq(hpac_path_existing("other/x"), 0);
    cr_assert_eq(hpac_path_existing("mine"), strlen("mine"));
    cr_assert_eq(hpac_directory_create("other/x"), HPAC_OK);
    hpac_directory_remove_empty("other/x", 0);
    cr_assert(!hpac_path_exists("other"));
}
