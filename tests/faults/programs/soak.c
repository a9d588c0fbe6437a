/* soak.c: the server and the clients of the soak, with journals that outlive them; as soak.py
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"

#include "deeds.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The record of a worker and its predecessors. */
typedef struct {
  guint next;
  GHashTable *plan; /* "NUMBER MOMENT": the fault */
  int fd;
} Journal;

static void G_GNUC_PRINTF (2, 3)
journal_write (Journal    *self,
               const char *format,
               ...)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strconcat (text, "\n", NULL);
  g_assert_cmpint (write (self->fd, line, strlen (line)), ==, (int) strlen (line));
}

static char **
read_lines (const char *path)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return g_strsplit (text, "\n", -1);
}

static void
journal_read (Journal    *self,
              const char *path)
{
  g_auto (GStrv) lines = read_lines (path);

  for (char **line = lines; *line != NULL && **line != '\0'; line++)
    {
      g_auto (GStrv) words = g_strsplit (*line, " ", -1);
      gboolean dies = g_str_equal (words[0], "dies");

      if (g_str_equal (words[0], "asked") || (dies && g_str_equal (words[2], "before")))
        self->next = (guint) atoi (words[1]) + 1;
      if (dies)
        g_hash_table_remove (self->plan, *line + strlen ("dies "));
    }
}

static Journal *
journal_new (const char *folder,
             const char *id)
{
  g_autofree char *plan = g_build_filename (folder, "plan", NULL);
  g_autofree char *path = g_strdup_printf ("%s/journal-%s", folder, id);
  g_auto (GStrv) lines = read_lines (plan);
  Journal *self = g_new0 (Journal, 1);

  self->next = 1;
  self->plan = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->fd = open (path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0666);
  for (char **line = lines; *line != NULL && **line != '\0'; line++)
    {
      g_auto (GStrv) words = g_strsplit (*line, " ", -1);

      if (g_str_equal (words[0], id))
        g_hash_table_insert (self->plan, g_strjoin (" ", words[1], words[2], NULL),
                             g_strdup (words[3]));
    }
  journal_read (self, path);
  return self;
}

/* Returns TRUE if the plan has a death here that has not happened yet, which is then recorded. */
static char *
journal_take (Journal    *self,
              guint       number,
              const char *moment)
{
  g_autofree char *key = g_strdup_printf ("%u %s", number, moment);
  gpointer kept = NULL;
  gpointer fault = NULL;

  if (g_hash_table_steal_extended (self->plan, key, &kept, &fault))
    journal_write (self, "dies %s", key);
  g_free (kept);
  return fault;
}

static gboolean
journal_at (Journal    *self,
            guint       number,
            const char *moment,
            GError    **error)
{
  g_autofree char *fault = journal_take (self, number, moment);

  return fault == NULL || commit (fault, error);
}

/* The client */

#define SOAK_TYPE_CLIENT (soak_client_get_type ())
G_DECLARE_FINAL_TYPE (SoakClient, soak_client, SOAK, CLIENT, GmpClientWorker)

struct _SoakClient
{
  GmpClientWorker parent_instance;

  guint next;
  int turns;
  Journal *journal;
};

G_DEFINE_FINAL_TYPE (SoakClient, soak_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
soak_client_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error)
{
  SoakClient *self = SOAK_CLIENT (worker);
  const char *folder = NULL;

  g_variant_lookup (params, "folder", "&s", &folder);
  g_variant_lookup (params, "turns", "i", &self->turns);
  self->journal = journal_new (folder, gmp_worker_get_id (worker));
  self->next = self->journal->next;
  return journal_at (self->journal, self->next, "start", error);
}

static GVariant *
soak_client_process (GmpClientWorker *client,
                     GError         **error)
{
  SoakClient *self = SOAK_CLIENT (client);

  if (!journal_at (self->journal, self->next, "before", error))
    return NULL;
  journal_write (self->journal, "asked %u", self->next);
  return g_variant_new ("(ui)", self->next, (int) getpid ());
}

static gboolean
soak_client_update (GmpClientWorker *client,
                    GVariant        *response,
                    GError         **error)
{
  SoakClient *self = SOAK_CLIENT (client);
  guint number = self->next++;

  g_assert_cmpuint (g_variant_get_uint32 (response), ==, number);
  journal_write (self->journal, "answered %u", number);
  return journal_at (self->journal, number, "after", error);
}

