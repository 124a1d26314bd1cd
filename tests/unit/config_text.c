#include "config_text.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

hpac_status load_sets(const char *text, const char *const *sets, int set_count, hpac_config *config)
{
    scratch_write_text("c.yaml", text);
    cr_assert_eq(chdir(scratch_directory()), 0);
    return hpac_config_load("c.yaml", sets, set_count, config);
}

hpac_config load_good(const char *text)
{
    hpac_config config;
    hpac_status status = load_sets(text, NULL, 0, &config);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return config;
}

hpac_config load_good_sets(const char *text, const char *const *sets, int set_count)
{
    hpac_config config;
    hpac_status status = load_sets(text, sets, set_count, &config);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return config;
}

void refused_sets(const char *text, const char *const *sets, int set_count, const char *expected)
{
    hpac_config config;
    hpac_status status = load_sets(text, sets, set_count, &config);
    cr_expect_eq(status, HPAC_ERR_CONFIG, "accepted:\n%s", text);
    const char *message = hpac_error_message();
    const char *found = strstr(message, expected);
    cr_expect(found && found[strlen(expected)] == '\0', "expected:\n%s\ngot:\n%s", expected,
              message);
    cr_expect_null(config.layers);
    cr_expect_null(config.data.labels);
}

void refused(const char *text, const char *expected)
{
    refused_sets(text, NULL, 0, expected);
}

void refused_value(const char *section, const char *name, const char *value, const char *expected)
{
    char text[512], message[512];
    if (strcmp(section, "data") == 0) {
        snprintf(text, sizeof text, REQUIRED "  %s: %s\n", name, value);
        snprintf(message, sizeof message, "1 problem\nc.yaml:4: data.%s: %s", name, expected);
    } else {
        snprintf(text, sizeof text, REQUIRED "%s:\n  %s: %s\n", section, name, value);
        snprintf(message, sizeof message, "1 problem\nc.yaml:5: %s.%s: %s", section, name,
                 expected);
    }
    refused(text, message);
}

void refused_layer(const char *layer, const char *expected)
{
    char text[512], message[512];
    snprintf(text, sizeof text,
             REQUIRED "model:\n- {type: flatten}\n- %s\n"
                      "- {type: dense, units: classes, activation: sigmoid}\n",
             layer);
    snprintf(message, sizeof message, "1 problem\nc.yaml:6: %s", expected);
    refused(text, message);
}

void refused_set(const char *set, const char *expected)
{
    refused_sets(REQUIRED, &set, 1, expected);
}

static void expect_syntax_error(const char *text, const char *set, const char *expected)
{
    hpac_config config;
    cr_expect_eq(load_sets(text, &set, set ? 1 : 0, &config), HPAC_ERR_CONFIG);
    const char *found = strstr(hpac_error_message(), expected);
    cr_expect(found && strlen(found) > strlen(expected), "expected:\n%s...\ngot:\n%s", expected,
              hpac_error_message());
}

void refused_syntax(const char *text, int line)
{
    char expected[64];
    snprintf(expected, sizeof expected, "c.yaml:%d: invalid YAML: ", line);
    expect_syntax_error(text, NULL, expected);
}

void refused_set_syntax(const char *set)
{
    char expected[128];
    snprintf(expected, sizeof expected, "--set %s: invalid YAML: ", set);
    expect_syntax_error(REQUIRED, set, expected);
}
