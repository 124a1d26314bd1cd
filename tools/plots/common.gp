# What all plots share: fonts, sizes, colours, how a picture is opened. Change a look here.
#
# A script of this folder begins with
#
#     load ARG0[1:strlen(ARG0)-strlen('name.gp')].'common.gp'
#     eval canvas(480, 300)
#
# and finds set
#     out       the picture to write, name.png or name.svg
#     format    'png' or 'svg'; absent: the ending of `out`
# It may rely on
#     canvas(width, height)   a command that opens the picture; PNGs get twice the pixels, so that
#                             they are sharp on today's screens
#     colour(i)               colour i of 1, 2, ... as '#RRGGBB'; also linetypes 1, 2, ...
#     gray                    for what matters less: grids, guides, missing values
#     file(i), label(i)       variables file1, file2, ... and label1, label2, ..., for scripts that
#                             lay several files over one another
# and on: commas separate cells, the first row names the columns, an empty cell is missing, text is
# shown as it is (an underscore makes no subscript).
#
# Variables are given with -e, as the head of each script shows; `if (!exists('x')) x = ...` gives
# one a default.

if (!exists('out')) {
    print 'the variable out is missing: the picture to write, as in gnuplot -e "out=''a.png''" ...'
    exit status 2
}
if (!exists('format')) format = strlen(out) > 4 ? out[strlen(out)-2:strlen(out)] : ''
if (format ne 'png' && format ne 'svg') {
    print out.': expected a name that ends with .png or .svg'
    exit status 2
}

set encoding utf8
set datafile separator comma
set datafile columnheaders

# ---- the picture -----------------------------------------------------------------------------
canvas(width, height) = format eq 'png' \
    ? sprintf("set terminal pngcairo noenhanced size %d,%d font 'sans,10' fontscale 2 linewidth 2 pointscale 2 background '#FFFFFF'; set output out", 2 * width, 2 * height) \
    : sprintf("set terminal svg noenhanced size %d,%d font 'sans,10' background '#FFFFFF'; set output out", width, height)

# ---- colours ---------------------------------------------------------------------------------
# Okabe and Ito, "Color Universal Design" (2008): told apart with every kind of colour vision.
# Their yellow is too faint for lines on white.
colours = '#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000'
colour(i) = word(colours, (i - 1) % words(colours) + 1)
gray = '#B0B0B0'
do for [i=1:words(colours)] {
    set linetype i linecolor rgb colour(i) linewidth 1.5 pointtype 7 pointsize 0.5
}
set linetype cycle words(colours)

# Blue over yellow to red: ColorBrewer's RdYlBu, safe for colour-blind eyes, as the write-ups' map.
set palette defined (0 '#A50026', 1 '#D73027', 2 '#F46D43', 3 '#FDAE61', 4 '#FEE090', \
    5 '#FFFFBF', 6 '#E0F3F8', 7 '#ABD9E9', 8 '#74ADD1', 9 '#4575B4', 10 '#313695')

# ---- axes ------------------------------------------------------------------------------------
set border 3 linecolor rgb '#606060' linewidth 0.75
set tics nomirror textcolor rgb '#202020'
set grid linecolor rgb '#E0E0E0' linewidth 0.75 linetype 1
set style fill solid 1.0 noborder
set key opaque box linecolor rgb '#E0E0E0' samplen 2
set xlabel textcolor rgb '#202020'

nice(x) = x <= 1 ? 1 : x <= 2 ? 2 : x <= 2.5 ? 2.5 : x <= 5 ? 5 : 10
raise(most, unit) = unit * nice(most / 4.0 / unit)
power(most) = 10 ** floor(log10(most / 4.0))
step(most, whole) = whole && raise(most, power(most)) < 1 ? 1 : raise(most, power(most))

# ---- several files ---------------------------------------------------------------------------
file(i) = value(sprintf('file%d', i))
label(i) = value(sprintf('label%d', i))
