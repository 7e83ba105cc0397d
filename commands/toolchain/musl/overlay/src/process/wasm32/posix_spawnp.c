#include <spawn.h>
#include <stdlib.h>
#include "libc.h"

hidden int __cenote_spawn(pid_t *restrict, const char *restrict, const posix_spawn_file_actions_t *, const posix_spawnattr_t *restrict,
	char *const [restrict], char *const [restrict], const char *);

/* the caller's own PATH, as execvp takes it */
int posix_spawnp(pid_t *restrict res, const char *restrict file,
	const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	const char *path = getenv("PATH");
	return __cenote_spawn(res, file, fa, attr, argv, envp, path ? path : "/usr/local/bin:/bin:/usr/bin");
}
