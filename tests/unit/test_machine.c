/* Cores and memory within the limits of control groups: trees of files as Linux has them. */
#include "base/machine.h"

#include "base/file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *root;

/* A file below the root, with its directories. */
static void put(const char *directory, const char *name, const char *text)
{
    char *parent = hpac_path_join(root, "%s", directory),
         *path = hpac_path_join(parent, "%s", name);
    cr_assert_eq(hpac_directory_create(parent), HPAC_OK);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
    free(parent);
}

static hpac_cgroup_limits read_limits(void)
{
    hpac_cgroup_limits limits;
    hpac_cgroup_read(root, &limits);
    return limits;
}

static void set_up(void)
{
    root = scratch_directory();
}

TestSuite(machine, .init = set_up);

static void expect_no_limit(void)
{
    hpac_cgroup_limits limits = read_limits();
    cr_expect(isinf(limits.cores));
    cr_expect_eq(limits.nbytes, SIZE_MAX);
    cr_expect_eq(limits.free_nbytes, SIZE_MAX);
}

Test(machine, without_control_groups_there_is_no_limit)
{
    expect_no_limit();
}

Test(machine, max_of_version_2_is_no_limit)
{
    put("proc/self", "cgroup", "0::/\n");
    put("sys/fs/cgroup", "memory.max", "max\n");
    put("sys/fs/cgroup", "memory.current", "123456\n");
    put("sys/fs/cgroup", "cpu.max", "max 100000\n");
    expect_no_limit();
}

/* What a container with a namespace of its own sees. Files in the page cache give way. */
Test(machine, reads_the_root_of_version_2)
{
    put("proc/self", "cgroup", "0::/\n");
    put("sys/fs/cgroup", "memory.max", "67108864\n");
    put("sys/fs/cgroup", "memory.current", "1000000\n");
    put("sys/fs/cgroup", "memory.stat",
        "anon 1\ninactive_file_other 7\ninactive_file 400000\nactive_file 3\n");
    put("sys/fs/cgroup", "cpu.max", "50000 100000\n");
    hpac_cgroup_limits limits = read_limits();
    cr_expect_eq(limits.cores, 0.5);
    cr_expect_eq(limits.nbytes, 67108864);
    cr_expect_eq(limits.free_nbytes, 67108864 - 600000);
}

/* A limit of a group holds for all groups within it. */
Test(machine, the_narrowest_of_nested_groups_counts)
{
    put("proc/self", "cgroup", "0::/slurm/job_7/step_0\n");
    put("sys/fs/cgroup/slurm/job_7/step_0", "memory.max", "max\n");
    put("sys/fs/cgroup/slurm/job_7/step_0", "cpu.max", "400000 100000\n");
    put("sys/fs/cgroup/slurm/job_7", "memory.max", "5000\n");
    put("sys/fs/cgroup/slurm/job_7", "memory.current", "7000\n");
    put("sys/fs/cgroup/slurm/job_7", "cpu.max", "150000 100000\n");
    put("sys/fs/cgroup/slurm", "memory.max", "9000\n");
    put("sys/fs/cgroup/slurm", "cpu.max", "300000 100000\n");
    put("sys/fs/cgroup/slurm", "memory.current", "8000\n");
    hpac_cgroup_limits limits = read_limits();
    cr_expect_eq(limits.cores, 1.5);
    cr_expect_eq(limits.nbytes, 5000);
    cr_expect_eq(limits.free_nbytes, 0);
}

Test(machine, reads_version_1)
{
    put("proc/self", "cgroup",
        "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:cpuset:/docker/ab\n");
    put("sys/fs/cgroup/memory/docker/ab", "memory.limit_in_bytes", "1048576\n");
    put("sys/fs/cgroup/memory/docker/ab", "memory.usage_in_bytes", "1000\n");
    put("sys/fs/cgroup/memory/docker/ab", "memory.stat",
        "inactive_file 1\ntotal_inactive_file 200\n");
    put("sys/fs/cgroup/cpu/docker/ab", "cpu.cfs_quota_us", "250000\n");
    put("sys/fs/cgroup/cpu/docker/ab", "cpu.cfs_period_us", "100000\n");
    hpac_cgroup_limits limits = read_limits();
    cr_expect_eq(limits.cores, 2.5);
    cr_expect_eq(limits.nbytes, 1048576);
    cr_expect_eq(limits.free_nbytes, 1048576 - 800);
}

Test(machine, a_quota_of_minus_one_in_version_1_is_no_limit)
{
    put("proc/self", "cgroup", "4:cpuacct,cpu:/\n");
    put("sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu", "cpu.cfs_period_us", "100000\n");
    expect_no_limit();
}

/* The path is the host's, the tree is the container's. */
Test(machine, reads_the_groups_that_are_there_when_the_path_is_not)
{
    put("proc/self", "cgroup", "0::/kubepods/pod1/container2\n");
    put("sys/fs/cgroup", "memory.max", "4096\n");
    cr_expect_eq(read_limits().nbytes, 4096);
    cr_expect_eq(read_limits().free_nbytes, 4096, "the usage is unknown");
}

Test(machine, damaged_files_are_no_limit)
{
    put("proc/self", "cgroup", "nonsense\n0:\n0::/\n");
    put("sys/fs/cgroup", "memory.max", "\n");
    put("sys/fs/cgroup", "cpu.max", "50000\n");
    expect_no_limit();
    put("sys/fs/cgroup", "cpu.max", "50000 0\n");
    expect_no_limit();
}

Test(machine, counts_the_cores_of_the_affinity_mask)
{
    cpu_set_t mask, one;
    cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    cr_expect_leq(hpac_core_count(), CPU_COUNT(&mask));
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &mask))
            CPU_SET(i, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_expect_eq(hpac_core_count(), 1);
}

Test(machine, omp_num_threads_lowers_the_compute_threads)
{
    cr_assert_eq(unsetenv("OMP_NUM_THREADS"), 0);
    cr_expect_eq(hpac_compute_thread_count(), hpac_core_count());
    cr_assert_eq(setenv("OMP_NUM_THREADS", "1", 1), 0);
    cr_expect_eq(hpac_compute_thread_count(), 1);
    cr_assert_eq(setenv("OMP_NUM_THREADS", "1,4", 1), 0);
    cr_expect_eq(hpac_compute_thread_count(), 1);
    static const char *const ignored[] = {"1000000", "0", "-3", "many", ""};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        cr_assert_eq(setenv("OMP_NUM_THREADS", ignored[i], 1), 0);
        cr_expect_eq(hpac_compute_thread_count(), hpac_core_count(), "%s", ignored[i]);
    }
}

static size_t read_meminfo(const char *key)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtoul(line + strlen(key), NULL, 10);
    fclose(file);
    cr_assert_gt(kib, 0, "%s", key);
    return kib * 1024;
}

/* What is free changes while the test reads it, by less than a hundred times. */
Test(machine, memory_is_that_of_meminfo_within_the_limits)
{
    hpac_cgroup_limits limits;
    hpac_cgroup_read("", &limits);
    size_t total = read_meminfo("MemTotal:"), available = read_meminfo("MemAvailable:");
    cr_expect_eq(hpac_memory_total(), total < limits.nbytes ? total : limits.nbytes);
    available = available < limits.free_nbytes ? available : limits.free_nbytes;
    cr_expect_leq(hpac_memory_available(), total);
    cr_expect_gt(hpac_memory_available(), available / 100);
    cr_expect_lt(hpac_memory_available() / 100, available);
}
