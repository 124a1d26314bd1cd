#include "guarded.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

guarded guarded_create(size_t nbytes, bool at_start)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (nbytes + page - 1) / page * page + (nbytes == 0 ? page : 0);
    guarded made = {.pages_nbytes = inner + 2 * page};
    made.pages = mmap(NULL, made.pages_nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(made.pages, MAP_FAILED);
    unsigned char *first = (unsigned char *)made.pages + page;
    cr_assert_eq(mprotect(first, inner, PROT_READ | PROT_WRITE), 0);
    made.bytes = at_start ? first : first + inner - nbytes;
    return made;
}

void guarded_destroy(guarded *memory)
{
    munmap(memory->pages, memory->pages_nbytes);
}
