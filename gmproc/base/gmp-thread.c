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
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* A thread that runs no code of the user, and handles no signals, as GLib's own. The program
 * handles them in its own threads: CPython, for one, may not notice until much later what another
 * thread has taken. */
GThread *
gmp_thread_try_new (const char  *name,
                    GThreadFunc  function,
                    gpointer     data,
                    GError     **error)
{
  GThread *result;
  sigset_t all;
  sigset_t old;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  result = g_thread_try_new (name, function, data, error);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return result;
}

/* %FALSE with an error if there are no descriptors for a main context, without which GLib aborts
 * the program: one, or two where the system has no eventfd. */
static gboolean
check_descriptors (GError **error)
{
  int fds[2];
  int code;

  if (pipe2 (fds, O_CLOEXEC) == 0)
    {
      close (fds[0]);
      close (fds[1]);
      return TRUE;
    }
  code = errno;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot make a main context: %s%s",
               g_strerror (code), gmp_limit_describe (code));
  return FALSE;
}

/* As g_main_context_new(), but %NULL with an error. */
GMainContext *
gmp_thread_context_new (GError **error)
{
  return check_descriptors (error) ? g_main_context_new () : NULL;
}

static gpointer
do_nothing (gpointer user_data)
{
  return user_data;
}

/* The error number of pthread_create(), 0 on success. GLib aborts the program if it is another one
 * than EAGAIN, as where a sandbox forbids the call. */
static int
try_thread (void)
{
  pthread_t thread;
  sigset_t all;
  sigset_t old;
  int code;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  code = pthread_create (&thread, NULL, do_nothing, NULL);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (code == 0)
    pthread_join (thread, NULL);
  return code;
}

/* To be called before the first GTask: GLib starts a thread of its own with it, which has a main
 * context, and aborts the program if it cannot. */
gboolean
gmp_thread_begin (GError **error)
{
  static int has_begun;
  int code;

  if (g_atomic_int_get (&has_begun))
    return TRUE;
  if (!check_descriptors (error))
    return FALSE;
  code = try_thread ();
  if (code != 0)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot start a thread%s%s%s",
                   code != EAGAIN ? ": " : "", code != EAGAIN ? g_strerror (code) : "",
                   gmp_limit_describe (code));
      return FALSE;
    }
  g_type_ensure (G_TYPE_TASK);
  g_atomic_int_set (&has_begun, TRUE);
  return TRUE;
}
