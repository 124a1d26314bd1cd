# Cost and result of the runs of a sweep: one point per run, with its mark and name beside the
# plot.
#
#     gnuplot -e "csv='sweep.csv'; x='elapsed_s'; y='final_val_f1_mean'; \
#         xaxis='seconds'; yaxis='mean F1 after the last epoch'; out='f1_time.png'" \
#         tools/plots/tradeoff.gp
#
# Variables: out, csv, and if wanted
#     x='elapsed_s', y='final_val_f1_mean'   the columns; a run without either has no point
#     names='run'             the column with the names
#     label1, label2, ...     the names of the rows in its place: gnuplot ends a quoted cell at its comma
#     style1, style2, ...     the linetypes of the rows, for the colors of other plots; default 1, 2, ...
#     xaxis=x, yaxis=y        what they are
#     title=''                above the plot
#     logx=0                  1: a logarithmic axis below
load ARG0[1:strlen(ARG0)-strlen('tradeoff.gp')].'common.gp'
if (!exists('x')) x = 'elapsed_s'
if (!exists('y')) y = 'final_val_f1_mean'
if (!exists('names')) names = 'run'
if (!exists('xaxis')) xaxis = x
if (!exists('yaxis')) yaxis = y
if (!exists('title')) title = ''
if (!exists('logx')) logx = 0

wanted = y
eval count
wanted = x
eval count
eval names_of

# The points, from the highest to the lowest, as their names are below one another; of equal ones
# the right one first, whose line to its name crosses none of the others then.
array name[rows]
array across[rows]
array up[rows]
array style[rows]
points = 0
style_of(row) = exists(sprintf('style%d', row)) ? value(sprintf('style%d', row)) : row
named(row) = exists('label1') ? label(row) : strcol(names)
usable(a, b) = a == a && b == b && (!logx || a > 0)
keep(a, b, row) = usable(a, b) \
    ? (points = points + 1, across[points] = a, up[points] = b, \
       name[points] = shorten(named(row)), style[points] = style_of(row), 1) \
    : 1
stats csv using (keep(finite(column(x)), finite(column(y)), int(column(0)) + 1)) name 'kept' nooutput
if (points == 0) {
    print csv.': no row has numbers in both '.x.' and '.y
    exit status 3
}
low = 1e300; high = -1e300; left = 1e300; right = -1e300
longest = 0
do for [i=1:points] {
    do for [k=points - 1:i:-1] {
        if (up[k] < up[k + 1] || (up[k] == up[k + 1] && across[k] < across[k + 1])) {
            swap = up[k]; up[k] = up[k + 1]; up[k + 1] = swap
            swap = across[k]; across[k] = across[k + 1]; across[k + 1] = swap
            swap = name[k]; name[k] = name[k + 1]; name[k + 1] = swap
            swap = style[k]; style[k] = style[k + 1]; style[k + 1] = swap
        }
    }
    longest = max(longest, strlen(name[i]))
}
do for [i=1:points] {
    low = min(low, up[i]); high = max(high, up[i])
    left = min(left, across[i]); right = max(right, across[i])
    longest = max(longest, strlen(name[i]))
}


# Names are at least 15 pixels apart, as near to the height of their points as that allows.
line = 15.0
body = max(220, line * points)
head_height = title eq '' ? 26 : 46
margin = 8.2 * longest + 56
eval canvas(max(480, 350 + margin), head_height + body + 48)
eval panel(58, margin, head_height, 48)
pad = high > low ? 0.06 * (high - low) : high != 0 ? 0.1 * abs(high) : 0.1
floor_y = low - pad
reach = high + pad - floor_y
if (low >= 0 && floor_y < 0) { floor_y = -0.03 * reach; reach = high + pad - floor_y }
array place[points] # from the top of the panel, in pixels
do for [i=1:points] {
    place[i] = body * (1 - (up[i] - floor_y) / reach)
    if (i > 1) { place[i] = max(place[i], place[i - 1] + line) }
}
do for [i=points:1:-1] {
    place[i] = min(place[i], i == points ? body : place[i + 1] - line)
}

set yrange [floor_y:floor_y + reach]
if (logx) {
    set logscale x
    set xrange [left / 1.3:right * 1.3]
} else {
    pad = right > left ? 0.06 * (right - left) : right != 0 ? 0.1 * abs(right) : 1
    set xrange [left - pad:right + pad]
    set xtics step(right - left + 2 * pad, 0)
}
below = xaxis
measure = yaxis
eval inscribe
beside = 1 - (margin - 24) / canvas_width
height(i) = 1 - (head_height + place[i]) / canvas_height
do for [i=1:points] {
    set arrow from across[i], up[i] to screen beside, screen height(i) \
        nohead back linecolor rgb '#C0C0C0' linewidth 0.75
    set label name[i] at screen beside, screen height(i) left offset 1,-0.15 \
        point linetype style[i] pointsize 0.9
}
plot for [i=1:points] '+' using (across[i]):(up[i]) every ::::0 with points linetype style[i] pointsize 0.9
