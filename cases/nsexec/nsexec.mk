# SPDX-License-Identifier: GPL-2.0-or-later
# The reference nsexec stage machine, for guest.mk to include.

# In link order: data_end.c must come last, see there.
NSEXEC_SRC := $(addprefix cases/nsexec/, main.c globals.c nsexec.c parent.c child.c init.c sync.c trace.c control.c \
	log.c bootstrap.c namespaces.c selfcopy.c image.c points.c canary.c frames.c fault.c data_clean.c data_end.c)

# What the supervisor (cases/machine*.c, in the agent) shares with the machine.
NSEXEC_SHARED_SRC := $(addprefix cases/nsexec/, image.c points.c control.c)

# The machine longjmps from a child's stack to a frame of its parent, which both the fortified
# longjmp and the stack protector take for an attack. One set of objects serves both static links,
# hence -fPIE.
NSEXEC_CFLAGS := -fPIE -fno-stack-protector -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0
# The static programs are linked against musl, the dynamic one against glibc. Every variant runs a fresh
# copy of its program, which QEMU translates anew: of glibc's start-up alone that is as much as of all
# the rest. (musl-gcc knows no kernel headers.)
NSEXEC_MUSL_CC     ?= musl-gcc
NSEXEC_MUSL_CFLAGS := -idirafter /usr/include/$(shell $(GUEST_CC) -print-multiarch) \
	-idirafter /usr/include
# Where no other program is: a debugger of the whole machine knows a process by its addresses only.
NSEXEC_LINK_static  := -static -no-pie -Wl,-Ttext-segment=0x20000000
# musl-gcc's specs know no -static-pie: rcrt1.o is the start-up that relocates its own program.
NSEXEC_MUSL_LIB    ?= /usr/lib/$(ARCH)-linux-musl
NSEXEC_LINK_pie     := -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text \
	$(addprefix $(NSEXEC_MUSL_LIB)/,rcrt1.o crti.o crtn.o)
NSEXEC_LINK_dynamic := -pie
# .data.rel.ro must be protected in every link, and no binding may happen after the first clone.
NSEXEC_LDFLAGS := -Wl,-z,relro,-z,now
