// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Breadth first over all beginnings of executions. Each operation has a footprint: what it reads
 * and writes of globals, ends, words and lives. Two operations conflict when one writes what the
 * other reads or writes; from this each has a vector clock, and two executions are the same when
 * the sets of their (stage, number, clock) are. So a beginning is known by a sum of hashes over
 * that set, in whatever order it was made.
 */
#include "model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { P, C, I, NSTAGES };
enum { c0, c1, g0, g1, NENDS };
enum { PID = -2, NO_WORD = -1 };

enum act {
	LOG, /* loads current_stage */
	STORE_STAGE,
	STORE_FD, /* arg: end */
	LOAD_FD,
	CLOSE,	    /* arg: end */
	CLONE,	    /* arg: stage */
	SEND,	    /* arg: word */
	RECV,	    /* arg: word that must come */
	DISPATCH,   /* by the word that comes */
	MAP,	    /* write into /proc of C */
	KILL,	    /* arg: stage */
	KILL_KNOWN, /* of I, if its pid has come */
	EXIT,	    /* arg: status */
	GOTO,
};

/* Labels; what is not named follows by itself. */
enum label {
	P_START = 0,
	P_NEXT = 10,
	P_MAP = 20,
	P_PID = 30,
	P_FINISH = 40,
	P_KILL_BOTH = 55,
	P_KILL_C = 60,
	P_KILL_I = 65,
	P_DIE = 70,
	C_START = 80,
	C_USER = 90,
	C_REST = 100,
	C_KILL_I = 115,
	C_DIE = 120,
	I_START = 130,
	I_DIE = 145,
	LABELS = 150,
};

struct ins {
	enum act act;
	int arg, fail; /* fail: where to go on then; or where to GOTO */
	const char *point;
};

/* What an instruction does not take is not written. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct ins program[LABELS] = {
	[P_START] = {LOG},
	{STORE_STAGE},
	{LOG},
	{CLONE, C},
	{STORE_FD, c1},
	{CLOSE, c0, P_DIE, "close-c0"},
	{GOTO, 0, P_NEXT},
	[P_NEXT] = {LOAD_FD},
	{DISPATCH, 0, P_DIE, "read-next"},
	[P_MAP] = {LOG},
	{MAP, C, P_KILL_BOTH, "write-maps"},
	{LOAD_FD},
	{SEND, 0x41, P_KILL_BOTH, "write-usermap-ack"},
	{GOTO, 0, P_NEXT},
	[P_PID] = {LOG},
	{LOAD_FD},
	{RECV, PID, P_KILL_C, "read-pid"},
	{LOAD_FD},
	{SEND, 0x43, P_KILL_BOTH, "write-recvpid-ack"},
	{LOG},
	{GOTO, 0, P_NEXT},
	[P_FINISH] = {LOG},
	{STORE_FD, g1},
	{CLOSE, g0, P_DIE, "close-g0"},
	{LOG},
	{LOAD_FD},
	{SEND, 0x44, P_KILL_I, "write-grandchild"},
	{LOAD_FD},
	{RECV, 0x45, P_KILL_I, "read-finish"},
	{LOG},
	{LOG},
	{EXIT, 0},
	[P_KILL_BOTH] = {KILL, C},
	{KILL_KNOWN, I},
	{GOTO, 0, P_DIE},
	[P_KILL_C] = {KILL, C},
	{GOTO, 0, P_DIE},
	[P_KILL_I] = {KILL_KNOWN, I},
	{GOTO, 0, P_DIE},
	[P_DIE] = {LOG},
	{EXIT, 1},

	[C_START] = {STORE_STAGE},
	{STORE_FD, c0},
	{CLOSE, c1, C_DIE, "close-c1"},
	{LOG},
	{GOTO, 0, C_REST},
	[C_USER] = {LOG},
	{LOG},
	{LOAD_FD},
	{SEND, 0x40, C_DIE, "write-usermap"},
	{LOAD_FD},
	{RECV, 0x41, C_DIE, "read-usermap-ack"},
	{GOTO, 0, C_REST},
	[C_REST] = {LOG},
	{LOG},
	{CLONE, I},
	{LOG},
	{LOAD_FD},
	{SEND, 0x42, C_KILL_I, "write-recvpid"},
	{LOAD_FD},
	{SEND, PID, C_KILL_I, "write-pid"},
	{LOAD_FD},
	{RECV, 0x43, C_KILL_I, "read-recvpid-ack"},
	{LOG},
	{LOAD_FD},
	{SEND, 0x45, C_KILL_I, "write-finish"},
	{LOG},
	{EXIT, 0},
	[C_KILL_I] = {KILL, I},
	{GOTO, 0, C_DIE},
	[C_DIE] = {LOG},
	{EXIT, 1},

	[I_START] = {STORE_STAGE},
	{STORE_FD, g0},
	{CLOSE, g1, I_DIE, "close-g1"},
	{CLOSE, c0, I_DIE, "close-c0"},
	{LOG},
	{LOAD_FD},
	{RECV, 0x44, I_DIE, "read-grandchild"},
	{LOG},
	{LOAD_FD},
	{SEND, 0x45, I_DIE, "write-finish"},
	{CLOSE, g0, I_DIE, "close-g0"},
	{LOG},
	{EXIT, 0},
	[I_DIE] = {LOG},
	{EXIT, 1},
};

/* What operations conflict about. */
enum resource {
	STAGE_VAR,
	FD_VAR,
	IS_OPEN,
	INTO = IS_OPEN + NENDS,
	OUT_OF = INTO + NENDS,
	LIFE = OUT_OF + NENDS,
	RESOURCES = LIFE + NSTAGES
};

