/* gmp-refusal.c: asynchronous calls that cannot begin
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-refusal-private.h"

#include "base/gmp-guard-private.h"

/* A result that is an error, without a GTask: GLib cannot make the first one, not even to report
 * that, where it can start no thread. See gmp_thread_begin(). */

#define GMP_TYPE_REFUSAL (gmp_refusal_get_type ())
G_DECLARE_FINAL_TYPE (GmpRefusal, gmp_refusal, GMP, REFUSAL, GObject)

struct _GmpRefusal
{
  GObject parent_instance;

  GObject *source_object;
  GAsyncReadyCallback callback; /* (nullable) */
  gpointer user_data;
  GError *error;
};

static void gmp_refusal_iface_init (GAsyncResultIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GmpRefusal, gmp_refusal, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT,
                                                      gmp_refusal_iface_init))

static gpointer
gmp_refusal_get_user_data (GAsyncResult *result)
{
  return GMP_REFUSAL (result)->user_data;
}

static GObject *
gmp_refusal_get_source_object (GAsyncResult *result)
{
  return g_object_ref (GMP_REFUSAL (result)->source_object);
}

static void
gmp_refusal_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = gmp_refusal_get_user_data;
  iface->get_source_object = gmp_refusal_get_source_object;
}

static void
gmp_refusal_finalize (GObject *object)
{
  GmpRefusal *self = GMP_REFUSAL (object);

  g_object_unref (self->source_object);
  g_error_free (self->error);
  G_OBJECT_CLASS (gmp_refusal_parent_class)->finalize (object);
}

static void
gmp_refusal_class_init (GmpRefusalClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_refusal_finalize;
}

static void
gmp_refusal_init (GmpRefusal *self G_GNUC_UNUSED)
{
}

static gboolean
report_cb (gpointer user_data)
{
  GmpRefusal *self = user_data;

  gmp_guard_make_ready ();
  if (self->callback != NULL)
    self->callback (self->source_object, G_ASYNC_RESULT (self), self->user_data);
  return G_SOURCE_REMOVE;
}

/* As g_task_report_error(). Takes ownership of @error. */
void
gmp_refusal_report (gpointer            source_object,
                    GAsyncReadyCallback callback,
                    gpointer            user_data,
                    GError             *error)
{
  GmpRefusal *self = g_object_new (GMP_TYPE_REFUSAL, NULL);
  g_autoptr (GSource) source = g_idle_source_new ();

  self->source_object = g_object_ref (source_object);
  self->callback = callback;
  self->user_data = user_data;
  self->error = error;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, report_cb, self, g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

/* TRUE with @error if @result is that of gmp_refusal_report(). */
gboolean
gmp_refusal_propagate (GAsyncResult *result,
                       GError      **error)
{
  if (!GMP_IS_REFUSAL (result))
    return FALSE;
  g_propagate_error (error, g_error_copy (GMP_REFUSAL (result)->error));
  return TRUE;
}
