/* Scratch directories of tests. */
#include "scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[4096];
static pid_t owner;
static struct path {
    struct path *next;
    char text[];
} * paths;

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_scratch(void)
{
    if (getpid() == owner)
        nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    while (paths) {
        struct path *next = paths->next;
        free(paths);
        paths = next;
    }
}

const char *scratch_directory(void)
{
    if (*scratch)
        return scratch;
    const char *base = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/hpac-test-XXXXXX", base && *base ? base : "/tmp");
    cr_assert_not_null(mkdtemp(scratch), "cannot create a scratch directory: %s", scratch);
    owner = getpid();
    atexit(remove_scratch);
    return scratch;
}

static const char *keep_path(const char *parent, const char *name)
{
    size_t nbytes = strlen(parent) + strlen(name) + 2;
    struct path *path = malloc(sizeof *path + nbytes);
    cr_assert_not_null(path);
    snprintf(path->text, nbytes, "%s/%s", parent, name);
    path->next = paths;
    paths = path;
    return path->text;
}

const char *scratch_path(const char *name)
{
    return keep_path(scratch_directory(), name);
}

const char *scratch_write(const char *name, const void *bytes, size_t nbytes)
{
    const char *path = scratch_path(name);
    FILE *stream = fopen(path, "w");
    cr_assert_not_null(stream, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, nbytes, stream), nbytes);
    cr_assert_eq(fclose(stream), 0);
    return path;
}

const char *scratch_write_text(const char *name, const char *text)
{
    return scratch_write(name, text, strlen(text));
}

int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

const char *real_data_or_skip(const char *name)
{
    scratch_directory(); /* whose end frees the path */
    const char *data = getenv("HPAC_REAL_DATA");
    const char *path = keep_path(data && *data ? data : "../shared/data/hpa2018", name);
    if (access(path, R_OK) != 0)
        cr_skip_test("no competition data at %s (HPAC_REAL_DATA)", path);
    return path;
}
