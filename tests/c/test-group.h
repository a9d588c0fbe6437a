/* test-group.h: a control group of a test's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "gmp-test.h"

G_BEGIN_DECLS

/* For a group with a limit of memory. */
extern const char * const test_group_memory_limits[2];

GVariant *test_group_devour    (GVariant *params,
                                GError  **error);
GVariant *test_group_kill_self (GVariant *params,
                                GError  **error);

/* A group with a limit. This object removes it: by then its processes have ended, except the
 * test, which leaves the group. */
typedef struct _TestGroup TestGroup;

TestGroup  *test_group_new        (const char         *controller,
                                   const char * const  limits[2],
                                   const char         *value);
void        test_group_free       (TestGroup          *self);
void        test_group_enter      (TestGroup          *self);
const char *test_group_get_folder (TestGroup          *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestGroup, test_group_free)

G_END_DECLS
