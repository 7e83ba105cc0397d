#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>

#define PAGE 65536
#define ADD(set, c) ((set)[(c) >> 6] |= UINT64_C(1) << ((c) & 63))
#define HAS(set, c) ((set)[(c) >> 6] >> ((c) & 63) & 1)

/* Shells look for the next special character in words of a few bytes: up to 15 characters are compared at once, without a set to make. */
__attribute__((__target__("simd128")))
size_t strcspn(const char *string, const char *reject)
{
	const unsigned char *s = (const void *)string, *c = (const void *)reject;
	uint64_t set[4];

	if (!c[0] || !c[1]) return __strchrnul(string, *reject) - string;

	/* reading beyond the string is harmless, beyond the memory it is not */
	if ((uintptr_t)reject / PAGE + 1 < __builtin_wasm_memory_size(0)) {
		v128_t characters = wasm_v128_load(reject);
		unsigned ends = wasm_i8x16_bitmask(wasm_i8x16_eq(characters, wasm_i8x16_splat(0)));
		if (ends) {
			/* up to the first zero and with it: the end of the string ends the search, too */
			unsigned wanted = ends ^ (ends - 1);
			while (!(wasm_i8x16_bitmask(wasm_i8x16_eq(characters, wasm_i8x16_splat(*s))) & wanted)) s++;
			return s - (const unsigned char *)string;
		}
	}

	set[0] = 1;
	set[1] = set[2] = set[3] = 0;
	for (; *c; c++) ADD(set, *c);
	for (; !HAS(set, *s); s++);
	return s - (const unsigned char *)string;
}
