/* remote-env.c: an environment and its game, over UDP
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-game.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

/* The bytes that the original's own client and its games in C# write. */
#define SMALL "   2   4done2       10   6energy1       3300"
#define ALL_TYPES "   6   5frame4      12MCwxOzIsMw==   4done2       10   6energy1       3300" \
                  "   6signal0       30.5   4name3       3a b   8position5       81.5 0 -2"

/* Much longer than anything here takes; only a bug reaches it. */
#define LONG_TIME 60.0

static GmpRemoteEnv *
make_env (TestGame *game,
          double    timeout)
{
  GmpRemoteEnv *env = gmp_remote_env_new (NULL, game->port, game->client_port);

  g_object_set (env, "timeout", timeout, NULL);
  return env;
}

static void
check_state (GVariant   *state,
             const char *text)
{
  g_autoptr (GVariant) expected = g_variant_new_parsed (text);

  gmp_test_check_value (state, text);
  g_assert_true (gmp_test_is_same (state, expected));
}

/* Commands. */

static void
play_small (TestGame   *game,
            const char *command G_GNUC_UNUSED)
{
  test_game_answer (game, SMALL);
}

static void
step (GmpRemoteEnv *env,
      const char   *name,
      const char   *value)
{
  g_autoptr (GError) error = NULL;
  GVariant *parsed = value != NULL ? g_variant_new_parsed (value) : NULL;
  g_autoptr (GVariant) state = gmp_remote_env_step (env, name, parsed, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (state);
}

static void
test_commands (void)
{
  static const struct { const char *name; const char *value; const char *bytes; } cases[] = {
    { "act", "3", "act;1;3;" },
    { "get_status", NULL, "get_status;0;" },
    { "tx", "0.5", "tx;1;0.5;" },
    { "tx", "0.1", "tx;1;0.1;" },
    { "tx", "1e300", "tx;1;1e+300;" },
    { "flag", "true", "flag;1;True;" },
    { "flag", "false", "flag;1;False;" },
    { "say", "'a b\u00e9'", "say;1;a b\u00e9;" },
    { "big", "int64 -9223372036854775808", "big;1;-9223372036854775808;" },
    { "small", "byte 0xff", "small;1;255;" },
    { "translation", "[5.0, 0.0, -1.5]", "translation;1;5 0 -1.5;" },
    { "cells", "[1, 2, 3]", "cells;1;1 2 3;" },
    { "none", "@ad []", "none;1;;" },
    { "mixed", "[<1>, <0.5>]", "mixed;1;1 0.5;" },
    { "boxed", "<<int16 -7>>", "boxed;1;-7;" },
  };
  const char *args[] = { "1", "two", "", NULL };
  g_autoptr (TestGame) game = test_game_new (play_small);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) state = NULL;
  guint n = G_N_ELEMENTS (cases);

  for (guint i = 0; i < n; i++)
    step (env, cases[i].name, cases[i].value);
  state = gmp_remote_env_send (env, "Left", args, NULL, &error);
  g_assert_no_error (error);
  test_game_stop (game);

  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (game->commands->pdata[i], ==, cases[i].bytes);
  g_assert_cmpstr (game->commands->pdata[n], ==, "Left;3;1;two;;");
}

static void
check_refused (GmpRemoteEnv *env,
               const char   *name,
               const char   *value,
               const char   *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_remote_env_step (env, name, g_variant_new_parsed (value), NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, part);
}

static void
test_commands_refused (void)
{
  g_autoptr (TestGame) game = test_game_new (play_small);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autofree char *blob = g_strnfill (8192, 'x');
  g_autofree char *quoted = g_strdup_printf ("'%s'", blob);

  check_refused (env, "", "1", "without a name");
  check_refused (env, "a;b", "1", "semicolon");
  check_refused (env, "a", "'1;2'", "semicolon");
  check_refused (env, "a", "{'k': 1}", "a{si}");
  check_refused (env, "a", "['x']", "as");
  check_refused (env, "a", "(1, 2)", "(ii)");
  check_refused (env, "a", quoted, "8192");
  step (env, "get_status", NULL);
  test_game_stop (game);
  g_assert_cmpuint (game->commands->len, ==, 1);
}

/* States. */

