/* Cores and memory within the limits of the process's affinity and control group. */
#include "machine.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- control groups ---- */

/* A tree of control groups, and the names of its files. NULL: the tree does not have it. */
typedef struct hierarchy {
    const char *controller; /* its name in /proc/self/cgroup; "" is version 2 */
    const char *mount;
    const char *limit, *usage; /* memory, in bytes */
    const char *reclaimable;   /* key in memory.stat: cached files, which give way at once */
    const char *quota;         /* us per period; version 2 has both in one file */
    const char *period;
} hierarchy;

static const hierarchy hierarchies[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file", "cpu.max", NULL},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file", NULL, NULL},
    {"cpu", "/sys/fs/cgroup/cpu", NULL, NULL, NULL, "cpu.cfs_quota_us", "cpu.cfs_period_us"},
};

/* Finds the value after `key` in a file of "key value" lines; without a key, reads up to two
 * numbers of the first line. Returns how many were read: "max" and what is missing are none. */
static int read_numbers(const char *folder, const char *name, const char *key,
                        unsigned long long values[2])
{
    char path[PATH_MAX + 64], line[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    int count = 0;
    while (file && count < 1 && fgets(line, sizeof line, file)) {
        size_t length = key ? strlen(key) : 0;
        if (key && (strncmp(line, key, length) != 0 || line[length] != ' '))
            continue;
        const char *text = line + length;
        for (char *end; count < 2; text = end) {
            text += strspn(text, " ");
            if (*text < '0' || *text > '9') /* "max", and -1 of version 1 */
                break;
            values[count++] = strtoull(text, &end, 10);
        }
        if (!key)
            break;
    }
    if (file)
        fclose(file);
    return count;
}

/* Narrows the limits to those of one group. */
static void apply_group(const hierarchy *tree, const char *folder, hpac_cgroup_limits *limits)
{
    unsigned long long limit[2], usage[2], cached[2] = {0}, quota[2] = {0}, period[2] = {0};
    if (tree->limit && read_numbers(folder, tree->limit, NULL, limit) > 0) {
        if (limit[0] < limits->nbytes)
            limits->nbytes = (size_t)limit[0];
        if (read_numbers(folder, tree->usage, NULL, usage) < 1)
            usage[0] = 0;
        (void)read_numbers(folder, "memory.stat", tree->reclaimable, cached);
        unsigned long long used = usage[0] > cached[0] ? usage[0] - cached[0] : 0;
        unsigned long long left = limit[0] > used ? limit[0] - used : 0;
        if (left < limits->free_nbytes)
            limits->free_nbytes = (size_t)left;
    }
    if (!tree->quota)
        return;
    int count = read_numbers(folder, tree->quota, NULL, quota);
    if (tree->period && count > 0)
        count += read_numbers(folder, tree->period, NULL, period);
    else if (count == 2)
        period[0] = quota[1];
    if (count < 2 || quota[0] == 0 || period[0] == 0)
        return;
    double cores = (double)quota[0] / (double)period[0];
    if (cores < limits->cores)
        limits->cores = cores;
}

/* Applies the group and those around it. In a container the path may be that of the host, which is
 * not there: the groups that are there count. */
static void apply_path(const char *root, const hierarchy *tree, const char *path,
                       hpac_cgroup_limits *limits)
{
    char folder[PATH_MAX];
    size_t mount_length = strlen(root) + strlen(tree->mount);
    int length = snprintf(folder, sizeof folder, "%s%s%s", root, tree->mount, path);
    if (length < 0 || (size_t)length >= sizeof folder)
        return;
    while (strlen(folder) >= mount_length) {
        apply_group(tree, folder, limits);
        *strrchr(folder, '/') = '\0';
    }
}

/* Whether `name` is in the comma-separated list; the empty name equals the empty list. */
static bool list_has(const char *list, const char *name)
{
    if (!*name || !*list)
        return strcmp(list, name) == 0;
    size_t length = strlen(name);
    for (const char *item = list; item; item = strchr(item, ',')) {
        item += *item == ',';
        if (strncmp(item, name, length) == 0 && (item[length] == ',' || item[length] == '\0'))
            return true;
    }
    return false;
}

void hpac_cgroup_read(const char *root, hpac_cgroup_limits *limits)
{
    char line[PATH_MAX];
    *limits = (hpac_cgroup_limits){.cores = INFINITY, .nbytes = SIZE_MAX, .free_nbytes = SIZE_MAX};
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "r");
    while (file && fgets(line, sizeof line, file)) {
        /* "4:cpu,cpuacct:/path" */
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++)
            if (list_has(controllers + 1, hierarchies[i].controller))
                apply_path(root, &hierarchies[i], path, limits);
    }
    if (file)
        fclose(file);
}

/* ---- the machine ---- */

int hpac_core_count(void)
{
    cpu_set_t mask;
    hpac_cgroup_limits limits;
    long cores = 0;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0)
        cores = CPU_COUNT(&mask);
    if (cores < 1)
        cores = sysconf(_SC_NPROCESSORS_ONLN); /* more cores than a cpu_set_t holds */
    hpac_cgroup_read("", &limits);
    if (ceil(limits.cores) < (double)cores)
        cores = (long)ceil(limits.cores);
    return cores > 0 ? (int)cores : 1;
}

int hpac_compute_thread_count(void)
{
    const char *text = getenv("OMP_NUM_THREADS"); /* a list has the outermost level first */
    long wanted = text ? strtol(text, NULL, 10) : 0;
    int cores = hpac_core_count();
    return wanted > 0 && wanted < cores ? (int)wanted : cores;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t hpac_memory_total(void)
{
    hpac_cgroup_limits limits;
    long pages = sysconf(_SC_PHYS_PAGES), page_nbytes = sysconf(_SC_PAGESIZE);
    hpac_cgroup_read("", &limits);
    return pages > 0 && page_nbytes > 0
               ? smaller((size_t)pages * (size_t)page_nbytes, limits.nbytes)
               : 0;
}

size_t hpac_memory_available(void)
{
    hpac_cgroup_limits limits;
    unsigned long long kib[2];
    hpac_cgroup_read("", &limits);
    return read_numbers("/proc", "meminfo", "MemAvailable:", kib) > 0
               ? smaller((size_t)kib[0] * 1024, limits.free_nbytes)
               : smaller(hpac_memory_total(), limits.free_nbytes);
}
