# Two thousand files are made, listed, counted and removed.
# shell: both
i=0; while [ $i -lt 2000 ]; do : >f$i; i=$((i+1)); done
ls | wc -l; echo f1* | wc -w; ls f199?
find . -name 'f*7' -type f | wc -l
ls | head -n 3; rm f*; ls -A | wc -l
