/* Filaments that find their way through a cell, and the three reference channels made of them:
 * nuclei, microtubules, endoplasmic reticulum. */
#include "synth_scene.h"

#include <math.h>

/* ---- threads ---- */

#define STRIDE 3.0f /* units between changes of direction */

typedef enum surrounding { FREE, RIM, NUCLEUS } surrounding;

static surrounding look(const synth_scene *scene, int cell, const synth_thread *thread, float x,
                        float y)
{
    const synth_pixel *pixel = synth_pixel_at(scene, x, y);
    if (!pixel)
        return FREE; /* cells continue outside of the image */
    if (pixel->owner != cell + 1 || pixel->depth < thread->rim)
        return RIM;
    return pixel->inside > 0.0f ? NUCLEUS : FREE;
}

void synth_draw_thread(const synth_scene *scene, int cell, const synth_pen *pen,
                       synth_thread *thread, hpac_random *random)
{
    float due = 0.0f, turned = 0.0f;
    bool avoids = thread->nucleus < 0.0f;
    surrounding here = look(scene, cell, thread, thread->x, thread->y), next = here;
    int strides = (int)ceilf(thread->length / STRIDE);
    for (int stride = 0; stride < strides; stride++) {
        if (here == RIM || (here == NUCLEUS && avoids && stride > 4))
            break;
        float dx = cosf(thread->direction), dy = sinf(thread->direction);
        surrounding ahead = look(scene, cell, thread, thread->x + 2.0f * STRIDE * dx,
                                 thread->y + 2.0f * STRIDE * dy);
        thread->direction += synth_jitter(random, thread->bend);
        if (ahead == RIM || (ahead == NUCLEUS && avoids)) {
            thread->direction += thread->turn;
            turned += fabsf(thread->turn);
            if (turned > 4.0f) /* in circles */
                break;
        }
        dx = cosf(thread->direction);
        dy = sinf(thread->direction);
        float amplitude = thread->amplitude;
        if (here == NUCLEUS)
            amplitude *= avoids ? 0.0f : thread->nucleus;
        while (due < STRIDE && amplitude > 0.0f) {
            synth_pen_mark(pen, thread->x + due * dx, thread->y + due * dy, amplitude);
            due += pen->step;
        }
        due = synth_max(due - STRIDE, 0.0f);
        here = next; /* two strides ahead is one ahead now */
        next = ahead;
        thread->x += STRIDE * dx;
        thread->y += STRIDE * dy;
    }
}

/* Some microtubules grow from the centrosome, the others from anywhere, most of them around the
 * nucleus rather than away from it. */
static bool start_microtubule(const synth_scene *scene, int cell, synth_thread *thread,
                              hpac_random *random)
{
    static const synth_range anywhere = {2.0f, -SYNTH_ANY, SYNTH_ANY, SYNTH_ANY};
    const synth_cell *c = &scene->cells[cell];
    if (synth_chance(random, 0.16f)) {
        thread->x = c->centre_x + synth_jitter(random, 1.5f);
        thread->y = c->centre_y + synth_jitter(random, 1.5f);
        thread->direction = synth_angle(random);
        return true;
    }
    if (!synth_pick(scene, cell, &anywhere, random, &thread->x, &thread->y))
        return false;
    thread->direction = atan2f(thread->y - c->nucleus_y, thread->x - c->nucleus_x);
    thread->direction += synth_chance(random, 0.5f) ? 1.35f : -1.35f;
    thread->direction += synth_jitter(random, 0.6f);
    return true;
}

