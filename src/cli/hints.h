/* What a user may have meant: names that other tools have, keys given as options, lists that the
 * shell has split. */
#ifndef HPAC_CLI_HINTS_H
#define HPAC_CLI_HINTS_H

#include "cli.h"

#define HINT_NBYTES 320

/* What to write instead of an unknown option ("epochs", "lr"), without a "did you mean": "--set
 * train.epochs=3". `value` may be NULL. Empty if nothing is like it in this command. */
void hint_option(const cli_command *command, const char *word, const char *value,
                 char hint[HINT_NBYTES]);
/* The same for a key that is only near. */
void hint_near_key(const cli_command *command, const char *word, const char *value,
                   char hint[HINT_NBYTES]);
/* The same for an operand that is too many: "train.epochs=3", "train.csv". */
void hint_operand(const cli_command *command, const char *operand, char hint[HINT_NBYTES]);
/* "--set 'data.targets=[a, b]'" for a list of --set whose blanks were not quoted; empty if there is
 * none. */
void hint_split_list(int argc, char **argv, char hint[HINT_NBYTES]);

#endif
