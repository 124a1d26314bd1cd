/* A trace of what reaches the disk. */
#include "disk_trace.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    pthread_mutex_t mutex;
    char *directory; /* resolved; NULL: nothing is recorded */
    char text[65536];
    size_t length;
} trace = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The name in the directory, with the process's number cut off; NULL for what lies elsewhere. */
static const char *traced_name(const char *path, char *name, size_t nbytes)
{
    size_t length = trace.directory ? strlen(trace.directory) : 0;
    if (length == 0 || strncmp(path, trace.directory, length) != 0)
        return NULL;
    path += length + (path[length] == '/');
    snprintf(name, nbytes, "%s", *path ? path : ".");
    char ending[32], *found;
    snprintf(ending, sizeof ending, ".tmp.%ld", (long)getpid());
    if ((found = strstr(name, ending)))
        found[strlen(".tmp")] = '\0';
    return name;
}

static void record(const char *line)
{
    int added = snprintf(trace.text + trace.length, sizeof trace.text - trace.length, "%s\n", line);
    if (added > 0 && (size_t)added < sizeof trace.text - trace.length)
        trace.length += (size_t)added;
}

static void record_sync(int descriptor)
{
    char link[64], path[4096], name[4096], line[8300];
    struct stat info;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    pthread_mutex_lock(&trace.mutex);
    if (length > 0 && fstat(descriptor, &info) == 0) {
        path[length] = '\0';
        if (traced_name(path, name, sizeof name)) {
            if (S_ISDIR(info.st_mode))
                snprintf(line, sizeof line, "fsync %s", name);
            else
                snprintf(line, sizeof line, "fsync %s %lld", name, (long long)info.st_size);
            record(line);
        }
    }
    pthread_mutex_unlock(&trace.mutex);
}

int fsync(int descriptor)
{
    record_sync(descriptor);
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor)
{
    record_sync(descriptor);
    return (int)syscall(SYS_fdatasync, descriptor);
}

int rename(const char *old, const char *new)
{
    char old_name[4096], new_name[4096], line[8300];
    pthread_mutex_lock(&trace.mutex);
    if (traced_name(old, old_name, sizeof old_name) &&
        traced_name(new, new_name, sizeof new_name)) {
        snprintf(line, sizeof line, "rename %s %s", old_name, new_name);
        record(line);
    }
    pthread_mutex_unlock(&trace.mutex);
    return (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
}

void disk_trace_begin(const char *directory)
{
    pthread_mutex_lock(&trace.mutex);
    free(trace.directory);
    trace.directory = realpath(directory, NULL);
    trace.length = 0;
    trace.text[0] = '\0';
    pthread_mutex_unlock(&trace.mutex);
}

const char *disk_trace_end(void)
{
    pthread_mutex_lock(&trace.mutex);
    free(trace.directory);
    trace.directory = NULL;
    pthread_mutex_unlock(&trace.mutex);
    return trace.text;
}
