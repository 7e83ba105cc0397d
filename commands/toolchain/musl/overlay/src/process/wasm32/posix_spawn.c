/* posix_spawn as one host call: no copy of the instance, no unwinding. The records are those of CONTRACT.md. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>
#include <errno.h>
#include "syscall.h"
#include "../fdop.h"

struct record { unsigned op; int fd, from, flags; unsigned mode; const char *path; };
struct records { unsigned count, zero; struct record r[]; };
struct attributes { unsigned flags; int pgroup; unsigned long long def, mask; int policy, priority; };
_Static_assert(sizeof(struct record) == 24 && sizeof(struct attributes) == 32, "layout of CONTRACT.md");

__attribute__((import_module("cenote"), import_name("posix_spawn")))
long long __cenote_posix_spawn(const char *, const struct records *, const struct attributes *, char *const *, char *const *, const char *);

static unsigned long long set64(const sigset_t *s) { return s->__bits[0] | (unsigned long long)s->__bits[1] << 32; }

/* search: 0, or the directories to look in. Returns 0 or an error number. */
hidden int __cenote_spawn(pid_t *restrict res, const char *restrict path,
	const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict], const char *search)
{
	static char *const none[1];
	struct attributes a;
	struct records *list = 0;
	struct fdop *op;
	if (fa && fa->__actions) {
		/* the list begins with the action that was added last */
		unsigned n = 0;
		for (op = fa->__actions; ; op = op->next) { n++; if (!op->next) break; }
		list = malloc(sizeof *list + n * sizeof list->r[0]);
		if (!list) return ENOMEM;
		*list = (struct records){ n };
		for (n = 0; op; op = op->prev, n++)
			list->r[n] = (struct record){ op->cmd, op->fd, op->srcfd, op->oflag, op->mode,
				op->cmd == FDOP_OPEN || op->cmd == FDOP_CHDIR ? op->path : 0 };
	}
	if (attr) a = (struct attributes){ attr->__flags, attr->__pgrp, set64(&attr->__def), set64(&attr->__mask), attr->__pol, attr->__prio };
	long long r = __cenote_posix_spawn(path, list, attr ? &a : 0, argv ? argv : none, envp ? envp : none, search);
	free(list);
	if (r < 0) return -r;
	if (res) *res = r;
	return 0;
}

int posix_spawn(pid_t *restrict res, const char *restrict path,
	const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	return __cenote_spawn(res, path, fa, attr, argv, envp, 0);
}
