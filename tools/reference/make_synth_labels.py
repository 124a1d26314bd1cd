#!/usr/bin/env python3
"""Makes src/synth/synth_table.h: how often each set of classes occurs in the competition's train.csv.

    python3 tools/reference/make_synth_labels.py TRAIN.CSV > src/synth/synth_table.h

Only counts are kept, no Ids. Needs nothing beside Python's standard library.
"""
import collections
import csv
import sys
import textwrap

TABLE = """\
/*
 * How often each set of classes occurs in the competition's train.csv: all {sets} sets of its {rows:,}
 * images, so that class counts, labels per image and co-occurrences are the real ones. Bit c of a
 * mask is class c. Made by tools/reference/make_synth_labels.py; not to be edited.
 */
#ifndef HPAC_SYNTH_SYNTH_TABLE_H
#define HPAC_SYNTH_SYNTH_TABLE_H

#include "synth.h"

/* clang-format off */
static const uint32_t synth_masks[HPAC_SYNTH_SETS] = {{
{masks}
}};
/* In their order: images with each of the next `sets` sets. */
static const struct {{
    uint16_t images, sets;
}} synth_runs[] = {{
{runs}
}};
/* clang-format on */

#endif
"""


def wrap(numbers):
    return textwrap.indent(textwrap.fill(", ".join(numbers) + ",", 96), "    ")


def main():
    with open(sys.argv[1], newline="") as stream:
        rows = [row["Target"] for row in csv.DictReader(stream)]
    sets = collections.Counter(sum(1 << int(c) for c in set(t.split())) for t in rows)
    entries = sorted(sets.items(), key=lambda entry: (-entry[1], entry[0]))
    masks = wrap([hex(mask) for mask, _ in entries])
    runs = collections.Counter(count for _, count in entries)
    runs = wrap([f"{{{images},{run}}}" for images, run in runs.items()])
    sys.stdout.write(TABLE.format(rows=len(rows), sets=len(entries), masks=masks, runs=runs))


if __name__ == "__main__":
    main()
