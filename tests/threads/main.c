/* Runs the tests of threaded code one after another, each in a process of its own, and reports in
 * the Test Anything Protocol. What a test prints goes to stderr. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

enum { exit_skipped = 77, limit_seconds = 600 };

static threads_test *tests;
static const threads_test *running;

void threads_add(threads_test *test)
{
    threads_test **end = &tests;
    while (*end)
        end = &(*end)->next;
    *end = test;
}

void threads_fail(const char *file, int line, const char *what, const char *format, ...)
{
    fprintf(stderr, "%s:%d: %s::%s: %s", file, line, running->suite, running->name, what);
    if (*format) {
        va_list arguments;
        va_start(arguments, format);
        fputs(": ", stderr);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
    }
    fputc('\n', stderr);
    _exit(EXIT_FAILURE);
}

void threads_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("ok - %s::%s # SKIP ", running->suite, running->name);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    _exit(exit_skipped);
}

/* In the child. Returning from exit() is left to the sanitizer, which then reports races. */
static _Noreturn void run(const threads_test *test)
{
    running = test;
    alarm(limit_seconds);
    if (test->init)
        test->init();
    test->body();
    if (test->fini)
        test->fini();
    exit(EXIT_SUCCESS);
}

int main(void)
{
    int count = 0, failures = 0;
    for (const threads_test *test = tests; test; test = test->next)
        count += !test->disabled;
    printf("1..%d\n", count);
    for (const threads_test *test = tests; test; test = test->next) {
        if (test->disabled)
            continue;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            run(test);
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) < 0) {
            perror("cannot run a test");
            return EXIT_FAILURE;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == exit_skipped)
            continue;
        bool good = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
        printf("%s - %s::%s\n", good ? "ok" : "not ok", test->suite, test->name);
        failures += !good;
    }
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
