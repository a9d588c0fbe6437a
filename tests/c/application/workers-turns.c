/* workers-turns.c: workers of several turns, and in which process each method runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <signal.h>
#include <unistd.h>

/* In the worker it executes the turns given by its parameters, (is): their number, and the
 * method that fails, or another action. Each turn returns the names of the called methods. */

#define TEST_TYPE_TURNS (test_turns_get_type ())
G_DECLARE_DERIVABLE_TYPE (TestTurns, test_turns, TEST, TURNS, GmpWorkers)

struct _TestTurnsClass
{
  GmpWorkersClass parent_class;
};

typedef struct {
  GString *trace; /* the called methods: in the worker all, in the application update */
  int n_turns;    /* remaining turns */
  char *what;
  pid_t pid;      /* of the process that created it */
  int refused_id; /* the id that update refuses */
  GmpTestMeeting *meeting; /* (nullable): a meeting of update and the worker */
} TestTurnsPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (TestTurns, test_turns, GMP_TYPE_WORKERS)

static TestTurnsPrivate *
get_private (GmpWorkers *workers)
{
  return test_turns_get_instance_private (TEST_TURNS (workers));
}

static gboolean
call (GmpWorkers *workers,
      const char *method,
      GError    **error)
{
  TestTurnsPrivate *priv = get_private (workers);

  g_assert_cmpint (priv->pid, ==, getpid ());
  g_string_append_printf (priv->trace, "%s ", method);
  if (g_strcmp0 (priv->what, method) != 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM, "%s refuses", method);
  return FALSE;
}

static gboolean
test_turns_start (GmpWorkers *workers,
                  int         id G_GNUC_UNUSED,
                  GVariant   *params,
                  GError    **error)
{
  TestTurnsPrivate *priv = get_private (workers);

  g_variant_get (params, "(is)", &priv->n_turns, &priv->what);
  return call (workers, "start", error);
}

static GVariant *
test_turns_process (GmpWorkers *workers,
                    int         id,
                    GVariant   *params,
                    GError    **error)
{
  TestTurnsPrivate *priv = get_private (workers);

  g_assert_true (g_variant_is_of_type (params, G_VARIANT_TYPE ("(is)")));
  priv->n_turns--;
  if (!call (workers, "process", error))
    return g_variant_new_string ("what comes with an error does not count");
  if (g_str_equal (priv->what, "die") && priv->n_turns == 0)
    kill (getpid (), SIGKILL);
  if (g_str_equal (priv->what, "null"))
    return NULL;
  return g_variant_new ("(is)", id, priv->trace->str);
}

static gboolean
test_turns_wait (GmpWorkers *workers,
                 int         id G_GNUC_UNUSED,
                 GError    **error)
{
  TestTurnsPrivate *priv = get_private (workers);

  if (g_str_has_prefix (priv->what, "/"))
    gmp_test_meet (priv->what);
  return call (workers, "wait", error);
}

static gboolean
test_turns_done (GmpWorkers *workers,
                 int         id G_GNUC_UNUSED,
                 GError    **error)
{
  return call (workers, "done", error) && get_private (workers)->n_turns == 0;
}

static gboolean
test_turns_update (GmpWorkers *workers,
                   int         id,
                   GVariant   *result,
                   GError    **error)
{
  TestTurnsPrivate *priv = get_private (workers);
  g_autofree char *text = result != NULL ? g_variant_print (result, FALSE) : g_strdup ("NULL");

  g_assert_cmpint (priv->pid, ==, getpid ());
  g_string_append_printf (priv->trace, "%d: %s\n", id, text);
  if (priv->meeting != NULL)
    gmp_test_meet (gmp_test_meeting_path (priv->meeting));
  if (id != priv->refused_id)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no room for %d", id);
  return FALSE;
}

static void
test_turns_finalize (GObject *object)
{
  TestTurnsPrivate *priv = get_private (GMP_WORKERS (object));

  g_string_free (priv->trace, TRUE);
  g_free (priv->what);
  G_OBJECT_CLASS (test_turns_parent_class)->finalize (object);
}

