/* Says what went wrong and ends the program: misuse, touched guard pages, leaks. */
#include "runtime.h"
#include "host_kernel.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *running;
static unsigned leaks;
static struct sigaction previous[2]; /* of SIGSEGV, SIGBUS */

void report_set_running(const char *name)
{
    running = name;
}

/* ", in kernel add, block (0,0,0), thread (3,0,0)", or nothing. */
static void describe_place(char *text, size_t nbytes)
{
    text[0] = '\0';
    if (running == NULL)
        return;
    if (cudasim_block.host_kernel == NULL) {
        snprintf(text, nbytes, ", in %s", running);
        return;
    }
    const uint3 *block = &cudasim_block.block, *thread = &cudasim_block.thread;
    snprintf(text, nbytes, ", in kernel %s, block (%u,%u,%u), thread (%u,%u,%u)",
             cudasim_block.host_kernel->name, block->x, block->y, block->z, thread->x, thread->y,
             thread->z);
}

void cudasim_fail(const char *what, ...)
{
    char place[512];
    describe_place(place, sizeof place);
    fflush(stdout);
    fputs("cudasim: ", stderr);
    va_list arguments;
    va_start(arguments, what);
    vfprintf(stderr, what, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", place);
    _Exit(CUDASIM_EXIT_FAULT);
}

static cudasim_kind *kinds;

void cudasim_live_add(cudasim_kind *kind, int change)
{
    runtime_lock();
    if (!kind->known) {
        kind->known = true;
        kind->next = kinds;
        kinds = kind;
    }
    kind->live += change;
    runtime_return(cudaSuccess);
}

uint64_t report_live_objects(void)
{
    uint64_t count = 0;
    for (const cudasim_kind *kind = kinds; kind != NULL; kind = kind->next)
        count += (uint64_t)kind->live;
    return count;
}

static void end_if_leaked(void)
{
    for (const cudasim_kind *kind = kinds; kind != NULL; kind = kind->next)
        if (kind->live > 0)
            report_leak("%d %s never destroyed", kind->live, kind->plural);
    if (leaks == 0)
        return;
    fprintf(stderr, "cudasim: %u leaks\n", leaks);
    fflush(stdout);
    if (runtime.abort_on_leak)
        abort();
    _Exit(CUDASIM_EXIT_LEAK);
}

void report_leak(const char *what, ...)
{
    if (what == NULL) {
        end_if_leaked();
        return;
    }
    if (leaks++ >= 16)
        return;
    fputs("cudasim: LEAK: ", stderr);
    va_list arguments;
    va_start(arguments, what);
    vfprintf(stderr, what, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static bool is_behind_shared(const void *address)
{
    const unsigned char *byte = address, *end = cudasim_block.shared_end;
    return end != NULL && byte >= end && byte < end + CUDASIM_DYNAMIC_NBYTES;
}

/* Describes an inaccessible device address; false: not a device address. */
static bool describe_touch(const void *address, char *text, size_t nbytes)
{
    char where[300];
    const void *seen = memory_unshadow(address);
    if (seen != NULL) {
        memory_describe(MEMORY_DEVICE, seen, where, sizeof where);
        snprintf(text, nbytes, "device memory out of bounds: %s", where);
    } else if (memory_holds(MEMORY_DEVICE, address)) {
        memory_describe(MEMORY_DEVICE, address, where, sizeof where);
        const char *who = running != NULL ? "a device address that lay in memory was used"
                                          : "the host touched device memory";
        snprintf(text, nbytes, "%s: %s", who, where);
    } else if (memory_holds(MEMORY_PINNED, address)) {
        memory_describe(MEMORY_PINNED, address, where, sizeof where);
        snprintf(text, nbytes, "pinned memory out of bounds: %s", where);
    } else if (is_behind_shared(address)) {
        snprintf(text, nbytes,
                 "shared memory out of bounds: %zu bytes at least past the end of %zu",
                 (size_t)((const unsigned char *)address - cudasim_block.shared_end),
                 cudasim_block.shared_nbytes);
    } else if (cudasim_block.host_kernel != NULL) {
        snprintf(text, nbytes, "%p is no device memory", address);
    } else {
        return false;
    }
    return true;
}

/* Only snprintf and write, and does not return: the lock may be held. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    char text[600], place[512], line[1200];
    if (!describe_touch(info->si_addr, text, sizeof text)) {
        sigaction(number, &previous[number == SIGBUS], NULL);
        return; /* and the fault again, for whoever was there before */
    }
    describe_place(place, sizeof place);
    int length = snprintf(line, sizeof line, "cudasim: %s%s\n", text, place);
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0)
        _Exit(CUDASIM_EXIT_FAULT);
    _Exit(CUDASIM_EXIT_FAULT);
}

/* On a stack of its own: a fiber's may be the one that overflowed. */
void report_install(void)
{
    static unsigned char stack[1 << 16];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous[0]);
    sigaction(SIGBUS, &action, &previous[1]);
}