struct clock {
	uint8_t n[NSTAGES];
};

struct word {
	int16_t value;
	struct clock sent;
};

struct state {
	uint8_t pc[NSTAGES], loaded[NSTAGES]; /* end that a stage loaded */
	uint8_t syncfd[NSTAGES];	      /* end; shared: [0] alone */
	bool alive[NSTAGES], born[NSTAGES], holds[NSTAGES][NENDS], reset[NENDS], pid_known;
	struct word queue[NENDS][6];
	uint8_t waiting[NENDS];
	struct clock at[NSTAGES], written[RESOURCES], read[RESOURCES];
	char end[NSTAGES][20], failed[NSTAGES][72];
	uint64_t key[2];
};

/* What the running operation touches. */
struct footprint {
	bool reads[RESOURCES], writes[RESOURCES];
	struct clock word; /* of the word that it received */
};

struct model {
	bool shared, userns;
	struct model_result *out;
};

static void join(struct clock *a, const struct clock *b)
{
	for (int s = 0; s < NSTAGES; s++)
		if (b->n[s] > a->n[s])
			a->n[s] = b->n[s];
}

static bool is_open(const struct state *s, int end)
{
	for (int i = 0; i < NSTAGES; i++)
		if (s->alive[i] && s->holds[i][end])
			return true;
	return false;
}

static const struct ins *next_ins(const struct state *s, int stage)
{
	return &program[s->pc[stage]];
}

static void settle(const struct model *m, struct state *s, int stage)
{
	for (;;) {
		const struct ins *in = next_ins(s, stage);

		if (in->act == GOTO)
			s->pc[stage] =
				(uint8_t)(in->fail == C_REST && m->userns && s->pc[stage] < C_USER
						  ? C_USER
						  : in->fail);
		else if (in->act == KILL_KNOWN && !s->pid_known)
			s->pc[stage]++;
		else
			return;
	}
}

static bool is_usable(const struct state *s, int stage)
{
	return s->holds[stage][s->loaded[stage]];
}

static bool can_go(const struct state *s, int stage)
{
	enum act act = next_ins(s, stage)->act;
	int end = s->loaded[stage];

	if (!s->alive[stage])
		return false;
	if ((act != RECV && act != DISPATCH) || !is_usable(s, stage))
		return true;
	return s->waiting[end] || !is_open(s, end ^ 1);
}

static void drop(struct state *s, int stage, int end, struct footprint *f)
{
	s->holds[stage][end] = false;
	if (is_open(s, end)) {
		f->reads[IS_OPEN + end] = true;
		return;
	}
	f->writes[IS_OPEN + end] = true;
	s->reset[end ^ 1] |= s->waiting[end];
	s->waiting[end] = 0;
}

static void end_life(struct state *s, int stage, struct footprint *f)
{
	f->writes[LIFE + stage] = true;
	for (int e = 0; e < NENDS; e++)
		if (s->holds[stage][e])
			drop(s, stage, e, f);
	s->alive[stage] = false;
}

static void note(struct state *s, int stage, const char *point, const char *problem)
{
	size_t n = strlen(s->failed[stage]);

	snprintf(s->failed[stage] + n, sizeof(s->failed[stage]) - n, "; %c %s %s", "PCI"[stage],
		 point, problem);
}

