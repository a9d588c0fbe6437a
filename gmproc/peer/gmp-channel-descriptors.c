/* gmp-channel-descriptors.c: one end of a channel before it is opened, on its way to a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-channel-descriptors-private.h"
#include "base/gmp-socketpair-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"
#include "channel/gmp-shared-channel-private.h"
#include "peer/gmp-message-channel-private.h"
#include "peer/gmp-net-channel-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

typedef enum {
  SHARED_CLIENT,
  SHARED_SERVER,
  DBUS,
  NET,
  ELSEWHERE
} Kind;

static const struct {
  const char *name;
  guint n_fds;
} kinds[] = {
  [SHARED_CLIENT] = { "shared-client", GMP_SHARED_N_FDS },
  [SHARED_SERVER] = { "shared-server", GMP_SHARED_N_FDS },
  [DBUS] = { "dbus", 1 },
  [NET] = { "net", 1 },
  [ELSEWHERE] = { "elsewhere", 0 },
};

struct _GmpChannelDescriptors
{
  Kind kind;
  int fds[GMP_SHARED_N_FDS]; /* -1: none, or no longer owned */
  GVariant *description;     /* (nullable): for a channel that is created elsewhere */
};

static GmpChannelDescriptors *
port_new (Kind       kind,
          const int *fds)
{
  GmpChannelDescriptors *self = g_new0 (GmpChannelDescriptors, 1);

  self->kind = kind;
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    self->fds[i] = i < kinds[kind].n_fds ? fds[i] : -1;
  return self;
}

void
gmp_channel_descriptors_free (GmpChannelDescriptors *self)
{
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    if (self->fds[i] != -1)
      close (self->fds[i]);
  g_clear_pointer (&self->description, g_variant_unref);
  g_free (self);
}

/* GMPROC_CHANNEL=dbus is for tests, and for peers that cannot share memory. */
static gboolean
may_share (void)
{
  return !gmp_environment_is ("GMPROC_CHANNEL", "dbus", NULL);
}

/* The share of the address space that channels may use, with the rest left to the program. */
#define ADDRESS_SPACE ((guint64) 1 << (sizeof (gpointer) < 8 ? 31 : 46))

/* Arenas take address space before they take memory: two for each client, in the server's process.
 * Together they get an eighth of the address space, and one gets no more than if there were ten.
 * They are also parts of a file; only its written parts take memory, but its size counts for the
 * limit on file size. */
