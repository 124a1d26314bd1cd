/* The nearest word: distances counted by hand. */
#include "base/nearest.h"

#include <criterion/criterion.h>
#include <string.h>

Test(nearest, a_letter_changed_added_left_out_or_swapped_is_one_step)
{
    const char *const typed[] = {"tra1n", "trrain", "trin", "trian"};
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        hpac_nearest nearest = hpac_nearest_to(typed[i]);
        hpac_nearest_offer(&nearest, "predict");
        cr_assert_str_empty(nearest.best);
        hpac_nearest_offer(&nearest, "train");
        cr_assert_str_eq(nearest.best, "train");
        cr_assert_eq(nearest.distance, 1, "%s: %zu", typed[i], nearest.distance);
    }
}

Test(nearest, a_third_of_the_word_is_near_and_no_more)
{
    hpac_nearest nearest = hpac_nearest_to("abcdef");
    hpac_nearest_offer(&nearest, "abcxyz");
    cr_assert_str_empty(nearest.best);
    hpac_nearest_offer(&nearest, "abcdxy");
    cr_assert_str_eq(nearest.best, "abcdxy");
    hpac_nearest_offer(&nearest, "abcdeg");
    cr_assert_str_eq(nearest.best, "abcdeg");
    hpac_nearest_offer(&nearest, "abcdeh"); /* as near: the first stays */
    cr_assert_str_eq(nearest.best, "abcdeg");
}

Test(nearest, one_step_is_near_to_a_short_word)
{
    hpac_nearest nearest = hpac_nearest_to("ab");
    hpac_nearest_offer(&nearest, "xy");
    cr_assert_str_empty(nearest.best);
    hpac_nearest_offer(&nearest, "xb");
    cr_assert_str_eq(nearest.best, "xb");
}

Test(nearest, empty_and_overlong_words_are_near_to_nothing_long)
{
    char longer[HPAC_NEAREST_MAX + 2];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    hpac_nearest nearest = hpac_nearest_to(longer);
    hpac_nearest_offer(&nearest, longer);
    cr_assert_str_empty(nearest.best);
    nearest = hpac_nearest_to("");
    hpac_nearest_offer(&nearest, "ab");
    cr_assert_str_empty(nearest.best);
}

Test(nearest, the_case_of_letters_is_no_distance)
{
    hpac_nearest nearest = hpac_nearest_to("EPOHCS");
    hpac_nearest_offer(&nearest, "epochs");
    cr_assert_str_eq(nearest.best, "epochs");
    cr_assert_eq(nearest.distance, 1);
}
