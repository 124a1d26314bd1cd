/* The error record and lists of problems. */
#include <hpac/status.h>

#include <criterion/criterion.h>
#include <pthread.h>

Test(status, failure_carries_its_message)
{
    cr_assert_eq(hpac_fail(HPAC_ERR_DATA, "%s:%d: empty target", "train.csv", 7), HPAC_ERR_DATA);
    cr_assert_str_eq(hpac_error_message(), "train.csv:7: empty target");
}

Test(status, context_goes_in_front)
{
    hpac_status status = hpac_fail(HPAC_ERR_DEVICE, "out of memory");
    cr_assert_eq(hpac_fail_within(status, "layer %d", 2), HPAC_ERR_DEVICE);
    cr_assert_str_eq(hpac_error_message(), "layer 2: out of memory");
    cr_assert_eq(hpac_fail_within(HPAC_OK, "not added"), HPAC_OK);
    cr_assert_str_eq(hpac_error_message(), "layer 2: out of memory");
}

Test(status, problems_are_listed_together)
{
    hpac_problems problems = {0};
    cr_assert_eq(hpac_problems_finish(&problems, HPAC_ERR_DATA, "a.csv"), HPAC_OK);
    for (int row = 1; row <= 100; row++)
        hpac_problems_add(&problems, "row %d is bad", row);
    cr_assert_eq(hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s", "a.csv"), HPAC_ERR_DATA);
    const char *message = hpac_error_message();
    cr_assert(strncmp(message, "a.csv: 100 problems\nrow 1 is bad\nrow 2 is bad\n", 45) == 0);
    cr_assert_not_null(strstr(message, "\nrow 100 is bad"));
    cr_assert_eq(problems.count, 0);
    cr_assert_null(problems.text);
}

static void *fail_elsewhere(void *user)
{
    cr_assert_str_empty(hpac_error_message());
    cr_assert_eq(hpac_fail(HPAC_ERR_NUMERIC, "elsewhere"), HPAC_ERR_NUMERIC);
    cr_assert_str_eq(hpac_error_message(), "elsewhere");
    return user;
}

/* That the record of a thread that ends is freed is what the leak checker sees here. */
Test(status, a_thread_has_a_record_of_its_own)
{
    cr_assert_str_empty(hpac_error_message());
    hpac_fail(HPAC_ERR_DATA, "here");
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert_str_eq(hpac_error_message(), "here");
}
