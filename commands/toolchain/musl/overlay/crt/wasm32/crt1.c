/* Entry and signal trampoline: see start_block and __cenote_signal in CONTRACT.md. */
#include <sys/mman.h>
#include "syscall.h"
__attribute__((import_module("cenote"), import_name("start_block"))) int __cenote_start_block(void *, int);
int __main_argc_argv(int, char **);
void __wasm_call_ctors(void);
static int m(int c, char **v, char **e) { __wasm_call_ctors(); return __main_argc_argv(c, v); }
int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(), void (*)(), void (*)());
static char small[8192] __attribute__((aligned(16)));
__attribute__((export_name("_start"))) void _start(void)
{
	char *b = small;
	int n = __cenote_start_block(b, sizeof small);
	if (n > (int)sizeof small) {
		/* by the call itself: mmap() sets errno, which needs a thread pointer */
		long r = __syscall(SYS_mmap, 0, n, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
		if (r > -4096UL) __builtin_trap();
		b = (char *)r;
		__cenote_start_block(b, n);
	}
	__libc_start_main(m, *(int *)b, (char **)(b + 4), 0, 0, 0);
}

/* The host delivers a signal by calling this export. si is 0 for a handler without SA_SIGINFO: then it is called with
 * one argument, so that the call has the handler's own type whether or not the program went through fpcast-emu. */
__attribute__((export_name("__cenote_signal"), used))
void __cenote_signal(void *handler, int signo, void *si, void *uc)
{
	if (si) ((void (*)(int, void *, void *))handler)(signo, si, uc);
	else ((void (*)(int))handler)(signo);
}
