// SPDX-License-Identifier: GPL-2.0-or-later
/* Console lines as kernels print them, and lines that only look like it. */
#include <stdlib.h>
#include <string.h>

#include "boot_hint.h"
#include "cleanup.h"
#include "console.h"
#include "test.h"
#include "xalloc.h"

static const struct {
	enum console_event event;
	const char *text;
	const char *line; /* that is blamed; NULL: none */
} logs[] = {
	{CONSOLE_QUIET, "", NULL},
	{CONSOLE_QUIET, "\n\r\n", NULL},
	{CONSOLE_QUIET, "[    0.000000] Linux version 6.1\n", NULL},
	/* x86, old and new; with and without stamps, callers, carriage returns */
	{CONSOLE_OOPS, "BUG: unable to handle kernel NULL pointer dereference at 0\n",
	 "BUG: unable to handle kernel NULL pointer dereference at 0"},
	{CONSOLE_OOPS,
	 "[    1.5]x\n[    1.500000] BUG: kernel NULL pointer dereference, address\r\n",
	 "[    1.500000] BUG: kernel NULL pointer dereference, address"},
	{CONSOLE_OOPS, "[  12.345678][    T1] BUG: unable to handle page fault for address: ff\n",
	 "[  12.345678][    T1] BUG: unable to handle page fault for address: ff"},
	{CONSOLE_OOPS, "[12345.345678][  C12] kernel BUG at mm/shmem.c:1!\n",
	 "[12345.345678][  C12] kernel BUG at mm/shmem.c:1!"},
	{CONSOLE_OOPS, "Oops: 0002 [#1] PREEMPT SMP\n", "Oops: 0002 [#1] PREEMPT SMP"},
	{CONSOLE_OOPS, "general protection fault: 0000 [#1] SMP\n",
	 "general protection fault: 0000 [#1] SMP"},
	{CONSOLE_OOPS, "general protection fault, probably for non-canonical address 0xdead: 0000",
	 "general protection fault, probably for non-canonical address 0xdead: 0000"},
	{CONSOLE_OOPS, "divide error: 0000 [#1] SMP\n", "divide error: 0000 [#1] SMP"},
	{CONSOLE_OOPS, "[    2.000000] invalid opcode: 0000 [#12] SMP\n",
	 "[    2.000000] invalid opcode: 0000 [#12] SMP"},
	/* arm64 */
	{CONSOLE_OOPS, "Unable to handle kernel paging request at virtual address 0\n",
	 "Unable to handle kernel paging request at virtual address 0"},
	{CONSOLE_OOPS, "Internal error: Oops: 96000004 [#1] PREEMPT SMP\n",
	 "Internal error: Oops: 96000004 [#1] PREEMPT SMP"},
	{CONSOLE_OOPS, "Internal error: Oops - BUG: 0 [#1] SMP\n",
	 "Internal error: Oops - BUG: 0 [#1] SMP"},
	/* The worst counts, the first is blamed. */
	{CONSOLE_PANIC,
	 "[    1.000000] Oops: 0000 [#1]\n[    1.000001] Kernel panic - not syncing: Fatal\n"
	 "[    1.000002] ---[ end Kernel panic - not syncing: Fatal ]---\n",
	 "[    1.000000] Oops: 0000 [#1]"},
	{CONSOLE_PANIC, "Kernel panic - not syncing: A\nOops: 0000 [#1]\n",
	 "Kernel panic - not syncing: A"},
	{CONSOLE_PANIC, "Kernel panic - not syncing: VFS: Unable to mount root fs",
	 "Kernel panic - not syncing: VFS: Unable to mount root fs"},
	/* A program's unfinished line, a colour, before the kernel's. */
	{CONSOLE_PANIC, "starting foo... [    3.000000] Kernel panic - not syncing: x\n",
	 "starting foo... [    3.000000] Kernel panic - not syncing: x"},
	{CONSOLE_PANIC, "\x1b[0m\r[    3.000000] Kernel panic - not syncing: x\n",
	 "\\x1b[0m\\x0d[    3.000000] Kernel panic - not syncing: x"},
	/* Not reports. */
	{CONSOLE_QUIET, "[    1.000000] WARNING: CPU: 0 PID: 1 at mm/memfd.c:1\n", NULL},
	{CONSOLE_QUIET, "[    1.000000] ---[ end Kernel panic - not syncing ]---\n", NULL},
	{CONSOLE_QUIET, "agent: looked for 'Kernel panic - not syncing' and Oops: 0000 [#1]\n",
	 NULL},
	{CONSOLE_QUIET, "[    1.000000] memfd: see BUG: unable to handle page fault\n", NULL},
	/* Where the kernel stamps its lines, those without a stamp are a program's. */
	{CONSOLE_QUIET, "[    1.000000] Run /init\nKernel panic - not syncing: says a program\n",
	 NULL},
	{CONSOLE_QUIET, "[    1.000000] Run /init\nOops: 0000 [#1]\n", NULL},
	/* Not stamps, so a kernel without them. */
	{CONSOLE_OOPS, "[FAILED] x\n[1.0] y\n[ok] z\nOops: 0000 [#1]\n", "Oops: 0000 [#1]"},
};

