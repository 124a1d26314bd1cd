/* The program: secures its streams, finds the command, runs it. */
#include "cli.h"

#include "base/cpu.h"
#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that is opened while 0, 1 or 2 is closed would get that number, and receive what is
 * printed. With /dev/null opened read-only instead, writing fails as to a closed descriptor. */
static void occupy_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != descriptor)
            _Exit(HPAC_ERR_INTERNAL);
}

static bool reader_has_left(void)
{
    struct pollfd end = {.fd = STDOUT_FILENO};
    return poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

static bool was_closed(void)
{
    return (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

/* What the command printed must have arrived. Of `hpac explore ... | head` it need not: that ends
 * as by SIGPIPE, which is held back only while the command works. A command whose result is in
 * files has lost nothing. */
static hpac_status check_output(hpac_status status, const cli_command *command, bool pipe_ignored)
{
    errno = 0;
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (lost && errno == 0 && write(STDOUT_FILENO, "\n", 1) == 1) /* fails as an earlier write */
        errno = EIO;
    int error = errno;
    if (!lost || (status != HPAC_OK && status != HPAC_ERR_DATA))
        return status;
    bool left = reader_has_left();
    if (command && command->result_is_files && (left || was_closed()))
        return status;
    if (left && !pipe_ignored) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return hpac_fail(HPAC_ERR_DATA, "cannot write to standard output: %s", strerror(error));
}

/* Compute threads that wait for one another spin, by default for milliseconds, which takes the
 * cores from the threads that read images. libgomp reads the limit from the environment, before
 * main(): this sets it and executes the program again, unless the user has set a limit or a
 * policy. */
static void limit_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        (void)execv("/proc/self/exe", argv);
    /* exec failed: slower beside other work, no other harm. */
}

static bool is_one_of(const char *name, const char *a, const char *b)
{
    return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

static hpac_status run(int argc, char **argv, const cli_command **command)
{
    const char *name = argv[1];
    bool version = is_one_of(name, "--version", "-V") || strcmp(name, "version") == 0;
    if (version)
        printf("hpac %s\n", hpac_version());
    else if (is_one_of(name, "--help", "-h") && argc == 2)
        help_print_overview(stdout);
    else if (is_one_of(name, "--help", "-h")) {
        HPAC_TRY(cli_find_command("help", command)); /* --help train */
        return cli_run(*command, argc - 1, argv + 1);
    } else {
        hpac_cpu_path path;
        HPAC_TRY(cli_find_command(name, command));
        HPAC_TRY(hpac_cpu_path_get(&path)); /* a wrong HPAC_CPU is refused by every command */
        return cli_run(*command, argc - 1, argv + 1);
    }
    return HPAC_OK;
}

int main(int argc, char **argv)
{
    occupy_standard_descriptors();
    limit_spinning(argv);
    /* Nobody reading the messages any more must not end a training: writing fails with EPIPE. */
    bool pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
    if (argc < 2) {
        help_print_overview(stderr);
        return HPAC_ERR_CONFIG;
    }
    const cli_command *command = NULL;
    hpac_status status = run(argc, argv, &command);
    status = check_output(status, command, pipe_ignored);
    if (status != HPAC_OK) {
        char *message = hpac_printable(hpac_error_message());
        fprintf(stderr, "hpac: %s\n", message ? message : "out of memory");
        free(message);
    }
    return (int)status;
}
