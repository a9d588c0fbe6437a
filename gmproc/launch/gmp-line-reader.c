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
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A line longer than this is reported in pieces, so that a worker cannot fill the application's
 * memory. */
#define LINE_MAX_BYTES ((gsize) 8192)

/* A function that a line is reported to may run the main loop, in which more is read and the end of
 * the process is noticed. So each line is taken out before it is reported, and the next one is
 * looked for after that. */

struct _GmpLineReader
{
  guint generation; /* of this process, by gmp_fork_get_generation() */
  int fd;      /* -1: it is fed */
  int copy_to; /* a descriptor that gets a copy of everything, or -1 */
  GmpLineFunc func;
  gpointer user_data;
  GString *text; /* that was read and not reported */
  gsize at;      /* where it begins in that */
  GSource *source; /* (nullable); under the lock if it is fed, as what follows */
  GMutex lock;
  GMainContext *context; /* (nullable): it is not attached, or not fed */
  int priority;
  gboolean must_rest; /* lines were reported, and no idle function could run since */
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
  self->text = g_string_new (NULL);
  g_mutex_init (&self->lock);
  return self;
}

static void
clear (gpointer data)
{
  GmpLineReader *self = data;

  g_string_free (self->text, TRUE);
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

/* Reports @length bytes, and drops @n_ends after them. */
static void
report_line (GmpLineReader *self,
             gsize          length,
             gsize          n_ends)
{
  g_autofree char *line = g_utf8_make_valid (self->text->str + self->at, (gssize) length);

  self->at += length + n_ends;
  self->func (line, self->user_data);
}

/* All but a line that has no end yet. */
static void
report_lines (GmpLineReader *self)
{
  gboolean is_more = TRUE;

  while (is_more)
    {
      const char *begin = self->text->str + self->at;
      gsize left = self->text->len - self->at;
      const char *end = memchr (begin, '\n', MIN (left, LINE_MAX_BYTES));

      is_more = end != NULL || left >= LINE_MAX_BYTES;
      if (end != NULL)
        report_line (self, (gsize) (end - begin), 1);
      else if (is_more)
        report_line (self, LINE_MAX_BYTES, 0);
    }
  g_string_erase (self->text, 0, (gssize) self->at);
  self->at = 0;
}

/* Waits for room, also if a program that shares the terminal has made it non-blocking. */
static void
copy (GmpLineReader *self,
      const char    *bytes,
      gsize          n)
{
  struct pollfd place = { .fd = self->copy_to, .events = POLLOUT };

  while (n > 0)
    {
      gssize written = write (self->copy_to, bytes, n);

      /* An error on the application's own standard error cannot be reported. */
      if (written == -1 && errno != EINTR && errno != EAGAIN)
        return;
      if (written == -1 && errno == EAGAIN)
        poll (&place, 1, -1);
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
  g_string_append_len (self->text, bytes, n);
  report_lines (self);
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
  self->text = g_string_new (NULL);
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

static char *
take_fed (GmpLineReader *self)
{
  char *line;

  g_mutex_lock (&self->lock);
  gmp_source_clear (&self->source);
  line = g_queue_pop_head (&self->fed);
  g_mutex_unlock (&self->lock);
  return line;
}

static guint
count_fed (GmpLineReader *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->fed.length;
  g_mutex_unlock (&self->lock);
  return n;
}

/* Those that are there now. More may be fed meanwhile. */
static void
report_fed (GmpLineReader *self)
{
  char *line;

  for (guint n = count_fed (self); n > 0 && (line = take_fed (self)) != NULL; n--)
    {
      self->func (line, self->user_data);
      g_free (line);
    }
}

static void wake_locked (GmpLineReader *self);

static gboolean
fed_cb (gpointer user_data)
{
  GmpLineReader *self = user_data;

  g_mutex_lock (&self->lock);
  gmp_source_clear (&self->source);
  self->must_rest = self->fed.length > 0;
  g_mutex_unlock (&self->lock);
  report_fed (self);
  g_mutex_lock (&self->lock);
  wake_locked (self);
  g_mutex_unlock (&self->lock);
  return G_SOURCE_REMOVE;
}

/* Most workers write nothing, so there is a source only while there are lines, and once more after
 * them. Lines may always be there, and must not keep the program's idle functions from running, so
 * one part of them has the priority of the run, and what follows has that of idle functions until
 * there is nothing. */
static void
wake_locked (GmpLineReader *self)
{
  int priority = self->must_rest ? MAX (self->priority, G_PRIORITY_DEFAULT_IDLE) : self->priority;

  if (self->context == NULL || self->source != NULL ||
      (self->fed.length == 0 && !self->must_rest))
    return;
  self->source = g_idle_source_new ();
  g_source_set_priority (self->source, priority);
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
  report_lines (self);
  if (self->text->len > 0)
    report_line (self, self->text->len, 0);
}