START_TEST(scan)
{
	_cleanup_free_ char *line = NULL;

	ck_assert_int_eq(console_scan(logs[_i].text, strlen(logs[_i].text), &line), logs[_i].event);
	ck_assert_pstr_eq(line, logs[_i].line);
	ck_assert_int_eq(console_scan(logs[_i].text, strlen(logs[_i].text), NULL), logs[_i].event);
}
END_TEST

/* Never past the end: every beginning of every text, in a buffer of just that size. */
START_TEST(scan_of_cut_texts)
{
	size_t len = strlen(logs[_i].text);

	for (size_t n = 0; n <= len; n++) {
		_cleanup_free_ char *copy = malloc(n ? n : 1), *line = NULL, *tail = NULL;

		memcpy(copy, logs[_i].text, n);
		ck_assert_int_le(console_scan(copy, n, &line), logs[_i].event);
		tail = console_tail(copy, n, 3);
		ck_assert_uint_le(strlen(tail), 4 * n);
	}
}
END_TEST

START_TEST(scan_goes_on_behind_garbage)
{
	static const char text[] = "\0\0\xff[[[    1.0\0\n\0[    1.000000] Oops: 0000 [#1]\n";

	ck_assert_int_eq(console_scan(text, sizeof(text) - 1, NULL), CONSOLE_OOPS);
}
END_TEST

static const struct {
	const char *text;
	size_t len, lines;
	const char *tail;
} tails[] = {
	{"", 0, 3, ""},
	{"\r\n\r\n", 4, 3, ""},
	{"one\r\ntwo\r\nthree\r\n", 17, 2, "two\nthree"},
	{"one\ntwo", 7, 9, "one\ntwo"},
	{"one\ntwo\n", 8, 1, "two"},
	{"one\ntwo\n", 8, 0, ""},
	{"a\x1b[31mb\0c\xff\t.\r", 12, 1, "a\\x1b[31mb\\x00c\\xff\t."},
};

START_TEST(tail)
{
	_cleanup_free_ char *t = console_tail(tails[_i].text, tails[_i].len, tails[_i].lines);

	ck_assert_str_eq(t, tails[_i].tail);
}
END_TEST

START_TEST(tail_of_one_endless_line_is_bounded)
{
	size_t len = 32 << 20;
	_cleanup_free_ char *text = xcalloc(len, 1), *t = NULL;

	memset(text, 'x', len);
	text[len - 1] = 'e';
	t = console_tail(text, len, 20);
	ck_assert_uint_lt(strlen(t), 100000);
	ck_assert_int_eq(t[strlen(t) - 1], 'e');
}
END_TEST

static const struct {
	const char *text, *says;
} hints[] = {
	{"", "CONFIG_SERIAL_8250_CONSOLE=y"},
	{"[    0.6] VFS: Cannot open root device\n[    0.7] Kernel panic - not syncing: VFS: "
	 "Unable "
	 "to mount root fs on unknown-block(0,0)\n",
	 "CONFIG_BLK_DEV_INITRD=y"},
	/* As 5.10 says it without CONFIG_BLK_DEV_INITRD and CONFIG_BLOCK, and without
	   BINFMT_SCRIPT. */
	{"[    0.691732] Kernel panic - not syncing: No working init found.  Try passing init=\n",
	 "CONFIG_BLK_DEV_INITRD=y"},
	{"[    0.992422] Failed to execute /init (error -8)\n/bin/sh: can't open 'nokaslr'\n"
	 "[    1.0] Kernel panic - not syncing: No working init found.\n",
	 "CONFIG_BINFMT_SCRIPT=y"},
	{"agent: open /dev/ttyS1: No such device or address\n", "CONFIG_SERIAL_8250=y"},
	{"[    1.0] some driver is slow\n", NULL},
};

START_TEST(hint_names_what_to_set)
{
	const char *hint = boot_hint(hints[_i].text, strlen(hints[_i].text));

	if (!hints[_i].says)
		ck_assert_ptr_null(hint);
	else
		ck_assert_msg(hint && strstr(hint, hints[_i].says), "%s", hint ? hint : "none");
}
END_TEST

TEST_SUITE(console)
{
	Suite *s = suite_create("console");
	TCase *tc = tcase_create("console");

	tcase_add_loop_test(tc, scan, 0, sizeof(logs) / sizeof(*logs));
	tcase_add_loop_test(tc, scan_of_cut_texts, 0, sizeof(logs) / sizeof(*logs));
	tcase_add_test(tc, scan_goes_on_behind_garbage);
	tcase_add_loop_test(tc, tail, 0, sizeof(tails) / sizeof(*tails));
	tcase_add_test(tc, tail_of_one_endless_line_is_bounded);
	tcase_add_loop_test(tc, hint_names_what_to_set, 0, sizeof(hints) / sizeof(*hints));
	suite_add_tcase(s, tc);
	return s;
}
