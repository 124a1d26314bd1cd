/* A page in the user's browser. */
#include "open_page.h"

#include <hpac/log.h>

#include "base/memory.h"

#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without a display xdg-open would start a browser for the terminal. */
static bool has_display(void)
{
    return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");
}

/* What a browser prints is no result of ours. */
static bool is_opened(const char *path)
{
    const char *const arguments[] = {"xdg-open", path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int ended = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    bool spawned =
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) == 0 &&
        posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return spawned && waitpid(child, &ended, 0) == child && WIFEXITED(ended) &&
           WEXITSTATUS(ended) == 0;
}

void open_page(const char *path)
{
    HPAC_AUTO_FREE char *full = realpath(path, NULL);
    const char *page = full ? full : path;
    if (!has_display())
        hpac_log_warning("no display here; open the page in a browser: %s", page);
    else if (!is_opened(page))
        hpac_log_warning("xdg-open does not show the page; open it in a browser: %s", page);
}
