#ifndef HPAC_CLI_OPEN_PAGE_H
#define HPAC_CLI_OPEN_PAGE_H

/* Shows a page in the user's browser, by xdg-open; where there is none, or no display, logs the
 * page's full path. */
void open_page(const char *path);

#endif
