/* gmp-remote-env-step.c: commands to the game, and the states that answer them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "remote/gmp-remote-env-private.h"

#include "base/gmp-guard-private.h"
#include "base/gmp-source-private.h"
#include "remote/gmp-remote-lookup-private.h"
#include "remote/gmp-remote-text-private.h"

/* Only one command at a time waits for its state. */
static GmpRemoteExchange *
make_exchange (GmpRemoteEnv       *self,
               const char         *name,
               const char * const *args,
               GError            **error)
{
  GString *command;

  if (self->current != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                   "The game at %s has not answered the last command yet", self->game.name);
      return NULL;
    }
  command = gmp_remote_text_format_command (name, args, error);
  return command != NULL ? gmp_remote_exchange_new (&self->game, name, command) : NULL;
}

static GVariant *
run_exchange (GmpRemoteEnv      *self,
              GmpRemoteExchange *exchange,
              GCancellable      *cancellable,
              GError           **error)
{
  GVariant *state = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
      !gmp_remote_env_open (self, cancellable, error) ||
      !gmp_remote_exchange_begin (exchange, error))
    return NULL;
  while (!gmp_remote_exchange_turn (exchange, &state, error))
    {
      if (!gmp_remote_exchange_wait (exchange, cancellable, error))
        return NULL;
    }
  return state != NULL ? g_variant_ref_sink (state) : NULL;
}

/**
 * gmp_remote_env_send:
 * @self: an environment
 * @name: the command's name
 * @args: (nullable) (array zero-terminated=1): its arguments, as text; %NULL for none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a command with any number of arguments, and waits for the game's state.
 *
 * There can be no semicolon in the name or in an argument, and the command can have 8192 bytes at
 * most, as more is not read by games.
 *
 * Returns: (transfer full): the state, an `a{sv}`
 *
 * Since: 0.1
 */
