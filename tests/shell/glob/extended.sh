# extglob, globstar, nullglob, dotglob, failglob.
# shell: bash
shopt -s extglob
touch a.c a.h b.c b.o main.c .dot; mkdir -p x/y; touch x/1.c x/y/2.c
echo !(*.o) ; echo @(a|b).c ; echo +([a-z]).c; echo ?(a).h; echo *(x).o
v=aaabbb; echo ${v##+(a)} ${v%%+(b)} ${v//@(a|b)/-}
shopt -s globstar; echo **/*.c; shopt -u globstar
shopt -s nullglob; echo zzz* end; shopt -u nullglob
shopt -s dotglob; echo *; shopt -u dotglob
(shopt -s failglob; echo zzz*) 2>/dev/null; echo $?
GLOBIGNORE='*.c'; echo *
