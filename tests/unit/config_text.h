/* What the tests of configurations share: texts that are loaded, and texts that are refused. */
#ifndef TESTS_CONFIG_TEXT_H
#define TESTS_CONFIG_TEXT_H

#include <hpac/config.h>

/* The keys that every configuration needs; three lines. */
#define REQUIRED "data:\n  labels: l.csv\n  images: i\n"

/* Writes a configuration into a scratch directory, which becomes the current one so that messages
 * are the same in every run, and loads it. */
hpac_status load_sets(const char *text, const char *const *sets, int set_count,
                      hpac_config *config);
/* The same, where nothing may be wrong. */
hpac_config load_good(const char *text);
hpac_config load_good_sets(const char *text, const char *const *sets, int set_count);

/* Expects exactly this message, the headline of problems left out. */
void refused_sets(const char *text, const char *const *sets, int set_count, const char *expected);
void refused(const char *text, const char *expected);
/* One override of REQUIRED. */
void refused_set(const char *set, const char *expected);
/* Not YAML, found in this line; the words are libfyaml's, which differ from version to version. */
void refused_syntax(const char *text, int line);
void refused_set_syntax(const char *set);
/* One key with one value in an otherwise good file; `expected` is what follows "path: ". */
void refused_value(const char *section, const char *name, const char *value, const char *expected);
/* The second layer of an otherwise good model. */
void refused_layer(const char *layer, const char *expected);

#endif
