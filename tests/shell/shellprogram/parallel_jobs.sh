# A whole program: a pool of four workers over twenty tasks.
# shell: bash
work() { sleep 0.0$(( $1 % 5 )); echo "done $1"; }
running=0
for t in {1..20}; do
  work $t >out.$t & ((++running >= 4)) && { wait -n; ((running--)); }
done
wait
cat out.* | sort -k2n | tail -n 2; ls out.* | wc -l
