#!/usr/bin/env bats
# Are the sanitizers awake? Little programs that are wrong, built with our flags and run as `make check` runs its tests, with its suppressions: each must come out as a failure.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	unset MAKEFLAGS MFLAGS MAKELEVEL CMOCKA_MESSAGE_OUTPUT
}

# program MODE: the C program on stdin becomes build/MODE/program, where run-tap knows it.
program() {
	mkdir -p "$BATS_TEST_TMPDIR/build/$1"
	bin=$BATS_TEST_TMPDIR/build/$1/program
	# shellcheck disable=SC2046
	gcc -x c - -o "$bin" $(make -s --no-print-directory MODE="$1" flags) -w -lczmq -lzmq
}

# Both the actor and its maker count. $1: does the hand-over stand there; $2: in a child that is then killed.
counting_actor() {
	cat <<-END
		#include <czmq.h>
		#include <sys/wait.h>
		#include "common/link/handover.h"
		static int counter;
		static void actor(zsock_t *pipe, void *arg)
		{
			counter++;
			if (arg)
				handover_give(&counter);
			zsock_signal(pipe, 0);
			free(zstr_recv(pipe));
		}
		int main(int argc, char **argv)
		{
			bool handed = $1, forked = $2;
			if (forked && fork() > 0) {
				wait(NULL);
				puts("ok 1");
				return 0;
			}
			zsys_handler_set(NULL);
			zactor_t *a = zactor_new(actor, handed ? &counter : NULL);
			if (handed)
				handover_take(&counter);
			counter++;
			if (forked) {
				fflush(NULL);
				raise(SIGKILL);
			}
			zactor_destroy(&a);
			puts("ok 1");
			return 0;
		}
	END
}

@test "tsan: a race between an actor and its maker is a failure" {
	program tsan < <(counting_actor false false)
	run tests/run-tap "$bin"
	[ "$status" -eq 1 ]
	[[ "$output" == *"ThreadSanitizer: data race"*"in main"* ]]
	[[ "$output" == *"1 passed, 1 failed" ]]
}

@test "tsan: a hand-over that a message orders is none" {
	program tsan < <(counting_actor true false)
	run tests/run-tap "$bin"
	[ "$status" -eq 0 ]
	[[ "$output" == *"1 passed, 0 failed" ]]
}

@test "tsan: a race in a child that is killed is a failure" {
	program tsan < <(counting_actor false true)
	run tests/run-tap "$bin"
	[ "$status" -eq 1 ]
	[[ "$output" == *"ThreadSanitizer: data race"* ]]
}

@test "asan: a use after free is a failure" {
	program asan <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(int argc, char **argv)
		{
			int *p = malloc(sizeof *p * 4);
			p[argc] = 1;
			free(p);
			printf("ok %d\n", p[argc]);
			return 0;
		}
	END
	run tests/run-tap "$bin"
	[ "$status" -eq 1 ]
	[[ "$output" == *"AddressSanitizer: heap-use-after-free"* ]]
}

@test "asan: an overflow and a leak are failures" {
	program asan <<-'END'
		#include <stdio.h>
		int main(int argc, char **argv)
		{
			int n = 2147483647;
			n += argc;
			printf("ok 1 %d\n", n);
			return 0;
		}
	END
	run tests/run-tap "$bin"
	[ "$status" -eq 1 ]
	[[ "$output" == *"runtime error: signed integer overflow"* ]]
	program asan <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void)
		{
			volatile char *p = malloc(100);
			p[0] = 1;
			p = NULL;
			puts("ok 1");
			return 0;
		}
	END
	run tests/run-tap "$bin"
	[ "$status" -eq 1 ]
	[[ "$output" == *"LeakSanitizer: detected memory leaks"* ]]
}
