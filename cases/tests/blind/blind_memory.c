// SPDX-License-Identifier: GPL-2.0-or-later
/* An agent that never looks at memory: linked with --wrap=facts_memory, for the boot tests. */
#include "machine.h"

void __wrap_facts_memory(const struct machine_run *run, json_t *facts);

void __wrap_facts_memory(const struct machine_run *run, json_t *facts)
{
	(void)run;
	(void)facts;
}
