/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the data files are: $SEALMATRIX_ROOT, else the source tree the program was built in
 * (found from /proc/self/exe), else share/sealmatrix beside the bin it lies in, or below the PREFIX
 * it was built for.
 */
#pragma once

/* An absolute path below the data root, e.g. paths_data("kernels/matrix.conf"). Caller frees. */
char *paths_data(const char *rel);
/* An absolute path to something built for the guest, e.g. paths_guest("agent"). Caller frees. */
char *paths_guest(const char *rel);
