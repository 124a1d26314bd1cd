/* Files that are whole or not there, folders, paths. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool hpac_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* A rename would replace a folder's or a device's name (as root even /dev/null). */
static hpac_status check_target(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return hpac_fail(HPAC_ERR_CONFIG, "%s: is %s, expected a file or nothing there", path,
                         S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
    return HPAC_OK;
}

hpac_status hpac_file_create(hpac_file *file, const char *path)
{
    *file = (hpac_file){0};
    hpac_status status = check_target(path);
    if (status != HPAC_OK)
        return status;
    file->path = strdup(path);
    if (asprintf(&file->temporary, "%s.tmp.%ld", path, (long)getpid()) < 0)
        file->temporary = NULL;
    if (!file->path || !file->temporary) {
        status = hpac_fail_memory(strlen(path));
        goto fail;
    }
    file->stream = fopen(file->temporary, "we");
    if (!file->stream) {
        status = hpac_fail(HPAC_ERR_CONFIG, "%s: cannot be made: %s", path, strerror(errno));
        goto fail;
    }
    return HPAC_OK;

fail:
    free(file->path);
    free(file->temporary);
    *file = (hpac_file){0};
    return status;
}

/* The folder a path lies in, opened for fsync; -1 with errno. */
static int open_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return -1;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return descriptor;
}

/* Renames and fsyncs the folder, which is what makes a rename survive a power cut. File systems
 * that cannot fsync folders say EINVAL; nothing more can be done on them. */
static hpac_status rename_over(const char *temporary, const char *path)
{
    hpac_status status = check_target(path);
    if (status != HPAC_OK)
        return status;
    int folder = open_folder_of(path);
    if (folder < 0 || rename(temporary, path) != 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s: cannot be put in place: %s", path, strerror(errno));
    else if (fsync(folder) != 0 && errno != EINVAL)
        status =
            hpac_fail(HPAC_ERR_DATA, "%s: its folder cannot be flushed: %s", path, strerror(errno));
    if (folder >= 0)
        close(folder);
    return status;
}

/* A write that failed earlier has left its mark on the stream, but not its errno: another one meets
 * the same full disk, quota or limit. The file is thrown away afterwards. */
static int earlier_error(int fd)
{
    static const char block[1 << 16];
    errno = 0;
    for (int tries = 0; tries < 2 && errno == 0; tries++) /* the first may be a short one */
        (void)!write(fd, block, sizeof block);
    return errno ? errno : EIO;
}

hpac_status hpac_file_finish(hpac_file *file)
{
    hpac_status status = HPAC_OK;
    errno = 0;
    int failed = ferror(file->stream) ? earlier_error(fileno(file->stream)) : 0;
    if (failed || fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s: writing failed: %s", file->path,
                           strerror(failed ? failed : errno ? errno : EIO));
    if (fclose(file->stream) != 0 && status == HPAC_OK)
        status = hpac_fail(HPAC_ERR_DATA, "%s: writing failed: %s", file->path, strerror(errno));
    file->stream = NULL;
    if (status != HPAC_OK)
        hpac_file_discard(file);
    return status;
}

hpac_status hpac_file_commit(hpac_file *file)
{
    hpac_status status = HPAC_OK;
    if (file->stream && (status = hpac_file_finish(file)) != HPAC_OK)
        return status;
    status = rename_over(file->temporary, file->path);
    hpac_file_discard(file);
    return status;
}

void hpac_file_discard(hpac_file *file)
{
    if (file->stream)
        fclose(file->stream);
    if (file->temporary)
        unlink(file->temporary); /* after a rename there is none: fine */
    free(file->path);
    free(file->temporary);
    *file = (hpac_file){0};
}

static hpac_status make_one_folder(const char *path)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return HPAC_OK;
    int error = errno; /* EEXIST, but on a read-only file system also EROFS for one that is there */
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "%s: the folder cannot be made: %s", path,
                     error == EEXIST ? "a file stands there" : strerror(error));
}

