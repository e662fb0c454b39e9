/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this process may use of the host: the machine's, and what its control groups leave of it. */
#pragma once

/* Processors, at least 1: affinity and cpu.max of every group on the way up. */
unsigned host_cpus(void);
/* MiB of memory that can be had without swapping: MemAvailable and memory.max likewise. */
unsigned long host_memory_mib(void);

/* The same with other files: @root stands for "/". For tests; affinity is left out. */
unsigned host_cpus_below(const char *root, unsigned cpus);
unsigned long host_memory_mib_below(const char *root);