static void
test_turns_class_init (TestTurnsClass *klass)
{
  GmpWorkersClass *workers_class = GMP_WORKERS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_turns_finalize;
  workers_class->start = test_turns_start;
  workers_class->process = test_turns_process;
  workers_class->update = test_turns_update;
  workers_class->wait = test_turns_wait;
  workers_class->done = test_turns_done;
}

static void
test_turns_init (TestTurns *self)
{
  TestTurnsPrivate *priv = test_turns_get_instance_private (self);

  priv->trace = g_string_new (NULL);
  priv->pid = getpid ();
}

/* A subclass that overrides finish too. */

#define TEST_TYPE_FINISHING (test_finishing_get_type ())
G_DECLARE_FINAL_TYPE (TestFinishing, test_finishing, TEST, FINISHING, TestTurns)

struct _TestFinishing
{
  TestTurns parent_instance;
};

G_DEFINE_FINAL_TYPE (TestFinishing, test_finishing, TEST_TYPE_TURNS)

static GVariant *
test_finishing_finish (GmpWorkers *workers,
                       int         id,
                       GError    **error)
{
  TestTurnsPrivate *priv = get_private (workers);

  if (!call (workers, "finish", error) || g_str_equal (priv->what, "without"))
    return NULL;
  return g_variant_new ("(iis)", id, priv->n_turns, priv->trace->str);
}

static void
test_finishing_class_init (TestFinishingClass *klass)
{
  GMP_WORKERS_CLASS (klass)->finish = test_finishing_finish;
}

static void
test_finishing_init (TestFinishing *self G_GNUC_UNUSED)
{
}

/* A client: its turns are not those of GmpWorkers. */

#define TEST_TYPE_CLIENT (test_client_get_type ())
G_DECLARE_FINAL_TYPE (TestClient, test_client, TEST, CLIENT, GmpClientWorker)

struct _TestClient
{
  GmpClientWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestClient, test_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_client_start (GmpWorker *worker G_GNUC_UNUSED,
                   GVariant  *params G_GNUC_UNUSED,
                   GError   **error)
{
  return gmp_worker_report_turn (NULL, error);
}

static void
test_client_class_init (TestClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = test_client_start;
}

static void
test_client_init (TestClient *self G_GNUC_UNUSED)
{
}

#define TEST_TYPE_APPLICATION (test_application_get_type ())
G_DECLARE_FINAL_TYPE (TestApplication, test_application, TEST, APPLICATION, GmpClientServer)

struct _TestApplication
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (TestApplication, test_application, GMP_TYPE_CLIENT_SERVER)

static GVariant *
test_application_process (GmpClientServer *self G_GNUC_UNUSED,
                          const char      *client_id G_GNUC_UNUSED,
                          GVariant        *request G_GNUC_UNUSED,
                          GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

static void
test_application_class_init (TestApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = test_application_process;
}

static void
test_application_init (TestApplication *self G_GNUC_UNUSED)
{
}

/* Functions for workers. */

static GVariant *
count (GVariant *params,
       GError  **error)
{
  for (int i = 0; i < g_variant_get_int32 (params); i++)
    if (!gmp_worker_report_turn (g_variant_new_int32 (i), error))
      return NULL;
  return g_variant_new_string ("counted");
}

/* Reports turns of @params bytes. */
static GVariant *
grow (GVariant *params,
      GError  **error)
{
  gsize size = g_variant_get_uint64 (params);
  g_autofree guint8 *bytes = g_malloc (size);

  memset (bytes, 7, size);
  for (int i = 0; i < 3; i++)
    if (!gmp_worker_report_turn (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1),
                                 error))
      return NULL;
  return NULL;
}

/* The result is that of the last turn, or NULL without a turn. */
static GVariant *
count_down (GVariant *params,
            GError  **error)
{
  for (int i = g_variant_get_int32 (params); i > 0; i--)
    if (!gmp_worker_report_turn (g_variant_new_int32 (i), error))
      return NULL;
  return gmp_worker_repeat_turn ();
}

/* Reports turns until it is cancelled, which it writes to a file. */
static GVariant *
go_on (GVariant *params,
       GError  **error)
{
  g_autoptr (GError) local = NULL;

  while (gmp_worker_report_turn (NULL, &local))
    continue;
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_file_set_contents (g_variant_get_string (params, NULL), "cancelled", -1, error);
  return NULL;
}

/* The application's side. */

static GVariant *
new_params (int         n_turns,
            const char *what)
{
  return g_variant_new ("(is)", n_turns, what);
}

static void
turn_cb (GmpWorkers *workers G_GNUC_UNUSED,
         int         id,
         GVariant   *value,
         GString    *text)
{
  g_autofree char *printed = value != NULL ? g_variant_print (value, FALSE) : g_strdup ("NULL");

  g_string_append_printf (text, "turn %d %s;", id, printed);
}

static void
result_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id,
           GVariant   *value,
           GString    *text)
{
  g_autofree char *printed = value != NULL ? g_variant_print (value, FALSE) : g_strdup ("NULL");

  g_string_append_printf (text, "result %d %s;", id, printed);
}