static void
play_by_name (TestGame   *game,
              const char *command)
{
  if (g_str_has_prefix (command, "all"))
    test_game_answer (game, ALL_TYPES);
  else if (g_str_has_prefix (command, "none"))
    test_game_answer (game, "   0");
  else if (g_str_has_prefix (command, "padding"))
    test_game_answer (game, "1     1 x1 1      7");
  else if (g_str_has_prefix (command, "newer"))
    test_game_answer (game, "   2   1a6       31 2   1b1       17");
  else if (g_str_has_prefix (command, "floats"))
    test_game_answer (game, "   3   1a5       71,5 -2    1b5       0   1c0       50,125");
  else if (g_str_has_prefix (command, "numbers"))
    test_game_answer (
        game, "   4   1a0       51E-05   1b0       8Infinity   1c1      20-9223372036854775808"
              "   1d2       12");
  else
    test_game_answer (game, SMALL);
}

static void
check_step (GmpRemoteEnv *env,
            const char   *name,
            const char   *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) state = gmp_remote_env_step (env, name, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (state, G_VARIANT_TYPE_VARDICT));
  g_assert_false (g_variant_is_floating (state));
  if (expected != NULL)
    check_state (state, expected);
}

static void
test_states (void)
{
  g_autoptr (TestGame) game = test_game_new (play_by_name);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GVariant) state = NULL;
  g_autoptr (GVariant) frame = NULL;
  g_autoptr (GVariant) position = NULL;
  g_autoptr (GError) error = NULL;
  const double *numbers;
  const char *name;
  gsize n;

  state = gmp_remote_env_step (env, "all", NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (state), ==, 6);
  frame = g_variant_lookup_value (state, "frame", G_VARIANT_TYPE_BYTESTRING);
  g_assert_cmpmem (g_variant_get_data (frame), g_variant_get_size (frame), "0,1;2,3", 7);
  g_assert_true (g_variant_lookup (state, "name", "&s", &name));
  g_assert_cmpstr (name, ==, "a b");
  position = g_variant_lookup_value (state, "position", G_VARIANT_TYPE ("ad"));
  numbers = g_variant_get_fixed_array (position, &n, sizeof (double));
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpfloat (numbers[0], ==, 1.5);
  g_assert_cmpfloat (numbers[2], ==, -2);

  check_step (env, "none", "@a{sv} {}");
  check_step (env, "padding", "{'x': <int64 7>}");
  check_step (env, "newer", "{'b': <int64 7>}");
}

static double
get_double (GVariant   *state,
            const char *name)
{
  double number;

  g_assert_true (g_variant_lookup (state, name, "d", &number));
  return number;
}

static void
test_numbers (void)
{
  g_autoptr (TestGame) game = test_game_new (play_by_name);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GVariant) numbers = NULL;
  g_autoptr (GVariant) floats = NULL;
  g_autoptr (GVariant) a = NULL;
  g_autoptr (GVariant) b = NULL;
  gint64 integer;
  gboolean flag;

  numbers = gmp_remote_env_step (env, "numbers", NULL, NULL, NULL);
  g_assert_nonnull (numbers);
  g_assert_cmpfloat (get_double (numbers, "a"), ==, 1e-5);
  g_assert_true (isinf (get_double (numbers, "b")));
  g_assert_true (g_variant_lookup (numbers, "c", "x", &integer));
  g_assert_cmpint (integer, ==, G_MININT64);
  g_assert_true (g_variant_lookup (numbers, "d", "b", &flag));
  g_assert_false (flag);

  floats = gmp_remote_env_step (env, "floats", NULL, NULL, NULL);
  g_assert_nonnull (floats);
  g_assert_cmpfloat (get_double (floats, "c"), ==, 0.125);
  a = g_variant_lookup_value (floats, "a", G_VARIANT_TYPE ("ad"));
  b = g_variant_lookup_value (floats, "b", G_VARIANT_TYPE ("ad"));
  g_assert_cmpuint (g_variant_n_children (a), ==, 2);
  g_assert_cmpuint (g_variant_n_children (b), ==, 0);
}

/* Datagrams that are rejected. Each would be a state without its fault. */

static const char *bad_states[] = {
  "", "    ", "garbage", "   x", "  -1", "999999999999",
  "   1   1a1       17x",                 /* more fields than announced */
  "   1   1a1       1x",                  /* not an integer */
  "   1   1a1      2099999999999999999999",
  "   1   1a0       1x",
  "   1   1a0       30x1",
  "   1   1a2       1y",
  "   1   1a5       31 x",
  "   1   1a4       3abc",                /* not Base64 */
  "   1   1a4       4ab*d",
  "   1   1a4       4====",
  "   1   1ax       17",
  "   1   1a1        7",
  "   1  -1a1       17",
  "   199991a1       17",
  "   1   1a19999999997",
  "   1   1a3       2\xc3(",              /* not UTF-8 */
  "   1   1\xff" "1       17",
};

