# SPDX-License-Identifier: GPL-2.0-or-later
# sealmatrix. `make help` says what there is.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
# Quiet, unless make V=1.
ifneq ($(V),1)
MAKEFLAGS += --silent
endif

O       ?= build
PREFIX  ?= /usr/local
ARCH    ?= x86_64
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
# The compiler of what runs in the guest.
GUEST_CC ?= $(CC)

VERSION := 0.1.0

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wundef -Wimplicit-fallthrough -Wformat=2 \
	-Wno-format-nonliteral -Wvla
# Warnings are errors in CI (make WERROR=1), not on a stranger's newer compiler.
ifeq ($(WERROR),1)
WARN += -Werror
endif
ifneq ($(SANITIZE),)
SANFLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif

HOST_PKGS := libarchive libkmod jansson zlib libcrypto
HOST_LIBS  = $(shell pkg-config --libs $(HOST_PKGS)) -linih
HOST_CFLAGS = -std=gnu17 -D_GNU_SOURCE -O2 -g $(WARN) $(SANFLAGS) -Iharness -Icases \
	-DSM_VERSION='"$(VERSION)"' -DSM_PREFIX='"$(PREFIX)"' \
	$(shell pkg-config --cflags $(HOST_PKGS) check)
CHECK_LIBS = $(shell pkg-config --libs check)

HOST_SRC := $(wildcard harness/*.c)
HOST_OBJ := $(HOST_SRC:%.c=$(O)/%.o)
TEST_SRC := $(wildcard harness/tests/*.c)
TEST_OBJ := $(TEST_SRC:%.c=$(O)/%.o)
BOOT_SRC := $(wildcard harness/tests/boot/*.c)
BOOT_OBJ := $(BOOT_SRC:%.c=$(O)/%.o)

# The guest's programs know nothing of the host's; cases/guest.mk says how they are built.
GUEST := $(O)/guest
include cases/guest.mk

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | sort | \
		while IFS=$$'\t' read -r t d; do printf '  make %-10s %s\n' "$$t" "$$d"; done

.PHONY: all
all: $(O)/sealmatrix guest ## build everything

.PHONY: deps
deps: ## install what is missing with apt
	@ci/deps.sh

# run and check start from a bare machine: the packages first, then a make that can see them.
.PHONY: run
run: deps ## boot the default kernels and print which of them share the stages' globals
	@$(MAKE) --no-print-directory -j"$$(nproc)" all
	@$(O)/sealmatrix run $(ARGS)

# Tests that boot wait for their machines more than they work: the others run beside them.
.PHONY: check
check: deps ## all tests: unit tests of host and guest code, and real boots
	@$(MAKE) --no-print-directory -j"$$(nproc)" all test-programs
	@$(MAKE) --no-print-directory -j3 unit boot-tests

.PHONY: test-programs
test-programs: $(O)/tests/unit $(O)/tests/guest $(O)/tests/boot $(BLIND)

.PHONY: unit host-tests guest-tests
unit: host-tests guest-tests ## the tests that boot nothing

host-tests: $(O)/tests/unit $(O)/sealmatrix guest
	$(O)/tests/unit

guest-tests: $(O)/tests/guest
	$(O)/tests/guest

.PHONY: boot-tests
boot-tests: $(O)/tests/boot $(BLIND) $(O)/sealmatrix guest ## the tests that boot kernels
	$(O)/tests/boot

# Hours: SOAK runs each of the default suite and of all named schedules, on a healthy and on an affected
# kernel, with machines restored and booted (cold), every second one with every core kept busy; and every
# interleaving of a healthy kernel.
SOAK ?= 200
.PHONY: soak
soak: all test-programs ## SOAK=200 runs that must all be the same, byte for byte; whole explorations
	SM_SOAK=$(SOAK) CK_RUN_SUITE=determinism $(O)/tests/boot
	SM_SOAK=$(SOAK) CK_RUN_SUITE=machine $(O)/tests/guest
	SM_SOAK=$(SOAK) CK_RUN_SUITE=explore $(O)/tests/guest
	SM_SOAK=$(SOAK) CK_RUN_SUITE=explore $(O)/tests/boot

.PHONY: bench
bench: all ## how long things take, as ratios
	$(O)/sealmatrix bench $(ARGS)

.PHONY: sweep
sweep: deps ## boot every kernel that the mirror offers, both flavours, and two that lack a lot
	@$(MAKE) --no-print-directory -j"$$(nproc)" all
	@$(O)/sealmatrix run cloud generic bare $(ARGS)

.PHONY: mutants
mutants: deps ## build kernels with a seeded fault each, and see that each is caught
	@$(MAKE) --no-print-directory -j"$$(nproc)" all
	@$(O)/sealmatrix mutants $(ARGS)

.PHONY: lint
lint: ## clang-format and shellcheck
	clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h')
	shellcheck $$(git ls-files '*.sh') .ci/run images/init images/shell

.PHONY: install
install: all ## install below PREFIX (/usr/local)
	install -D -m755 "$(O)/sealmatrix" "$(DESTDIR)$(PREFIX)/bin/sealmatrix"
	cd "$(O)" && find guest -maxdepth 1 -type f -perm -u+x -exec \
		install -D -m755 {} "$(DESTDIR)$(PREFIX)/lib/sealmatrix/{}" \;
	# For gdb: replay files carry them.
	cd "$(O)" && find symbols -maxdepth 1 -name 'nsexec-*' -exec \
		install -D -m644 {} "$(DESTDIR)$(PREFIX)/lib/sealmatrix/{}" \;
	find kernels images cases/cases.conf -type f -exec \
		install -D -m644 {} "$(DESTDIR)$(PREFIX)/share/sealmatrix/{}" \;

.PHONY: clean
clean: ## remove what was built here (the cache stays)
	rm -rf "$(O)"

$(O)/sealmatrix: $(HOST_OBJ)
	$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(HOST_LIBS)

LIB_OBJ := $(filter-out $(O)/harness/main.o $(O)/harness/cmd_%,$(HOST_OBJ))

$(O)/tests/unit: $(LIB_OBJ) $(TEST_OBJ)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(HOST_LIBS)

$(O)/tests/boot: $(LIB_OBJ) $(BOOT_OBJ) $(addprefix $(O)/harness/tests/,main.o refuse.o small_disk.o)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(HOST_LIBS)

$(O)/harness/%.o: harness/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(HOST_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(BOOT_OBJ:.o=.d)
