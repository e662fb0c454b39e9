# SPDX-License-Identifier: GPL-2.0-or-later
# What runs in the guest: static programs that need nothing there, and the tests that try the same
# sources natively.

-include cases/nsexec/nsexec.mk

GUEST_CFLAGS := -std=gnu17 -D_GNU_SOURCE -O2 -g $(WARN) -Icases
GUEST_STRIP   = $(shell $(GUEST_CC) -print-prog-name=strip)

# How a machine stops itself and goes on: the loader's, and the agent's.
PARK_SRC := cases/loader/fwcfg.c cases/loader/park_$(ARCH).c
LOADER_OBJ := $(patsubst %.c,$(O)/obj/guest/%.o,cases/loader/loader.c $(PARK_SRC))

AGENT_SRC := $(filter-out cases/arch_%.c,$(wildcard cases/*.c)) cases/arch_$(ARCH).c \
	$(NSEXEC_SHARED_SRC) $(PARK_SRC)
AGENT_OBJ  := $(AGENT_SRC:%.c=$(O)/obj/guest/%.o)
NSEXEC_OBJ := $(NSEXEC_SRC:%.c=$(O)/obj/nsexec/%.o)
MUSL_OBJ   := $(NSEXEC_SRC:%.c=$(O)/obj/musl/%.o)
SEALS_OBJ  := $(O)/obj/musl/cases/seals/main.o


GUEST_PROGS := $(addprefix $(GUEST)/,agent loader seals nsexec-static nsexec-pie nsexec-dynamic)

.PHONY: guest
guest: $(GUEST_PROGS)

$(O)/obj/guest/%.o: %.c Makefile cases/guest.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(CFLAGS) -ffunction-sections -MMD -MP -c -o $@ $<

$(O)/obj/nsexec/%.o: %.c Makefile cases/guest.mk cases/nsexec/nsexec.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(NSEXEC_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/obj/musl/%.o: %.c Makefile cases/guest.mk cases/nsexec/nsexec.mk
	@mkdir -p $(@D)
	$(NSEXEC_MUSL_CC) $(GUEST_CFLAGS) $(NSEXEC_CFLAGS) $(NSEXEC_MUSL_CFLAGS) -MMD -MP -c -o $@ $<

# With symbols, for gdb. What goes into the initramfs is stripped: unpacking it is part of a boot.
$(O)/symbols/agent: $(AGENT_OBJ)
	@mkdir -p $(@D)
	$(GUEST_CC) -static -Wl,--gc-sections $(LDFLAGS) -o $@ $^ -ljansson -lz -lresolv

$(O)/symbols/loader: $(LOADER_OBJ)
	@mkdir -p $(@D)
	$(GUEST_CC) -static -Wl,--gc-sections $(LDFLAGS) -o $@ $^

$(addprefix $(O)/symbols/nsexec-,static pie): $(O)/symbols/nsexec-%: $(MUSL_OBJ)
	@mkdir -p $(@D)
	$(NSEXEC_MUSL_CC) $(NSEXEC_LINK_$*) $(NSEXEC_LDFLAGS) -o $@ $^

$(O)/symbols/seals: $(SEALS_OBJ)
	@mkdir -p $(@D)
	$(NSEXEC_MUSL_CC) $(NSEXEC_LINK_static) $(NSEXEC_LDFLAGS) -o $@ $^

$(O)/symbols/nsexec-dynamic: $(NSEXEC_OBJ)
	@mkdir -p $(@D)
	$(GUEST_CC) $(NSEXEC_LINK_dynamic) $(NSEXEC_LDFLAGS) $(LDFLAGS) -o $@ $^

$(GUEST_PROGS): $(GUEST)/%: $(O)/symbols/%
	@mkdir -p $(@D)
	$(GUEST_STRIP) -o $@ $<

# The tests run the same sources with the host's compiler and sanitizers, and the agent as a program.
NATIVE_OBJ  := $(AGENT_SRC:%.c=$(O)/obj/native/%.o)
GTEST_SRC   := $(wildcard cases/tests/*.c)
GTEST_OBJ   := $(GTEST_SRC:%.c=$(O)/obj/native/%.o)
GTEST_FRAME := $(addprefix $(O)/harness/,tests/main.o publish.o xalloc.o err.o)

$(O)/obj/native/%.o: %.c Makefile cases/guest.mk
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $(SANFLAGS) $(CFLAGS) -Iharness/tests -MMD -MP -c -o $@ $<

$(O)/tests/agent: $(NATIVE_OBJ)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lz -lresolv

$(O)/tests/seals: $(O)/obj/native/cases/seals/main.o
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^

$(O)/tests/guest: $(filter-out %/agent.o,$(NATIVE_OBJ)) $(GTEST_OBJ) $(GTEST_FRAME) | \
		$(O)/tests/agent $(O)/tests/seals $(GUEST_PROGS)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) -ljansson -lz -lresolv

-include $(AGENT_OBJ:.o=.d) $(MUSL_OBJ:.o=.d) $(SEALS_OBJ:.o=.d) $(LOADER_OBJ:.o=.d) $(NSEXEC_OBJ:.o=.d) $(NATIVE_OBJ:.o=.d) $(O)/obj/native/cases/seals/main.d $(GTEST_OBJ:.o=.d)

# Agents with one detector put out, by the linker: the boot tests show that the controls notice.
BLIND := $(addprefix $(O)/tests/agent-blind-,proof memory)
WRAP_proof := prove
WRAP_memory := facts_memory

$(BLIND): $(O)/tests/agent-blind-%: cases/tests/blind/blind_%.c $(AGENT_OBJ)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -static -Wl,--gc-sections -Wl,--wrap=$(WRAP_$*) $(LDFLAGS) -o $@ $^ \
		-ljansson -lz -lresolv
