/* Programs beside this one, started without a shell. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Our environment, but texts are UTF-8 and numbers have points, whatever the user's locale: without
 * one gnuplot warns of its degree sign in each picture. The caller frees the list, not its texts;
 * NULL when memory is out. */
static char **make_environment(void)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **list = calloc(count + 2, sizeof *list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            list[kept++] = environ[i];
    list[kept] = locale;
    return list;
}

static int spawn(char *const *arguments, char *const *environment, FILE *said, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(said), STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(said), STDERR_FILENO);
    if (error == 0)
        error = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int report_program_run(char *const *arguments, FILE *said, int *code)
{
    char **environment = make_environment();
    if (!environment)
        return ENOMEM;
    pid_t child;
    int error = spawn(arguments, environment, said, &child);
    free(environment);
    if (error != 0)
        return error;
    int state;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return errno;
    *code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    return 0;
}
