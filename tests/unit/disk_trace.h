/*
 * A trace of what reaches the disk: the test program's fsync, fdatasync and rename record each
 * call before they pass it on. A crash between two calls leaves what the lines above promise.
 *
 *     disk_trace_begin(scratch_directory());
 *     ... write scratch_path("a.csv") ...
 *     cr_assert_str_eq(disk_trace_end(), "fsync a.csv.tmp 6\n"
 *                                        "rename a.csv.tmp a.csv\n"
 *                                        "fsync .\n");
 */
#ifndef HPAC_DISK_TRACE_H
#define HPAC_DISK_TRACE_H

/* Records calls for files in this directory. */
void disk_trace_begin(const char *directory);
/* Stops and returns the lines: "fsync NAME SIZE" with the size at that time (of a directory ".", no
 * size), "rename OLD NEW"; names relative to the directory, ".tmp.<pid>" as ".tmp". Valid until the
 * next trace. */
const char *disk_trace_end(void);

#endif