hpac_status hpac_directory_create(const char *path)
{
    char *partial = strdup(path);
    if (!partial)
        return hpac_fail_memory(strlen(path) + 1);
    hpac_status status = HPAC_OK;
    for (char *c = partial + 1; *path && *c && status == HPAC_OK; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        status = make_one_folder(partial);
        *c = '/';
    }
    if (status == HPAC_OK)
        status = make_one_folder(partial);
    free(partial);
    return status;
}

hpac_status hpac_directory_probe(const char *path)
{
    char *probe = hpac_path_join(path, ".hpac-probe-XXXXXX");
    if (!probe)
        return hpac_fail_memory(strlen(path));
    hpac_status status = HPAC_OK;
    int descriptor = mkstemp(probe);
    if (descriptor < 0) {
        status = hpac_fail(HPAC_ERR_CONFIG, "%s: no file can be written there: %s", path,
                           strerror(errno));
    } else {
        close(descriptor);
        unlink(probe);
    }
    free(probe);
    return status;
}

bool hpac_directory_has(const char *folder, const char *name)
{
    char *path = hpac_path_join(folder, "%s", name);
    bool there = path && hpac_path_exists(path);
    free(path);
    return there;
}

bool hpac_directory_is_empty(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(folder));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty;
}

hpac_status hpac_directory_check_free(const char *folder, const char *const *names, size_t count)
{
    hpac_problems taken = {0};
    for (size_t i = 0; i < count; i++)
        if (hpac_directory_has(folder, names[i]))
            hpac_problems_add(&taken, "%s", names[i]);
    return hpac_problems_finish(&taken, HPAC_ERR_CONFIG,
                                "%s: has these files already (--force replaces them)", folder);
}

/* Reads to the end into a buffer that grows (files under /proc say size 0). */
static hpac_status read_all(int descriptor, const char *path, size_t limit_nbytes,
                            size_t expected_nbytes, unsigned char **bytes, size_t *nbytes)
{
    size_t capacity = expected_nbytes + 2, length = 0; /* 2: the NUL, and a byte to meet the end */
    unsigned char *buffer = malloc(capacity);
    while (buffer) {
        ssize_t got = read(descriptor, buffer + length, capacity - 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(buffer);
            return hpac_fail(HPAC_ERR_DATA, "%s: cannot be read: %s", path, strerror(errno));
        }
        length += (size_t)got;
        if (length > limit_nbytes) {
            free(buffer);
            return hpac_fail(HPAC_ERR_DATA, "%s: is larger than %zu bytes", path, limit_nbytes);
        }
        if (got == 0) {
            buffer[length] = '\0';
            *bytes = buffer;
            *nbytes = length;
            return HPAC_OK;
        }
        if (length == capacity - 1) {
            capacity *= 2;
            unsigned char *grown = realloc(buffer, capacity);
            if (!grown)
                free(buffer);
            buffer = grown;
        }
    }
    return hpac_fail_memory(capacity);
}

hpac_status hpac_file_read(const char *path, size_t limit_nbytes, unsigned char **bytes,
                           size_t *nbytes)
{
    *bytes = NULL;
    *nbytes = 0;
    /* Without O_NONBLOCK the opening of a pipe would wait for its writer. */
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    hpac_status status;
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = hpac_fail(HPAC_ERR_DATA, "%s: is %s, expected a file", path,
                           S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    else if ((uintmax_t)info.st_size > limit_nbytes)
        status = hpac_fail(HPAC_ERR_DATA, "%s: %jd bytes, expected at most %zu", path,
                           (intmax_t)info.st_size, limit_nbytes);
    else
        status = read_all(descriptor, path, limit_nbytes, (size_t)info.st_size, bytes, nbytes);
    close(descriptor);
    return status;
}

char *hpac_path_join_list(const char *folder, const char *format, va_list arguments)
{
    char *name = NULL;
    if (vasprintf(&name, format, arguments) < 0)
        return NULL;
    size_t length = strlen(folder);
    const char *slash = length == 0 || folder[length - 1] == '/' ? "" : "/";
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", folder, slash, name) < 0)
        path = NULL;
    free(name);
    return path;
}

char *hpac_path_join(const char *folder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *path = hpac_path_join_list(folder, format, arguments);
    va_end(arguments);
    return path;
}
