# printf formats numbers and strings and reuses its format.
# shell: both
printf '%s|%5s|%-5s|%.2s\n' abc abc abc abc
printf '%d %5d %-5d| %05d %+d %x %X %o %#x\n' 42 42 42 42 42 255 255 8 255
printf '%s\n' a b c
printf '%s-%s\n' 1 2 3
printf '%c%c\n' hello world
printf '%%|\t|\\|\101|\n'
printf '%b\n' 'a\tb\0101'
printf '%d\n' "'A" 0x10 010
printf '%.3f %8.2f %e %g\n' 3.14159 2.5 12345.678 0.0001
printf 'no newline'; echo
printf '%d\n' abc 2>/dev/null; echo $?
printf '%*d|%-*d|\n' 5 42 5 42
