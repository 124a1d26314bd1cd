/*
 * What this process may use of the machine: cores and memory, within its CPU affinity and the
 * limits of its control group (cgroup v1 and v2: containers, Slurm, systemd). What is "auto" in the
 * configuration follows these. Safe from any thread.
 */
#ifndef HPAC_BASE_MACHINE_H
#define HPAC_BASE_MACHINE_H

#include <stddef.h>

/* Cores this process may keep busy, at least 1: the affinity mask, and a CPU quota rounded up. */
int hpac_core_count(void);

/* The number of compute threads for "auto", at least 1: one per core, fewer if OMP_NUM_THREADS is
 * smaller. */
int hpac_compute_thread_count(void);

/* Bytes of memory this process may use at most, and how many of them are free now, the page cache
 * included. 0: unknown. */
size_t hpac_memory_total(void);
size_t hpac_memory_available(void);

/* ---- for tests ---- */

/* The limits of a control group and of those it is in. */
typedef struct hpac_cgroup_limits {
    double cores;       /* INFINITY: no limit */
    size_t nbytes;      /* memory; SIZE_MAX: no limit */
    size_t free_nbytes; /* of these; SIZE_MAX: no limit */
} hpac_cgroup_limits;

/* Reads root/proc/self/cgroup and root/sys/fs/cgroup; `root` is "" for those of the system. */
void hpac_cgroup_read(const char *root, hpac_cgroup_limits *limits);

#endif
