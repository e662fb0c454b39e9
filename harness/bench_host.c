// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench_host.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"

static double rusage_s(int who)
{
	struct rusage ru;

	if (getrusage(who, &ru) < 0)
		return 0;
	return ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

double bench_children_s(void)
{
	return rusage_s(RUSAGE_CHILDREN);
}

struct bench_host bench_host_now(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	double user, nice, system, idle, iowait, irq, softirq, steal, hz = sysconf(_SC_CLK_TCK);

	/* Time of guests is within user and nice already. */
	if (!f || fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle,
			 &iowait, &irq, &softirq, &steal) != 8)
		return (struct bench_host){0};
	double busy = user + nice + system + irq + softirq;

	return (struct bench_host){
		.total_s = (busy + idle + iowait + steal) / hz,
		.busy_s = busy / hz,
		.stolen_s = steal / hz,
		.ours_s = rusage_s(RUSAGE_SELF) + rusage_s(RUSAGE_CHILDREN),
	};
}

bool bench_host_others(const struct bench_host *from, const struct bench_host *to, double *others,
		       double *stolen)
{
	double total = to->total_s - from->total_s;
	double rest = to->busy_s - from->busy_s - (to->ours_s - from->ours_s);

	if (!(total > 0) || !(from->total_s > 0))
		return false;
	/* The two clocks tick apart: a little less than nothing is nothing. */
	*others = rest > 0 ? rest / total : 0;
	*stolen = (to->stolen_s - from->stolen_s) / total;
	return true;
}
