/* Filaments that feel their way through a cell, and what is made of them: microtubules, the spindle
 * and the bridge between daughters. */
#include "synth_paint.h"

#include <math.h>

#define STRIDE 3.0f /* units between changes of direction */

typedef enum surrounding { FREE, RIM, NUCLEUS } surrounding;

static surrounding look(const synth_scene *scene, int cell, const synth_thread *thread, float x,
                        float y)
{
    long p = synth_pixel(scene, x, y);
    if (p < 0)
        return FREE; /* cells go on outside of the image */
    if (scene->owner[p] != cell + 1 || scene->depth[p] < thread->rim)
        return RIM;
    return scene->nucleus[p] > 0.0f ? NUCLEUS : FREE;
}

/* Turns the direction (dx, dy) by a small angle, keeping its length at 1. */
static void turn_by(float *dx, float *dy, float angle)
{
    float x = *dx - angle * *dy, y = *dy + angle * *dx;
    float shrink = 1.5f - 0.5f * (x * x + y * y); /* one step of Newton for 1 / length */
    if (shrink < 0.5f)
        shrink = 1.0f / sqrtf(x * x + y * y);
    *dx = x * shrink;
    *dy = y * shrink;
}

void synth_draw_thread(const synth_scene *scene, int cell, const synth_canvas *canvas,
                       const synth_pen *pen, synth_thread *thread, hpac_random *random)
{
    float dx = cosf(thread->direction), dy = sinf(thread->direction), due = 0.0f, turned = 0.0f;
    surrounding here = look(scene, cell, thread, thread->x, thread->y), next = here;
    int strides = (int)ceilf(thread->length / STRIDE);
    for (int stride = 0; stride < strides; stride++) {
        surrounding ahead = look(scene, cell, thread, thread->x + 2.0f * STRIDE * dx,
                                 thread->y + 2.0f * STRIDE * dy);
        if (here == RIM || (here == NUCLEUS && thread->nucleus < 0.0f && stride > 4))
            break;
        float bend = synth_jitter(random, thread->bend);
        if (ahead == RIM || (ahead == NUCLEUS && thread->nucleus < 0.0f)) {
            bend += thread->turn;
            turned += fabsf(thread->turn);
            if (turned > 4.0f) /* going in circles */
                break;
        }
        turn_by(&dx, &dy, bend);
        float amplitude = thread->amplitude;
        if (here == NUCLEUS)
            amplitude *= thread->nucleus < 0.0f ? 0.0f : thread->nucleus;
        while (due < STRIDE) {
            synth_pen_mark(pen, canvas, thread->x + due * dx, thread->y + due * dy, amplitude);
            due += pen->step;
        }
        due -= STRIDE;
        here = next; /* what lay two strides ahead lies one ahead now */
        next = ahead;
        thread->x += STRIDE * dx;
        thread->y += STRIDE * dy;
    }
    thread->direction = atan2f(dy, dx);
}

/* Some of the microtubules grow from the centrosome, the others from anywhere, most of
 * them around the nucleus rather than away from it. */
static bool start_microtubule(const synth_scene *scene, int cell, synth_thread *thread,
                              hpac_random *random)
{
    static const synth_range anywhere = {2.0f, SYNTH_ANY, -SYNTH_ANY, SYNTH_ANY};
    const synth_cell *c = &scene->cells[cell];
    if (hpac_random_uniform(random) < 0.16f) {
        thread->x = c->centre_x + synth_jitter(random, 1.5f);
        thread->y = c->centre_y + synth_jitter(random, 1.5f);
        thread->direction = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        return true;
    }
    if (!synth_pick(scene, cell, &anywhere, random, &thread->x, &thread->y))
        return false;
    thread->direction = atan2f(thread->y - c->nucleus_y, thread->x - c->nucleus_x);
    thread->direction += hpac_random_uniform(random) < 0.5f ? 1.35f : -1.35f;
    thread->direction += synth_jitter(random, 0.6f);
    return true;
}

/* A comet at a microtubule's growing end. */
static void draw_end(const synth_canvas *canvas, const synth_thread *thread, float amplitude)
{
    for (int i = 0; i < 3; i++)
        synth_draw_spot(canvas, thread->x - 1.3f * (float)i * cosf(thread->direction),
                        thread->y - 1.3f * (float)i * sinf(thread->direction), 1.3f,
                        amplitude * (1.0f - 0.3f * (float)i));
}