/* True when the word went out; else the stage goes where the instruction says. */
static bool send_word(struct state *s, int stage, const struct ins *in, struct footprint *f)
{
	int end = s->loaded[stage];

	if (!is_usable(s, stage)) {
		note(s, stage, in->point, "ebadf EBADF");
		return false;
	}
	f->writes[INTO + end] = true;
	f->reads[IS_OPEN + (end ^ 1)] = true;
	if (!is_open(s, end ^ 1)) {
		note(s, stage, in->point, "epipe");
		strcpy(s->end[stage], "signaled 13");
		end_life(s, stage, f);
		return false;
	}
	s->queue[end ^ 1][s->waiting[end ^ 1]++].value = (int16_t)in->arg;
	return true;
}

static int receive(struct state *s, int stage, const struct ins *in, struct footprint *f)
{
	int end = s->loaded[stage];
	struct word *q = s->queue[end];

	if (!is_usable(s, stage)) {
		note(s, stage, in->point, "ebadf EBADF");
		return NO_WORD;
	}
	f->writes[OUT_OF + end] = true;
	if (s->waiting[end]) {
		int value = q[0].value;

		f->word = q[0].sent;
		memmove(q, q + 1, 5 * sizeof(*q));
		s->waiting[end]--;
		return value;
	}
	f->reads[IS_OPEN + (end ^ 1)] = true;
	note(s, stage, in->point, s->reset[end] ? "other ECONNRESET" : "eof");
	s->reset[end] = false;
	return NO_WORD;
}

static int dispatch(int word)
{
	return word == 0x40 ? P_MAP : word == 0x42 ? P_PID : word == 0x45 ? P_FINISH : P_DIE;
}

static void kill_stage(struct state *s, int by, int victim, struct footprint *f)
{
	f->writes[LIFE + victim] = true;
	if (!s->alive[victim])
		return;
	snprintf(s->end[victim], sizeof(s->end[victim]), "signaled 9 by %c", "PCI"[by]);
	end_life(s, victim, f);
}

static void clone_stage(const struct model *m, struct state *s, int stage, int child,
			struct footprint *f)
{
	f->writes[LIFE + child] = true;
	s->alive[child] = s->born[child] = true;
	s->pc[child] = child == C ? C_START : I_START;
	memcpy(s->holds[child], s->holds[stage], sizeof(s->holds[child]));
	if (!m->shared)
		s->syncfd[child] = s->syncfd[stage];
}

static bool act(const struct model *m, struct state *s, int stage, const struct ins *in,
		struct footprint *f)
{
	uint8_t *syncfd = &s->syncfd[m->shared ? 0 : stage];
	int word;

