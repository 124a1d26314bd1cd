#include "file_probe.h"

#include "hdf5_io.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is read, and how. */
typedef struct reading {
    const char *path;
    size_t nbytes; /* of the file */
    hpac_status (*read)(const char *path, void *result);
    void (*discard)(void *result);
    void *result;
} reading;

/* In memory that the child shares. */
typedef struct probe_result {
    bool finished;
    hpac_status status;
    char message[1024];
} probe_result;

/* No honest file takes that long; endless loops inside HDF5 end here. */
#define LIMIT_CPU_S 30
/* Nor that much memory: some copies of what it holds, in which float16 becomes float32. Names may
 * be many references to one long text, and zip archives contain thousands of times their own size.
 */
#define LIMIT_COPIES 16
#define LIMIT_MEMORY_NBYTES ((rlim_t)1 << 30)

static hpac_status read_quietly(const reading *job)
{
    hpac_status status;
    H5E_BEGIN_TRY
    {
        status = job->read(job->path, job->result);
    }
    H5E_END_TRY;
    if (status != HPAC_OK)
        job->discard(job->result);
    return status;
}

static void limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit limits;
    if (getrlimit(resource, &limits) == 0 && limits.rlim_cur > value) {
        limits.rlim_cur = value;
        setrlimit(resource, &limits);
    }
}

/* Of addresses, in use by this process; 0: not known. */
static rlim_t used_nbytes(void)
{
    char text[128] = ""; /* the first number: of pages */
    FILE *stream = fopen("/proc/self/statm", "re");
    if (!stream)
        return 0;
    char *line = fgets(text, sizeof text, stream);
    fclose(stream);
    return line ? (rlim_t)strtoull(line, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) : 0;
}

static void limit_memory(size_t file_nbytes)
{
    rlim_t used = used_nbytes();
    if (used > 0)
        limit(RLIMIT_AS, used + LIMIT_MEMORY_NBYTES + LIMIT_COPIES * (rlim_t)file_nbytes);
}

static _Noreturn void probe_child(const reading *job, probe_result *result)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody waits for the result then */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, LIMIT_CPU_S);
    limit_memory(job->nbytes);
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0)
        dup2(null, STDERR_FILENO); /* sanitizers and HDF5 print when they crash */
    result->status = read_quietly(job);
    if (result->status == HPAC_OK)
        job->discard(job->result);
    else
        strncpy(result->message, hpac_error_message(), sizeof result->message - 1);
    result->finished = true;
    _exit(0);
}

static hpac_status probe(const reading *job, probe_result *result)
{
    pid_t child = fork();
    if (child == 0)
        probe_child(job, result);
    if (child < 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot create a process: %s", strerror(errno));
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (!result->finished)
        return hpac_fail(HPAC_ERR_DATA, "damaged: HDF5 crashed while reading the file");
    if (result->status == HPAC_ERR_INTERNAL)
        return hpac_fail(HPAC_ERR_DATA, "damaged, or far larger when it is read: %s",
                         result->message);
    return result->status == HPAC_OK ? HPAC_OK : hpac_fail(result->status, "%s", result->message);
}

hpac_status hpac_file_probe(const char *path, hpac_status (*read)(const char *path, void *result),
                            void (*discard)(void *result), void *result)
{
    HPAC_AUTO(hpac_descriptor_close) int descriptor = -1; /* opened for its checks */
    size_t nbytes;
    if (!hpac_path_exists(path))
        return hpac_fail_path(HPAC_ERR_DATA, path, "cannot open");
    HPAC_TRY(hpac_file_open(path, &descriptor, &nbytes));
    const reading job = {path, nbytes, read, discard, result};
    probe_result *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return hpac_fail_memory(sizeof *shared);
    hpac_status status = probe(&job, shared);
    munmap(shared, sizeof *shared);
    HPAC_TRY(hpac_fail_within(status, "%s", path));
    return hpac_fail_within(read_quietly(&job), "%s", path);
}
