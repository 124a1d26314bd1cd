# What all plots share: fonts, sizes, colors, how a picture is opened. Change a look here.
#
# A script of this directory begins with
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
#     color(i)               color i of 1, 2, ... as '#RRGGBB'; so have linetypes 1, 2, ..., and
#                             different marks, too, to differ in gray
#     faint(i)                color i, three quarters see-through
#     gray, dark              for what matters less: missing values; guides, names of axes
#     file(i), label(i)       variables file1, file2, ... and label1, label2, ..., for scripts that
#                             lay several files over one another; then `files` is their number
#     finite(x)               x, or NaN for what cannot be drawn
#     max(x, y), min(x, y)
# on commands, to be used with eval, that place things by pixels
#     panel(left, right, top, bottom)   the axes, by their distance from the picture's edges
#     legend(entries, longest)          a key below, legend_height(entries, longest) high, of names
#                                       no longer than that; shorten(name) makes them so. Then
#     add_entry(name, line, mark)       for each, with the styles of the sample before its name:
#                                       curve_line(i, rows), curve_mark(i), guide, '' for none
#     inscribe                          `title` on top, `below` under the axes, `measure` above the
#                                       vertical one
# that set ranges and tics
#     span_y(low, high)       of losses: with some room, logarithmic for several powers of ten
#     span_share(low, high)   the same within 0..1
#     span_epochs(last)       of integers from 1
# and that look into the file `csv`
#     count                   sets found_records, found_min and found_max by the numbers in the column
#                             named by `wanted`; without any, the script ends with an error
#     forget, widen           sets and widens low and high by count
#     names_of                sets by the column named by `names` the number of rows, the length of
#                             the longest name and names_width, the pixels it takes
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

# In a locale that is not UTF-8 gnuplot warns of its degree sign, which no plot has.
set encoding utf8
set datafile separator comma
set datafile columnheaders

max(x, y) = x > y ? x : y
min(x, y) = x < y ? x : y

# ---- the picture -----------------------------------------------------------------------------
canvas(w, h) = (canvas_width = 1.0 * w, canvas_height = 1.0 * h, format eq 'png' \
    ? sprintf("set terminal pngcairo noenhanced size %d,%d font 'sans,10' fontscale 2 " \
              ."linewidth 2 pointscale 2 background '#FFFFFF'; set output out", 2 * w, 2 * h) \
    : sprintf("set terminal svg noenhanced size %d,%d font 'sans-serif,13' " \
              ."background '#FFFFFF'; set output out", w, h))
panel(left, right, top, bottom) = (panel_top = top, panel_bottom = bottom, sprintf( \
    'set lmargin at screen %f; set rmargin at screen %f; ' \
    .'set tmargin at screen %f; set bmargin at screen %f', \
    left / canvas_width, 1 - right / canvas_width, 1 - top / canvas_height, bottom / canvas_height))

# ---- colors ---------------------------------------------------------------------------------
# Okabe and Ito, "Color Universal Design" (2008): they differ for every kind of color vision.
# Their yellow is too faint for lines on white.
colors = '#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000'
color(i) = word(colors, (i - 1) % words(colors) + 1)
faint(i) = '#C0'.color(i)[2:7]
gray = '#B0B0B0'
dark = '#606060' # the same for lines and letters, which need more contrast
# Seven colors and eight marks: the same pair comes after 56.
marks = '7 5 9 13 11 6 4 8'
do for [i=1:56] {
    set linetype i linecolor rgb color(i) linewidth 1.5 pointsize 0.5 \
        pointtype int(word(marks, (i - 1) % words(marks) + 1))
}

# Blue over yellow to red: ColorBrewer's RdYlBu, safe for color-blind eyes, as in the reference notebooks.
set palette defined (0 '#A50026', 1 '#D73027', 2 '#F46D43', 3 '#FDAE61', 4 '#FEE090', \
    5 '#FFFFBF', 6 '#E0F3F8', 7 '#ABD9E9', 8 '#74ADD1', 9 '#4575B4', 10 '#313695')

# ---- axes ------------------------------------------------------------------------------------
set border 3 linecolor rgb '#606060' linewidth 0.75
set tics nomirror textcolor rgb '#202020'
set grid linecolor rgb '#E0E0E0' linewidth 0.75 linetype 1
set style fill solid 1.0 noborder
unset key

nice(x) = x <= 1 ? 1 : x <= 2 ? 2 : x <= 2.5 ? 2.5 : x <= 5 ? 5 : 10
raise(end, unit) = unit * nice(end / 4.0 / unit)
power(end) = 10 ** floor(log10(end / 4.0))
at_least_one(x) = x < 1 ? 1 : floor(x)
step(end, whole) = whole ? at_least_one(raise(end, power(end))) : raise(end, power(end))

widened(low, high, by) = sprintf('[%.9g:%.9g]', low - by, high + by)
span(low, high) = low < high ? widened(low, high, 0.06 * (high - low)) \
                             : widened(low, high, low == 0 ? 1 : 0.1 * abs(low))
