# A square table of numbers in -1..1 as colors: blue for 1, red for -1; gray where it has none.
#
#     gnuplot -e "csv='correlation.csv'; out='correlation.png'" tools/plots/heatmap.gp
#
# The first column has the names of the rows, the first row those of the columns.
# Variables: csv, out, and if wanted
#     title=''      above the plot
#     axis=''       beside the scale of colors
load ARG0[1:strlen(ARG0)-strlen('heatmap.gp')].'common.gp'
if (!exists('title')) title = ''
if (!exists('axis')) axis = ''

names = 1
eval names_of
size = rows
cells = size > 12 ? 17 * size : size > 5 ? 30 * size : 150
eval canvas(names_width + cells + 110, names_width + cells + 30)
eval panel(names_width, 110, 30, names_width)
below = ''
measure = ''
eval inscribe
set cblabel axis
set cbrange [-1:1]
set xrange [-0.5:size - 0.5]
set yrange [size - 0.5:-0.5]
set xtics rotate by 90 right scale 0
set ytics scale 0
set border 15
unset grid
# One column of the table after the other: in gnuplot's matrices an empty cell shifts the others.
# A column may be empty throughout, and then has no colors of the palette; the point outside is
# there for the scale of colors.
shade(i) = valid(i) ? palette(column(i)) : int('0x'.gray[2:7])
plot for [i=1:size] csv using (i - 1):0:(0.5):(0.5):(shade(i + 1)):ytic(strcol(1)) \
         with boxxyerror linecolor rgb variable, \
     csv using 0:(-9):(0):xtic(strcol(1)) with points linecolor palette
