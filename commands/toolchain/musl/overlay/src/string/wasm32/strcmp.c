#include <string.h>

/* Four bytes a round: the head of a loop is where the engine asks whether the guest is to be interrupted, which costs as much as a byte. */
int strcmp(const char *left, const char *right)
{
	const unsigned char *l = (const void *)left, *r = (const void *)right;

	for (;; l += 4, r += 4) {
		if (l[0] != r[0] || !l[0]) return l[0] - r[0];
		if (l[1] != r[1] || !l[1]) return l[1] - r[1];
		if (l[2] != r[2] || !l[2]) return l[2] - r[2];
		if (l[3] != r[3] || !l[3]) return l[3] - r[3];
	}
}