void synth_draw_microtubules(const synth_scene *scene, const synth_plane *plane, bool ends,
                             hpac_random *random)
{
    /* Where pixels are too coarse to show them singly, fewer and brighter ones do. */
    float coarse = plane->scale < 0.5f && !ends ? 2.0f : 1.0f;
    synth_pen pen;
    synth_pen_init(&pen, plane, 0.65f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        int count = (int)(scene->culture.filaments * 2.8f * cell->radius / coarse);
        for (int n = 0; n < count && cell->phase != SYNTH_METAPHASE; n++) {
            synth_thread thread = {.nucleus = 0.35f, .bend = scene->culture.waviness};
            thread.rim = hpac_random_uniform(random);
            thread.rim = 1.0f + 8.0f * thread.rim * thread.rim;
            thread.length = cell->radius * synth_between(random, 0.4f, 1.5f);
            if (synth_chance(random, 0.6f)) /* around the nucleus, not over it */
                thread.nucleus = -1.0f;
            if (synth_chance(random, 0.7f)) /* bends at the rim rather than ending there */
                thread.turn = synth_chance(random, 0.5f) ? 0.35f : -0.35f;
            thread.amplitude = synth_between(random, 0.15f, 0.6f);
            thread.amplitude *= ends ? 0.0f : coarse * cell->stain;
            if (!start_microtubule(scene, i, &thread, random))
                continue;
            synth_draw_thread(scene, i, &pen, &thread, random);
            const synth_pixel *end = ends ? synth_pixel_at(scene, thread.x, thread.y) : NULL;
            if (!end || end->owner != i + 1 || end->depth >= 0.45f * cell->radius)
                continue;
            for (int k = 0; k < 3; k++) /* a comet */
                synth_draw_spot(plane, thread.x - 1.3f * (float)k * cosf(thread.direction),
                                thread.y - 1.3f * (float)k * sinf(thread.direction), 1.3f,
                                cell->protein * (1.0f - 0.3f * (float)k));
        }
    }
}

/* ---- dividing cells ---- */

static void draw_spindle(const synth_cell *cell, const synth_plane *plane, float amplitude,
                         hpac_random *random)
{
    float along_x = cosf(cell->axis), along_y = sinf(cell->axis);
    synth_pen pen;
    synth_pen_init(&pen, plane, 0.9f);
    for (int n = 0; n < 44; n++) {
        float pole = (n % 2 ? 0.72f : -0.72f) * cell->radius;
        float place = synth_between(random, -0.42f, 0.42f) * cell->radius;
        float px = cell->x + pole * along_x, py = cell->y + pole * along_y;
        float qx = cell->x - 0.06f * pole * along_x - place * along_y;
        float qy = cell->y - 0.06f * pole * along_y + place * along_x;
        /* Fibres bulge outwards on their way to the plate. */
        float mx = 0.5f * (px + qx) - 0.28f * place * along_y;
        float my = 0.5f * (py + qy) + 0.28f * place * along_x;
        float light = amplitude * synth_between(random, 0.2f, 0.5f);
        synth_pen_line(&pen, px, py, mx, my, light);
        synth_pen_line(&pen, mx, my, qx, qy, light);
        if (n < 2)
            synth_draw_spot(plane, px, py, 2.0f, amplitude);
    }
}

void synth_draw_spindles(const synth_scene *scene, const synth_plane *plane, float amplitude,
                         hpac_random *random)
{
    for (int i = 0; i < scene->cell_count; i++)
        if (scene->cells[i].phase == SYNTH_METAPHASE)
            draw_spindle(&scene->cells[i], plane, amplitude * scene->cells[i].stain, random);
}

/* From a third of the way inside one daughter to as far inside the other. */
static void draw_bridge(const synth_cell *a, const synth_cell *b, const synth_pen *pen,
                        float amplitude)
{
    float dx = b->x - a->x, dy = b->y - a->y, length = sqrtf(dx * dx + dy * dy);
    float start = 0.6f * a->radius / length, end = 1.0f - 0.6f * b->radius / length;
    for (int side = -1; side <= 1; side++) {
        float ox = -1.6f * (float)side * dy / length, oy = 1.6f * (float)side * dx / length;
        float mx = a->x + 0.5f * dx + 0.4f * ox, my = a->y + 0.5f * dy + 0.4f * oy;
        synth_pen_line(pen, a->x + start * dx + 1.8f * ox, a->y + start * dy + 1.8f * oy, mx, my,
                       amplitude);
        synth_pen_line(pen, mx, my, a->x + end * dx + 1.8f * ox, a->y + end * dy + 1.8f * oy,
                       amplitude);
    }
    synth_draw_spot(pen->plane, a->x + 0.5f * dx, a->y + 0.5f * dy, 2.2f, 1.2f * amplitude);
}

void synth_draw_bridges(const synth_scene *scene, const synth_plane *plane, float amplitude)
{
    synth_pen pen;
    synth_pen_init(&pen, plane, 1.2f);
    for (int i = 0; i < scene->cell_count; i++)
        for (int j = i + 1; j < scene->cell_count; j++) {
            const synth_cell *a = &scene->cells[i], *b = &scene->cells[j];
            if (a->phase == SYNTH_DAUGHTER && b->phase == SYNTH_DAUGHTER && a->pair == b->pair)
                draw_bridge(a, b, &pen, amplitude * 0.5f * (a->protein + b->protein));
        }
}