static void
play_badly (TestGame   *game,
            const char *command)
{
  static const char with_nul[] = "   1   1a3       1";

  if (g_str_has_prefix (command, "cut"))
    {
      for (gsize size = 0; size < strlen (ALL_TYPES); size++)
        test_game_send (game->sender, game, ALL_TYPES, size);
    }
  else
    {
      for (guint i = 0; i < G_N_ELEMENTS (bad_states); i++)
        test_game_answer (game, bad_states[i]);
      test_game_send (game->sender, game, with_nul, sizeof with_nul);
      test_game_send (game->stranger, game, SMALL, strlen (SMALL));
    }
  if (!g_str_has_suffix (command, "only;0;"))
    test_game_answer (game, ALL_TYPES);
}

static void
test_refused (void)
{
  g_autoptr (TestGame) game = test_game_new (play_badly);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GError) error = NULL;
  g_autofree char *count = g_strdup_printf ("%" G_GSIZE_FORMAT " datagrams were refused",
                                            G_N_ELEMENTS (bad_states) + 2);
  const char *commands[] = { "cut", "bad" };

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autoptr (GVariant) state = gmp_remote_env_step (env, commands[i], NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (state), ==, 6);
    }

  g_object_set (env, "timeout", gmp_test_stretch (0.5), NULL);
  g_assert_null (gmp_remote_env_step (env, "bad_only", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  gmp_test_check_in (error->message, count);
  gmp_test_check_in (error->message, "another host");
}

static void
play_large (TestGame   *game,
            const char *command)
{
  gsize size = (gsize) g_ascii_strtoull (command, NULL, 10) - 23;
  g_autofree char *text = g_strnfill (size, 'x');
  g_autofree char *state = g_strdup_printf ("   1   6letter3%8" G_GSIZE_FORMAT "%s", size, text);

  g_assert_cmpuint (strlen (state), ==, size + 23);
  test_game_answer (game, state);
}

static void
test_large (void)
{
  g_autoptr (TestGame) game = test_game_new (play_large);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GError) error = NULL;

  /* The largest datagram of UDP. */
  check_step (env, "65507", NULL);
  g_object_set (env, "max-size", 1000, NULL);
  check_step (env, "1000", NULL);
  g_object_set (env, "timeout", 0.2, NULL);
  g_assert_null (gmp_remote_env_step (env, "1001", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  gmp_test_check_in (error->message, "max-size");
}

/* Late and invalid answers. */

static void
play_counting (TestGame   *game,
               const char *command)
{
  g_autofree char *state = g_strdup_printf ("   1   1n1%8d%d", 1, (int) game->commands->len % 10);

  if (g_str_has_prefix (command, "twice"))
    test_game_answer (game, state);
  test_game_answer (game, state);
}

static void
test_stale (void)
{
  g_autoptr (TestGame) game = test_game_new (play_counting);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_remote_env_open (env, NULL, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < 50; i++)
    test_game_answer (game, SMALL);
  check_step (env, "twice", "{'n': <int64 1>}");
  /* This command's answer comes after its second answer, even if that has not arrived yet. */
  check_step (env, "again", NULL);
  test_game_stop (game);
  g_assert_cmpuint (game->commands->len, ==, 2);
}

static void
play_nothing (TestGame   *game G_GNUC_UNUSED,
              const char *command G_GNUC_UNUSED)
{
}

static double
get_cpu_time (void)
{
  struct rusage usage;

  g_assert_cmpint (getrusage (RUSAGE_THREAD, &usage), ==, 0);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / G_USEC_PER_SEC;
}

/* Checks that a step fails after @time, without using the processor. */
static void
check_fails (GmpRemoteEnv *env,
             int           code,
             double        time,
             const char   *part)
{
  g_autoptr (GError) error = NULL;
  double cpu = get_cpu_time ();
  gint64 begin = g_get_monotonic_time ();
  double took;

  g_assert_null (gmp_remote_env_step (env, "move", g_variant_new_int32 (1), NULL, &error));
  took = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
  g_assert_error (error, GMP_ERROR, code);
  gmp_test_check_in (error->message, part);
  gmp_test_check_in (error->message, "'move'");
  g_assert_cmpfloat (took, >=, time);
  g_assert_cmpfloat (get_cpu_time () - cpu, <, gmp_test_stretch (0.2));
}

static void
test_silent (void)
{
  g_autoptr (TestGame) game = test_game_new (play_nothing);
  g_autoptr (GmpRemoteEnv) env = make_env (game, 1);
  g_autofree char *name = g_strdup_printf ("127.0.0.1:%u", game->port);

  check_fails (env, GMP_ERROR_TIMED_OUT, 1, name);
  g_object_set (env, "timeout", 0.05, NULL);
  check_fails (env, GMP_ERROR_TIMED_OUT, 0.05, name);
}

static void
test_ended (void)
{
  g_autoptr (TestGame) game = test_game_new (play_small);
  g_autoptr (GmpRemoteEnv) env = make_env (game, 0);
  g_autofree char *name = g_strdup_printf ("127.0.0.1:%u", game->port);

  step (env, "get_status", NULL);
  test_game_stop (game);
  /* Without a limit the missing game is reported immediately. */
  check_fails (env, GMP_ERROR_DISCONNECTED, 0, name);
  /* With a limit it could be started in time. */
  g_object_set (env, "timeout", 1.0, NULL);
  check_fails (env, GMP_ERROR_DISCONNECTED, 1, name);
  test_game_start (game);
  step (env, "get_status", NULL);
}

/* The state that a game sends when it starts is not an answer to a command. */
static void
test_starting (void)
{
  g_autoptr (TestGame) game = test_game_prepare (play_small);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  GThread *thread = test_game_start_later (game, ALL_TYPES);

  check_step (env, "restart", "{'done': <false>, 'energy': <int64 300>}");
  g_thread_join (thread);
  test_game_stop (game);
  g_assert_cmpuint (game->commands->len, ==, 1);
}

static void
greet_and_play (TestGame   *game,
                const char *command)
{
  if (game->commands->len == 1)
    test_game_answer (game, ALL_TYPES);
  play_small (game, command);
}

/* The game listens before it sends its first state, or sends none. */
static void
test_starting_late (gconstpointer play)
{
  g_autoptr (TestGame) game = test_game_prepare ((TestGamePlay) play);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  GThread *thread = test_game_start_later (game, NULL);

  check_step (env, "restart", "{'done': <false>, 'energy': <int64 300>}");
  g_thread_join (thread);
}

static gpointer
cancel_later (gpointer cancellable)
{
  /* The first step is waiting, or about to begin: both end in the same way. */
  g_usleep (50 * 1000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancelled (void)
{
  g_autoptr (TestGame) game = test_game_new (play_nothing);
  g_autoptr (GmpRemoteEnv) env = make_env (game, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread = g_thread_new ("cancel", cancel_later, cancellable);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (gmp_remote_env_step (env, "move", NULL, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  g_thread_join (thread);
}

static void
test_port_taken (void)
{
  g_autoptr (TestGame) game = test_game_new (play_small);
  g_autoptr (GmpRemoteEnv) env = make_env (game, LONG_TIME);
  g_autoptr (GmpRemoteEnv) other = make_env (game, LONG_TIME);
  g_autofree char *port = g_strdup_printf ("%u", game->client_port);
  g_autoptr (GError) error = NULL;

  step (env, "get_status", NULL);
  g_assert_null (gmp_remote_env_step (other, "get_status", NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  gmp_test_check_in (error->message, port);
  gmp_remote_env_close (env);
  step (other, "get_status", NULL);
}

static void
test_names (void)
{
  g_autoptr (TestGame) game = test_game_new (play_small);
  g_autoptr (GmpRemoteEnv) env = gmp_remote_env_new ("localhost", game->port, game->client_port);
  g_autoptr (GmpRemoteEnv) nowhere = gmp_remote_env_new ("no.such.host.invalid", game->port, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  step (env, "get_status", NULL);
  gmp_remote_env_step_async (nowhere, "get_status", NULL, NULL, gmp_test_done_cb, &result);
  g_assert_null (gmp_remote_env_step_finish (nowhere, gmp_test_wait (&result), &error));
  g_assert_nonnull (error);
  gmp_test_check_in (error->message, "host");
}

/* Steps in a main loop. */

#define N_GAMES 4
#define N_STEPS 25

typedef struct
{
  GmpRemoteEnv *env;
  guint n_steps;
  guint *n_running;
} Player;

static void
player_step_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  Player *player = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) state = gmp_remote_env_step_finish (GMP_REMOTE_ENV (source), result,
                                                           &error);

  g_assert_no_error (error);
  check_state (state, "{'done': <false>, 'energy': <int64 300>}");
  if (++player->n_steps < N_STEPS)
    gmp_remote_env_step_async (player->env, "act", g_variant_new_int32 (1), NULL, player_step_cb,
                               player);
  else
    (*player->n_running)--;
}

static void
test_async (void)
{
  TestGame *games[N_GAMES];
  Player players[N_GAMES];
  guint n_running = N_GAMES;

  for (guint i = 0; i < N_GAMES; i++)
    {
      games[i] = test_game_new (play_small);
      players[i] = (Player) { make_env (games[i], LONG_TIME), 0, &n_running };
      gmp_remote_env_step_async (players[i].env, "act", g_variant_new_int32 (1), NULL,
                                 player_step_cb, &players[i]);
    }
  while (n_running > 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  for (guint i = 0; i < N_GAMES; i++)
    {
      test_game_stop (games[i]);
      g_assert_cmpuint (games[i]->commands->len, ==, N_STEPS);
      g_object_unref (players[i].env);
      test_game_free (games[i]);
    }
}

static void
check_async (GmpRemoteEnv  *env,
             GAsyncResult **result,
             GQuark         domain,
             int            code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_remote_env_step_finish (env, gmp_test_wait (result), &error));
  g_assert_error (error, domain, code);
  g_clear_object (result);
}

static void
test_async_ends (void)
{
  g_autoptr (TestGame) game = test_game_new (play_nothing);
  g_autoptr (GmpRemoteEnv) env = make_env (game, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  double cpu;

  gmp_remote_env_step_async (env, "a", NULL, cancellable, gmp_test_done_cb, &first);
  gmp_remote_env_step_async (env, "bad_only", NULL, NULL, gmp_test_done_cb, &second);
  check_async (env, &second, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_cancellable_cancel (cancellable);
  check_async (env, &first, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  gmp_remote_env_step_async (env, "c", NULL, NULL, gmp_test_done_cb, &first);
  gmp_remote_env_close (env);
  /* The next command opens the port again, also before this one has failed. */
  gmp_remote_env_step_async (env, "c2", NULL, NULL, gmp_test_done_cb, &second);
  check_async (env, &first, G_IO_ERROR, G_IO_ERROR_CLOSED);
  gmp_remote_env_close (env);
  check_async (env, &second, G_IO_ERROR, G_IO_ERROR_CLOSED);

  g_object_set (env, "timeout", 0.5, NULL);
  cpu = get_cpu_time ();
  gmp_remote_env_step_async (env, "d", NULL, NULL, gmp_test_done_cb, &first);
  check_async (env, &first, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  test_game_stop (game);
  gmp_remote_env_step_async (env, "e", NULL, NULL, gmp_test_done_cb, &first);
  check_async (env, &first, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  g_assert_cmpfloat (get_cpu_time () - cpu, <, gmp_test_stretch (0.3));

  gmp_remote_env_step_async (env, "f", g_variant_new_parsed ("{'k': 1}"), NULL, gmp_test_done_cb,
                             &first);
  check_async (env, &first, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
}

static void
test_properties (void)
{
  g_autoptr (GmpRemoteEnv) env = g_object_new (GMP_TYPE_REMOTE_ENV, NULL);
  g_autofree char *host = NULL;
  guint output_port;
  guint input_port;
  guint max_size;
  double timeout;

  g_object_get (env, "host", &host, "output-port", &output_port, "input-port", &input_port,
                "timeout", &timeout, "max-size", &max_size, NULL);
  g_assert_cmpstr (host, ==, "127.0.0.1");
  g_assert_cmpuint (output_port, ==, 8081);
  g_assert_cmpuint (input_port, ==, 8080);
  g_assert_cmpuint (max_size, ==, 65507);
  g_assert_cmpfloat (timeout, ==, 30);
}

int
main (int    argc,
      char **argv)
{
  /* GIO's resolver creates it on newer systems, and it stays open. */
  g_network_monitor_get_default ();
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/remote-env/properties", test_properties);
  gmp_test_add ("/remote-env/commands", test_commands);
  gmp_test_add ("/remote-env/commands-refused", test_commands_refused);
  gmp_test_add ("/remote-env/states", test_states);
  gmp_test_add ("/remote-env/numbers", test_numbers);
  gmp_test_add ("/remote-env/refused", test_refused);
  gmp_test_add ("/remote-env/large", test_large);
  gmp_test_add ("/remote-env/stale", test_stale);
  gmp_test_add ("/remote-env/silent", test_silent);
  gmp_test_add ("/remote-env/ended", test_ended);
  gmp_test_add ("/remote-env/starting", test_starting);
  g_test_add_data_func ("/remote-env/starting-greets-late", greet_and_play, test_starting_late);
  g_test_add_data_func ("/remote-env/starting-silent", play_small, test_starting_late);
  gmp_test_add ("/remote-env/cancelled", test_cancelled);
  gmp_test_add ("/remote-env/port-taken", test_port_taken);
  gmp_test_add ("/remote-env/names", test_names);
  gmp_test_add ("/remote-env/async", test_async);
  gmp_test_add ("/remote-env/async-ends", test_async_ends);
  return g_test_run ();
}
