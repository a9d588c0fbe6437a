/* gmp-line-reader.c: reads a worker's output line by line
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-line-reader-private.h"

#include "base/gmp-fork-private.h"
#include "base/gmp-source-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A line longer than this is reported in pieces, so that a worker cannot fill the application's
 * memory. */
#define LINE_MAX_BYTES 8192

struct _GmpLineReader
{
  guint generation; /* of this process, by gmp_fork_get_generation() */
  int fd;      /* -1: it is fed */
  int copy_to; /* a descriptor that gets a copy of everything, or -1 */
  GmpLineFunc func;
  gpointer user_data;
  GString *line; /* begun, without its end */
  GSource *source; /* (nullable); under the lock if it is fed, as what follows */
  GMutex lock;
  GMainContext *context; /* (nullable): it is not attached, or not fed */
  int priority;
  GQueue fed; /* of char *: lines that were not reported yet; under the lock */
};

/* Takes ownership of @fd. */
GmpLineReader *
gmp_line_reader_new (int         fd,
                     int         copy_to,
                     GmpLineFunc func,
                     gpointer    user_data)
{
  GmpLineReader *self = g_atomic_rc_box_new0 (GmpLineReader);

  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  self->generation = gmp_fork_get_generation ();
  self->fd = fd;
  self->copy_to = copy_to;
  self->func = func;
  self->user_data = user_data;
  self->line = g_string_new (NULL);
  g_mutex_init (&self->lock);
  return self;
}

static void
clear (gpointer data)
{
  GmpLineReader *self = data;

  g_string_free (self->line, TRUE);
  g_queue_clear_full (&self->fed, g_free);
  g_mutex_clear (&self->lock);
  if (self->fd != -1)
    close (self->fd);
}

void
gmp_line_reader_free (GmpLineReader *self)
{
  gmp_line_reader_detach (self);
  g_atomic_rc_box_release_full (self, clear);
}

static void
end_line (GmpLineReader *self)
{
  g_autofree char *line = g_utf8_make_valid (self->line->str, self->line->len);

  g_string_truncate (self->line, 0);
  self->func (line, self->user_data);
}

static void
copy (GmpLineReader *self,
      const char    *bytes,
      gsize          n)
{
  while (n > 0)
    {
      gssize written = write (self->copy_to, bytes, n);

      /* An error on the application's own standard error cannot be reported. */
      if (written == -1 && errno != EINTR)
        return;
      if (written > 0)
        {
          bytes += written;
          n -= written;
        }
    }
}

/* Returns the number of bytes: 0 at the end of the file, -1 if there is nothing now. */
static gssize
read_some (GmpLineReader *self)
{
  char bytes[4096];
  gssize n = read (self->fd, bytes, sizeof bytes);

  if (n <= 0)
    return n == -1 && (errno == EAGAIN || errno == EINTR) ? -1 : 0;
  if (self->copy_to != -1)
    copy (self, bytes, n);
  for (gssize i = 0; i < n; i++)
    {
      if (bytes[i] != '\n')
        g_string_append_c (self->line, bytes[i]);
      if (bytes[i] == '\n' || self->line->len >= LINE_MAX_BYTES)
        end_line (self);
    }
  return n;
}

static gboolean
readable_cb (int          fd G_GNUC_UNUSED,
             GIOCondition condition G_GNUC_UNUSED,
             gpointer     user_data)
{
  GmpLineReader *self = user_data;

  if (self->generation == gmp_fork_get_generation () && read_some (self) != 0)
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->source);
  return G_SOURCE_REMOVE;
}

/* For lines that come from elsewhere. */
GmpLineReader *
gmp_line_reader_new_fed (void)
{
  GmpLineReader *self = g_atomic_rc_box_new0 (GmpLineReader);

  self->generation = gmp_fork_get_generation ();
  self->fd = -1;
  self->line = g_string_new (NULL);
  g_mutex_init (&self->lock);
  return self;
}

/* For the feeding side. */
GmpLineReader *
gmp_line_reader_ref (GmpLineReader *self)
{
  return g_atomic_rc_box_acquire (self);
}

/* Before it is attached. */
void
gmp_line_reader_set_func (GmpLineReader *self,
                          GmpLineFunc    func,
                          gpointer       user_data)
{
  self->func = func;
  self->user_data = user_data;
}

static void
report_fed (GmpLineReader *self)
{
  GQueue lines;

  g_mutex_lock (&self->lock);
  lines = self->fed;
  g_queue_init (&self->fed);
  gmp_source_clear (&self->source);
  g_mutex_unlock (&self->lock);
  for (const GList *link = lines.head; link != NULL; link = link->next)
    self->func (link->data, self->user_data);
  g_queue_clear_full (&lines, g_free);
}

static gboolean
fed_cb (gpointer user_data)
{
  report_fed (user_data);
  return G_SOURCE_REMOVE;
}

/* Most workers write nothing, so there is a source only while there are lines. */
static void
wake_locked (GmpLineReader *self)
{
  if (self->context == NULL || self->source != NULL || self->fed.length == 0)
    return;
  self->source = g_idle_source_new ();
  g_source_set_priority (self->source, self->priority);
  g_source_set_callback (self->source, fed_cb, self, NULL);
  g_source_attach (self->source, self->context);
}

void
gmp_line_reader_feed (GmpLineReader *self,
                      const char    *line)
{
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->fed, g_strdup (line));
  wake_locked (self);
  g_mutex_unlock (&self->lock);
}

static void
attach_fed (GmpLineReader *self,
            int            priority)
{
  g_mutex_lock (&self->lock);
  self->context = g_main_context_ref_thread_default ();
  self->priority = priority;
  wake_locked (self);
  g_mutex_unlock (&self->lock);
}

void
gmp_line_reader_attach (GmpLineReader *self,
                        int            priority)
{
  if (self->fd == -1)
    attach_fed (self, priority);
  else
    self->source = gmp_source_attach (g_unix_fd_source_new (self->fd, G_IO_IN | G_IO_HUP),
                                      priority, G_SOURCE_FUNC (readable_cb), self);
}

void
gmp_line_reader_detach (GmpLineReader *self)
{
  g_mutex_lock (&self->lock);
  gmp_source_clear (&self->source);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_mutex_unlock (&self->lock);
}

/* Takes the bytes that are there now, and a last line without an end. Children of the worker may
 * hold the pipe open, so this does not wait for its end; and they may keep writing, so later bytes
 * are not taken. */
void
gmp_line_reader_drain (GmpLineReader *self)
{
  int left = 0;

  if (self->fd == -1)
    {
      report_fed (self);
      return;
    }
  ioctl (self->fd, FIONREAD, &left);
  while (left > 0)
    {
      gssize n = read_some (self);

      if (n <= 0)
        break;
      left -= (int) n;
    }
  if (self->line->len > 0)
    end_line (self);
}
