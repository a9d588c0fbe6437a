/* peer.c: common code of the peers in C: a server and its clients, forked
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef enum {
  MODE_REQUEST,
  MODE_BATCH,
  MODE_ASLEEP,
  MODE_ECHO,
  MODE_SIT
} Mode;

static Mode mode;
static WorkTally tally;
static gboolean is_over;

static Mode
parse_mode (int    argc,
            char **argv)
{
  static const char * const names[] = { "request", "batch", "asleep", "echo", "sit" };
  static const int n_arguments[] = { 4, 4, 3, 3, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (argc >= 2 && g_str_equal (argv[1], names[i]) && argc >= n_arguments[i])
      return i;
  work_fail ("Usage: %s request|batch CLIENTS SECONDS | asleep COUNT | echo SECONDS SIZE... | sit",
             argv[0]);
}

static gboolean
is_counting (Mode which)
{
  return which == MODE_REQUEST || which == MODE_BATCH;
}

guint
peer_get_n_clients (int    argc,
                    char **argv)
{
  return is_counting (parse_mode (argc, argv)) ? strtoul (argv[2], NULL, 10) : 1;
}

gboolean
peer_is_batch (void)
{
  return mode == MODE_BATCH;
}

static gsize
get_max_size (int    argc,
              char **argv)
{
  gsize size = 64;

  for (int i = 3; mode == MODE_ECHO && i < argc; i++)
    size = MAX (size, strtoul (argv[i], NULL, 10));
  return size;
}

PeerMessage
peer_answer (gconstpointer request,
             gsize         size)
{
  static gint32 response;
  gint32 number;

  /* Messages that are not an int are echoed. A message of one byte is the last one. */
  if (size != sizeof number)
    {
      is_over = size == 1;
      return (PeerMessage) { request, size };
    }
  memcpy (&number, request, sizeof number);
  if (is_counting (mode))
    {
      response = work_tally_answer (&tally, number);
      is_over = work_tally_is_over (&tally);
    }
  else
    {
      response = number + 1;
      is_over = number == WORK_STOP;
    }
  return (PeerMessage) { &response, sizeof response };
}

gboolean
peer_is_over (void)
{
  return is_over;
}

static gint32
ask_number (const Peer *peer,
            gint32      number)
{
  PeerMessage answer = peer->ask (&number, sizeof number);
  gint32 response;

  if (answer.size != sizeof response)
    work_fail ("An answer of %zu bytes to an int", answer.size);
  memcpy (&response, answer.data, sizeof response);
  return response;
}

static void
run_request (const Peer *peer,
             guint       client)
{
  WorkAsker asker;

  work_asker_init (&asker, client);
  while (work_asker_take (&asker, ask_number (peer, work_asker_next (&asker))))
    ;
}

static void
run_asleep (const Peer *peer,
            guint       n)
{
  WorkTimes times;

  work_times_init (&times, n);
  for (gint32 i = 0; !work_times_is_over (&times); i++)
    {
      work_times_begin (&times);
      if (ask_number (peer, i) != i + 1)
        work_fail ("A wrong answer to %d", i);
      work_times_end (&times);
      g_usleep (PEER_SLEEP_US);
    }
  ask_number (peer, WORK_STOP);
  work_print (work_times_get (&times), n);
}

static void
run_echo (const Peer         *peer,
          double              seconds,
          const char * const *sizes)
{
  g_autofree char *text = NULL;
  PeerMessage answer;
  WorkEcho echo;

  work_echo_init (&echo, seconds, sizes);
  do
    {
      gsize size;
      gconstpointer data = work_echo_next (&echo, &size);

      answer = peer->ask (data, size);
    }
  while (work_echo_take (&echo, answer.data, answer.size));
  text = work_echo_get (&echo);
  printf ("{\"seconds\": %s}\n", text);
}

static void
run_client (const Peer *peer,
            guint       client,
            char      **argv)
{
  peer->join (client);
  switch (mode)
    {
    case MODE_REQUEST:
    case MODE_BATCH:
      run_request (peer, client);
      break;
    case MODE_ASLEEP:
      run_asleep (peer, strtoul (argv[2], NULL, 10));
      break;
    case MODE_ECHO:
      run_echo (peer, g_ascii_strtod (argv[2], NULL), (const char * const *) argv + 3);
      break;
    case MODE_SIT:
    default:
      ask_number (peer, 1);
      printf ("%d\n", getpid ());
      fflush (stdout);
      for (;;)
        pause ();
    }
  fflush (stdout);
}

static void
run_server (const Peer *peer)
{
  if (mode == MODE_SIT)
    {
      printf ("%d\n", getpid ());
      fflush (stdout);
    }
  peer->serve ();
  if (is_counting (mode))
    {
      guint64 count;
      double seconds = work_tally_get (&tally, &count);

      work_print (seconds * (mode == MODE_BATCH ? tally.n_clients : 1), count);
    }
}

int
peer_run_as (const Peer *peer,
             int         client,
             int         argc,
             char      **argv)
{
  mode = parse_mode (argc, argv);
  if (is_counting (mode))
    work_tally_init (&tally, peer_get_n_clients (argc, argv), g_ascii_strtod (argv[3], NULL));
  peer->open (peer_get_n_clients (argc, argv), get_max_size (argc, argv));
  if (client < 0)
    run_server (peer);
  else
    run_client (peer, client, argv);
  return EXIT_SUCCESS;
}

/* In a client: if it fails, it ends the server, which would otherwise wait for requests forever.
 * There is no SIGCHLD handler, because the signal may interrupt the waiting of peers. */
static void
exit_cb (int   status,
         void *data G_GNUC_UNUSED)
{
  if (status != EXIT_SUCCESS)
    kill (getppid (), SIGTERM);
}

int
peer_main (const Peer *peer,
           int         argc,
           char      **argv)
{
  guint n_clients = peer_get_n_clients (argc, argv);

  mode = parse_mode (argc, argv);
  if (is_counting (mode))
    work_tally_init (&tally, n_clients, g_ascii_strtod (argv[3], NULL));
  peer->open (n_clients, get_max_size (argc, argv));
  for (guint i = 0; i < n_clients; i++)
    {
      pid_t parent = getpid ();
      pid_t pid = fork ();

      if (pid < 0)
        work_fail ("fork: %s", g_strerror (errno));
      if (pid > 0)
        continue;
      on_exit (exit_cb, NULL);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (getppid () != parent)
        return EXIT_FAILURE;
      run_client (peer, i, argv);
      return EXIT_SUCCESS;
    }
  run_server (peer);

  for (;;)
    {
      int status;

      if (waitpid (-1, &status, 0) < 0)
        return errno == ECHILD ? EXIT_SUCCESS : EXIT_FAILURE;
      if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
        return EXIT_FAILURE;
    }
}
