/* Atomically written files, directories, paths. */
#include "file.h"

#include "memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

bool hpac_path_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *hpac_path_note(const char *path)
{
    HPAC_AUTO_FREE char *here = *path == '/' ? NULL : getcwd(NULL, 0);
    HPAC_AUTO_FREE char *full = here ? hpac_path_join(here, "%s", path) : NULL;
    char *note = NULL;
    return full && asprintf(&note, " (full path: %s)", full) < 0 ? NULL : note;
}

hpac_status hpac_fail_path(hpac_status status, const char *path, const char *what)
{
    int error = errno;
    HPAC_AUTO_FREE char *note = hpac_path_note(path);
    return hpac_fail(status, "%s: %s: %s%s", path, what, strerror(error), note ? note : "");
}

hpac_status hpac_fail_access(const char *path, const char *what)
{
    static const int of_paths[] = {EACCES,       EBUSY,  EEXIST,  EINVAL, EISDIR, ELOOP,
                                   ENAMETOOLONG, ENOENT, ENOTDIR, EPERM,  EROFS};
    hpac_status status = HPAC_ERR_DATA;
    for (size_t i = 0; i < sizeof of_paths / sizeof *of_paths; i++)
        if (errno == of_paths[i])
            status = HPAC_ERR_CONFIG;
    return hpac_fail_path(status, path, what);
}

bool hpac_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

static hpac_status check_regular(hpac_status status, const char *path, mode_t mode)
{
    return S_ISREG(mode) ? HPAC_OK
                         : hpac_fail(status, "%s: expected a regular file, not a %s", path,
                                     S_ISDIR(mode) ? "directory" : "device or pipe");
}

/* A rename would replace a device (as root even /dev/null). */
static hpac_status check_target(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? check_regular(HPAC_ERR_CONFIG, path, info.st_mode) : HPAC_OK;
}

static hpac_status open_temporary(hpac_file *file, const char *path)
{
    HPAC_TRY_MEMORY(file->path = strdup(path), strlen(path) + 1);
    if (asprintf(&file->temporary, "%s.tmp.%ld", path, (long)getpid()) < 0) {
        file->temporary = NULL;
        return hpac_fail_memory(strlen(path) + 1);
    }
    file->stream = fopen(file->temporary, "we");
    if (!file->stream)
        return hpac_fail_access(path, "cannot create");
    return HPAC_OK;
}

hpac_status hpac_file_create(hpac_file *file, const char *path)
{
    *file = (hpac_file){0};
    HPAC_TRY(check_target(path));
    hpac_status status = open_temporary(file, path);
    if (status != HPAC_OK)
        hpac_file_discard(file);
    return status;
}

/* Renames and fsyncs the directory, so that the rename survives a power cut. File systems that
 * cannot fsync directories return EINVAL; nothing more can be done on them. */
static hpac_status rename_over(const char *temporary, const char *path)
{
    HPAC_TRY(check_target(path));
    const char *slash = strrchr(path, '/');
    HPAC_AUTO_FREE char *parent = NULL;
    HPAC_TRY_MEMORY(parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("."),
                    strlen(path));
    HPAC_AUTO(hpac_descriptor_close)
    int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || rename(temporary, path) != 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot rename %s to it: %s", path, temporary,
                         strerror(errno));
    if (fsync(directory) != 0 && errno != EINVAL)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot fsync its directory: %s", path,
                         strerror(errno));
    return HPAC_OK;
}

/* errno of a write that failed earlier is lost: another one meets the same full disk, quota or
 * limit. The file is discarded afterwards. */
static int earlier_error(int descriptor)
{
    static const char block[1 << 16];
    errno = 0;
    for (int tries = 0; tries < 2 && errno == 0; tries++) /* the first may be a short one */
        (void)!write(descriptor, block, sizeof block);
    return errno ? errno : EIO;
}

