/* Configurations with overrides: any bytes are accepted or refused, and an accepted configuration
 * reads back from what it writes. The input is a file and, behind NUL bytes, the overrides. */
#include <hpac/config.h>

#include "input.h"

#include <string.h>

#define MAX_SETS 4

static char *written(const hpac_config *config)
{
    char *text;
    if (hpac_config_text(config, &text) != HPAC_OK)
        abort();
    return text;
}

/* Prints as the program does. */
static void print(const hpac_config *config)
{
    FILE *stream = fopen("/dev/null", "w");
    if (!stream)
        abort();
    hpac_config_print(config, stream);
    fclose(stream);
}

static void check_good(hpac_config *config)
{
    hpac_shape input = hpac_config_input_shape(config);
    if (input.rows < 1 || input.cols < 1 || input.channels < 1 || config->layer_count < 1 ||
        config->data.target_count < 1 || !config->data.labels || !config->data.images)
        abort();
    print(config);
    char *text = written(config);
    hpac_config again;
    if (hpac_config_load(fuzz_file((const uint8_t *)text, strlen(text)), NULL, 0, &again) !=
        HPAC_OK) {
        fprintf(stderr, "%s\n%s\n", text, hpac_error_message());
        abort();
    }
    char *text_again = written(&again);
    if (strcmp(text, text_again) != 0)
        abort();
    free(text);
    free(text_again);
    hpac_config_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    char *input = malloc(nbytes + 1);
    if (!input)
        abort();
    memcpy(input, bytes, nbytes);
    input[nbytes] = '\0';
    const char *sets[MAX_SETS];
    int set_count = 0;
    size_t file_nbytes = strlen(input);
    for (size_t place = file_nbytes + 1; place < nbytes && set_count < MAX_SETS;) {
        sets[set_count] = input + place;
        place += strlen(sets[set_count++]) + 1;
    }
    hpac_config config;
    hpac_status status = hpac_config_load(fuzz_file(bytes, file_nbytes), sets, set_count, &config);
    if (status == HPAC_OK)
        check_good(&config);
    else if (status != HPAC_ERR_CONFIG || !*hpac_error_message() || config.layers)
        abort();
    hpac_config_fini(&config);
    free(input);
    return 0;
}
