# Braces expand to lists, sequences and nested products.
# shell: bash
echo {a,b,c}{1,2} {1..5} {5..1} {01..10..3} {a..e} {e..a..2}
echo pre{,x,y}post {a,{b,c}d,e} a{1}b {} {a,b
echo {-2..2} '{a,b}' \{a,b} "{a,b}"