static GString *
listen (GmpWorkers *workers)
{
  GString *text = g_string_new (NULL);

  g_signal_connect (workers, "turn", G_CALLBACK (turn_cb), text);
  g_signal_connect (workers, "result", G_CALLBACK (result_cb), text);
  return text;
}

#define FIRST "start process "
#define SECOND FIRST "done wait process "
#define THIRD SECOND "done wait process "

static void
test_turns_of_class (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, NULL);
  g_autoptr (GString) text = listen (workers);
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 4, NULL, new_params (3, ""));
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{4: <(4, '" THIRD "')>}");
  g_assert_cmpstr (get_private (workers)->trace->str, ==,
                   "4: (4, '" FIRST "')\n4: (4, '" SECOND "')\n4: (4, '" THIRD "')\n");
  g_assert_cmpstr (text->str, ==,
                   "turn 4 (4, '" FIRST "');turn 4 (4, '" SECOND "');turn 4 (4, '" THIRD "');"
                   "result 4 (4, '" THIRD "');");
}

/* Programs from before there were turns. */
static void
test_one_turn (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, NULL);
  g_autoptr (GString) text = listen (workers);
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, NULL, new_params (1, ""));
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{1: <(1, '" FIRST "')>}");
  g_assert_cmpstr (get_private (workers)->trace->str, ==, "1: (1, '" FIRST "')\n");
  g_assert_cmpstr (text->str, ==, "result 1 (1, '" FIRST "');");
}

static void
test_finish (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_FINISHING, "max-parallel", 1, NULL);
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, NULL, new_params (2, ""));
  gmp_test_add_worker (workers, 2, NULL, new_params (1, ""));
  gmp_test_add_worker (workers, 3, NULL, new_params (1, "without"));
  gmp_test_add_worker (workers, 4, NULL, new_params (2, "null"));
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "(1, 0, '" SECOND "done finish ')");
  gmp_test_check_int (results, 2, "(2, 0, '" FIRST "done finish ')");
  gmp_test_check_int (results, 3, "(3, '" FIRST "')");
  /* The value of finish is not a turn's result. */
  g_assert_cmpstr (get_private (workers)->trace->str, ==,
                   "1: (1, '" FIRST "')\n1: (1, '" SECOND "')\n2: (2, '" FIRST "')\n"
                   "3: (3, '" FIRST "')\n4: NULL\n4: NULL\n");
}

/* The worker is in wait when update is called, because they meet. */
static void
test_as_it_arrives (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, NULL);
  TestTurnsPrivate *priv = get_private (workers);
  g_autoptr (GVariant) results = NULL;

  priv->meeting = meeting;
  gmp_test_add_worker (workers, 1, NULL, new_params (2, gmp_test_meeting_path (meeting)));
  g_signal_connect_swapped (workers, "turn", G_CALLBACK (g_nullify_pointer), &priv->meeting);
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{1: <(1, '" SECOND "')>}");
}

