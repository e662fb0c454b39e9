# SPDX-License-Identifier: GPL-2.0-or-later
# The reference nsexec stage machine, for guest.mk to include.

# In link order: data_end.c must come last, see there.
NSEXEC_SRC := $(addprefix cases/nsexec/, main.c globals.c nsexec.c parent.c child.c init.c sync.c trace.c control.c \
	log.c bootstrap.c namespaces.c selfcopy.c image.c points.c canary.c frames.c fault.c data_clean.c data_end.c)

# What the supervisor (cases/machine*.c, in the agent) shares with the machine.
NSEXEC_SHARED_SRC := $(addprefix cases/nsexec/, image.c points.c control.c)

# The machine longjmps from a child's stack to a frame of its parent, which both the fortified
# longjmp and the stack protector take for an attack. One set of objects serves all three links,
# hence -fPIE.
NSEXEC_CFLAGS := -fPIE -fno-stack-protector -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0
# Where no other program is: a debugger of the whole machine knows a process by its addresses only.
NSEXEC_LINK_static  := -static -Wl,-Ttext-segment=0x20000000
NSEXEC_LINK_pie     := -static-pie
NSEXEC_LINK_dynamic := -pie
# .data.rel.ro must be protected in every link, and no binding may happen after the first clone.
NSEXEC_LDFLAGS := -Wl,-z,relro,-z,now
