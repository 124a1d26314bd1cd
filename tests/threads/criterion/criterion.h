/*
 * Replaces Criterion under the thread sanitizer. Criterion's sandbox wants memory at an
 * address that the sanitizer's shadow memory takes, and does not start beside it. This has the part
 * of Criterion that the tests of threaded code use; tests/threads/main.c runs each test in a
 * process of its own, and a race that is found there fails the test.
 */
#ifndef HPAC_TESTS_THREADS_CRITERION_H
#define HPAC_TESTS_THREADS_CRITERION_H
#pragma GCC system_header /* as the real one is: no warnings for macros without a message */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct threads_test {
    void (*init)(void), (*fini)(void);
    double timeout;
    bool disabled;
    const char *description;
    /* filled in by Test() */
    const char *suite, *name;
    void (*body)(void);
    struct threads_test *next;
} threads_test;

void threads_add(threads_test *test);
_Noreturn void threads_fail(const char *file, int line, const char *what, const char *format, ...);
_Noreturn void threads_skip(const char *format, ...);

#define Test(SUITE, NAME, ...)                                                                     \
    static void SUITE##_##NAME(void);                                                              \
    __attribute__((constructor)) static void add_##SUITE##_##NAME(void)                            \
    {                                                                                              \
        static threads_test test = {__VA_ARGS__};                                                  \
        test.suite = #SUITE, test.name = #NAME, test.body = SUITE##_##NAME;                        \
        threads_add(&test);                                                                        \
    }                                                                                              \
    static void SUITE##_##NAME(void)

#define cr_skip_test(...) threads_skip("" __VA_ARGS__)
#define cr_skip(...) threads_skip("" __VA_ARGS__)
#define cr_log_info(...) ((void)0)

#define THREADS_CHECK(CONDITION, WHAT, ...)                                                        \
    ((CONDITION) ? (void)0 : threads_fail(__FILE__, __LINE__, WHAT, "" __VA_ARGS__))
#define THREADS_COMPARE(A, OPERATOR, B, ...)                                                       \
    THREADS_CHECK((A)OPERATOR(B), #A " " #OPERATOR " " #B, __VA_ARGS__)
#define THREADS_STRINGS(A, OPERATOR, B, ...)                                                       \
    THREADS_CHECK(strcmp((A), (B)) OPERATOR 0, #A " " #OPERATOR " " #B, __VA_ARGS__)
#define THREADS_BYTES(A, OPERATOR, B, NBYTES, ...)                                                 \
    THREADS_CHECK(memcmp((A), (B), (NBYTES)) OPERATOR 0, #A " " #OPERATOR " " #B, __VA_ARGS__)

#define cr_fatal(...) threads_fail(__FILE__, __LINE__, "failed", "" __VA_ARGS__)
#define cr_assert_fail cr_fatal
#define cr_fail cr_fatal
#define cr_assert(CONDITION, ...) THREADS_CHECK(CONDITION, #CONDITION, __VA_ARGS__)
#define cr_assert_not(CONDITION, ...) THREADS_CHECK(!(CONDITION), "not " #CONDITION, __VA_ARGS__)
#define cr_assert_null(A, ...) THREADS_COMPARE(A, ==, NULL, __VA_ARGS__)
#define cr_assert_not_null(A, ...) THREADS_COMPARE(A, !=, NULL, __VA_ARGS__)
#define cr_assert_eq(A, B, ...) THREADS_COMPARE(A, ==, B, __VA_ARGS__)
#define cr_assert_neq(A, B, ...) THREADS_COMPARE(A, !=, B, __VA_ARGS__)
#define cr_assert_lt(A, B, ...) THREADS_COMPARE(A, <, B, __VA_ARGS__)
#define cr_assert_leq(A, B, ...) THREADS_COMPARE(A, <=, B, __VA_ARGS__)
#define cr_assert_gt(A, B, ...) THREADS_COMPARE(A, >, B, __VA_ARGS__)
#define cr_assert_geq(A, B, ...) THREADS_COMPARE(A, >=, B, __VA_ARGS__)
#define cr_assert_str_eq(A, B, ...) THREADS_STRINGS(A, ==, B, __VA_ARGS__)
#define cr_assert_str_neq(A, B, ...) THREADS_STRINGS(A, !=, B, __VA_ARGS__)
#define cr_assert_str_empty(A, ...) THREADS_STRINGS(A, ==, "", __VA_ARGS__)
#define cr_assert_str_not_empty(A, ...) THREADS_STRINGS(A, !=, "", __VA_ARGS__)
#define cr_assert_arr_eq(A, B, NBYTES, ...) THREADS_BYTES(A, ==, B, NBYTES, __VA_ARGS__)
#define cr_assert_arr_neq(A, B, NBYTES, ...) THREADS_BYTES(A, !=, B, NBYTES, __VA_ARGS__)

/* The ones that let a test go on stop it here: the first failure is enough. */
#define cr_expect cr_assert
#define cr_expect_not cr_assert_not
#define cr_expect_gt cr_assert_gt
#define cr_expect_eq cr_assert_eq
#define cr_expect_neq cr_assert_neq
#define cr_expect_str_eq cr_assert_str_eq
#define cr_expect_not_null cr_assert_not_null

#endif
