/* gmp-pool-binding.c: calls of a pool without GTask and main contexts, for bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-private.h"

/* Call it before the first call: sets the receiver of calls of gmp_pool_submit(). @binding is
 * static. */
void
gmp_pool_set_binding (GmpPool              *self,
                      const GmpPoolBinding *binding,
                      gpointer              user_data)
{
  self->binding = binding;
  self->binding_data = user_data;
}

static GmpDispatcher *
peek_dispatcher (GmpPool *self)
{
  GmpDispatcher *dispatcher = g_atomic_pointer_get (&self->dispatcher);

  return dispatcher != NULL && !gmp_dispatcher_is_inherited (dispatcher) ? dispatcher : NULL;
}

static GmpPoolCall *
make_call (const char               *target,
           GVariant                 *params,
           const GmpPoolCallOptions *options,
           gpointer                  user_data)
{
  GmpPoolCall *call = gmp_pool_call_new (target, params);

  call->name = g_strdup (options->name);
  call->run_timeout = options->run_timeout;
  call->retries = options->retries;
  call->priority = options->priority;
  call->is_of_binding = TRUE;
  call->user_data = user_data;
  return call;
}

/* Waiting calls no longer refer to memory of the caller, which may change it after this. */
static void
serialise (GmpPoolCall *call,
           GVariant    *params)
{
  if (params != NULL && call->state == GMP_POOL_CALL_WAITING)
    g_variant_get_data (params);
}

/* @target is interned. Returns the call, which is passed to the binding when it is over, perhaps
 * before this returns. The caller releases its own reference. */
GmpPoolCall *
gmp_pool_submit (GmpPool                  *self,
                 const char               *target,
                 GVariant                 *params,
                 const GmpPoolCallOptions *options,
                 gpointer                  user_data,
                 GError                  **error)
{
  GmpDispatcher *dispatcher = gmp_pool_get_dispatcher (self, error);
  GmpPoolCall *call;

  if (dispatcher == NULL)
    return NULL;
  call = make_call (target, params, options, user_data);
  gmp_dispatcher_submit (dispatcher, call);
  serialise (call, params);
  return call;
}

/* As gmp_pool_submit(), but returns NULL if it would have to wait for another thread. So it may be
 * called with a lock that such a thread may wait for. */
GmpPoolCall *
gmp_pool_try_submit (GmpPool                  *self,
                     const char               *target,
                     GVariant                 *params,
                     const GmpPoolCallOptions *options,
                     gpointer                  user_data)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);
  GmpPoolCall *call;

  if (dispatcher == NULL)
    return NULL;
  call = make_call (target, params, options, user_data);
  if (!gmp_dispatcher_try_submit (dispatcher, call))
    {
      gmp_pool_call_unref (call);
      return NULL;
    }
  serialise (call, params);
  return call;
}

/* Passes the binding's own calls among @calls to it, and leaves the others. */
void
gmp_pool_give_to_binding (GmpPool *self,
                          GQueue  *calls)
{
  g_autoptr (GPtrArray) given = g_ptr_array_sized_new (calls->length);
  GList *next;

  for (GList *link = calls->head; link != NULL; link = next)
    {
      next = link->next;
      if (!((GmpPoolCall *) link->data)->is_of_binding)
        continue;
      g_queue_unlink (calls, link);
      g_ptr_array_add (given, link->data);
    }
  if (given->len > 0)
    self->binding->finished ((GmpPoolCall **) given->pdata, given->len, self->binding_data);
}

/* Polls for the answer to @call as long as polling pays. Returns TRUE if the call is over. */
gboolean
gmp_pool_look_for (GmpPool     *self,
                   GmpPoolCall *call)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);

  return dispatcher != NULL && gmp_dispatcher_spin (dispatcher, call);
}

/* Passes @call, and the reference to it, to the binding again, in the pool's thread. Returns FALSE
 * if there is no such thread any more. */
gboolean
gmp_pool_leave (GmpPool     *self,
                GmpPoolCall *call)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);

  return dispatcher != NULL && gmp_dispatcher_leave (dispatcher, call);
}

/* Returns TRUE if this has ended @call, FALSE if it was over already. */
gboolean
gmp_pool_cancel_call (GmpPool     *self,
                      GmpPoolCall *call)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);

  return dispatcher != NULL && gmp_dispatcher_cancel (dispatcher, call);
}

/* Cancels all calls that wait in the queue. */
void
gmp_pool_cancel_waiting (GmpPool *self)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);

  if (dispatcher != NULL)
    gmp_dispatcher_cancel_waiting (dispatcher);
}

/* Ends all processes, with SIGKILL where @is_hard. The calls that they execute fail. */
void
gmp_pool_kill (GmpPool *self,
               gboolean is_hard)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);

  if (dispatcher != NULL)
    gmp_dispatcher_kill (dispatcher,
                         is_hard ? GMP_DISPATCHER_KILL_HARD : GMP_DISPATCHER_KILL_SOFT);
}

/* The process that executes @call, or 0. */
int
gmp_pool_get_call_pid (GmpPool     *self,
                       GmpPoolCall *call)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);

  return dispatcher != NULL ? gmp_dispatcher_find_pid (dispatcher, call) : 0;
}

/* An a(uibtsd): the workers' numbers and pids, whether they execute a call, its number and name,
 * and the seconds since it began, or since they became idle. Floating. */
GVariant *
gmp_pool_list_workers (GmpPool *self)
{
  GmpDispatcher *dispatcher = peek_dispatcher (self);
  g_autoptr (GArray) workers = NULL;
  GVariantBuilder builder;

  if (dispatcher != NULL)
    workers = gmp_dispatcher_list_workers (dispatcher);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(uibtsd)"));
  for (guint i = 0; workers != NULL && i < workers->len; i++)
    {
      const GmpDispatcherWorker *each = &g_array_index (workers, GmpDispatcherWorker, i);

      g_variant_builder_add (&builder, "(uibtsd)", each->number, each->pid, each->is_busy,
                             each->call, each->name != NULL ? each->name : "", each->seconds);
    }
  return g_variant_builder_end (&builder);
}

gpointer
gmp_pool_call_get_user_data (GmpPoolCall *self)
{
  return self->user_data;
}

GVariant *
gmp_pool_call_get_value (GmpPoolCall *self)
{
  return self->value;
}

const GError *
gmp_pool_call_get_error (GmpPoolCall *self)
{
  return self->error;
}

/* The last report of the worker that failed with the call. */
GVariant *
gmp_pool_call_get_report (GmpPoolCall *self)
{
  return self->report;
}

/* How that worker ended. */
GmpFailure *
gmp_pool_call_get_failure (GmpPoolCall *self)
{
  return self->failure;
}

gboolean
gmp_pool_call_is_left (GmpPoolCall *self)
{
  return self->is_left;
}
