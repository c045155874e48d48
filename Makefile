# Rollcall: the only makefile. MODE=release|debug|asan|tsan, each in its own build/<mode>/.
# A new .c file is picked up by its folder: common/ goes into both sides, controller/ and agent/ into their own; *_main.c and the files named in PROGRAMS hold a main().
MODE ?= release
ifeq ($(origin CC),default)
CC := gcc
endif
O := build/$(MODE)
G := $(O)/gen

VERSION := 0.1.0
prefix ?= /usr/local

CFLAGS_release := -O2 -g -DNDEBUG_NEVER
CFLAGS_debug := -O0 -g3 -DROLLCALL_TEST_BUILD
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DROLLCALL_TEST_BUILD
CFLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DROLLCALL_TEST_BUILD
ifeq ($(filter $(MODE),release debug asan tsan),)
$(error MODE=$(MODE): use release, debug, asan or tsan)
endif

WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wswitch -Wformat=2 -Wno-format-nonliteral $(if $(findstring clang,$(CC)),,-Wno-format-truncation) $(if $(CI),-Werror)
MARIADB_CFLAGS := $(shell mariadb_config --include 2>/dev/null)
PQ_CFLAGS := -I$(shell pg_config --includedir 2>/dev/null)
CPPFLAGS += -I. -I$(G) -D_GNU_SOURCE -DROLLCALL_VERSION='"$(VERSION)"' $(MARIADB_CFLAGS) $(PQ_CFLAGS)
CFLAGS += -std=c11 $(WARN) $(CFLAGS_$(MODE)) -fstack-protector-strong -fPIE
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(filter -fsanitize%,$(CFLAGS_$(MODE)))
LIBS_common := -lczmq -lzmq -lprotobuf-c -lcyaml -lyaml -lsqlite3 -lcrypto -lsodium -ljansson -lpthread
LIBS_agent := -lpq -lmariadb $(LIBS_common)
LIBS_controller := -lcurl $(LIBS_common)

# ---- sources ---------------------------------------------------------------------------------------------------------------------------------------
ALL_PROGRAMS := rollcall rollcall-controller rollcall-agent
MAIN_rollcall := controller/rollcall.c
MAIN_rollcall-controller := controller/rollcall-controller.c
MAIN_rollcall-agent := agent/rollcall-agent.c
PROGRAMS := $(foreach p,$(ALL_PROGRAMS),$(if $(wildcard $(MAIN_$(p))),$(p)))
MAINS := $(foreach p,$(PROGRAMS),$(MAIN_$(p)))

