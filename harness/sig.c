// SPDX-License-Identifier: GPL-2.0-or-later
#include "sig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>

#define AGAIN_MS 50

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

void sig_init(void)
{
	/* No SA_RESTART: whoever waits must see EINTR and look at sig_stop(). */
	struct sigaction sa = {.sa_handler = on_signal}, old;
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		/* What is ignored is to be: by nohup, or a shell. SIGTERM is how we end our own. */
		if (sigaction(stops[i], NULL, &old) == 0 &&
		    (old.sa_handler != SIG_IGN || stops[i] == SIGTERM))
			sigaction(stops[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int sig_stop(void)
{
	return stop;
}

bool sig_wait(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (!sig_stop() && poll(&p, 1, SIG_LOOK_MS) <= 0)
		;
	return !sig_stop();
}

/* flock() itself would wait for ever behind a signal that came just before it. */
int sig_flock(int fd, int op)
{
	while (flock(fd, op | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (!sig_stop())
			poll(NULL, 0, AGAIN_MS);
		if (sig_stop()) {
			errno = EINTR;
			return -EINTR;
		}
	}
	return 0;
}