void synth_draw_microtubules(const synth_scene *scene, const synth_canvas *canvas, float density,
                             bool ends, hpac_random *random)
{
    /* Where pixels are too coarse to show them singly, fewer and brighter ones do. */
    float coarse = canvas->scale < 0.5f && !ends ? 2.0f : 1.0f;
    synth_pen pen;
    synth_pen_init(&pen, canvas, 0.65f);
    density /= coarse;
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        if (cell->phase == SYNTH_METAPHASE)
            continue;
        float brightness = ends ? cell->protein : coarse * cell->stain;
        int count = (int)(density * scene->culture.filaments * 2.8f * cell->radius);
        for (int n = 0; n < count; n++) {
            synth_thread thread = {.nucleus = 0.35f, .bend = scene->culture.waviness};
            thread.rim = hpac_random_uniform(random);
            thread.rim = 1.0f + 8.0f * thread.rim * thread.rim;
            thread.length = cell->radius * synth_between(random, 0.4f, 1.5f);
            if (hpac_random_uniform(random) < 0.6f) /* walks around the nucleus, not over it */
                thread.nucleus = -1.0f;
            if (hpac_random_uniform(random) < 0.7f) /* bends at the rim rather than ending there */
                thread.turn = hpac_random_uniform(random) < 0.5f ? 0.35f : -0.35f;
            thread.amplitude = ends ? 0.0f : brightness * synth_between(random, 0.15f, 0.6f);
            if (!start_microtubule(scene, i, &thread, random))
                continue;
            synth_draw_thread(scene, i, canvas, &pen, &thread, random);
            long p = synth_pixel(scene, thread.x, thread.y);
            if (ends && p >= 0 && scene->owner[p] == i + 1 &&
                scene->depth[p] < 0.45f * cell->radius)
                draw_end(canvas, &thread, brightness);
        }
    }
}

void synth_draw_spindle(const synth_scene *scene, int cell, const synth_canvas *canvas,
                        float amplitude, hpac_random *random)
{
    const synth_cell *c = &scene->cells[cell];
    float along_x = cosf(c->axis), along_y = sinf(c->axis);
    float pole = 0.72f * c->radius, half = 0.42f * c->radius;
    synth_pen pen;
    synth_pen_init(&pen, canvas, 0.9f);
    for (int n = 0; n < 44; n++) {
        float sign = n % 2 ? 1.0f : -1.0f, place = synth_between(random, -1.0f, 1.0f) * half;
        float px = c->x + sign * pole * along_x, py = c->y + sign * pole * along_y;
        float qx = c->x - sign * 0.06f * pole * along_x - place * along_y;
        float qy = c->y - sign * 0.06f * pole * along_y + place * along_x;
        /* Fibres bulge outwards on their way to the plate. */
        float mx = 0.5f * (px + qx) - 0.28f * place * along_y;
        float my = 0.5f * (py + qy) + 0.28f * place * along_x;
        float light = amplitude * synth_between(random, 0.2f, 0.5f);
        synth_pen_line(&pen, canvas, px, py, mx, my, light);
        synth_pen_line(&pen, canvas, mx, my, qx, qy, light);
    }
    for (int sign = -1; sign <= 1; sign += 2)
        synth_draw_spot(canvas, c->x + (float)sign * pole * along_x,
                        c->y + (float)sign * pole * along_y, 2.0f, amplitude);
}

void synth_draw_bridges(const synth_scene *scene, const synth_canvas *canvas, float amplitude)
{
    synth_pen pen;
    synth_pen_init(&pen, canvas, 1.2f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *a = &scene->cells[i];
        for (int j = i + 1; j < scene->cell_count; j++) {
            const synth_cell *b = &scene->cells[j];
            if (a->phase != SYNTH_DAUGHTER || b->phase != SYNTH_DAUGHTER || a->pair != b->pair)
                continue;
            /* From a third of the way inside one cell to as far inside the other. */
            float dx = b->x - a->x, dy = b->y - a->y, length = sqrtf(dx * dx + dy * dy);
            float start = 0.6f * a->radius / length, end = 1.0f - 0.6f * b->radius / length;
            float light = amplitude * 0.5f * (a->protein + b->protein);
            for (int side = -1; side <= 1; side++) {
                float ox = -1.6f * (float)side * dy / length, oy = 1.6f * (float)side * dx / length;
                synth_pen_line(&pen, canvas, a->x + start * dx + 1.8f * ox,
                               a->y + start * dy + 1.8f * oy, a->x + 0.5f * dx + 0.4f * ox,
                               a->y + 0.5f * dy + 0.4f * oy, light);
                synth_pen_line(&pen, canvas, a->x + 0.5f * dx + 0.4f * ox,
                               a->y + 0.5f * dy + 0.4f * oy, a->x + end * dx + 1.8f * ox,
                               a->y + end * dy + 1.8f * oy, light);
            }
            synth_draw_spot(canvas, a->x + 0.5f * dx, a->y + 0.5f * dy, 2.2f, 1.2f * light);
        }
    }
}
