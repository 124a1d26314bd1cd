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

/* What the child tells; nothing at all when it crashed. */
typedef struct verdict {
    hpac_status status;
    char message[1024];
} verdict;

static void limit(int resource, rlim_t value)
{
    struct rlimit old;
    if (getrlimit((__rlimit_resource_t)resource, &old) != 0 || old.rlim_max < value)
        return;
    const struct rlimit set = {.rlim_cur = value, .rlim_max = old.rlim_max};
    setrlimit((__rlimit_resource_t)resource, &set);
}

static _Noreturn void try_and_tell(const char *path, int answer,
                                   hpac_status (*load)(const char *, hpac_model *))
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, LIMIT_CPU_S);
    int silence = open("/dev/null", O_WRONLY);
    if (silence >= 0)
        dup2(silence, STDERR_FILENO); /* sanitizers and HDF5 speak when they die */
    hpac_model model;
    verdict told = {.status = load(path, &model)};
    if (told.status == HPAC_OK)
        hpac_model_fini(&model);
    else
        strncpy(told.message, hpac_error_message(), sizeof told.message - 1);
    _exit(write(answer, &told, sizeof told) == (ssize_t)sizeof told ? 0 : 1);
}

/* False when the child died before it could tell. */
static bool hear(int answer, verdict *told)
{
    size_t heard = 0;
    while (heard < sizeof *told) {
        ssize_t count = read(answer, (char *)told + heard, sizeof *told - heard);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        heard += (size_t)count;
    }
    return true;
}

hpac_status hpac_model_probe(const char *path, hpac_status (*load)(const char *, hpac_model *))
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "no pipe to a process that tries the file: %s",
                         strerror(errno));
    pid_t child = fork();
    if (child == 0)
        try_and_tell(path, ends[1], load);
    int error = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return hpac_fail(HPAC_ERR_INTERNAL, "no process to try the file in: %s", strerror(error));
    }
    verdict told;
    bool alive = hear(ends[0], &told);
    close(ends[0]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (!alive)
        return hpac_fail(HPAC_ERR_DATA, "damaged: HDF5 crashed when it tried to read the file");
    return told.status == HPAC_OK ? HPAC_OK : hpac_fail(told.status, "%s", told.message);
}
