/* Cores and memory within the limits of the process's affinity and control group. */
#include "machine.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A tree of control groups, and the names of its files. NULL: the tree does not have it. */
typedef struct hierarchy {
    const char *controller; /* its name in /proc/self/cgroup; "" is version 2 */
    const char *mount;
    const char *limit, *usage; /* memory, in bytes */
    const char *reclaimable;   /* key in memory.stat: cached files, which give way at once */
    const char *quota;         /* us per period; version 2 has both in one file */
    const char *period;
} hierarchy;

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const hierarchy hierarchies[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file", "cpu.max", NULL},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file", NULL, NULL},
    {"cpu", "/sys/fs/cgroup/cpu", NULL, NULL, NULL, "cpu.cfs_quota_us", "cpu.cfs_period_us"},
};

/* Finds the value after `key` in a file of "key value" lines; without a key, reads up to two
 * numbers of the first line. Returns how many were read: "max" and what is missing are none. */
static int read_numbers(const char *directory, const char *name, const char *key,
                        unsigned long long values[2])
{
    char path[PATH_MAX + 64], line[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t key_length = key ? strlen(key) : 0;
    const char *text = NULL;
    while (!text && fgets(line, sizeof line, file))
        if (!key || (strncmp(line, key, key_length) == 0 && line[key_length] == ' '))
            text = line + key_length;
    fclose(file);
    int count = 0;
    for (char *end; text && count < 2; text = end) {
        text += strspn(text, " ");
        if (*text < '0' || *text > '9') /* "max", and -1 of version 1 */
            break;
        values[count++] = strtoull(text, &end, 10);
    }
    return count;
}

/* Lowers the limits to those of one group. */
static void apply_group(const hierarchy *tree, const char *directory, hpac_cgroup_limits *limits)
{
    unsigned long long limit[2], usage[2] = {0}, cached[2] = {0}, quota[2] = {0}, period[2] = {0};
    if (tree->limit && read_numbers(directory, tree->limit, NULL, limit) > 0) {
        (void)read_numbers(directory, tree->usage, NULL, usage);
        (void)read_numbers(directory, "memory.stat", tree->reclaimable, cached);
        size_t used = usage[0] > cached[0] ? usage[0] - cached[0] : 0;
        limits->nbytes = min_of(limits->nbytes, limit[0]);
        limits->free_nbytes = min_of(limits->free_nbytes, limit[0] > used ? limit[0] - used : 0);
    }
    if (!tree->quota)
        return;
    (void)read_numbers(directory, tree->quota, NULL, quota);
    if (tree->period)
        (void)read_numbers(directory, tree->period, NULL, period);
    else
        period[0] = quota[1];
    if (quota[0] > 0)
        /* Without a period infinitely many: NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
        limits->cores = fmin(limits->cores, (double)quota[0] / (double)period[0]);
}

/* Applies the group and those around it. In a container the path may be that of the host, which is
 * not there: the groups that are there count. */
static void apply_path(const char *root, const hierarchy *tree, const char *path,
                       hpac_cgroup_limits *limits)
{
    char directory[PATH_MAX];
    size_t mount_length = strlen(root) + strlen(tree->mount);
    int length = snprintf(directory, sizeof directory, "%s%s%s", root, tree->mount, path);
    if (length < 0 || (size_t)length >= sizeof directory)
        return;
    while (strlen(directory) >= mount_length) {
        apply_group(tree, directory, limits);
        *strrchr(directory, '/') = '\0';
    }
}

void hpac_cgroup_read(const char *root, hpac_cgroup_limits *limits)
{
    char line[PATH_MAX];
    *limits = (hpac_cgroup_limits){.cores = INFINITY, .nbytes = SIZE_MAX, .free_nbytes = SIZE_MAX};
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof line, file)) {
        /* "4:cpu,cpuacct:/path"; version 2 names no controllers: "0::/path". */
        char *path = line;
        line[strcspn(line, "\n")] = '\0';
        strsep(&path, ":");
        char *controllers = strsep(&path, ":");
        while (path && controllers) {
            const char *name = strsep(&controllers, ",");
            for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++)
                if (strcmp(name, hierarchies[i].controller) == 0)
                    apply_path(root, &hierarchies[i], path, limits);
        }
    }
    if (file)
        fclose(file);
}

int hpac_core_count(void)
{
    cpu_set_t mask;
    hpac_cgroup_limits limits;
    hpac_cgroup_read("", &limits);
    int cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 0;
    if (cores < 1)
        cores = (int)sysconf(_SC_NPROCESSORS_ONLN); /* more cores than a cpu_set_t holds */
    cores = (int)fmin(cores, ceil(limits.cores));
    return cores > 0 ? cores : 1;
}

int hpac_compute_thread_count(void)
{
    const char *text = getenv("OMP_NUM_THREADS"); /* a list has the outermost level first */
    long wanted = text ? strtol(text, NULL, 10) : 0;
    int cores = hpac_core_count();
    return wanted > 0 && wanted < cores ? (int)wanted : cores;
}

size_t hpac_memory_total(void)
{
    hpac_cgroup_limits limits;
    long pages = sysconf(_SC_PHYS_PAGES), page_nbytes = sysconf(_SC_PAGESIZE);
    hpac_cgroup_read("", &limits);
    return pages > 0 && page_nbytes > 0 ? min_of((size_t)pages * (size_t)page_nbytes, limits.nbytes)
                                        : 0;
}

size_t hpac_memory_available(void)
{
    hpac_cgroup_limits limits;
    unsigned long long kib[2];
    hpac_cgroup_read("", &limits);
    size_t free_nbytes = read_numbers("/proc", "meminfo", "MemAvailable:", kib) > 0
                             ? kib[0] * 1024
                             : hpac_memory_total();
    return min_of(free_nbytes, limits.free_nbytes);
}