find = $(sort $(patsubst ./%,%,$(shell find $(1) -name '$(2)' 2>/dev/null)))
PROTOS := $(wildcard proto/*.proto)
PB_C := $(PROTOS:%.proto=$(G)/%.pb-c.c)
PB_H := $(PROTOS:%.proto=$(G)/%.pb-c.h)
SQL_H := $(patsubst %,$(G)/%.h,$(call find,agent controller common,*.sql))
GENERATED := $(PB_C) $(PB_H) $(SQL_H)

SRC_common := $(call find,common,*.c)
SRC_controller := $(filter-out $(MAINS),$(call find,controller,*.c))
SRC_agent := $(filter-out $(MAINS),$(call find,agent,*.c))
OBJ_common := $(SRC_common:%.c=$(O)/%.o) $(PB_C:.c=.o)
OBJ_controller := $(SRC_controller:%.c=$(O)/%.o)
OBJ_agent := $(SRC_agent:%.c=$(O)/%.o)

# tests/sim/*_sim_test.c: decisions against simulated worlds; SEEDS=n, SEED=s in the environment.
# Unit and conformance tests mirror the sources: tests/unit/<side>/.../x_test.c becomes one program, linked with that side (tests/unit/both: with both sides).
TESTS := $(call find,tests/unit tests/sim tests/conformance,*_test.c)
TEST_BINS := $(TESTS:%.c=$(O)/%)
# What plays deaths at crash points (row_*) is for test builds: a release, which the benches measure, has none.
TEST_SUPPORT := $(filter-out $(if $(filter release,$(MODE)),tests/support/row_%),$(call find,tests/support,*.c))
OBJ_support := $(TEST_SUPPORT:%.c=$(O)/%.o)
# What runs under TSan too: the tests of both sides, and whatever else starts a thread. conformance/apply_test.c takes a minute there; apply/runner_test.c runs the same threads.
THREAD_TESTS := $(sort $(filter tests/unit/both/%,$(TESTS)) $(filter-out tests/conformance/apply_test.c,$(shell grep -lE 'pthread_create|zactor_new|hub_new|checkers_new' $(TESTS))))

.PHONY: all build check check-unit check-faults check-attacks test-bins flags fuzz check-layers lint install uninstall clean demo drill bench-apply bench-verify bench-locks bench-batches soak FORCE
# Objects are kept by name, not by a bare .SECONDARY: with that one, make leaves out an object that is missing when its source is older than the archive.
.PRECIOUS: $(O)/%.o
.DELETE_ON_ERROR:
all: build
build: $(O)/libcommon.a $(O)/libcontroller.a $(O)/libagent.a $(PROGRAMS:%=$(O)/bin/%)

# ---- rules -----------------------------------------------------------------------------------------------------------------------------------------
$(G)/%.pb-c.c $(G)/%.pb-c.h &: %.proto
	@mkdir -p $(@D)
	@echo "PROTO $<"
	@protoc-c --c_out=$(G) $<

$(G)/%.sql.h: %.sql common/sql2c.awk
	@mkdir -p $(@D)
	@echo "SQL   $<"
	@awk -f common/sql2c.awk $< > $@

$(O)/gen/%.pb-c.o: $(G)/%.pb-c.c
	@echo "CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(O)/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(PRELUDE) -include common/base/banned.h -MMD -MP -c -o $@ $<

# OpenSSL's headers use words that banned.h poisons: they come first, and only here.
$(O)/common/crypto/%.o: PRELUDE := -include common/crypto/openssl.h

$(O)/libcommon.a: $(OBJ_common)
$(O)/libcontroller.a: $(OBJ_controller)
$(O)/libagent.a: $(OBJ_agent)
$(O)/libsupport.a: $(OBJ_support)
# An archive also depends on the list of its objects, so that a source that is added, moved in or removed makes it anew.
$(O)/lib%.list: FORCE
	@mkdir -p $(@D)
	@echo '$(OBJ_$*)' | cmp -s - $@ || echo '$(OBJ_$*)' > $@
$(O)/lib%.a: $(O)/lib%.list
	@rm -f $@
	@ar rcs $@ $(filter %.o,$^)
.PRECIOUS: $(O)/lib%.list

$(O)/bin/rollcall-agent: $(O)/agent/rollcall-agent.o $(O)/libagent.a $(O)/libcommon.a
	@mkdir -p $(@D)
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_agent)
$(O)/bin/rollcall-controller: $(O)/controller/rollcall-controller.o $(O)/libcontroller.a $(O)/libcommon.a
	@mkdir -p $(@D)
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_controller)
$(O)/bin/rollcall: $(O)/controller/rollcall.o $(O)/libcontroller.a $(O)/libcommon.a
	@mkdir -p $(@D)
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_controller)

$(O)/tests/unit/common/%: $(O)/tests/unit/common/%.o $(O)/libsupport.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_common)
$(O)/tests/unit/controller/%: $(O)/tests/unit/controller/%.o $(O)/libsupport.a $(O)/libcontroller.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_controller)
$(O)/tests/sim/%: $(O)/tests/sim/%.o $(O)/libsupport.a $(O)/libcontroller.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_controller)
$(O)/tests/unit/agent/%: $(O)/tests/unit/agent/%.o $(O)/libsupport.a $(O)/libagent.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_agent)
$(O)/tests/unit/both/%: $(O)/tests/unit/both/%.o $(O)/libsupport.a $(O)/libcontroller.a $(O)/libagent.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lcurl $(LIBS_agent)
$(O)/tests/conformance/%: $(O)/tests/conformance/%.o $(O)/libsupport.a $(O)/libagent.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_agent)

# ---- tests -----------------------------------------------------------------------------------------------------------------------------------------
# Fuzz targets: tests/fuzz/NAME_fuzz.c with a corpus in tests/fuzz/corpus/NAME/ and, for text, words in NAME.dict. Replayed here; `make fuzz T=NAME SECONDS=n` searches for
# more with clang's libFuzzer.
FUZZ := $(call find,tests/fuzz,*_fuzz.c)
FUZZ_BINS := $(FUZZ:%.c=$(O)/%)
$(O)/tests/fuzz/%_fuzz: $(O)/tests/fuzz/%_fuzz.o $(O)/tests/fuzz/replay.o $(O)/tests/fuzz/fuzz.o $(O)/libcontroller.a $(O)/libagent.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_agent)
SECONDS ?= 60
FUZZ_OBJ := build/fuzz/tests/fuzz/$(T)_fuzz.o build/fuzz/tests/fuzz/fuzz.o
FUZZ_LIB := build/fuzz/libcontroller.a build/fuzz/libagent.a build/fuzz/libcommon.a
fuzz:
	$(if $(wildcard tests/fuzz/$(T)_fuzz.c),,$(error give T=NAME, one of: $(patsubst tests/fuzz/%_fuzz.c,%,$(FUZZ))))
	@$(MAKE) --no-print-directory CC=clang MODE=asan O=build/fuzz CFLAGS_asan="-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" $(FUZZ_OBJ) $(FUZZ_LIB)
	clang -fsanitize=fuzzer,address,undefined -o build/fuzz/$(T)_fuzz $(FUZZ_OBJ) $(FUZZ_LIB) $(LIBS_agent)
	mkdir -p build/fuzz/found/$(T)
	build/fuzz/$(T)_fuzz -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/found/$(T)- $(patsubst %,-dict=%,$(wildcard tests/fuzz/$(T).dict)) \
		build/fuzz/found/$(T) tests/fuzz/corpus/$(T)

# Tools of the fault tests: tests/fault/NAME.c; what is loaded into processes under test: tests/fault/shim/NAME.c.
FAULT_BINS := $(patsubst %.c,$(O)/%,$(wildcard tests/fault/*.c)) $(patsubst %.c,$(O)/%.so,$(wildcard tests/fault/shim/*.c))
$(O)/tests/fault/shim/%.so: tests/fault/shim/%.c
	@mkdir -p $(@D)
	@echo "LINK  $@"
	@$(CC) $(CPPFLAGS) -std=c11 $(WARN) -O1 -g -fPIC -shared -o $@ $<
# Tools of the attack tests: tests/attack/NAME.c, with the controller's own code at the attacker's hands.
ATTACK_BINS := $(patsubst %.c,$(O)/%,$(wildcard tests/attack/*.c))
$(O)/tests/attack/%: $(O)/tests/attack/%.o $(O)/libsupport.a $(O)/libcontroller.a $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_controller)
$(O)/tests/fault/%: $(O)/tests/fault/%.o $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_common)

# T=word: only the unit tests whose path holds the word.
UNIT_BINS := $(foreach t,$(filter $(O)/tests/unit/% $(O)/tests/sim/%,$(TEST_BINS)),$(if $(or $(if $(T),,all),$(findstring $(T),$(t))),$(t)))
# The crash points are in test builds only, so a release tree builds the debug one for it.
ifeq ($(MODE),release)
check-unit:
	@$(MAKE) --no-print-directory MODE=debug check-unit
else
check-unit: $(UNIT_BINS)
	@tests/run-tap $^
endif
test-bins: $(TEST_BINS) $(FUZZ_BINS) $(O)/bin/fleet_farm $(FAULT_BINS) $(ATTACK_BINS)
# What tests/e2e/sanitizers.bats builds its little wrong programs with.
flags:
	@echo $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)

# What takes longest begins first, so that the two lanes end together.
LONGEST := tests/fault/kill.bats $(patsubst %,tests/fault/%.bats,failpoints partition disk rows) build/debug/tests/conformance/apply_test tests/e2e/demo.bats tests/e2e/hold.bats
longest_first = $(filter $(1),$(LONGEST)) $(filter-out $(LONGEST),$(1))

# Everything, with one closing line: unit tests and fuzz corpora under ASan and UBSan, the threaded ones under TSan too, conformance against real servers, end to end on
# the release build; kill tests on the debug build, which has the failpoints.
CHECK_asan := $(filter tests/unit/% tests/sim/%,$(TESTS)) $(FUZZ)
CHECK_tsan := $(THREAD_TESTS)
CHECK_debug := $(filter tests/conformance/%,$(TESTS))
CHECK_BATS := $(sort $(wildcard tests/fault/*.bats tests/attack/*.bats tests/e2e/*.bats))
# The benches are run by hand; that they can be built is seen here.
BENCH_BINS := $(addprefix $(O)/bin/,fleet_farm raw_apply verify_bench) $(addprefix $(O)/tests/conformance/,locks_test batch_test whole_test)
.PHONY: check-bins
check-bins: $(CHECK_$(MODE):%.c=$(O)/%) $(if $(filter debug,$(MODE)),build $(FAULT_BINS) $(ATTACK_BINS))
check: check-layers build $(BENCH_BINS)
	@for mode in asan tsan debug; do $(MAKE) --no-print-directory MODE=$$mode check-bins || exit 1; done
	@ROLLCALL_BIN=$(CURDIR)/$(O)/bin ROLLCALL_DEBUG_BIN=$(CURDIR)/build/debug/bin tests/run-tap \
		$(call longest_first,$(foreach m,asan tsan debug,$(CHECK_$(m):%.c=build/$(m)/%)) $(CHECK_BATS))

# What a thief of the controller, of keys or of the network tries, and what every site answers.
check-attacks: build
	@$(MAKE) --no-print-directory MODE=debug build $(patsubst $(O)/%,build/debug/%,$(ATTACK_BINS) $(FAULT_BINS))
	@: >build/attacks.log
	@SAY=1 ATTACK_LOG=$(CURDIR)/build/attacks.log ROLLCALL_BIN=$(CURDIR)/$(O)/bin ROLLCALL_DEBUG_BIN=$(CURDIR)/build/debug/bin tests/run-tap $(sort $(wildcard tests/attack/*.bats))
	@tests/attack/table build/attacks.log

# A thief with the controller's machine and all of its keys, as a transcript.
drill: build
	@$(MAKE) --no-print-directory MODE=debug $(patsubst $(O)/%,build/debug/%,$(ATTACK_BINS))
	@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/attack/drill

# The proof of exactly-once alone; SEED=n repeats a run's kills.
CHECK_FAULTS := $(filter tests/fault/%,$(CHECK_BATS)) tests/e2e/oracle.bats build/debug/tests/unit/agent/apply/crash_test build/debug/tests/conformance/apply_test \
	$(patsubst %.c,build/debug/%,$(filter tests/conformance/rows_%,$(TESTS)))
check-faults: build
	@$(MAKE) --no-print-directory MODE=debug build test-bins
	@SAY=1 ROLLCALL_BIN=$(CURDIR)/$(O)/bin ROLLCALL_DEBUG_BIN=$(CURDIR)/build/debug/bin tests/run-tap $(call longest_first,$(CHECK_FAULTS))

# ---- real input --------------------------------------------------------------------------------------------------------------------------------------
# Other people's files, which are not in this repository (tests/real/README.md says where they are), beside the engines' own clients; and Liquibase on a project of ours.
.PHONY: check-real check-liquibase
check-real: build
	$(if $(CRATES)$(AUTHELIA),,$(error give CRATES=DIR or AUTHELIA=DIR or both: see tests/real/README.md))
	$(if $(CRATES),@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/real/crates "$(CRATES)" $(TENANTS))
	$(if $(AUTHELIA),@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/real/authelia "$(AUTHELIA)")
check-liquibase: build
	$(if $(LIQUIBASE),,$(error give LIQUIBASE=DIR: see tests/real/README.md))
	@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/real/liquibase "$(LIQUIBASE)"

# ---- bench -----------------------------------------------------------------------------------------------------------------------------------------
$(O)/bin/raw_apply: $(O)/tests/bench/raw_apply.o $(O)/libcommon.a
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_agent)
# ENGINE=postgresql|mariadb|sqlite TENANTS=n CONC=k: one line for each engine, beside the raw limit, in one run.
bench-apply: build $(O)/bin/raw_apply
	@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/bench/bench-apply "$(ENGINE)" "$(TENANTS)" "$(CONC)"

# What a delivery that waits for a table does to those who read it, beside a transaction that stays open for HOLD seconds: one line for each engine, and red when it is too much.
bench-locks: $(O)/tests/conformance/locks_test
	@LOCKS_HOLD_S=$(or $(HOLD),60) LOCKS_LIMIT_MS=$(or $(LIMIT_MS),5000) LOCKS_READERS=$(or $(READERS),8) $< >/dev/null

# AGENTS=n: the controller with a whole fleet, beside the raw limit, in one run of some minutes; a line for each of what is wanted.
.PHONY: bench-fanout
bench-fanout: build $(O)/bin/fleet_farm
	@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/bench/bench-fanout $(AGENTS)

# The farm of `make bench-fanout` and tests/e2e/fleet.bats: many agents in a few processes.
$(O)/bin/fleet_farm: $(patsubst %.c,$(O)/%.o,$(wildcard tests/bench/fleet/*.c)) $(O)/libcontroller.a $(O)/libcommon.a
	@mkdir -p $(@D)
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_controller)

# Rows a second of a batched step beside a plain client loop; a release as one transaction beside changeset by changeset: ROWS=n CHANGESETS=n (at most 250).
bench-batches: $(O)/tests/conformance/batch_test $(O)/tests/conformance/whole_test
	@BATCH_ROWS=$(or $(ROWS),1000000) $(O)/tests/conformance/batch_test '*throughput' 2>&1 >/dev/null | grep rows/s
	@WHOLE_CHANGESETS=$(or $(CHANGESETS),100) $(O)/tests/conformance/whole_test '*speed' 2>&1 >/dev/null | grep times

$(O)/bin/verify_bench: $(O)/tests/bench/verify_bench.o $(O)/libsupport.a $(O)/libagent.a $(O)/libcommon.a
	@mkdir -p $(@D)
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_agent)
# Releases, approvals and proofs verified a second, and the share of a delivery that this takes.
bench-verify: $(O)/bin/verify_bench
	@$(O)/bin/verify_bench

# Kills agents, controller and server for as long as wanted, with the oracle after each release: ENGINE=postgresql|mariadb|sqlite KILLS=n SEED=n.
soak: build
	@$(MAKE) --no-print-directory MODE=debug build/debug/tests/fault/killer
	@ROLLCALL_BIN=$(CURDIR)/$(O)/bin tests/fault/soak "$(or $(ENGINE),postgresql)" "$(or $(KILLS),100)" $(SEED)

demo: build
	@$(O)/bin/rollcall demo $(DEMO_ARGS)

# ---- lint ------------------------------------------------------------------------------------------------------------------------------------------
C_FILES := $(call find,common controller agent tests,*.c) $(call find,common controller agent tests,*.h)
SHELL_FILES = $(sort $(call find,tests,*.bash) $(shell grep -rlIE '^\#!/bin/(ba)?sh' packaging .ci tests))
BATS_FILES := $(call find,tests,*.bats)
# Without SC2030 and SC2031: each @test is a subshell of its own, on purpose
# What is left out, and why:
#   easily-swappable-parameters, narrowing-conversions, implicit-widening-of-multiplication-result, sizeof-expression: opinions, hundreds of them, none was a mistake
#   reserved-identifier: _GNU_SOURCE is ours to define; assignment-in-if-condition: `if (x && (y = f()))` is house style
#   macro-parentheses: wants brackets around type names and designators; branch-clone: two reasons for one step stay two lines
#   not-null-terminated-result: wire formats copy octets, not strings
#   valist.Uninitialized: this clang-tidy reports every va_start(); DeprecatedOrUnsafeBufferHandling: wants memcpy_s; performance.Padding: order is for the reader
TIDY_OFF := bugprone-easily-swappable-parameters bugprone-narrowing-conversions bugprone-implicit-widening-of-multiplication-result bugprone-sizeof-expression \
	bugprone-reserved-identifier bugprone-assignment-in-if-condition bugprone-macro-parentheses bugprone-branch-clone bugprone-not-null-terminated-result \
	clang-analyzer-valist.Uninitialized clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling clang-analyzer-optin.performance.Padding
comma := ,
empty :=
TIDY := bugprone-*,clang-analyzer-*,-$(subst $(empty) $(empty),$(comma)-,$(strip $(TIDY_OFF)))
TIDY_FILES ?= $(SRC_common) $(SRC_controller) $(SRC_agent) $(MAINS)
check-layers: $(GENERATED)
	@tests/lint/layers
	@tests/lint/headers "$(CC) $(CPPFLAGS) -std=c11"

lint: check-layers
	@echo "clang-format, $(words $(C_FILES)) files"
	@clang-format --dry-run -Werror $(C_FILES)
	@tests/lint/sizes
	@echo shellcheck
	@shellcheck -x -P SCRIPTDIR $(SHELL_FILES)
	@shellcheck -x -P SCRIPTDIR --shell=bats --exclude=SC2030,SC2031 $(BATS_FILES)
	@echo cppcheck
	@cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem '-Djson_object_foreach(o,k,v)=while(next(o,k,v))' --std=c11 -j2 -I. common controller agent
	@echo "clang-tidy, $(words $(TIDY_FILES)) files"
	@printf '%s\n' $(TIDY_FILES) | xargs -P $$(nproc) -I{} clang-tidy --quiet --warnings-as-errors='*' --checks='-*,$(TIDY)' {} -- $(CPPFLAGS) -std=c11 \
		2>$(O)/tidy.err || { grep -v 'warnings* generated' $(O)/tidy.err; exit 1; }

# ---- install ---------------------------------------------------------------------------------------------------------------------------------------
install: build
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/share/doc/rollcall
	install -m 0755 $(PROGRAMS:%=$(O)/bin/%) $(DESTDIR)$(prefix)/bin/
	install -m 0644 README.md LICENSE $(DESTDIR)$(prefix)/share/doc/rollcall/
uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(prefix)/bin/%)
	rm -rf $(DESTDIR)$(prefix)/share/doc/rollcall

clean:
	rm -rf build

-include $(call find,$(O),*.d)
