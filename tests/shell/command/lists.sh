# && || ; & and braces group as they should.
# shell: both
true && echo a || echo b
false && echo a || echo b
true || echo no && echo yes
false || false || echo last
{ echo x; false; } && echo no
! { false; } && echo negated
if false; then :; elif true; then echo elif; else echo else; fi
if false; then :; fi; echo $?
true; true && false; echo $?
