/* Prints the tables of docs/configuration.md, for `make docs`. */
#include <hpac/config.h>

int main(void)
{
    hpac_config_print_reference(stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
