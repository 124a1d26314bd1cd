/* The error record and lists of problems. */
#include <hpac/status.h>

#include "scratch.h"

#include <criterion/criterion.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
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
    for (int row = 1; row <= 10; row++)
        hpac_problems_add(&problems, "row %d is bad", row);
    cr_assert_eq(hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s", "a.csv"), HPAC_ERR_DATA);
    const char *message = hpac_error_message();
    cr_assert(strncmp(message, "a.csv: 10 problems\nrow 1 is bad\nrow 2 is bad\n", 44) == 0);
    cr_assert_not_null(strstr(message, "\nrow 10 is bad"));
    cr_assert_eq(problems.count, 0);
    cr_assert_null(problems.text);
}

/* The headline and the count stay on the screen; nothing is lost. */
Test(status, a_long_list_is_cut_and_complete_in_a_file)
{
    setenv("TMPDIR", scratch_directory(), 1);
    hpac_problems problems = {0};
    for (int row = 1; row <= 3000; row++)
        hpac_problems_add(&problems, "row %d is bad", row);
    problems.cause = "the disk is bad";
    cr_assert_eq(hpac_problems_finish(&problems, HPAC_ERR_DATA, "a.csv"), HPAC_ERR_DATA);
    char *message = strdup(hpac_error_message());
    cr_assert(strncmp(message, "a.csv: 3000 problems\nrow 1 is bad\n", 34) == 0, "%s", message);
    const char *last = strstr(message, "\nrow 10 is bad\nand 2990 more (all in ");
    cr_assert_not_null(last, "%s", message);
    cr_assert_str_eq(strchr(last, ')'), ")\na.csv: 3000 problems\nthe disk is bad");
    char *path = strndup(strchr(last, '/'), strcspn(strchr(last, '/'), ")"));
    FILE *list = fopen(path, "r");
    free(path);
    cr_assert_not_null(list, "%s", last);
    char line[100];
    for (int row = 1; row <= 3000; row++) {
        int found = 0;
        cr_assert_not_null(fgets(line, sizeof line, list));
        cr_assert(sscanf(line, "row %d is bad", &found) == 1 && found == row, "%s", line);
    }
    cr_assert_null(fgets(line, sizeof line, list));
    fclose(list);
    free(message);
    setenv("TMPDIR", "/nonexistent", 1);
    for (int row = 1; row <= 11; row++)
        hpac_problems_add(&problems, "row %d is bad", row);
    cr_assert_eq(hpac_problems_finish(&problems, HPAC_ERR_DATA, "a.csv"), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "\nand 1 more (the complete list could not "
                                                    "be written"));
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
