/* remote-env-lookup.c: an environment whose game's host is searched for by name
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-game.h"

#define STATE "   1   4done2       10"

/* A resolver that answers when the test lets it. */
struct _TestResolver
{
  GResolver parent_instance;
  GQueue waiting; /* of GTask */

  /* Of lookups that block their thread; under the lock. */
  GMutex lock;
  GCond changed;
  guint n_blocked;
  gboolean is_open;
};

G_DECLARE_FINAL_TYPE (TestResolver, test_resolver, TEST, RESOLVER, GResolver)
G_DEFINE_FINAL_TYPE (TestResolver, test_resolver, G_TYPE_RESOLVER)

static void
lookup_async (GResolver               *resolver,
              const char              *name G_GNUC_UNUSED,
              GResolverNameLookupFlags flags G_GNUC_UNUSED,
              GCancellable            *cancellable G_GNUC_UNUSED,
              GAsyncReadyCallback      callback,
              gpointer                 user_data)
{
  TestResolver *self = TEST_RESOLVER (resolver);

  g_queue_push_tail (&self->waiting, g_task_new (self, NULL, callback, user_data));
}

static GList *
lookup_finish (GResolver    *resolver G_GNUC_UNUSED,
               GAsyncResult *result,
               GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* A cancellable does not end it, as getaddrinfo() goes on. */
static GList *
lookup (GResolver               *resolver,
        const char              *name G_GNUC_UNUSED,
        GResolverNameLookupFlags flags G_GNUC_UNUSED,
        GCancellable            *cancellable G_GNUC_UNUSED,
        GError                 **error G_GNUC_UNUSED)
{
  TestResolver *self = TEST_RESOLVER (resolver);

  g_mutex_lock (&self->lock);
  self->n_blocked++;
  g_cond_broadcast (&self->changed);
  while (!self->is_open)
    g_cond_wait (&self->changed, &self->lock);
  self->n_blocked--;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return g_list_prepend (NULL, g_inet_address_new_from_string ("127.0.0.1"));
}

static void
wait_for_blocked (TestResolver *self,
                  guint         n)
{
  g_mutex_lock (&self->lock);
  while (self->n_blocked != n)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
}

static void
let_through (TestResolver *self)
{
  g_mutex_lock (&self->lock);
  self->is_open = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
free_addresses (gpointer data)
{
  g_resolver_free_addresses (data);
}

/* Answers the lookup that has waited longest: with an error if there is no @address. */
static void
answer (TestResolver *self,
        const char   *address)
{
  g_autoptr (GTask) task = g_queue_pop_head (&self->waiting);

  g_assert_nonnull (task);
  if (address != NULL)
    g_task_return_pointer (task, g_list_prepend (NULL, g_inet_address_new_from_string (address)),
                           free_addresses);
  else
    g_task_return_new_error (task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, "no such host");
}

static void
test_resolver_class_init (TestResolverClass *klass)
{
  G_RESOLVER_CLASS (klass)->lookup_by_name_with_flags = lookup;
  G_RESOLVER_CLASS (klass)->lookup_by_name_with_flags_async = lookup_async;
  G_RESOLVER_CLASS (klass)->lookup_by_name_with_flags_finish = lookup_finish;
}

static void
test_resolver_init (TestResolver *self G_GNUC_UNUSED)
{
}

static TestResolver *
use_resolver (void)
{
  TestResolver *resolver = g_object_new (test_resolver_get_type (), NULL);

  g_resolver_set_default (G_RESOLVER (resolver));
  return resolver;
}

static void
play (TestGame   *game,
      const char *command G_GNUC_UNUSED)
{
  test_game_answer (game, STATE);
}

static GmpRemoteEnv *
make_env (TestGame *game)
{
  return gmp_remote_env_new ("the-host-of-the-game", game->port, game->client_port);
}

static void
check_failed (GmpRemoteEnv  *env,
              GAsyncResult **result,
              GQuark         domain,
              int            code)
{
  g_autoptr (GError) error = NULL;

  gmp_test_wait (result);
  g_assert_null (gmp_remote_env_step_finish (env, *result, &error));
  g_assert_error (error, domain, code);
  g_clear_object (result);
}

static void
check_answered (GmpRemoteEnv  *env,
                GAsyncResult **result)
{
  g_autoptr (GVariant) state = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_wait (result);
  state = gmp_remote_env_step_finish (env, *result, &error);
  g_assert_no_error (error);
  gmp_test_check_value (state, "{'done': <false>}");
  g_clear_object (result);
}

/* What ends a command does not wait for the lookup, whose late answer is ignored. */
static void
test_ends (void)
{
  g_autoptr (TestResolver) resolver = use_resolver ();
  g_autoptr (TestGame) game = test_game_new (play);
  g_autoptr (GmpRemoteEnv) env = make_env (game);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) second = NULL;

  gmp_remote_env_step_async (env, "a", NULL, NULL, gmp_test_done_cb, &result);
  gmp_remote_env_close (env);
  check_failed (env, &result, G_IO_ERROR, G_IO_ERROR_CLOSED);

  gmp_remote_env_step_async (env, "b", NULL, cancellable, gmp_test_done_cb, &result);
  g_cancellable_cancel (cancellable);
  check_failed (env, &result, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_object_set (env, "timeout", 0.01, NULL);
  gmp_remote_env_step_async (env, "c", NULL, NULL, gmp_test_done_cb, &result);
  check_failed (env, &result, GMP_ERROR, GMP_ERROR_TIMED_OUT);

  g_object_set (env, "timeout", 0.0, NULL);
  gmp_remote_env_step_async (env, "d", NULL, NULL, gmp_test_done_cb, &result);
  gmp_remote_env_step_async (env, "e", NULL, NULL, gmp_test_done_cb, &second);
  check_failed (env, &second, G_IO_ERROR, G_IO_ERROR_PENDING);
  answer (resolver, "127.0.0.9");
  answer (resolver, NULL);
  answer (resolver, "127.0.0.9");
  answer (resolver, "127.0.0.1");
  check_answered (env, &result);

  /* The address is known now. */
  gmp_remote_env_step_async (env, "f", NULL, NULL, gmp_test_done_cb, &result);
  check_answered (env, &result);
  g_assert_true (g_queue_is_empty (&resolver->waiting));
}

static void
test_unknown (void)
{
  g_autoptr (TestResolver) resolver = use_resolver ();
  g_autoptr (TestGame) game = test_game_new (play);
  g_autoptr (GmpRemoteEnv) env = make_env (game);
  g_autoptr (GAsyncResult) result = NULL;

  gmp_remote_env_step_async (env, "a", NULL, NULL, gmp_test_done_cb, &result);
  answer (resolver, NULL);
  check_failed (env, &result, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND);
  gmp_remote_env_step_async (env, "b", NULL, NULL, gmp_test_done_cb, &result);
  answer (resolver, "127.0.0.1");
  check_answered (env, &result);
}

typedef struct {
  TestResolver *resolver;
  GCancellable *cancellable;
} Cancel;

static gpointer
cancel_thread (gpointer data)
{
  Cancel *cancel = data;

  wait_for_blocked (cancel->resolver, 3);
  g_cancellable_cancel (cancel->cancellable);
  return NULL;
}

/* Blocking calls have the same limit, and are cancelled as well. */
static void
test_blocking (void)
{
  g_autoptr (TestResolver) resolver = use_resolver ();
  g_autoptr (TestGame) game = test_game_new (play);
  g_autoptr (GmpRemoteEnv) env = make_env (game);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) state = NULL;
  g_autoptr (GError) error = NULL;
  Cancel cancel = { resolver, cancellable };
  GThread *thread;

  g_object_set (env, "timeout", 0.01, NULL);
  g_assert_false (gmp_remote_env_open (env, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  gmp_test_check_in (error->message, "the-host-of-the-game");
  g_clear_error (&error);
  g_assert_null (gmp_remote_env_step (env, "a", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  g_clear_error (&error);

  g_object_set (env, "timeout", 0.0, NULL);
  thread = g_thread_new ("cancel", cancel_thread, &cancel);
  g_assert_null (gmp_remote_env_step (env, "b", NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_thread_join (thread);

  let_through (resolver);
  state = gmp_remote_env_step (env, "c", NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (state, "{'done': <false>}");
  wait_for_blocked (resolver, 0);
}

int
main (int    argc,
      char **argv)
{
  /* GIO's resolver creates it on newer systems, and it stays open. */
  g_network_monitor_get_default ();
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/remote-env-lookup/ends", test_ends);
  gmp_test_add ("/remote-env-lookup/unknown", test_unknown);
  gmp_test_add ("/remote-env-lookup/blocking", test_blocking);
  return g_test_run ();
}