static gsize
limit_arena (guint64 size,
             guint   n_workers)
{
  guint64 space = ADDRESS_SPACE;
  struct rlimit limit;

  if (getrlimit (RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    space = MIN (space, limit.rlim_cur);
  return gmp_memory_limit_arena ((gsize) MIN (size, space / 8 / 2 / MAX (n_workers, 10)));
}

/* Both ends of a channel: in shared memory if possible, otherwise as D-Bus messages. @arena_size is
 * the number of bytes of large values that each side may share at a time, and @n_workers the number
 * of workers that run together. */
gboolean
gmp_channel_descriptors_new_pair (guint64                 arena_size,
                                  guint                   n_workers,
                                  GmpChannelDescriptors **client,
                                  GmpChannelDescriptors **server,
                                  GError                **error)
{
  gsize size = limit_arena (arena_size, n_workers);
  g_autoptr (GError) local = NULL;
  int client_fds[GMP_SHARED_N_FDS];
  int server_fds[GMP_SHARED_N_FDS];
  int fds[2];

  if (may_share () &&
      gmp_shared_channel_new_fds (size, n_workers, client_fds, server_fds, &local))
    {
      *client = port_new (SHARED_CLIENT, client_fds);
      *server = port_new (SHARED_SERVER, server_fds);
      return TRUE;
    }
  if (local != NULL)
    gmp_debug ("no shared memory, so messages: %s", local->message);
  if (!gmp_socketpair_open (fds, error))
    return FALSE;
  *client = port_new (DBUS, &fds[0]);
  *server = port_new (DBUS, &fds[1]);
  return TRUE;
}

/* An end of a channel between two machines, for the process that opens it. The holder of @other
 * sends a letter over it (GmpNetLetter) when there is a connection. */
GmpChannelDescriptors *
gmp_channel_descriptors_new_net (int     *other,
                                 GError **error)
{
  int fds[2];

  if (!gmp_socketpair_open (fds, error))
    return NULL;
  *other = fds[1];
  return port_new (NET, &fds[0]);
}

/* Takes ownership of @remote (nullable). */
static GmpChannelDescriptors *
new_elsewhere (const char *name,
               gboolean    is_server,
               guint64     arena_size,
               guint       n_workers,
               GVariant   *remote)
{
  GmpChannelDescriptors *self = port_new (ELSEWHERE, NULL);

  if (remote == NULL)
    remote = g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
  self->description = g_variant_ref_sink (g_variant_new ("(sbtu@a{sv})", name, is_server,
                                                         arena_size, n_workers, remote));
  return self;
}

/* Both ends of a channel between two workers on other machines, whose agents create it: in shared
 * memory on one node; or between two nodes, with what each needs to reach and to authenticate the
 * other (see org.gmproc.Process1). @client_remote and @server_remote are consumed. */
void
gmp_channel_descriptors_new_elsewhere (guint64                 arena_size,
                                       guint                   n_workers,
                                       GVariant               *client_remote,
                                       GVariant               *server_remote,
                                       GmpChannelDescriptors **client,
                                       GmpChannelDescriptors **server)
{
  g_autofree char *name = g_uuid_string_random ();

  *client = new_elsewhere (name, FALSE, arena_size, n_workers, client_remote);
  *server = new_elsewhere (name, TRUE, arena_size, n_workers, server_remote);
}

/* Both ends of a channel between this process, the server, and a worker on another machine, which
 * is not known yet: gmp_channel_descriptors_introduce() follows. */
gboolean
gmp_channel_descriptors_new_served (GmpChannelDescriptors **client,
                                    GmpChannelDescriptors **server,
                                    GError                **error)
{
  g_autofree char *name = g_uuid_string_random ();
  int other;

  *server = gmp_channel_descriptors_new_net (&other, error);
  if (*server == NULL)
    return FALSE;
  *client = new_elsewhere (name, FALSE, 0, 0, NULL);
  (*client)->fds[0] = other;
  return TRUE;
}

/* Of the client's end of a channel that this process serves: its name, and the descriptor by which
 * the server gets its connection, which is the caller's; once. -1 for any other. */
int
gmp_channel_descriptors_steal_served (GmpChannelDescriptors *self,
                                      const char           **name)
{
  int fd = -1;

  if (self->kind != ELSEWHERE || self->fds[0] == -1)
    return -1;
  g_variant_get_child (self->description, 0, "&s", name);
  fd = self->fds[0];
  self->fds[0] = -1;
  return fd;
}

/* The data for such a client. Takes ownership of @remote. */
void
gmp_channel_descriptors_introduce (GmpChannelDescriptors *self,
                                   GVariant              *remote)
{
  g_autoptr (GVariant) old = g_steal_pointer (&self->description);
  const char *name;

  g_variant_get_child (old, 0, "&s", &name);
  self->description = g_variant_ref_sink (g_variant_new ("(sbtu@a{sv})", name, FALSE, (guint64) 0,
                                                         0, remote));
}

/* (nullable): for a channel that an agent creates, the arguments of org.gmproc.Process1.Connect
 * after those of the peer. */
GVariant *
gmp_channel_descriptors_describe (GmpChannelDescriptors *self)
{
  return self->description;
}

/* Takes ownership of @self. */
GmpChannel *
gmp_channel_descriptors_open (GmpChannelDescriptors *self,
                              GError               **error)
{
  GmpChannel *channel = NULL;

  switch (self->kind)
    {
    case SHARED_CLIENT:
      channel = gmp_shared_channel_new (self->fds, GMP_END_CLIENT, error);
      break;

    case SHARED_SERVER:
      channel = gmp_shared_channel_new (self->fds, GMP_END_SERVER, error);
      break;

    case DBUS:
      channel = gmp_message_channel_new (self->fds[0], error);
      break;

    case NET:
      channel = gmp_net_channel_new (self->fds[0], error);
      break;

    case ELSEWHERE:
    default:
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                           "No agent has created the channel");
    }
  g_free (self);
  return channel;
}

const char *
gmp_channel_descriptors_get_kind (GmpChannelDescriptors *self)
{
  return kinds[self->kind].name;
}

/* The descriptors' places in @handles, as a floating `ah`. */
GVariant *
gmp_channel_descriptors_to_handles (GmpChannelDescriptors *self,
                                    GUnixFDList           *handles,
                                    GError               **error)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("ah"));
  for (guint i = 0; i < kinds[self->kind].n_fds; i++)
    {
      int position = g_unix_fd_list_append (handles, self->fds[i], NULL);

      if (position == -1)
        {
          int code = errno;

          g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot send its descriptors: %s%s",
                       g_strerror (code), gmp_limit_describe (code));
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add (&builder, "h", position);
    }
  return g_variant_builder_end (&builder);
}

static gboolean
find_kind (const char *name,
           Kind       *kind,
           GError    **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].name, name))
      {
        *kind = (Kind) i;
        return TRUE;
      }
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "'%.100s' is not a kind of channel", name);
  return FALSE;
}

/* The kernel silently drops descriptors that the receiver has no room for. */
static void
explain_missing (GError **error)
{
  int spare = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  int code = errno;

  if (spare == -1)
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot receive its descriptors: %s%s",
                 g_strerror (code), gmp_limit_describe (code));
  else
    g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel's descriptor is missing");
  if (spare != -1)
    close (spare);
}

/* From a message of which only the types have been checked. */
GmpChannelDescriptors *
gmp_channel_descriptors_new_handles (const char  *name,
                                     GVariant    *positions,
                                     GUnixFDList *handles,
                                     GError     **error)
{
  g_autoptr (GmpChannelDescriptors) self = NULL;
  Kind kind;

  if (!find_kind (name, &kind, error))
    return NULL;
  if (g_variant_n_children (positions) != kinds[kind].n_fds)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "A '%s' channel has %u handles, not %"
                   G_GSIZE_FORMAT, name, kinds[kind].n_fds, g_variant_n_children (positions));
      return NULL;
    }
  self = port_new (kind, (const int[GMP_SHARED_N_FDS]) { -1, -1, -1, -1 });
  for (guint i = 0; i < kinds[kind].n_fds; i++)
    {
      gint32 position;

      g_variant_get_child (positions, i, "h", &position);
      if (handles == NULL || position < 0 || position >= g_unix_fd_list_get_length (handles))
        {
          explain_missing (error);
          return NULL;
        }
      self->fds[i] = g_unix_fd_list_get (handles, position, NULL);
      if (self->fds[i] == -1)
        {
          explain_missing (error);
          return NULL;
        }
    }
  return g_steal_pointer (&self);
}
