/* floor-futex.c: an int in shared memory, spinning or sleeping on a futex
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <linux/futex.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* For one client. Each side writes to its own cache line. */
typedef struct
{
  alignas (64) atomic_int turn;
  gint32 number;
} Slot;

static struct { Slot request, response; } *shared;
static gboolean is_spinning;

static void
post (Slot  *slot,
      gint32 number)
{
  slot->number = number;
  atomic_fetch_add_explicit (&slot->turn, 1, memory_order_release);
  if (!is_spinning)
    syscall (SYS_futex, &slot->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static gint32
await (Slot *slot,
       int   turn)
{
  while (atomic_load_explicit (&slot->turn, memory_order_acquire) != turn)
    if (is_spinning)
      __builtin_ia32_pause ();
    else
      syscall (SYS_futex, &slot->turn, FUTEX_WAIT, turn - 1, NULL, NULL, 0);
  return slot->number;
}

static void
futex_open (guint n_clients,
            gsize max_size G_GNUC_UNUSED)
{
  if (n_clients != 1)
    work_fail ("One client, not %u", n_clients);
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    work_fail ("No shared memory");
}

static void
futex_serve (void)
{
  for (int turn = 1; !peer_is_over (); turn++)
    {
      gint32 request = await (&shared->request, turn), response;

      memcpy (&response, peer_answer (&request, sizeof request).data, sizeof response);
      post (&shared->response, response);
    }
}

static void
futex_join (guint client G_GNUC_UNUSED)
{
}

static PeerMessage
futex_ask (gconstpointer request,
           gsize         size)
{
  static int turn;
  static gint32 response;
  gint32 number;

  if (size != sizeof number)
    work_fail ("Ints only");
  memcpy (&number, request, sizeof number);
  post (&shared->request, number);
  response = await (&shared->response, ++turn);
  return (PeerMessage) { &response, sizeof response };
}

static const Peer peer = { futex_open, futex_serve, futex_join, futex_ask };

int
main (int    argc,
      char **argv)
{
  is_spinning = argc > 1 && g_str_equal (argv[1], "spin");
  if (!is_spinning && !(argc > 1 && g_str_equal (argv[1], "sleep")))
    work_fail ("Usage: %s spin|sleep ...", argv[0]);
  return peer_main (&peer, argc - 1, argv + 1);
}
