# A square table of numbers in -1..1 as colours: blue for 1, red for -1; gray where it has none.
#
#     gnuplot -e "csv='correlation.csv'; out='correlation.png'" tools/plots/heatmap.gp
#
# The first column has the names of the rows, the first row those of the columns.
# Variables: csv, out, and if wanted
#     title=''      above the plot
#     axis=''       beside the scale of colours
load ARG0[1:strlen(ARG0)-strlen('heatmap.gp')].'common.gp'
if (!exists('title')) title = ''
if (!exists('axis')) axis = ''

longest = 0
width_of(name) = (longest = strlen(name) > longest ? strlen(name) : longest, 1)
stats csv using (width_of(strcol(1))) name 'map' nooutput
size = map_records

# A character of 10 points is at most about 6.8 pixels wide, on the average of a long name.
names = 6.8 * longest + 16
cells = size > 12 ? 17 * size : size > 5 ? 30 * size : 150
width = names + cells + 110
height = names + cells + 30
eval canvas(width, height)
set lmargin at screen names / width
set rmargin at screen (names + cells) / width
set bmargin at screen names / height
set tmargin at screen (names + cells) / height
set title title offset 0,-0.4
set cblabel axis
set cbrange [-1:1]
set xrange [-0.5:size - 0.5]
set yrange [size - 0.5:-0.5]
set xtics rotate by 90 right scale 0
set ytics scale 0
set border 15
unset grid
unset key
# One column of the table after the other: in gnuplot's matrices an empty cell shifts the others.
# A column may be empty throughout, and then has no colours of the palette; the point outside is
# there for the scale of colours.
shade(i) = valid(i) ? palette(column(i)) : int('0x'.gray[2:7])
plot for [i=1:size] csv using (i - 1):0:(0.5):(0.5):(shade(i + 1)):ytic(strcol(1)) \
         with boxxyerror linecolor rgb variable, \
     csv using 0:(-9):(0):xtic(strcol(1)) with points linecolor palette
