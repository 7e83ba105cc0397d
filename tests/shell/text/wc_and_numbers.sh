# wc, seq, numfmt, factor, shuf and expr count.
# shell: both
printf 'one two\nthree' >f
wc f
wc -l f
wc -w <f
wc -c f
wc -m f
wc -L f
printf 'x\n' | wc f -
seq 3; seq 2 2 8; seq 5 -2 1; seq -s, 5; seq -w 8 11; seq -f 'n%02g' 2; seq 0.5 0.5 2
numfmt --to=iec 1048576
numfmt --from=si 2K
numfmt --grouping 1234
factor 360 97
seq 5 | shuf --random-source=/dev/zero | sort | paste -sd' '
