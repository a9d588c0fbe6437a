/* test-library.h: functions and types in a shared library, and in plugins
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

G_BEGIN_DECLS

/* A client that sends "asked", and returns the response with the library's name. */
#define TEST_TYPE_LIBRARY_CLIENT (test_library_client_get_type ())
G_DECLARE_FINAL_TYPE (TestLibraryClient, test_library_client, TEST, LIBRARY_CLIENT, GmpClientWorker)

GVariant *test_library_answer     (GVariant *params,
                                   GError  **error);
GmpMethod test_library_get_hidden (void);

G_END_DECLS
