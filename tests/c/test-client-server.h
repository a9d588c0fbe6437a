/* test-client-server.h: a server and a client whose parameters select what they do
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

G_BEGIN_DECLS

#define TEST_ERROR (g_quark_from_static_string ("gmp-test-client-server-quark"))

/* Both record their called methods, and return the text from finish. Their parameters are an a{sv},
 * or NULL:
 *
 *   turns: u        a client is done after this many turns; the server after this many responses
 *   fail: s         the method that fails, with TEST_ERROR and the code 7
 *   kill: s         the method in which the process kills itself
 *   hang: s         the method that reports and then waits until it is cancelled
 *   request: v      the value that a client sends instead of a number; an empty maybe is NULL
 *   check: b        the server reports the number of requests
 *   never-done: b   the server's done always returns FALSE
 *   report: s       the method that reports its name
 *   say: s          the method that prints its name and logs it
 *   null: b         finish returns NULL
 *   meet: s         a meeting where all clients' start methods wait for each other
 *
 * The server responds with the request. */

#define TEST_TYPE_SERVER (test_server_get_type ())
G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, GmpServerWorker)

#define TEST_TYPE_CLIENT (test_client_get_type ())
G_DECLARE_FINAL_TYPE (TestClient, test_client, TEST, CLIENT, GmpClientWorker)

/* @params are NULL, or the text of an a{sv}. */
GVariant *test_params     (const char      *params);
void      test_add_client (GmpClientServer *application,
                           const char      *id,
                           const char      *params);

/* A run whose server is a process or the application itself, for cases that hold for both. */
typedef struct {
  GmpClientServer *application;
  GVariant *results; /* (nullable) */
  GError *error;     /* (nullable): the error of the run */
  char *trace;       /* (nullable): the value of the server's finish */
} TestRun;

#define TEST_BOTH(is_application) \
  for (gboolean is_application = FALSE; is_application <= TRUE; is_application++)

void test_run_init  (TestRun    *self,
                     GType       server_type,
                     GType       application_type,
                     gboolean    is_application);
void test_run_add   (TestRun    *self,
                     const char *id,
                     const char *params);
void test_run_go    (TestRun    *self,
                     const char *params);
void test_run_clear (TestRun    *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TestRun, test_run_clear)

G_END_DECLS
