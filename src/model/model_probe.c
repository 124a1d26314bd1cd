/* Loads in a child process that may crash. */
#include "model_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* No honest file takes that long; endless loops inside HDF5 end here. */
#define LIMIT_CPU_S 120

/* The child's result; nothing when it crashed. */
typedef struct child_result {
    hpac_status status;
    char message[1024];
} child_result;

static void limit(int resource, rlim_t value)
{
    struct rlimit old;
    if (getrlimit((__rlimit_resource_t)resource, &old) != 0 || old.rlim_max < value)
        return;
    const struct rlimit set = {.rlim_cur = value, .rlim_max = old.rlim_max};
    setrlimit((__rlimit_resource_t)resource, &set);
}

static _Noreturn void probe_child(const char *path, int pipe,
                                  hpac_status (*load)(const char *, hpac_model *))
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, LIMIT_CPU_S);
    int silence = open("/dev/null", O_WRONLY);
    if (silence >= 0)
        dup2(silence, STDERR_FILENO); /* sanitizers and HDF5 print when they crash */
    hpac_model model;
    child_result result = {.status = load(path, &model)};
    if (result.status == HPAC_OK)
        hpac_model_fini(&model);
    else
        strncpy(result.message, hpac_error_message(), sizeof result.message - 1);
    _exit(write(pipe, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
}

/* False when the child died before it had written its result. */
static bool read_result(int pipe, child_result *result)
{
    size_t received = 0;
    while (received < sizeof *result) {
        ssize_t count = read(pipe, (char *)result + received, sizeof *result - received);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        received += (size_t)count;
    }
    return true;
}

hpac_status hpac_model_probe(const char *path, hpac_status (*load)(const char *, hpac_model *))
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot create a pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        probe_child(path, ends[1], load);
    int error = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot create a process: %s", strerror(error));
    }
    child_result result;
    bool alive = read_result(ends[0], &result);
    close(ends[0]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (!alive)
        return hpac_fail(HPAC_ERR_DATA, "damaged: HDF5 crashed while reading the file");
    return result.status == HPAC_OK ? HPAC_OK : hpac_fail(result.status, "%s", result.message);
}
