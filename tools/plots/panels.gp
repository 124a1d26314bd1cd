# Rows of pictures below one another, each with its title above it, the columns with theirs on top.
#
#     gnuplot -e "rows=2; file1='image_001.png'; label1='Nucleoplasm'; \
#         file2='image_002.png'; label2='Cytosol'; out='page.png'" tools/plots/panels.gp
#
# Variables: out, rows, file1, label1, file2, label2, ..., and if wanted
#     lines=1       of the longest of the labels, whose lines are separated by newlines
#     columns=4     columns of each picture
#     head1='protein', head2='microtubules', head3='nucleus', head4='endoplasmic reticulum'
#     cell=200      pixels of a side of a picture's cell
#     gap=8         pixels between two cells
#     title=''      on top
load ARG0[1:strlen(ARG0)-strlen('panels.gp')].'common.gp'
if (!exists('lines')) lines = 1
if (!exists('columns')) columns = 4
if (!exists('head1')) head1 = 'protein'
if (!exists('head2')) head2 = 'microtubules'
if (!exists('head3')) head3 = 'nucleus'
if (!exists('head4')) head4 = 'endoplasmic reticulum'
if (!exists('cell')) cell = 200
if (!exists('gap')) gap = 8
if (!exists('title')) title = ''

# Half of the picture's pixels, as PNGs are drawn with twice as many. A line of 8 points is 14 high;
# an Id of the competition is 235 wide.
cell = cell / 2.0
gap = gap / 2.0
margin = 8
line = 14
top = (title eq '' ? 0 : line + 6) + line + margin
step = cell + line * lines + 3 * margin / 2.0
row = columns * cell + (columns - 1) * gap
width = (row > 240 ? row : 240) + 2 * margin
height = top + rows * step
left(i) = margin + (i - 1) * (cell + gap)
upper(i) = top + (i - 1) * step

eval canvas(width, height)
set lmargin at screen 0
set rmargin at screen 1
set bmargin at screen 0
set tmargin at screen 1
set xrange [0:width]
set yrange [height:0]
unset border
unset tics
unset grid
set label title at margin, margin + 0.5 * line left
do for [i=1:columns] {
    set label value(sprintf('head%d', i)) at left(i) + cell / 2, top - 0.75 * line center \
        font 'sans,6' textcolor rgb '#505050'
}
do for [i=1:rows] {
    set label label(i) at margin, upper(i) + 0.5 * line left font 'sans,8'
}
plot for [i=1:rows] file(i) binary filetype=png \
         origin=(margin + 0.25, upper(i) + line * lines + 0.25) dx=0.5 dy=0.5 with rgbimage
