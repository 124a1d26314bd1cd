/* Loops that several operations share. */
#include "cpu.h"

#include <omp.h>
#include <string.h>

void hpac_cpu_for_pieces(size_t count, size_t grain,
                         void (*body)(const void *context, size_t begin, size_t end),
                         const void *context)
{
    size_t grains = (count + grain - 1) / grain;
#pragma omp parallel if (grains > 1)
    {
        size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
        size_t begin = grains * thread / threads * grain;
        size_t end = grains * (thread + 1) / threads * grain;
        if (end > count)
            end = count;
        if (begin < end)
            body(context, begin, end);
    }
}

typedef struct copy_job {
    float *to;
    const float *from;
} copy_job;

static void copy_piece(const void *context, size_t begin, size_t end)
{
    const copy_job *job = context;
    memcpy(job->to + begin, job->from + begin, (end - begin) * sizeof *job->to);
}

void hpac_cpu_copy(float *to, const float *from, size_t count)
{
    copy_job job = {.to = to, .from = from};
    hpac_cpu_for_pieces(count, 4096, copy_piece, &job);
}