	switch (in->act) {
	case LOG:
		f->reads[STAGE_VAR] = true;
		return true;
	case STORE_STAGE:
		f->writes[STAGE_VAR] = true;
		return true;
	case STORE_FD:
		f->writes[FD_VAR] = true;
		*syncfd = (uint8_t)in->arg;
		return true;
	case LOAD_FD:
		f->reads[FD_VAR] = true;
		s->loaded[stage] = *syncfd;
		return true;
	case CLOSE:
		drop(s, stage, in->arg, f); /* its own number: it is open */
		return true;
	case CLONE:
		clone_stage(m, s, stage, in->arg, f);
		return true;
	case SEND:
		return send_word(s, stage, in, f);
	case RECV:
		return receive(s, stage, in, f) == in->arg;
	case DISPATCH:
		word = receive(s, stage, in, f);
		s->pc[stage] = (uint8_t)(dispatch(word) - 1);
		return true;
	case MAP:
		f->reads[LIFE + in->arg] = true;
		if (!s->alive[in->arg])
			note(s, stage, in->point, "other ENOENT");
		return s->alive[in->arg];
	case KILL:
	case KILL_KNOWN:
		kill_stage(s, stage, in->arg, f);
		return true;
	case EXIT:
		snprintf(s->end[stage], sizeof(s->end[stage]), "exited %d", in->arg);
		end_life(s, stage, f);
		return true;
	case GOTO:
		break;
	}
	ck_abort_msg("no such instruction");
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* The event's clock, and what it means for those that come after it. */
static void account(struct state *s, int stage, const struct footprint *f)
{
	struct clock c = s->at[stage];
	uint64_t h;

	join(&c, &f->word);
	for (int r = 0; r < RESOURCES; r++) {
		if (f->reads[r] || f->writes[r])
			join(&c, &s->written[r]);
		if (f->writes[r])
			join(&c, &s->read[r]);
	}
	c.n[stage]++;
	s->at[stage] = c;
	for (int r = 0; r < RESOURCES; r++) {
		if (f->writes[r])
			join(&s->written[r], &c);
		if (f->reads[r])
			join(&s->read[r], &c);
	}
	for (int e = 0; e < NENDS; e++)
		if (f->writes[INTO + e] && s->waiting[e ^ 1] && s->alive[stage])
			s->queue[e ^ 1][s->waiting[e ^ 1] - 1].sent = c;
	h = (uint64_t)stage << 32 | (uint64_t)c.n[P] << 16 | (uint64_t)c.n[C] << 8 | c.n[I];
	s->key[0] += mix(h + 0x9e3779b97f4a7c15ull);
	s->key[1] += mix(h ^ 0xd1b54a32d192ed03ull);
}

static void step(const struct model *m, struct state *s, int stage)
{
	const struct ins *in = next_ins(s, stage);
	struct footprint f = {0};

	f.reads[LIFE + stage] = true;
	if (act(m, s, stage, in, &f))
		s->pc[stage]++;
	else
		s->pc[stage] = (uint8_t)in->fail;
	if (in->act == RECV && in->arg == PID && s->pc[stage] != in->fail)
		s->pid_known = true;
	account(s, stage, &f);
	if (s->alive[stage])
		settle(m, s, stage);
	if (in->act == CLONE)
		settle(m, s, in->arg);
}

static void count_outcome(struct model_result *out, const struct state *s)
{
	char text[sizeof(out->outcome->text)] = "";
	size_t n = 0;

	for (int i = 0; i < NSTAGES; i++) {
		static const char *const ends[] = {"c0", "c1", "g0", "g1"};
		char reads[16];

		snprintf(reads, sizeof(reads), "reads %s", ends[s->loaded[i]]);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c %s", i ? ", " : "",
				      "PCI"[i],
				      !s->born[i]   ? "never"
				      : s->alive[i] ? reads
						    : s->end[i]);
	}
	for (int i = 0; i < NSTAGES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", s->failed[i]);
	out->traces++;
	for (int i = 0; i < out->n; i++) {
		if (strcmp(out->outcome[i].text, text))
			continue;
		out->outcome[i].traces++;
		return;
	}
	ck_assert_int_lt(out->n, (int)(sizeof(out->outcome) / sizeof(*out->outcome)));
	strcpy(out->outcome[out->n].text, text);
	out->outcome[out->n++].traces = 1;
}

/* --- breadth first ---------------------------------------------------------------------------- */

/* The beginnings of one length, each once. */
struct level {
	struct state *v;
	size_t n, cap;
	uint32_t *slot; /* index + 1 */
	size_t slots;
};

static void level_grow(struct level *l)
{
	l->cap = l->cap ? 2 * l->cap : 1024;
	l->v = realloc(l->v, l->cap * sizeof(*l->v));
	free(l->slot);
	l->slots = 4 * l->cap;
	l->slot = calloc(l->slots, sizeof(*l->slot));
	ck_assert(l->v && l->slot);
	for (size_t i = 0; i < l->n; i++) {
		size_t h = l->v[i].key[0] & (l->slots - 1);

		while (l->slot[h])
			h = (h + 1) & (l->slots - 1);
		l->slot[h] = (uint32_t)i + 1;
	}
}

static void level_add(struct level *l, const struct state *s)
{
	size_t h;

	if (l->n == l->cap)
		level_grow(l);
	for (h = s->key[0] & (l->slots - 1); l->slot[h]; h = (h + 1) & (l->slots - 1)) {
		const struct state *old = &l->v[l->slot[h] - 1];

		if (old->key[0] == s->key[0] && old->key[1] == s->key[1])
			return;
	}
	l->v[l->n++] = *s;
	l->slot[h] = (uint32_t)l->n;
}

static void level_free(struct level *l)
{
	free(l->v);
	free(l->slot);
	*l = (struct level){0};
}

void model_run(bool shared, bool userns, struct model_result *out)
{
	struct model m = {.shared = shared, .userns = userns, .out = out};
	struct level now = {0}, next = {0};
	struct state first = {.alive = {[P] = true},
			      .born = {[P] = true},
			      .holds = {[P] = {true, true, true, true}},
			      .pc = {[P] = P_START}};

	*out = (struct model_result){0};
	level_add(&now, &first);
	while (now.n) {
		out->prefixes += (long)now.n;
		for (size_t i = 0; i < now.n; i++) {
			bool went = false;

			for (int s = 0; s < NSTAGES; s++) {
				struct state after = now.v[i];

				if (!can_go(&after, s))
					continue;
				went = true;
				step(&m, &after, s);
				level_add(&next, &after);
			}
			if (!went)
				count_outcome(out, &now.v[i]);
		}
		level_free(&now);
		now = next;
		next = (struct level){0};
	}
	level_free(&now);
}
