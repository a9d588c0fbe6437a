/* load.h: loads modules that need GLib, with the system's GLib or with the bundled one
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

/* dlopen () of FOLDER/NAME, after the library, which is beside FOLDER; and the reason if it
 * failed. */
void *bundle_load (const char *folder,
                   const char *name,
                   int         flags,
                   char        reason[1024]);