GVariant *
gmp_remote_env_send (GmpRemoteEnv       *self,
                     const char         *name,
                     const char * const *args,
                     GCancellable       *cancellable,
                     GError            **error)
{
  g_autoptr (GmpRemoteExchange) exchange = NULL;
  GVariant *state;

  g_return_val_if_fail (GMP_IS_REMOTE_ENV (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  exchange = make_exchange (self, name, args, error);
  if (exchange == NULL)
    return NULL;
  self->current = exchange;
  state = run_exchange (self, exchange, cancellable, error);
  self->current = NULL;
  return state;
}

/* TRUE until the environment is closed, after which another command may wait. */
static gboolean
is_current (GTask *task)
{
  GmpRemoteEnv *self = g_task_get_source_object (task);

  return self->current == g_task_get_task_data (task);
}

static void turn_async (GTask *task);

static gboolean
ready_cb (GSocket     *socket G_GNUC_UNUSED,
          GIOCondition condition G_GNUC_UNUSED,
          gpointer     user_data)
{
  turn_async (user_data);
  return G_SOURCE_REMOVE;
}

static void
end_async (GTask    *task,
           GVariant *state,
           GError   *error)
{
  GmpRemoteEnv *self = g_task_get_source_object (task);

  if (is_current (task))
    self->current = NULL;
  if (state != NULL)
    g_task_return_pointer (task, g_variant_ref_sink (state), (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

static void
wait_async (GTask *task)
{
  GmpRemoteEnv *self = g_task_get_source_object (task);
  g_autoptr (GSource) source =
    gmp_remote_exchange_create_source (g_task_get_task_data (task),
                                       g_task_get_cancellable (task));

  self->waiting = g_source_ref (source);
  g_task_attach_source (task, source, G_SOURCE_FUNC (ready_cb));
}

static void
turn_async (GTask *task)
{
  GmpRemoteEnv *self = g_task_get_source_object (task);
  GmpRemoteExchange *exchange = g_task_get_task_data (task);
  GVariant *state = NULL;
  GError *error = NULL;

  if (is_current (task))
    g_clear_pointer (&self->waiting, g_source_unref);
  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error) ||
      gmp_remote_exchange_turn (exchange, &state, &error))
    end_async (task, state, error);
  else
    wait_async (task);
}

static void
begin_async (GTask *task)
{
  GmpRemoteEnv *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (gmp_remote_env_open_socket (self, &error) &&
      gmp_remote_exchange_begin (g_task_get_task_data (task), &error))
    turn_async (task);
  else
    end_async (task, NULL, error);
}

static void
lookup_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GmpRemoteEnv *self = g_task_get_source_object (task);
  GError *error = NULL;
  GList *addresses = g_resolver_lookup_by_name_with_flags_finish (G_RESOLVER (source), result,
                                                                  &error);

  /* The command has ended before. */
  if (!is_current (task))
    {
      g_resolver_free_addresses (addresses);
      g_clear_error (&error);
      return;
    }
  gmp_source_clear (&self->waiting);
  if (gmp_remote_env_take_addresses (self, addresses, &error))
    begin_async (task);
  else
    end_async (task, NULL, error);
}

/* The common part of step_async() and send_async(). */
static void
start_async (GmpRemoteEnv       *self,
             const char         *name,
             const char * const *args,
             GTask              *task)
{
  g_autoptr (GResolver) resolver = NULL;
  GmpRemoteExchange *exchange;
  GError *error = NULL;

  exchange = make_exchange (self, name, args, &error);
  if (exchange == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_task_set_task_data (task, exchange, (GDestroyNotify) gmp_remote_exchange_free);
  self->current = exchange;
  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    {
      end_async (task, NULL, error);
      return;
    }
  if (!gmp_remote_env_needs_lookup (self))
    {
      begin_async (task);
      return;
    }
  wait_async (task);
  resolver = g_resolver_get_default ();
  g_resolver_lookup_by_name_with_flags_async (resolver, self->host, GMP_REMOTE_LOOKUP,
                                              g_task_get_cancellable (task), lookup_cb,
                                              g_object_ref (task));
}

/**
 * gmp_remote_env_send_async:
 * @self: an environment
 * @name: the command's name
 * @args: (nullable) (array zero-terminated=1): its arguments, as text; %NULL for none
 * @cancellable: (nullable): a cancellable
 * @callback: (nullable) (scope async): called when the state has come, or will not
 * @user_data: data for @callback
 *
 * Sends a command as [method@Gmp.RemoteEnv.send] does, without waiting for the state.
 *
 * Since: 0.1
 */
void
gmp_remote_env_send_async (GmpRemoteEnv        *self,
                           const char          *name,
                           const char * const  *args,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (GMP_IS_REMOTE_ENV (self));
  g_return_if_fail (name != NULL);

  task = gmp_guard_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, gmp_remote_env_send_async);
  start_async (self, name, args, task);
}

/**
 * gmp_remote_env_send_finish:
 * @self: an environment
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Gmp.RemoteEnv.send_async].
 *
 * Returns: (transfer full): the state, an `a{sv}`
 *
 * Since: 0.1
 */
GVariant *
gmp_remote_env_send_finish (GmpRemoteEnv *self,
                            GAsyncResult *result,
                            GError      **error)
{
  g_return_val_if_fail (GMP_IS_REMOTE_ENV (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* The value as the single argument of a command; NULL is not an argument. */
static gboolean
format_args (GVariant *value,
             char     *args[2],
             GError  **error)
{
  g_autoptr (GVariant) sunk = value != NULL ? g_variant_ref_sink (value) : NULL;

  args[0] = args[1] = NULL;
  if (value == NULL)
    return TRUE;
  args[0] = gmp_remote_text_format_value (sunk, error);
  return args[0] != NULL;
}

/**
 * gmp_remote_env_step:
 * @self: an environment
 * @name: the command's name, that of an action for example
 * @value: (nullable): its argument; %NULL for none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a command with one argument or none, and waits for the game's state.
 *
 * The argument is a boolean, a number, a string, or an array of numbers, which travels as one
 * argument with spaces between them.
 *
 * Returns: (transfer full): the state, an `a{sv}`
 *
 * Since: 0.1
 */
GVariant *
gmp_remote_env_step (GmpRemoteEnv *self,
                     const char   *name,
                     GVariant     *value,
                     GCancellable *cancellable,
                     GError      **error)
{
  g_autofree char *text = NULL;
  char *args[2];

  g_return_val_if_fail (GMP_IS_REMOTE_ENV (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (!format_args (value, args, error))
    return NULL;
  text = args[0];
  return gmp_remote_env_send (self, name, (const char * const *) args, cancellable, error);
}

/**
 * gmp_remote_env_step_async:
 * @self: an environment
 * @name: the command's name, that of an action for example
 * @value: (nullable): its argument; %NULL for none
 * @cancellable: (nullable): a cancellable
 * @callback: (nullable) (scope async): called when the state has come, or will not
 * @user_data: data for @callback
 *
 * Sends a command as [method@Gmp.RemoteEnv.step] does, without waiting for the state.
 *
 * Since: 0.1
 */
void
gmp_remote_env_step_async (GmpRemoteEnv        *self,
                           const char          *name,
                           GVariant            *value,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autofree char *text = NULL;
  GError *error = NULL;
  char *args[2];

  g_return_if_fail (GMP_IS_REMOTE_ENV (self));
  g_return_if_fail (name != NULL);

  task = gmp_guard_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, gmp_remote_env_step_async);
  if (!format_args (value, args, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  text = args[0];
  start_async (self, name, (const char * const *) args, task);
}

/**
 * gmp_remote_env_step_finish:
 * @self: an environment
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Gmp.RemoteEnv.step_async].
 *
 * Returns: (transfer full): the state, an `a{sv}`
 *
 * Since: 0.1
 */
GVariant *
gmp_remote_env_step_finish (GmpRemoteEnv *self,
                            GAsyncResult *result,
                            GError      **error)
{
  return gmp_remote_env_send_finish (self, result, error);
}
