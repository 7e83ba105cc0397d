# make builds by rules, times and variables.
# shell: both
# needs: make
cat >Makefile <<'M'
CC = echo cc
all: out
out: a.o b.o
	@echo link $^ ; cat $^ >$@
%.o: %.c
	@echo compile $<; cp $< $@
.PHONY: clean all
clean: ; rm -f *.o out
fail: ; false
var: ; @echo $(CC) $(X) $(words a b c) $(patsubst %.c,%.o,a.c)
M
echo a >a.c
echo b >b.c
make
make
sleep 1
touch a.c
make
make -n clean
make -s clean
ls
make fail 2>/dev/null; echo $?
make var X=given
make none 2>/dev/null; echo $?
make -j2 -s | sort
printf 'x:\n\t@echo from stdin\n' | make -f -
