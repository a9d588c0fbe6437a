/* gmp-thread.c: threads and main contexts of the library's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-thread-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/select.h>
#include <unistd.h>

typedef struct {
  char name[16]; /* that the system shows */
  GThreadFunc function;
  gpointer data;
} Start;

static void *
run (void *user_data)
{
  Start start = *(Start *) user_data;

  g_free (user_data);
  pthread_setname_np (pthread_self (), start.name);
  return start.function (start.data);
}

/* %FALSE with an error for the error number of pthread_create(), unless that is 0. */
static gboolean
check_code (int      code,
            GError **error)
{
  if (code == EAGAIN)
    g_set_error (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "Cannot start a thread: %s (the "
                 "limit on processes, 'ulimit -u', or on memory, 'ulimit -d' or 'ulimit -v', or "
                 "that of the control group: raise it, or run fewer workers)", g_strerror (code));
  else if (code != 0)
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot start a thread: %s%s",
                 g_strerror (code), gmp_limit_describe (code));
  return code == 0;
}

/* Starts a thread that runs no code of the user, and handles no signals, as GLib's own. The program
 * handles them in its own threads: CPython, for one, may not notice until much later what another
 * thread has taken. @thread (nullable) is to be joined or detached; without it nothing waits for
 * the thread.
 *
 * g_thread_try_new() would abort the program where a sandbox forbids threads. */
gboolean
gmp_thread_start (pthread_t   *thread,
                  const char  *name,
                  GThreadFunc  function,
                  gpointer     data,
                  GError     **error)
{
  Start *start = g_new (Start, 1);
  pthread_t started;
  sigset_t all;
  sigset_t old;
  int code;

  *start = (Start) { .function = function, .data = data };
  g_strlcpy (start->name, name, sizeof start->name);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  code = pthread_create (thread != NULL ? thread : &started, NULL, run, start);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (code != 0)
    g_free (start);
  else if (thread == NULL)
    pthread_detach (started);
  return check_code (code, error);
}

/* %FALSE with errno if there are no descriptors for a main context, without which GLib aborts the
 * program: one, or two where the system has no eventfd. */
static gboolean
has_descriptors (void)
{
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) != 0)
    return FALSE;
  close (fds[0]);
  close (fds[1]);
  return TRUE;
}

/* %FALSE with an error if GLib would abort the program, or warn forever because a sandbox forbids
 * poll(). */
static gboolean
check_context (GError **error)
{
  int code;

  if (has_descriptors () && (g_poll (NULL, 0, 0) == 0 || errno == EINTR))
    return TRUE;
  code = errno;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot make a main context: %s%s",
               g_strerror (code), gmp_limit_describe (code));
  return FALSE;
}

/* The part of poll() that main contexts need, by select(). Fails as poll() does if a descriptor is
 * too large for it. */
static int
select_instead (GPollFD *fds,
                guint    n_fds,
                int      timeout)
{
  struct timeval limit = { timeout / 1000, (timeout % 1000) * 1000 };
  fd_set in, out;
  int end = 0;
  int result;

  FD_ZERO (&in);
  FD_ZERO (&out);
  for (guint i = 0; i < n_fds; i++)
    {
      if (fds[i].fd >= FD_SETSIZE)
        return -1;
      if ((fds[i].events & G_IO_IN) != 0)
        FD_SET (fds[i].fd, &in);
      if ((fds[i].events & G_IO_OUT) != 0)
        FD_SET (fds[i].fd, &out);
      end = MAX (end, fds[i].fd + 1);
    }
  result = select (end, &in, &out, NULL, timeout >= 0 ? &limit : NULL);
  for (guint i = 0; i < n_fds; i++)
    fds[i].revents = result <= 0 ? 0 : (FD_ISSET (fds[i].fd, &in) ? G_IO_IN : 0) |
                                       (FD_ISSET (fds[i].fd, &out) ? G_IO_OUT : 0);
  return result;
}

/* poll() refuses more descriptors than the limit on open files allows, to which user code may set
 * 0. GLib would warn and try again, forever. */
static int
poll_cb (GPollFD *fds,
         guint    n_fds,
         int      timeout)
{
  int result = g_poll (fds, n_fds, timeout);

  return result == -1 && errno == EINVAL ? select_instead (fds, n_fds, timeout) : result;
}

/* As g_main_context_new(), but %NULL with an error. */
GMainContext *
gmp_thread_context_new (GError **error)
{
  GMainContext *context = check_context (error) ? g_main_context_new () : NULL;

  if (context != NULL)
    g_main_context_set_poll_func (context, poll_cb);
  return context;
}

static gpointer
do_nothing (gpointer user_data)
{
  return user_data;
}

/* To be called before GLib starts a thread of its own, because it aborts the program if it
 * cannot. */
gboolean
gmp_thread_try (GError **error)
{
  g_autoptr (GError) local = NULL;
  pthread_t thread;

  if (!gmp_thread_start (&thread, "gmproc-trial", do_nothing, NULL, &local))
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH, local->message);
      return FALSE;
    }
  pthread_join (thread, NULL);
  return TRUE;
}

/* To be called before the first GTask: GLib starts a thread of its own with it, which has a main
 * context. */
gboolean
gmp_thread_begin (GError **error)
{
  static int has_begun;

  if (g_atomic_int_get (&has_begun))
    return TRUE;
  if (!check_context (error) || !gmp_thread_try (error))
    return FALSE;
  g_type_ensure (G_TYPE_TASK);
  g_atomic_int_set (&has_begun, TRUE);
  return TRUE;
}
