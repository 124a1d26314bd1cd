/* The only file that is compiled again when a commit changes the version. */
#include <hpac/status.h>

const char *hpac_version(void)
{
    return HPAC_VERSION;
}