share_room(low, high) = 0.06 * max(high - low, 0.1)
span_share(low, high) = sprintf('set yrange [%.9g:%.9g]', \
    max(0, low - share_room(low, high)), min(1, high + share_room(low, high)))
# Losses may fall through several powers of ten.
span_y(low, high) = low > 0 && high > 50 * low \
    ? sprintf("set logscale y; set format y '%%g'; set yrange [%.9g:%.9g]", low / 1.3, high * 1.3) \
    : 'set yrange '.span(low, high)
epoch_step(last) = last <= 12 ? 1 : step(last, 1)
span_epochs(last) = last <= 1 ? 'set xrange [0:2]; set xtics (1)' \
    : sprintf('set xrange [%g:%g]; set xtics (1); set xtics add %g,%g,%g', \
              1 - 0.02 * last, 1.02 * last, epoch_step(last), epoch_step(last), last)
# By pixels, not by characters: their height is another one in each format.
inscribe = "set label 97 title at screen 0.5, screen 1 - 13 / canvas_height center; " \
    ."set label 98 below at graph 0.5, screen (panel_bottom - 36) / canvas_height center; " \
    ."set label 99 measure at screen 8 / canvas_width, screen 1 - (panel_top - 15) / canvas_height " \
    ."left textcolor rgb dark"

# ---- keys ------------------------------------------------------------------------------------
# Not gnuplot's own, which breaks into columns as the height of the axes allows, and cuts them off.
# Letters of 10 points are at most about 8.4 pixels wide on the average, rows 16 high.
legend_rows(entries, longest) = longest > 23 ? entries : (entries + 1) / 2
legend_height(entries, longest) = 16 * legend_rows(entries, longest) + 8
legend(entries, longest) = (entry = 0, entry_rows = legend_rows(entries, longest), 'unset key')
entry_x(pixels) = (10 + 232 * ((entry - 1) / entry_rows) + pixels) / canvas_width
entry_y(unused) = (14 + 16 * (entry_rows - 1 - (entry - 1) % entry_rows)) / canvas_height
entry_line(style) = style eq '' ? '' : sprintf( \
    'set arrow %d from screen %f, screen %f to screen %f, screen %f nohead %s; ', \
    100 + entry, entry_x(0), entry_y(0), entry_x(26), entry_y(0), style)
entry_mark(style) = style eq '' ? '' : sprintf( \
    "set label %d '' at screen %f, screen %f point %s; ", 200 + entry, entry_x(13), entry_y(0), style)
add_entry(text, line, mark) = (entry = entry + 1, entry_text = text, entry_line(line).entry_mark(mark). \
    sprintf('set label %d entry_text at screen %f, screen %f left', 100 + entry, entry_x(34), entry_y(0)))
# The sample before a name: curve i of so many points, a band of its color, a guide.
curve_line(i, rows) = sprintf('linetype %d dashtype %d linewidth 1.5', i, dash(i, rows))
curve_mark(i) = sprintf('linetype %d pointsize 0.5', i)
band = "linewidth 7 linecolor rgb '%s'"
guide = "dashtype 3 linewidth 1.5 linecolor rgb '".dark."'"
length_limit = 50
shorten(name) = strlen(name) <= length_limit ? name \
    : name[1:length_limit / 2].'…'.name[strlen(name) - length_limit / 2 + 2:strlen(name)]

# ---- contents of a file -----------------------------------------------------------------------
finite(x) = x == x && abs(x) < 1e300 ? x : NaN
count = "set autoscale; undefine found_*; " \
    ."stats csv using (finite(column(wanted))) name 'found' nooutput; " \
    ."if (!exists('found_records') || found_records == 0) { " \
    ."print csv.': there is no number in a column '.wanted; exit status 3 }"
widen = count."; low = min(low, found_min); high = max(high, found_max)"
forget = 'low = 1e300; high = -1e300'

# A character of 10 points is at most about 7.3 pixels wide, on the average of a name.
longer(name) = (longest = max(longest, strlen(shorten(name))), 1)
names_of = "longest = 0; set autoscale; undefine found_*; " \
    ."stats csv using (longer(strcol(names))) name 'found' nooutput; " \
    ."if (!exists('found_records')) { " \
    ."print csv.': there are no names in a column '.names; exit status 3 }; " \
    ."rows = found_records; names_width = 7.3 * longest + 30"

# ---- curves, and several files of them -------------------------------------------------------
file(i) = value(sprintf('file%d', i))
label(i) = value(sprintf('label%d', i))
# The pointinterval and dashtype of curve i of `rows` points. Dashes show equal curves where they lie
# over one another, but tear long, wild ones to pieces.
few = 24
marked(rows) = rows > few ? -int(rows / 12) : 1
dash(i, rows) = rows > few ? 1 : (i - 1) % 5 + 1
