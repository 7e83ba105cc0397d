# (( )), let, **, increments, bases and commas.
# shell: bash
((a=5)); echo $? $a
((0)); echo $?
let b=a*2 c=b**2; echo $b $c
echo $((a++)) $a $((++a)) $a $((a--)) $((--a))
echo $((2#1011)) $((16#ff)) $((36#z)) $((64#_))
echo $((1,2,3)) $((2**62)) $((-2**63))
((a > 3 && a < 100)) && echo range
declare -i n=3+4; n+=10; echo $n
printf '%d %x %o\n' $((0xff)) 255 8
echo $(( (RANDOM >= 0) && (RANDOM < 32768) ))
