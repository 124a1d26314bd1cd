/* Fibers: stacks that one thread of the host switches between. */
#include "cudasim.h"
#include "executor.h"

#include <stdlib.h>
#include <sys/mman.h>

#define STACK_NBYTES ((size_t)128 << 10)
#define GUARD_NBYTES ((size_t)4096)

#ifdef __x86_64__

/* Saves what a function must keep and where the stack is, and takes another stack. */
void cudasim_switch(void **saved, void *to);
__asm__(".text\n"
        ".type cudasim_switch,@function\n"
        "cudasim_switch:\n"
        " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " mov %rsp,(%rdi)\n"
        " mov %rsi,%rsp\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
        " pop %rdx\n"
        " jmp *%rdx\n"
        ".size cudasim_switch,.-cudasim_switch\n");

typedef void *context;

static void context_switch(context *from, context *to)
{
    cudasim_switch(from, *to);
}

/* As if it had been switched away from just before its first instruction: six registers and the
 * return address; the stack is aligned as after a call. */
static void context_make(context *made, unsigned char *stack, size_t nbytes,
                         fiber_function *function)
{
    uintptr_t *top = (uintptr_t *)(void *)(stack + nbytes);
    *--top = 0;
    *--top = (uintptr_t)function;
    for (int i = 0; i < 6; i++)
        *--top = 0;
    *made = top;
}

#else
#include <ucontext.h>

typedef ucontext_t context;

static void context_switch(context *from, context *to)
{
    swapcontext(from, to);
}

static void context_make(context *made, unsigned char *stack, size_t nbytes,
                         fiber_function *function)
{
    getcontext(made);
    made->uc_stack.ss_sp = stack;
    made->uc_stack.ss_size = nbytes;
    made->uc_link = NULL;
    makecontext(made, function, 0);
}

#endif

struct fiber {
    context context;
    fiber *next; /* of the idle ones */
};

static context scheduler;
static fiber *current, *idle;

fiber *fiber_current(void)
{
    return current;
}

fiber *fiber_take(fiber_function *function)
{
    if (idle != NULL) {
        fiber *taken = idle;
        idle = taken->next;
        return taken;
    }
    fiber *made = calloc(1, sizeof *made);
    unsigned char *pages = mmap(NULL, GUARD_NBYTES + STACK_NBYTES, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == NULL || pages == MAP_FAILED)
        cudasim_fail("no host memory for a fiber");
    mprotect(pages, GUARD_NBYTES, PROT_NONE);
    /* Tops at different places of their pages: else all stacks share the same lines of the cache.
     */
    static unsigned made_before;
    size_t nbytes = STACK_NBYTES - made_before++ % 32 * 448;
    context_make(&made->context, pages + GUARD_NBYTES, nbytes, function);
    return made;
}

void fiber_resume(fiber *resumed)
{
    current = resumed;
    context_switch(&scheduler, &resumed->context);
    current = NULL;
}

void fiber_pause(void)
{
    context_switch(&current->context, &scheduler);
}

void fiber_idle(void)
{
    current->next = idle;
    idle = current;
    fiber_pause();
}