/* Chromosomes in a plate across the spindle. */
static void draw_plate(const synth_cell *cell, const synth_plane *plane, hpac_random *random)
{
    synth_pen pen;
    synth_pen_init(&pen, plane, 2.2f);
    for (int i = 0; i < 14; i++) {
        float place = synth_between(random, -0.55f, 0.55f) * cell->radius;
        float shift = synth_jitter(random, 1.2f);
        float x = cell->x - place * sinf(cell->axis) + shift * cosf(cell->axis);
        float y = cell->y + place * cosf(cell->axis) + shift * sinf(cell->axis);
        synth_pen_dash(&pen, x, y, cell->axis, 2.0f, 0.5f * cell->dna);
    }
}

/* ---- the reference channels ---- */

static float shade_dna(const synth_site *site, const void *parameters)
{
    (void)parameters;
    float inside = site->pixel->inside;
    if (inside <= -1.2f)
        return 0.0f;
    float grain = 1.0f + site->scene->culture.chromatin * site->medium + 0.12f * site->coarse;
    float hole = 1.0f - 0.55f * site->pixel->nucleolus;
    float rim = 1.0f + 0.12f * synth_bump(inside - 2.0f, 3.0f);
    return site->cell->dna * synth_ramp(inside, -1.2f, 1.6f) * grain * hole * rim;
}

/* Cells are thin at the rim and thick around the nucleus. */
static float thickness(const synth_site *site, float floor)
{
    const synth_culture *culture = &site->scene->culture;
    float away = synth_max(-site->pixel->inside, 0.0f) / culture->reticulum;
    float rim = synth_min(site->pixel->depth / culture->taper, 1.0f);
    return (1.0f + 0.25f * site->coarse) * (floor + 1.0f / (1.0f + away * away)) *
           (0.1f + 0.9f * rim);
}

static float shade_haze(const synth_site *site, const void *parameters)
{
    (void)parameters;
    float over = site->pixel->inside > 0.0f ? 1.5f * site->scene->culture.nuclear_er : 1.0f;
    return 0.22f * thickness(site, 0.25f) * over * site->cell->stain;
}

/* A net of tubules: light where the noise crosses zero; it continues as the nuclear membrane. */
static float shade_reticulum(const synth_site *site, const void *parameters)
{
    const bool *green = parameters;
    float inside = site->pixel->inside, over = site->scene->culture.nuclear_er;
    float ridge = synth_max(1.0f - 1.6f * fabsf(site->medium), 0.0f);
    float net = synth_max(0.45f + 0.7f * ridge + 0.2f * site->fine, 0.0f) * thickness(site, 0.22f);
    net *= over + (1.0f - over) * synth_ramp(-inside, -1.0f, 2.0f);
    net += 0.1f * synth_bump(inside, 2.0f);
    return net * (*green ? site->cell->protein : site->cell->stain);
}

void synth_draw_reticulum(const synth_scene *scene, const synth_plane *plane, bool green)
{
    synth_shade(scene, plane, 9, shade_reticulum, &green);
}

static void draw_blue(const synth_scene *scene, const synth_plane *plane, hpac_random *random)
{
    synth_shade(scene, plane, 3, shade_dna, NULL);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        if (cell->phase == SYNTH_METAPHASE)
            draw_plate(cell, plane, random);
        if (!synth_chance(random, 0.04f))
            continue;
        float x = cell->x + synth_jitter(random, 20.0f); /* a micronucleus or debris */
        float y = cell->y + synth_jitter(random, 20.0f);
        synth_draw_spot(plane, x, y, synth_between(random, 0.8f, 2.2f), 0.7f);
    }
}

void synth_draw_reference(const synth_scene *scene, const synth_plane *plane, int channel,
                          hpac_random *random)
{
    if (channel == 1) {
        draw_blue(scene, plane, random);
    } else if (channel == 2) {
        synth_draw_microtubules(scene, plane, false, random);
        synth_shade(scene, plane, 1, shade_haze, NULL);
        synth_draw_spindles(scene, plane, 1.6f, random);
        synth_draw_bridges(scene, plane, 0.8f);
    } else {
        synth_draw_reticulum(scene, plane, false);
        synth_draw_spindles(scene, plane, 0.3f, random); /* stains bleed into each other */
    }
}