static gboolean
soak_client_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return SOAK_CLIENT (worker)->next > (guint) SOAK_CLIENT (worker)->turns;
}

static void
soak_client_class_init (SoakClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = soak_client_start;
  GMP_WORKER_CLASS (klass)->done = soak_client_done;
  GMP_CLIENT_WORKER_CLASS (klass)->process = soak_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = soak_client_update;
}

static void
soak_client_init (SoakClient *self G_GNUC_UNUSED)
{
}

/* The server */

#define SOAK_TYPE_SERVER (soak_server_get_type ())
G_DECLARE_FINAL_TYPE (SoakServer, soak_server, SOAK, SERVER, GmpServerWorker)

struct _SoakServer
{
  GmpServerWorker parent_instance;

  GHashTable *journals; /* Journals, by id */
  Journal *journal;     /* the last request */
  guint number;
};

G_DEFINE_FINAL_TYPE (SoakServer, soak_server, GMP_TYPE_SERVER_WORKER)

static gboolean
soak_server_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  SoakServer *self = SOAK_SERVER (worker);
  const char *folder = NULL;
  int n = 0;

  g_variant_lookup (params, "folder", "&s", &folder);
  g_variant_lookup (params, "n", "i", &n);
  self->journals = g_hash_table_new (g_str_hash, g_str_equal);
  for (int i = 1; i <= n; i++)
    {
      char *id = g_strdup_printf ("%d", i);

      g_hash_table_insert (self->journals, id, journal_new (folder, id));
    }
  return TRUE;
}

static GVariant *
soak_server_process (GmpServerWorker *server,
                     const char      *client_id,
                     GVariant        *request,
                     GError         **error)
{
  SoakServer *self = SOAK_SERVER (server);
  g_autofree char *between = NULL;
  int pid;

  g_variant_get (request, "(ui)", &self->number, &pid);
  self->journal = g_hash_table_lookup (self->journals, client_id);
  journal_write (self->journal, "got %u", self->number);
  if (!journal_at (self->journal, self->number, "server", error))
    return NULL;
  between = journal_take (self->journal, self->number, "between");
  if (between != NULL)
    kill (pid, SIGKILL);
  return g_variant_new_uint32 (self->number);
}

static gboolean
soak_server_wait (GmpWorker *worker,
                  GError   **error)
{
  SoakServer *self = SOAK_SERVER (worker);

  return journal_at (self->journal, self->number, "wait", error);
}

static void
soak_server_class_init (SoakServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = soak_server_start;
  GMP_WORKER_CLASS (klass)->wait = soak_server_wait;
  GMP_SERVER_WORKER_CLASS (klass)->process = soak_server_process;
}

static void
soak_server_init (SoakServer *self G_GNUC_UNUSED)
{
}

/* The application */

static void
print_event (const char   *verb,
             const char   *id,
             const GError *error)
{
  g_auto (GStrv) lines = g_strsplit (error->message, "\n", 2);
  g_autofree char *text = g_uri_escape_string (lines[0], NULL, TRUE);

  print_line ("%s %s %s %d %s", verb, id, g_quark_to_string (error->domain), error->code, text);
}

static void
failed_cb (GmpClientServer *application G_GNUC_UNUSED,
           const char      *id,
           const GError    *error)
{
  print_event ("failed", id, error);
}

static void
restarted_cb (GmpClientServer *application G_GNUC_UNUSED,
              const char      *id,
              GmpFailure      *failure)
{
  print_event ("restarted", id, gmp_failure_get_error (failure));
}

void
soak_ensure_types (void)
{
  g_type_ensure (SOAK_TYPE_CLIENT);
  g_type_ensure (SOAK_TYPE_SERVER);
}

GmpRunner *
soak_make_application (GVariant *config)
{
  GmpClientServer *self = gmp_client_server_new (SOAK_TYPE_SERVER);
  int n = 0;

  g_variant_lookup (config, "n", "i", &n);
  for (int i = 1; i <= n; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", i);

      gmp_client_server_new_worker (self, id, SOAK_TYPE_CLIENT, config, NULL);
    }
  g_signal_connect (self, "restarted", G_CALLBACK (restarted_cb), NULL);
  g_signal_connect (self, "failed", G_CALLBACK (failed_cb), NULL);
  return GMP_RUNNER (self);
}
