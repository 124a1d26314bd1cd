/*
 * lower-libc FILE...: what libraries need of a C library newer than 2.34 becomes what they need of
 * its oldest version, so that they load with an older one; libhpac_compat.so (compat.c) has the
 * functions. Used by make-bundle.
 *
 * A library lists the versions of symbols it needs (GLIBC_2.36) in its section .gnu.version_r, and
 * the dynamic linker refuses to load it if one is missing.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLDEST_MINOR 34            /* 2.34 */
#define BASE_VERSION "GLIBC_2.2.5" /* that of every x86-64 C library */

/* Versions of a library's symbols are in the memory that it is mapped to. */
static unsigned char *find_address(unsigned char *bytes, Elf64_Addr address)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(bytes + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && address >= segments[i].p_vaddr &&
            address < segments[i].p_vaddr + segments[i].p_filesz)
            return bytes + segments[i].p_offset + (address - segments[i].p_vaddr);
    return NULL;
}

static Elf64_Xword find_dynamic(const unsigned char *bytes, Elf64_Sxword tag)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(bytes + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_DYNAMIC)
            for (const Elf64_Dyn *entry = (const Elf64_Dyn *)(bytes + segments[i].p_offset);
                 entry->d_tag != DT_NULL; entry++)
                if (entry->d_tag == tag)
                    return entry->d_un.d_val;
    return 0;
}

static bool is_newer(const char *version)
{
    int minor;
    return sscanf(version, "GLIBC_2.%d", &minor) == 1 && minor > OLDEST_MINOR;
}

/* Calls `visit` for each version that the library needs. */
static void visit_versions(unsigned char *bytes,
                           void (*visit)(Elf64_Vernaux *version, const char *names,
                                         Elf64_Vernaux *base),
                           Elf64_Vernaux *base)
{
    unsigned char *need_at = find_address(bytes, find_dynamic(bytes, DT_VERNEED));
    const char *names = (const char *)find_address(bytes, find_dynamic(bytes, DT_STRTAB));
    Elf64_Xword count = find_dynamic(bytes, DT_VERNEEDNUM);
    for (Elf64_Xword i = 0; need_at && names && i < count; i++) {
        const Elf64_Verneed *need = (const Elf64_Verneed *)need_at;
        unsigned char *at = need_at + need->vn_aux;
        for (int j = 0; j < need->vn_cnt; j++) {
            visit((Elf64_Vernaux *)at, names, base);
            at += ((Elf64_Vernaux *)at)->vna_next;
        }
        need_at += need->vn_next;
    }
}

static void find_base(Elf64_Vernaux *version, const char *names, Elf64_Vernaux *base)
{
    if (strcmp(names + version->vna_name, BASE_VERSION) == 0)
        *base = *version;
}

static void lower(Elf64_Vernaux *version, const char *names, Elf64_Vernaux *base)
{
    if (base->vna_name > 0 && is_newer(names + version->vna_name)) {
        version->vna_name = base->vna_name;
        version->vna_hash = base->vna_hash;
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;
        int file = open(argv[i], O_RDWR);
        unsigned char *bytes = MAP_FAILED;
        if (file >= 0 && fstat(file, &status) == 0)
            bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (bytes == MAP_FAILED || status.st_size < (off_t)sizeof(Elf64_Ehdr) ||
            memcmp(bytes, ELFMAG, SELFMAG) != 0 || bytes[EI_CLASS] != ELFCLASS64) {
            fprintf(stderr, "lower-libc: %s: cannot be read, or is no 64-bit ELF file\n", argv[i]);
            return EXIT_FAILURE;
        }
        Elf64_Vernaux base = {0};
        visit_versions(bytes, find_base, &base);
        visit_versions(bytes, lower, &base);
        munmap(bytes, (size_t)status.st_size);
        close(file);
    }
    return EXIT_SUCCESS;
}
