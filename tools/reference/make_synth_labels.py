#!/usr/bin/env python3
"""Makes src/synth/synth_table.h: how often each set of classes occurs in the competition's train.csv.

    python3 tools/reference/make_synth_labels.py TRAIN.CSV > src/synth/synth_table.h

Only counts are kept, no Ids. Needs nothing beside Python's standard library.
"""
import collections
import csv
import sys

HEAD = """\
/*
 * How often each set of classes occurs in the competition's train.csv: {rows} images, {sets} sets,
 * all of them, so that class counts, labels per image and co-occurrences are the real ones.
 * Bit c of a mask is class c. Made by tools/reference/make_synth_labels.py from the file with
 * {rows} rows; not to be edited.
 */
#ifndef HPAC_SYNTH_TABLE_H
#define HPAC_SYNTH_TABLE_H

#include "synth.h"

/* clang-format off */
static const struct {{
    uint32_t mask;
    uint16_t images;
}} synth_sets[HPAC_SYNTH_SETS] = {{
"""

TAIL = """\
};
/* clang-format on */

#endif
"""


def main():
    with open(sys.argv[1], newline="") as stream:
        rows = [row["Target"] for row in csv.DictReader(stream)]
    sets = collections.Counter(sum(1 << int(c) for c in set(t.split())) for t in rows)
    entries = sorted(sets.items(), key=lambda entry: (-entry[1], entry[0]))
    sys.stdout.write(HEAD.format(rows=len(rows), sets=len(entries)))
    for i in range(0, len(entries), 5):
        line = ", ".join(f"{{0x{mask:x}, {n}}}" for mask, n in entries[i : i + 5])
        sys.stdout.write(f"    {line},\n")
    sys.stdout.write(TAIL)


if __name__ == "__main__":
    main()
