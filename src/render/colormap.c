/* Greens, Reds, Blues, Oranges. */
#include "colormap.h"

#define ANCHORS 9

/* ColorBrewer's schemes of nine colours, 0xRRGGBB. */
static const uint32_t anchors[][ANCHORS] = {
    [HPAC_GREENS] = {0xF7FCF5, 0xE5F5E0, 0xC7E9C0, 0xA1D99B, 0x74C476, 0x41AB5D, 0x238B45, 0x006D2C,
                     0x00441B},
    [HPAC_REDS] = {0xFFF5F0, 0xFEE0D2, 0xFCBBA1, 0xFC9272, 0xFB6A4A, 0xEF3B2C, 0xCB181D, 0xA50F15,
                   0x67000D},
    [HPAC_BLUES] = {0xF7FBFF, 0xDEEBF7, 0xC6DBEF, 0x9ECAE1, 0x6BAED6, 0x4292C6, 0x2171B5, 0x08519C,
                    0x08306B},
    [HPAC_ORANGES] = {0xFFF5EB, 0xFEE6CE, 0xFDD0A2, 0xFDAE6B, 0xFD8D3C, 0xF16913, 0xD94801,
                      0xA63603, 0x7F2704},
};

/* Between two anchors at position / 255 of the way from one to the next; shift picks the byte. */
static uint8_t mix(uint32_t from, uint32_t to, int shift, int position)
{
    int a = (int)(from >> shift & 0xFF), b = (int)(to >> shift & 0xFF);
    return (uint8_t)((a * (255 - position) + b * position) / 255);
}

void hpac_colormap_fill(hpac_colormap colormap, hpac_colour colours[256])
{
    for (int i = 0; i < 256; i++) {
        int way = i * (ANCHORS - 1); /* in 255ths of the distance of two anchors */
        int from = way / 255, position = way % 255;
        int to = from + (position > 0);
        uint32_t a = anchors[colormap][from], b = anchors[colormap][to];
        colours[i] =
            (hpac_colour){mix(a, b, 16, position), mix(a, b, 8, position), mix(a, b, 0, position)};
    }
}
