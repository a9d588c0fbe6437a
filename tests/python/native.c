/* native.c: a library whose functions and types Python programs use
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc-binding.h>

#include <string.h>

GVariant *native_describe (GVariant *params, GError **error);
GVariant *native_fail     (GVariant *params, GError **error);
GVariant *native_forge    (GVariant *params, GError **error);
GVariant *native_fill_shared (GVariant *params, GError **error);

/* Returns the type and the text of its parameters. */
GVariant *
native_describe (GVariant *params,
                 GError  **error G_GNUC_UNUSED)
{
  g_autofree char *text = params != NULL ? g_variant_print (params, FALSE) : NULL;

  if (params == NULL)
    return NULL;
  return g_variant_new ("(ss)", g_variant_get_type_string (params), text);
}

GVariant *
native_fail (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "It is full");
  return NULL;
}

static GVariant *
forge (void)
{
  return g_variant_new ("(s@ay@aay)", "gmproc.pickle",
                        g_variant_new_bytestring ("cos\nabort\n(tR."),
                        g_variant_new_array (G_VARIANT_TYPE ("ay"), NULL, 0));
}

/* A pickle that would abort a Python that loads it. */
GVariant *
native_forge (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  return forge ();
}

/* Writes to shared memory, and returns its size. */
GVariant *
native_fill_shared (GVariant *params,
                    GError  **error)
{
  g_autoptr (GmpSharedMemory) memory = gmp_shared_memory_from_variant (params, error);

  if (memory == NULL)
    return NULL;
  memset (gmp_shared_memory_get_data (memory), 7, gmp_shared_memory_get_size (memory));
  return g_variant_new_uint64 (gmp_shared_memory_get_size (memory));
}

/* A server that responds with the client's id, runtime and request. */
typedef GmpServerWorker NativeServer;
typedef GmpServerWorkerClass NativeServerClass;

GType native_server_get_type (void);
G_DEFINE_TYPE (NativeServer, native_server, GMP_TYPE_SERVER_WORKER)

static GVariant *
native_server_process (GmpServerWorker *server,
                       const char      *client_id,
                       GVariant        *request,
                       GError         **error G_GNUC_UNUSED)
{
  if (request != NULL && g_variant_is_of_type (request, G_VARIANT_TYPE_STRING) &&
      g_str_equal (g_variant_get_string (request, NULL), "forge"))
    return forge ();
  return g_variant_new ("(ssm*)", client_id,
                        gmp_worker_get_peer_runtime (GMP_WORKER (server), client_id), request);
}

static void
native_server_class_init (NativeServerClass *klass)
{
  klass->process = native_server_process;
}

static void
native_server_init (NativeServer *self G_GNUC_UNUSED)
{
}

/* A client that sends its parameters once, and returns the response. */
typedef struct {
  GmpClientWorker parent_instance;
  GVariant *params;
  GVariant *answer;
  gboolean is_answered;
} NativeClient;
typedef GmpClientWorkerClass NativeClientClass;

GType native_client_get_type (void);
G_DEFINE_TYPE (NativeClient, native_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
native_client_start (GmpWorker *worker,
                     GVariant  *params,
                     GError   **error G_GNUC_UNUSED)
{
  NativeClient *self = (NativeClient *) worker;

  self->params = params != NULL ? g_variant_ref (params) : NULL;
  return TRUE;
}

static GVariant *
native_client_process (GmpClientWorker *client,
                       GError         **error G_GNUC_UNUSED)
{
  NativeClient *self = (NativeClient *) client;

  if (self->params != NULL && g_variant_is_of_type (self->params, G_VARIANT_TYPE_STRING) &&
      g_str_equal (g_variant_get_string (self->params, NULL), "forge"))
    return forge ();
  return self->params != NULL ? g_variant_ref (self->params) : NULL;
}

static gboolean
native_client_update (GmpClientWorker *client,
                      GVariant        *response,
                      GError         **error G_GNUC_UNUSED)
{
  NativeClient *self = (NativeClient *) client;

  self->answer = response != NULL ? g_variant_ref (response) : NULL;
  self->is_answered = TRUE;
  return TRUE;
}

static gboolean
native_client_done (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  return ((NativeClient *) worker)->is_answered;
}

static GVariant *
native_client_finish (GmpWorker *worker,
                      GError   **error G_GNUC_UNUSED)
{
  return g_steal_pointer (&((NativeClient *) worker)->answer);
}

static void
native_client_finalize (GObject *object)
{
  NativeClient *self = (NativeClient *) object;

  g_clear_pointer (&self->params, g_variant_unref);
  g_clear_pointer (&self->answer, g_variant_unref);
  G_OBJECT_CLASS (native_client_parent_class)->finalize (object);
}

static void
native_client_class_init (NativeClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = native_client_finalize;
  GMP_WORKER_CLASS (klass)->start = native_client_start;
  GMP_WORKER_CLASS (klass)->done = native_client_done;
  GMP_WORKER_CLASS (klass)->finish = native_client_finish;
  klass->process = native_client_process;
  klass->update = native_client_update;
}

static void
native_client_init (NativeClient *self G_GNUC_UNUSED)
{
}
