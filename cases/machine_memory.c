// SPDX-License-Identifier: GPL-2.0-or-later
/* Which regions of memory turned out to be shared: canaries and page frames. */
#include "machine.h"
#include "proto.h"

static const char *const region_names[REGIONS] = {
	[REGION_DATA] = "data",
	[REGION_DATA_CLEAN] = "data-clean",
	[REGION_DATA_RELRO] = "data-relro",
	[REGION_BSS_TAIL] = "bss-tail",
	[REGION_BSS_FAR] = "bss-far",
	[REGION_TLS] = "tls",
	[REGION_HEAP] = "heap",
	[REGION_STACK] = "stack",
};

static const char *const reasons[] = {
	[REASON_PAGE_SIZE] = "pages of this machine are larger than the canary's own",
	[REASON_NO_TAIL] = "the file ends too near to the end of its last page",
	[REASON_SPLIT] = "the globals do not lie in one page",
};

/* The reader cannot have inherited what was written after its birth began. */
static bool seen(const struct control *ctl, int r, int writer, int reader)
{
	uint64_t v = ctl->lane[reader].seen[r][writer];

	return v && canary_seq(v) > ctl->lane[reader].birth;
}

/* It had the chance: a reading after such a write was done. */
static bool looked(const struct control *ctl, int r, int writer, int reader)
{
	const struct ctl_lane *w = &ctl->lane[writer], *rd = &ctl->lane[reader];

	for (uint32_t i = 0; i < w->canary_writes && i < CTL_CANARY_WRITES; i++) {
		if (w->wrote[i] & 1u << r && w->write_seq[i] > rd->birth &&
		    w->write_done[i] < rd->read_seq)
			return true;
	}
	return false;
}

/* Who saw what whom wrote, as results/README.md has it: rows are writers, columns readers. */
static void saw(const struct control *ctl, int r, char text[STAGES * (STAGES + 1)])
{
	char *p = text;

	for (int w = 0; w < STAGES; w++) {
		for (int rd = 0; rd < STAGES; rd++)
			*p++ = w == rd		       ? SM_SAW_SELF
			       : seen(ctl, r, w, rd)   ? SM_SAW_WRITE
			       : looked(ctl, r, w, rd) ? SM_SAW_NOTHING
						       : SM_SAW_NOT_LOOKED;
		*p++ = ' ';
	}
	p[-1] = '\0';
}

struct frame {
	uint64_t pfn;
	uint32_t seq;
};

static struct frame late_frame(const struct control *ctl, int s, int r)
{
	return (struct frame){ctl->lane[s].pfn[r], ctl->lane[s].pfn_seq};
}

static struct frame entry_frame(const struct control *ctl, int s, int r)
{
	return (struct frame){ctl->lane[s].pfn_entry[r], ctl->lane[s].pfn_entry_seq};
}

/* Stage @s was still there at @seq: a frame of the dead may belong to anybody. */
static bool there_at(const struct machine_run *run, int s, uint32_t seq)
{
	const struct ctl_lane *lane = &run->ctl->lane[s];
	const struct reaped *r = stage_reaped(run, (enum stage)s);

	return !r || r->by_agent ||
	       (lane->events && lane->ring[(lane->events - 1) % CTL_EVENTS].seq > seq);
}

static bool same_frame(const struct machine_run *run, int a, struct frame fa, int b,
		       struct frame fb)
{
	return fa.pfn && fa.pfn == fb.pfn && there_at(run, a, fb.seq) && there_at(run, b, fa.seq);
}

static bool frames_shared(const struct machine_run *run, int a, int b, int r)
{
	const struct control *ctl = run->ctl;
	struct frame fa = late_frame(ctl, a, r), fb = late_frame(ctl, b, r);

	if (same_frame(run, a, fa, b, fb))
		return true;
	/* Before C forks its pages are its own; afterwards they may rightly go to I. */
	return a == STAGE_PARENT && b == STAGE_CHILD &&
	       same_frame(run, a, fa, b, entry_frame(ctl, b, r));
}

static void set_frames(const struct machine_run *run, int r, json_t *o)
{
	json_t *pfn = json_array(), *shared = json_array();
	bool any = false;

	for (int s = 0; s < STAGES; s++) {
		uint64_t f = late_frame(run->ctl, s, r).pfn;

		if (!f)
			f = entry_frame(run->ctl, s, r).pfn;
		any |= f;
		json_array_append_new(pfn, f ? json_integer((json_int_t)f) : json_null());
	}
	for (int a = 0; a < STAGES; a++) {
		for (int b = a + 1; b < STAGES; b++) {
			if (frames_shared(run, a, b, r))
				json_array_append_new(shared, json_pack("[s, s]", stage_names[a],
									stage_names[b]));
		}
	}
	if (any)
		json_object_set(o, "pfn", pfn);
	if (json_array_size(shared))
		json_object_set(o, "pfn_shared", shared);
	json_decref(pfn);
	json_decref(shared);
}

static void set_write_errors(const struct control *ctl, json_t *o)
{
	json_t *errors = json_object();

	for (int s = 0; s < STAGES; s++) {
		if (ctl->lane[s].relro_tried && ctl->lane[s].relro_errno)
			json_object_set_new(errors, stage_names[s],
					    json_string(errno_name(ctl->lane[s].relro_errno)));
	}
	if (json_object_size(errors))
		json_object_set(o, "write_errno", errors);
	json_decref(errors);
}

void facts_memory(const struct machine_run *run, json_t *facts)
{
	json_t *a = json_array();

	for (int r = 0; r < REGIONS; r++) {
		json_t *o = json_pack("{s:s}", "name", region_names[r]);

		if (run->ctl->region[r]) {
			char text[STAGES * (STAGES + 1)];

			saw(run->ctl, r, text);
			json_object_set_new(o, "saw", json_string(text));
			set_frames(run, r, o);
		} else if (reasons[run->ctl->region_reason[r]]) {
			json_object_set_new(o, "reason",
					    json_string(reasons[run->ctl->region_reason[r]]));
		}
		if (r == REGION_DATA_RELRO)
			set_write_errors(run->ctl, o);
		json_array_append_new(a, o);
	}
	json_object_set_new(facts, "regions", a);
}