hpac_status hpac_file_finish(hpac_file *file)
{
    int error = 0;
    if (ferror(file->stream))
        error = earlier_error(fileno(file->stream));
    else if (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0)
        error = errno;
    if (fclose(file->stream) != 0 && error == 0)
        error = errno;
    file->stream = NULL;
    if (error == 0)
        return HPAC_OK;
    hpac_fail(HPAC_ERR_DATA, "%s: write failed: %s", file->path, strerror(error));
    hpac_file_discard(file);
    return HPAC_ERR_DATA;
}

hpac_status hpac_file_commit(hpac_file *file)
{
    if (file->stream)
        HPAC_TRY(hpac_file_finish(file));
    hpac_status status = rename_over(file->temporary, file->path);
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

static hpac_status make_directory(const char *path)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return HPAC_OK;
    int error = errno; /* of an existing one EEXIST, on a read-only file system EROFS */
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return HPAC_OK;
    errno = error;
    return hpac_fail_access(path, "cannot create directory");
}

hpac_status hpac_directory_create(const char *path)
{
    HPAC_AUTO_FREE char *partial = NULL;
    HPAC_TRY_MEMORY(partial = strdup(path), strlen(path) + 1);
    for (char *end = partial + strspn(partial, "/"); (end = strchr(end, '/')); end++) {
        *end = '\0';
        HPAC_TRY(make_directory(partial));
        *end = '/';
    }
    return make_directory(partial);
}

/* The length of a path without its last component. */
static size_t parent_nbytes(const char *path, size_t length)
{
    while (length > 0 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    return length;
}

size_t hpac_path_existing(const char *path)
{
    size_t length = strlen(path);
    HPAC_AUTO_FREE char *part = strdup(path);
    while (part && length > 0 && !hpac_path_exists(part)) {
        length = parent_nbytes(part, length);
        part[length] = '\0';
    }
    return length;
}

void hpac_directory_remove_empty(const char *path, size_t existing_nbytes)
{
    HPAC_AUTO_FREE char *part = strdup(path);
    for (size_t length = strlen(path); part && length > existing_nbytes && rmdir(part) == 0;) {
        length = parent_nbytes(part, length);
        part[length] = '\0';
    }
}

hpac_status hpac_directory_probe(const char *path)
{
    HPAC_AUTO_FREE char *probe = NULL;
    HPAC_TRY_MEMORY(probe = hpac_path_join(path, ".hpac-probe-XXXXXX"), strlen(path));
    int descriptor = mkstemp(probe);
    if (descriptor < 0)
        return hpac_fail_access(path, "cannot create files in it");
    close(descriptor);
    unlink(probe);
    return HPAC_OK;
}

bool hpac_directory_has(const char *directory, const char *name)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
    return path && hpac_path_exists(path);
}

static hpac_status remove_file(const char *directory, const char *name)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
    HPAC_TRY_MEMORY(path, strlen(directory) + strlen(name));
    return unlink(path) == 0 || errno == ENOENT ? HPAC_OK
                                                : hpac_fail_access(path, "cannot remove file");
}

hpac_status hpac_directory_remove_files(const char *directory,
                                        bool (*is_ours)(const void *user, const char *name),
                                        const void *user)
{
    DIR *opened = opendir(directory);
    if (!opened && (errno == ENOENT || errno == ENOTDIR))
        return HPAC_OK;
    if (!opened)
        return hpac_fail_access(directory, "cannot read directory");
    hpac_status status = HPAC_OK;
    for (struct dirent *entry; status == HPAC_OK && (entry = readdir(opened));)
        if (is_ours(user, entry->d_name))
            status = remove_file(directory, entry->d_name);
    closedir(opened);
    return status;
}

hpac_status hpac_directory_check_free(const char *directory, const char *const *names, size_t count)
{
    hpac_problems taken = {0};
    for (size_t i = 0; i < count; i++)
        if (hpac_directory_has(directory, names[i]))
            hpac_problems_add(&taken, "%s", names[i]);
    return hpac_problems_finish(&taken, HPAC_ERR_CONFIG,
                                "%s: files exist already (--force replaces them)", directory);
}