static void
test_errors (void)
{
  const char *methods[] = { "start", "process", "wait", "done", "finish" };
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_FINISHING, "max-parallel", 1, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < (int) G_N_ELEMENTS (methods); i++)
    gmp_test_add_worker (workers, i, NULL, new_params (2, methods[i]));
  gmp_test_add_worker (workers, 9, count, g_variant_new_int32 (0));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  for (int i = 0; i < (int) G_N_ELEMENTS (methods); i++)
    {
      g_assert_error (gmp_workers_get_error (workers, i), G_FILE_ERROR, G_FILE_ERROR_PERM);
      gmp_test_check_in (gmp_workers_get_error (workers, i)->message, methods[i]);
    }
  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "{9: <'counted'>}");
  /* The application has received the turns before the error. A turn whose done fails does not
   * count. */
  g_assert_cmpstr (get_private (workers)->trace->str, ==,
                   "2: (2, '" FIRST "')\n"
                   "4: (4, '" FIRST "')\n4: (4, '" SECOND "')\n9: 'counted'\n");
}

/* The worker is terminated, although it would run forever, and not restarted. */
static void
test_update_error (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, "restart",
                                                 GMP_RESTART_ON_FAILURE, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  get_private (workers)->refused_id = 2;
  gmp_test_add_worker (workers, 1, NULL, new_params (3, ""));
  gmp_test_add_worker (workers, 2, NULL, new_params (-1, ""));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  gmp_test_check_in (error->message, "no room for 2");
  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "{1: <(1, '" THIRD "')>}");
  g_assert_cmpstr (strstr (get_private (workers)->trace->str, "2: (2, '" FIRST "')\n"), !=, NULL);
  g_assert_cmpstr (strstr (get_private (workers)->trace->str, "2: (2, '" SECOND), ==, NULL);
}

static void
test_crash (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, NULL);
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, NULL, new_params (3, "die"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_cmpstr (get_private (workers)->trace->str, ==,
                   "1: (1, '" FIRST "')\n1: (1, '" SECOND "')\n");
}

static void
test_function (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, "reuse", TRUE, NULL);
  g_autoptr (GString) text = listen (workers);
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, count, g_variant_new_int32 (2));
  first = gmp_test_run (workers);
  gmp_test_check_value (first, "{1: <'counted'>}");
  g_assert_cmpstr (text->str, ==, "turn 1 0;turn 1 1;result 1 'counted';");
  g_assert_cmpstr (get_private (workers)->trace->str, ==, "1: 0\n1: 1\n");

  /* Without turns the result is the function's; in the same process. */
  g_assert_true (gmp_workers_set_params (workers, 1, g_variant_new_int32 (0), &error));
  second = gmp_test_run (workers);
  g_assert_cmpstr (get_private (workers)->trace->str, ==, "1: 0\n1: 1\n1: 'counted'\n");
}

static void
check_bytes_cb (GmpWorkers *workers G_GNUC_UNUSED,
                int         id G_GNUC_UNUSED,
                GVariant   *value,
                gsize      *total)
{
  gsize size;
  const guint8 *bytes = g_variant_get_fixed_array (value, &size, 1);

  for (gsize i = 0; i < size; i++)
    g_assert_cmpint (bytes[i], ==, 7);
  *total += size;
}

