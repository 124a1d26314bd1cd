/* Where buffers lie in one arena whose users follow each other: those that are needed at the same
 * time lie apart, the others may lie over each other. */
#ifndef HPAC_NET_MEMORY_PLANNER_H
#define HPAC_NET_MEMORY_PLANNER_H

#include <hpac/status.h>

#include <stddef.h>

/* A buffer that is needed from one time to another, both included. */
typedef struct memory_piece {
    size_t nbytes;
    size_t first, last;
    size_t over;   /* 1 + the index of the piece whose memory it takes; 0: its own */
    size_t offset; /* found */
} memory_piece;

/* Finds the offsets, multiples of 256 bytes, and the bytes of the arena. A piece that takes
 * another's memory begins when that one ends, and is not larger. Errors: INTERNAL (memory). */
hpac_status memory_planner_run(memory_piece *pieces, size_t count, size_t *nbytes);

#endif
