// longjmp returns through many frames, with its value, as often as wanted.
// Spec: setjmp(3)
#include "../guest.h"
#include <setjmp.h>

static jmp_buf outer, inner;

static void deep(int depth, int value) {
    volatile char room[200];
    room[depth % 200] = depth;
    if (depth == 0) longjmp(outer, value);
    deep(depth - 1, value);
    say("not reached %d\n", room[0]);
}

int main(void) {
    volatile int rounds = 0;
    int value = setjmp(outer);
    say("back with %d\n", value);
    if (++rounds < 4) deep(rounds * 500, rounds * 11);
    if (rounds == 4) {
        rounds++;
        if (setjmp(inner) == 0) longjmp(inner, 0);
        else say("0 becomes 1\n");
    }
    volatile int sum = 0;
    for (volatile int i = 0; i < 10000; i++)
        if (setjmp(inner) == 0) longjmp(inner, 5);
        else sum++;
    say("ten thousand: %d\n", sum);
    return 0;
}