static void
test_big (void)
{
  gsize size = (gsize) 20 * 1024 * 1024;
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  gsize total = 0;

  g_signal_connect (workers, "turn", G_CALLBACK (check_bytes_cb), &total);
  gmp_test_add_worker (workers, 1, grow, g_variant_new_uint64 (size));
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{1: <@mv nothing>}");
  g_assert_cmpuint (total, ==, 3 * size);

  g_object_set (workers, "value-size-limit", (guint64) size - 1, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  g_assert_cmpuint (total, ==, 3 * size);
}

static void
keep_cb (GmpWorkers *workers G_GNUC_UNUSED,
         int         id G_GNUC_UNUSED,
         GVariant   *value,
         GVariant  **kept)
{
  g_clear_pointer (kept, g_variant_unref);
  *kept = g_variant_ref (value);
}

/* The result is the very value of the turn: it was not sent twice. */
static void
check_same_cb (GmpWorkers *workers G_GNUC_UNUSED,
               int         id G_GNUC_UNUSED,
               GVariant   *value,
               GVariant  **kept)
{
  if (value != NULL)
    g_assert_true (value == *kept);
}

static void
test_sent_once (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_TURNS, "reuse", TRUE, "max-parallel", 1,
                                                 NULL);
  g_autoptr (GVariant) last_turn = NULL;
  g_autoptr (GVariant) results = NULL;

  g_signal_connect (workers, "turn", G_CALLBACK (keep_cb), &last_turn);
  g_signal_connect (workers, "result", G_CALLBACK (check_same_cb), &last_turn);
  gmp_test_add_worker (workers, 1, count_down, g_variant_new_int32 (2));
  gmp_test_add_worker (workers, 2, NULL, new_params (3, ""));
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{1: <1>, 2: <(2, 'start process done wait process done wait "
                                 "process ')>}");
  g_clear_pointer (&results, g_variant_unref);

  g_assert_true (gmp_workers_set_params (workers, 1, g_variant_new_int32 (0), NULL));
  g_clear_pointer (&last_turn, g_variant_unref);
  results = gmp_workers_run (workers, (int[]) { 1 }, 1, NULL, NULL);
  gmp_test_check_value (results, "{1: <@mv nothing>}");
}

/* Cancels when a worker has started, because one that has not started would not notice. */
static void
cancel_cb (GmpWorkers   *workers G_GNUC_UNUSED,
           int           id,
           GVariant     *value G_GNUC_UNUSED,
           GCancellable *cancellable)
{
  if (id == 1)
    g_cancellable_cancel (cancellable);
}

static void
test_cancelled (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_FINISHING, "stop-grace",
                                                 gmp_test_stretch (30), NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *mark = gmp_test_build_path ("mark");
  g_autoptr (GError) error = NULL;

  g_signal_connect (workers, "turn", G_CALLBACK (cancel_cb), cancellable);
  gmp_test_add_worker (workers, 1, go_on, g_variant_new_string (mark));
  gmp_test_add_worker (workers, 2, NULL, new_params (-1, ""));
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (gmp_workers_get_error (workers, 2), G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (g_file_test (mark, G_FILE_TEST_EXISTS));
}

static void
fail_cb (GmpWorkers *workers,
         int         id,
         GVariant   *value G_GNUC_UNUSED,
         gboolean   *was_called)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_EMPTY, "enough");
  g_autoptr (GError) error = NULL;

  g_assert_false (*was_called);
  *was_called = TRUE;
  g_assert_true (gmp_workers_fail (workers, id, reason, &error));
  g_assert_no_error (error);
}

static void
test_fail (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_EMPTY, "early");
  g_autofree char *mark = gmp_test_build_path ("mark");
  gboolean was_called = FALSE;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, go_on, g_variant_new_string (mark));
  g_assert_false (gmp_workers_fail (workers, 1, reason, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_signal_connect (workers, "turn", G_CALLBACK (fail_cb), &was_called);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_EMPTY);
  gmp_test_check_in (error->message, "enough");
}

static void
test_elsewhere (void)
{
  g_autoptr (GmpClientServer) application = g_object_new (TEST_TYPE_APPLICATION, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (gmp_worker_report_turn (g_variant_new_int32 (1), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);

  gmp_client_server_new_worker (application, "a", TEST_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "Cannot report a turn");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_TURNS);
  g_type_ensure (TEST_TYPE_FINISHING);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-turns/class", test_turns_of_class);
  gmp_test_add ("/workers-turns/one-turn", test_one_turn);
  gmp_test_add ("/workers-turns/finish", test_finish);
  gmp_test_add ("/workers-turns/as-it-arrives", test_as_it_arrives);
  gmp_test_add ("/workers-turns/errors", test_errors);
  gmp_test_add ("/workers-turns/update-error", test_update_error);
  gmp_test_add ("/workers-turns/crash", test_crash);
  gmp_test_add ("/workers-turns/function", test_function);
  gmp_test_add ("/workers-turns/big", test_big);
  gmp_test_add ("/workers-turns/sent-once", test_sent_once);
  gmp_test_add ("/workers-turns/cancelled", test_cancelled);
  gmp_test_add ("/workers-turns/fail", test_fail);
  gmp_test_add ("/workers-turns/elsewhere", test_elsewhere);
  return g_test_run ();
}