/* Whether it is one end of a pipe that no other program can open. */
static bool is_unnamed_pipe(int descriptor)
{
    struct statfs info;
    return fstatfs(descriptor, &info) == 0 && info.f_type == PIPEFS_MAGIC;
}

/* O_NONBLOCK: opening a named pipe would wait for its writer. */
static hpac_status open_input(const char *path, bool with_pipes, int *descriptor, size_t *nbytes)
{
    struct stat info = {0};
    *descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*descriptor < 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot open: %s", path, strerror(errno));
    hpac_status status = HPAC_OK;
    if (fstat(*descriptor, &info) != 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
    else if (!with_pipes || !is_unnamed_pipe(*descriptor))
        status = check_regular(HPAC_ERR_DATA, path, info.st_mode);
    *nbytes = (size_t)info.st_size;
    if (status != HPAC_OK)
        hpac_descriptor_close(descriptor);
    return status;
}

hpac_status hpac_file_open(const char *path, int *descriptor, size_t *nbytes)
{
    return open_input(path, false, descriptor, nbytes);
}

hpac_status hpac_stream_open(const char *path, FILE **stream)
{
    HPAC_AUTO(hpac_descriptor_close) int descriptor = -1;
    size_t nbytes;
    *stream = NULL;
    if (!hpac_path_exists(path))
        return hpac_fail_path(HPAC_ERR_DATA, path, "cannot open");
    HPAC_TRY(open_input(path, true, &descriptor, &nbytes));
    (void)fcntl(descriptor, F_SETFL, 0); /* reading from a pipe waits */
    HPAC_TRY_MEMORY(*stream = fdopen(descriptor, "r"), BUFSIZ);
    descriptor = -1; /* the stream's */
    return HPAC_OK;
}

void hpac_descriptor_close(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

hpac_status hpac_file_read(const char *path, size_t limit_nbytes, unsigned char **bytes,
                           size_t *nbytes)
{
    HPAC_AUTO(hpac_descriptor_close) int descriptor = -1;
    HPAC_AUTO_FREE unsigned char *buffer = NULL;
    size_t size, length = 0;
    *bytes = NULL;
    *nbytes = 0;
    if (!hpac_path_exists(path))
        return hpac_fail_path(HPAC_ERR_DATA, path, "cannot open");
    HPAC_TRY(hpac_file_open(path, &descriptor, &size));
    if (size > limit_nbytes)
        return hpac_fail(HPAC_ERR_DATA, "%s: %zu bytes, expected at most %zu", path, size,
                         limit_nbytes);
    size_t capacity = size + 2; /* the NUL, and a byte to find the end */
    HPAC_TRY_NEW(buffer, capacity);
    for (ssize_t got = -1; got != 0; length += (size_t)got) { /* files under /proc grow */
        HPAC_TRY_GROW(buffer, length + 1, capacity);
        got = read(descriptor, buffer + length, capacity - 1 - length);
        if (got < 0)
            return hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
        if (length + (size_t)got > limit_nbytes)
            return hpac_fail(HPAC_ERR_DATA, "%s: larger than %zu bytes", path, limit_nbytes);
    }
    buffer[length] = '\0';
    *bytes = buffer;
    *nbytes = length;
    buffer = NULL;
    return HPAC_OK;
}

char *hpac_path_join_list(const char *directory, const char *format, va_list arguments)
{
    char *name = NULL, *path = NULL;
    if (vasprintf(&name, format, arguments) < 0)
        return NULL;
    size_t length = strlen(directory);
    const char *slash = length == 0 || directory[length - 1] == '/' ? "" : "/";
    if (asprintf(&path, "%s%s%s", directory, slash, name) < 0)
        path = NULL;
    free(name);
    return path;
}

char *hpac_path_join(const char *directory, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *path = hpac_path_join_list(directory, format, arguments);
    va_end(arguments);
    return path;
}
